/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/power.h"

#include <errno.h>
#include <stdlib.h>

#define I8042_COMMAND 4u
#define I8042_PULSE_RESET 0xfeu
#define SLEEP_ENABLE 0x20u
#define SLEEP_TYPE(v) ((v) >> 2 & 7)
#define SLEEP_TYPE_OFF 5u /* as _S5 says */

struct power {
	struct device dev;
	power_fn *fn;
	void *opaque;
};

/* Status 0: nothing to read, ready for a command; so Linux finds no keyboard and goes on. */
static uint64_t power_read(void *dev, uint64_t off, uint8_t len)
{
	(void)dev;
	(void)off;
	(void)len;
	return 0;
}

static void i8042_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	const struct power *p = dev;

	(void)len;
	if (off == I8042_COMMAND && (value & 0xff) == I8042_PULSE_RESET)
		p->fn(p->opaque, true);
}

static void sleep_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	const struct power *p = dev;

	(void)len;
	if (!off && (value & SLEEP_ENABLE) && SLEEP_TYPE(value) == SLEEP_TYPE_OFF)
		p->fn(p->opaque, false);
}

const struct bus_ops i8042_bus_ops = { .read = power_read, .write = i8042_write };
const struct bus_ops acpi_sleep_bus_ops = { .read = power_read, .write = sleep_write };

static void power_nothing(void *impl)
{
	(void)impl;
}

static int power_save(void *impl, struct buf *out, struct sm_err *e)
{
	(void)impl;
	(void)out;
	(void)e;
	return 0;
}

static int power_load(void *impl, struct cursor *in, struct sm_err *e)
{
	(void)impl;
	(void)in;
	(void)e;
	return 0;
}

static const struct device_ops power_device_ops = {
	.quiesce = power_nothing,
	.resume = power_nothing,
	.save = power_save,
	.load = power_load,
	.destroy = free,
};

int power_create(power_fn *fn, void *opaque, struct power **ret, struct sm_err *e)
{
	struct power *p = calloc(1, sizeof(*p));

	if (!p)
		return err_errno(e, ENOMEM, "power control");
	*p = (struct power){
		.dev = { .type = DEVICE_POWER, .ops = &power_device_ops, .impl = p },
		.fn = fn,
		.opaque = opaque,
	};
	*ret = p;
	return 0;
}

struct device *power_device(struct power *p)
{
	return &p->dev;
}
