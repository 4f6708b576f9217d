/* SPDX-License-Identifier: Apache-2.0 */
/* What PID 1 does once, before it serves: mounts, loopback, the container's root. */
#ifndef AGENT_BOOT_H
#define AGENT_BOOT_H

#include "guest/agent/cmdline.h"
#include "guest/agent/container.h"

/* Moves into a root of the agent's own and mounts what it needs; then `ret` is known. */
void boot_system(struct cmdline *ret);
/* Mounts layers and writable disk; a failure becomes ret->refusal and is not the end. */
void boot_root(const struct cmdline *c, struct container_place *ret);

#endif
