/* SPDX-License-Identifier: Apache-2.0 */
/* Requests about the VM as a whole: sync, caches, figures, power. */
#ifndef AGENT_CONTROL_H
#define AGENT_CONTROL_H

#include "guest/agent/conn.h"

/* False: the frame breaks the protocol. */
bool control_frame(struct conn *c, const struct frame *f);

#endif
