/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two ways an x86_64 guest ends itself: the i8042's reset pulse (command 0xfe at port
 * 0x64) and the ACPI sleep control register (ACPI 6.5, 4.8.3.7) for power off. They have
 * no state.
 */
#ifndef DEVICES_POWER_H
#define DEVICES_POWER_H

#include "devices/device.h"

#define I8042_LEN 5u
#define ACPI_SLEEP_LEN 2u

struct power;

/* On a vCPU's thread; `reset`: start again, else off. */
typedef void power_fn(void *opaque, bool reset);

int power_create(power_fn *fn, void *opaque, struct power **ret, struct sm_err *e);
struct device *power_device(struct power *p);
extern const struct bus_ops i8042_bus_ops, acpi_sleep_bus_ops; /* `dev` is the struct power */

#endif
