/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine of one architecture has that the others have not: its memory map, its
 * fixed devices, and how a kernel is put into it. Chosen by the backend's architecture.
 */
#ifndef VM_PLATFORM_H
#define VM_PLATFORM_H

#include "hv/hv.h"
#include "vm/config.h"
#include "vm/machine.h"
#include "vm/plan.h"

/* What a platform's functions work on; the machine owns all of it. */
struct platform_env {
	struct gmem *gm;
	struct bus *mmio, *ports;
	const struct plan_slot *plan; /* PLAN_SLOTS of them */
	struct irq_line irq;	      /* without number: fill in `irq` */
	const struct machine_events *ev;
	/* Puts a device on the machine's list, which destroys it at the end. */
	void (*keep)(void *opaque, struct device *dev);
	void *opaque;
};

struct platform {
	enum hv_arch arch;
	uint64_t virtio_base, virtio_stride;
	uint64_t gicd_base, gicr_base; /* arm64: for the backend */
	uint32_t (*slot_irq)(uint32_t slot);
	/* Makes guest RAM of `len` bytes. */
	int (*add_memory)(struct gmem *gm, uint64_t len, struct sm_err *e);
	/* Console, clock and what else stands at fixed addresses. */
	int (*add_devices)(const struct platform_env *env, struct sm_err *e);
	/* Puts kernel, initrd and tables into memory. */
	int (*load_guest)(const struct platform_env *env, const struct vm_config *cfg, struct hv_boot *ret,
			  struct sm_err *e);
};

extern const struct platform platform_arm64, platform_x86_64;

/* NULL: no such machine in this worker. */
const struct platform *platform_find(enum hv_arch arch);

#endif
