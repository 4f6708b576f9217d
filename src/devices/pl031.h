/* SPDX-License-Identifier: Apache-2.0 */
/* PL031 real time clock (Arm DDI 0224): the host's wall clock in seconds, no alarm interrupt. */
#ifndef DEVICES_PL031_H
#define DEVICES_PL031_H

#include "devices/device.h"

#define PL031_LEN 0x1000u

struct pl031;

int pl031_create(struct pl031 **ret, struct sm_err *e);
void pl031_destroy(struct pl031 *p);
struct device *pl031_device(struct pl031 *p);
extern const struct bus_ops pl031_bus_ops; /* `dev` is the struct pl031 */

#endif
