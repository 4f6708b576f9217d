/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/num.h"

/* Index of the first range that ends above `addr`. */
static uint32_t bus_place(const struct bus *b, uint64_t addr)
{
	uint32_t lo = 0, hi = b->nr_ranges;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (addr >= b->ranges[mid].base && addr - b->ranges[mid].base >= b->ranges[mid].len)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int bus_add(struct bus *b, uint64_t base, uint64_t len, const struct bus_ops *ops, void *dev,
	    struct sm_err *e)
{
	uint32_t at = bus_place(b, base);
	uint64_t end;

	assert(ops->read && ops->write);
	if (!len || !num_add(base, len, &end))
		return err_set(e, EINVAL, "bus range at 0x%llx: empty or wraps", (unsigned long long)base);
	if (b->nr_ranges == BUS_RANGES_MAX)
		return err_set(e, ENOSPC, "bus range at 0x%llx: the bus is full", (unsigned long long)base);
	if (at < b->nr_ranges && b->ranges[at].base < end)
		return err_set(e, EEXIST, "bus range at 0x%llx: overlaps the one at 0x%llx",
			       (unsigned long long)base, (unsigned long long)b->ranges[at].base);
	memmove(&b->ranges[at + 1], &b->ranges[at], (b->nr_ranges - at) * sizeof(b->ranges[0]));
	b->ranges[at] = (struct bus_range){ base, len, ops, dev };
	b->nr_ranges++;
	return 0;
}

static const struct bus_range *bus_find(const struct bus *b, uint64_t addr, uint8_t len)
{
	uint32_t at = bus_place(b, addr);
	const struct bus_range *r = &b->ranges[at];

	assert(len <= 8 && num_is_pow2(len));
	if (at == b->nr_ranges || addr < r->base || !num_range_ok(addr - r->base, len, r->len))
		return NULL;
	return r;
}

bool bus_read(const struct bus *b, uint64_t addr, uint8_t len, uint64_t *ret)
{
	const struct bus_range *r = bus_find(b, addr, len);
	uint64_t mask = UINT64_MAX >> (64 - 8 * len);

	*ret = (r ? r->ops->read(r->dev, addr - r->base, len) : UINT64_MAX) & mask;
	return r;
}

bool bus_write(const struct bus *b, uint64_t addr, uint8_t len, uint64_t value)
{
	const struct bus_range *r = bus_find(b, addr, len);

	if (r)
		r->ops->write(r->dev, addr - r->base, len, value & UINT64_MAX >> (64 - 8 * len));
	return r;
}
