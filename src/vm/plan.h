/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device plan: which virtio device sits in which slot. It is the same for every
 * image, so that one snapshot serves all commands; the tables the guest reads, the bus
 * and the snapshot all take it from here.
 */
#ifndef VM_PLAN_H
#define VM_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "devices/device.h"

#define PLAN_SPARE_DISKS 4
#define PLAN_BLK_LAYERS 0 /* indices among the blk devices */
#define PLAN_BLK_ROOT 1
#define PLAN_BLK_SPARE 2

struct plan_slot {
	enum device_type type;
	uint32_t index; /* among devices of the type */
	uint64_t gpa;
	uint32_t irq; /* INTID */
	bool present; /* a device answers; other slots are kept for it and the guest is not told */
};

#define PLAN_SLOTS 11

/* `base` and the n-th slot's interrupt come from the machine's layout. */
void plan_make(uint64_t base, uint64_t stride, uint32_t (*irq)(uint32_t slot),
	       struct plan_slot ret[PLAN_SLOTS]);

#endif
