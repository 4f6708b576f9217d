/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/pl031.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum {
	RTCDR = 0x00,
	RTCMR = 0x04,
	RTCLR = 0x08,
	RTCCR = 0x0c,
	RTCIMSC = 0x10,
	RTCPERIPHID0 = 0xfe0,
};

static const uint8_t pl031_ids[8] = { 0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

/* Accessed by single atomic loads and stores: no lock. */
struct pl031 {
	struct device dev;
	uint32_t offset; /* guest clock - host clock, modulo 2^32, when the guest set it */
	uint32_t match, load, imsc;
};

static uint32_t host_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint32_t)now.tv_sec;
}

static uint32_t get(const uint32_t *p)
{
	return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void set(uint32_t *p, uint32_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELAXED);
}

static uint64_t pl031_read(void *dev, uint64_t off, uint8_t len)
{
	struct pl031 *p = dev;

	(void)len;
	if (off & 3)
		return 0;
	if (off >= RTCPERIPHID0)
		return pl031_ids[(off - RTCPERIPHID0) / 4];
	switch (off) {
	case RTCDR:
		return host_seconds() + get(&p->offset);
	case RTCMR:
		return get(&p->match);
	case RTCLR:
		return get(&p->load);
	case RTCCR:
		return 1; /* always running */
	case RTCIMSC:
		return get(&p->imsc);
	default:
		return 0;
	}
}

static void pl031_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	struct pl031 *p = dev;
	uint32_t v = (uint32_t)value;

	(void)len;
	switch (off) {
	case RTCMR:
		set(&p->match, v);
		break;
	case RTCLR:
		set(&p->load, v);
		set(&p->offset, v - host_seconds());
		break;
	case RTCIMSC:
		set(&p->imsc, v & 1);
		break;
	default:
		break;
	}
}

const struct bus_ops pl031_bus_ops = { pl031_read, pl031_write };

static void pl031_nothing(void *impl)
{
	(void)impl;
}

static int pl031_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct pl031 *p = impl;

	(void)e;
	buf_put_u32(out, get(&p->match));
	buf_put_u32(out, get(&p->load));
	buf_put_u32(out, get(&p->imsc));
	return 0;
}

/* The offset is not kept: after a restore the clock is the host's again. */
static int pl031_load(void *impl, struct cursor *in, struct sm_err *e)
{
	struct pl031 *p = impl;

	p->match = cursor_u32(in);
	p->load = cursor_u32(in);
	p->imsc = cursor_u32(in) & 1;
	if (in->broken)
		return err_set(e, EBADMSG, "pl031: state cut short");
	return 0;
}

static void pl031_dev_destroy(void *impl)
{
	pl031_destroy(impl);
}

static const struct device_ops pl031_dev_ops = {
	.quiesce = pl031_nothing,
	.resume = pl031_nothing,
	.save = pl031_save,
	.load = pl031_load,
	.destroy = pl031_dev_destroy,
};

int pl031_create(struct pl031 **ret, struct sm_err *e)
{
	struct pl031 *p = calloc(1, sizeof(*p));

	if (!p)
		return err_errno(e, ENOMEM, "pl031");
	p->dev = (struct device){ DEVICE_PL031, 0, &pl031_dev_ops, p };
	*ret = p;
	return 0;
}

void pl031_destroy(struct pl031 *p)
{
	free(p);
}

struct device *pl031_device(struct pl031 *p)
{
	return &p->dev;
}
