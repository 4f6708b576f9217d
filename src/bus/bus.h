/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address range -> device, for MMIO (one bus) and, on x86, ports (another one).
 *
 * Ranges are added before the first vCPU runs and never change afterwards, so look-ups
 * take no lock. Handlers run on the vCPU's thread; a device guards itself.
 */
#ifndef BUS_BUS_H
#define BUS_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct bus_ops {
	/* `off` is relative to the range; off + len lies within it; len is 1, 2, 4 or 8. */
	uint64_t (*read)(void *dev, uint64_t off, uint8_t len);
	void (*write)(void *dev, uint64_t off, uint8_t len, uint64_t value);
};

#define BUS_RANGES_MAX 64

struct bus {
	struct bus_range {
		uint64_t base, len;
		const struct bus_ops *ops;
		void *dev;
	} ranges[BUS_RANGES_MAX]; /* ascending, disjoint */
	uint32_t nr_ranges;
};

/* EEXIST when it overlaps, ENOSPC when the bus is full. `dev` outlives the bus. */
int bus_add(struct bus *b, uint64_t base, uint64_t len, const struct bus_ops *ops, void *dev,
	    struct sm_err *e);
/* False when no device answers: then *ret is all ones of `len` bytes. */
bool bus_read(const struct bus *b, uint64_t addr, uint8_t len, uint64_t *ret);
bool bus_write(const struct bus *b, uint64_t addr, uint8_t len, uint64_t value);

/*
 * An interrupt line as a device sees it. `set` may be called from any thread. Edge lines
 * are pulsed (level 1, then 0); level lines follow the device's condition.
 */
struct irq_line {
	void (*set)(void *opaque, uint32_t irq, bool level);
	void *opaque;
	uint32_t irq;
};

static inline void irq_line_set(const struct irq_line *l, bool level)
{
	l->set(l->opaque, l->irq, level);
}

static inline void irq_line_pulse(const struct irq_line *l)
{
	l->set(l->opaque, l->irq, true);
	l->set(l->opaque, l->irq, false);
}

#endif
