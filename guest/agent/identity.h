/* SPDX-License-Identifier: Apache-2.0 */
/* What makes this VM another than its siblings: randomness, clock, name, boot id. */
#ifndef AGENT_IDENTITY_H
#define AGENT_IDENTITY_H

#include <stdbool.h>

#include "guest/frame.h"

/* The rest of HELLO_OK's payload, from the host name on; false: it is not valid, nothing was done. */
bool identity_greet(struct frame_reader *r);
/* The payload of RESUME: this VM may be one of many that go on from one snapshot. The same. */
bool identity_resume(struct frame_reader *r);

#endif
