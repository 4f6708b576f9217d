/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the owner of the VM wants of the container besides the command (SMP_CONTAINER).
 * It is taken once, before the container starts, and its strings stay for good.
 */
#ifndef AGENT_SETTINGS_H
#define AGENT_SETTINGS_H

#include <stdbool.h>

#include "guest/frame.h"

/* False: not a valid frame; nothing changed. Writes the lines for `etc`. */
bool settings_take(const struct frame *f);

/* In the future PID 1, inside the new root. 0, or -errno and `why`. */
int settings_mount(char *why, size_t why_size);
/* As above, once nothing more needs to be made in the root. */
int settings_seal(char *why, size_t why_size);
/* Before the command's user is taken on. */
int settings_limit(char *why, size_t why_size);

#endif
