/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/plan.h"

#include "util/num.h"

/* The order is part of the snapshot format. */
static const struct {
	enum device_type type;
	uint32_t count;
	bool present;
} plan_order[] = {
	{ DEVICE_VSOCK, 1, true }, { DEVICE_BLK, PLAN_BLK_SPARE + PLAN_SPARE_DISKS, true },
	{ DEVICE_FS, 1, false },   { DEVICE_NET, 1, false },
	{ DEVICE_RNG, 1, true },   { DEVICE_BALLOON, 1, true },
};

void plan_make(uint64_t base, uint64_t stride, uint32_t (*irq)(uint32_t slot),
	       struct plan_slot ret[PLAN_SLOTS])
{
	uint32_t slot = 0;

	for (size_t i = 0; i < NUM_COUNTOF(plan_order); i++) {
		for (uint32_t n = 0; n < plan_order[i].count; n++, slot++) {
			ret[slot] = (struct plan_slot){
				.type = plan_order[i].type,
				.index = n,
				.gpa = base + slot * stride,
				.irq = irq(slot),
				.present = plan_order[i].present,
			};
		}
	}
}
