/* SPDX-License-Identifier: Apache-2.0 */
/* A soft VM whose vCPUs execute nothing, for the tests of the platform around the core. */
#ifndef HV_SOFT_TEST_RIG_H
#define HV_SOFT_TEST_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "hv/soft/soft.h"

#define RIG_GICD 0x08000000ULL
#define RIG_GICR 0x080a0000ULL
#define RIG_RAM 0x80000000ULL

struct rig {
	struct gmem gm;
	struct soft_vm *vm;
	void *impl;
};

static inline void rig_init(struct rig *r, uint32_t nr_vcpus)
{
	struct hv_vm_config cfg = { .nr_vcpus = nr_vcpus, .gicd_base = RIG_GICD, .gicr_base = RIG_GICR };

	gmem_init(&r->gm);
	assert_int_equal(gmem_add_anon(&r->gm, RIG_RAM, 0x100000, NULL), 0);
	assert_int_equal(hv_soft_ops.vm_create(&cfg, &r->gm, &r->impl, NULL), 0);
	r->vm = r->impl;
	for (uint32_t i = 0; i < nr_vcpus; i++) {
		struct cpu *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);

		assert_non_null(c);
		memset(c, 0, sizeof(*c));
		c->vm = r->vm;
		c->index = i;
		timer_reset(&c->timer);
		r->vm->cpus[i] = c;
	}
}

static inline void rig_fini(struct rig *r)
{
	struct cpu *cpus[HV_VCPUS_MAX];
	uint32_t nr = r->vm->nr_vcpus;

	memcpy(cpus, r->vm->cpus, sizeof(cpus));
	hv_soft_ops.vm_destroy(r->impl);
	for (uint32_t i = 0; i < nr; i++)
		free(cpus[i]);
	gmem_fini(&r->gm);
}

static inline bool rig_irq(const struct rig *r, uint32_t cpu)
{
	return __atomic_load_n(&r->vm->cpus[cpu]->pending, __ATOMIC_SEQ_CST) & CPU_PEND_IRQ;
}

static inline uint64_t rig_sysreg(const struct rig *r, uint32_t cpu, uint32_t reg)
{
	uint64_t v = ~0ULL;

	assert_true(gic_sysreg_read(r->vm->gic, cpu, reg, &v));
	return v;
}

static inline void rig_sysreg_set(const struct rig *r, uint32_t cpu, uint32_t reg, uint64_t v)
{
	assert_true(gic_sysreg_write(r->vm->gic, cpu, reg, v));
}

#define RIG_ICC(crm, op2) GIC_SYSREG(3, 0, 12, crm, op2)
enum {
	R_PMR = GIC_SYSREG(3, 0, 4, 6, 0),
	R_IAR0 = RIG_ICC(8, 0),
	R_BPR0 = RIG_ICC(8, 3),
	R_AP1R0 = RIG_ICC(9, 0),
	R_DIR = RIG_ICC(11, 1),
	R_RPR = RIG_ICC(11, 3),
	R_SGI1R = RIG_ICC(11, 5),
	R_SGI0R = RIG_ICC(11, 7),
	R_IAR1 = RIG_ICC(12, 0),
	R_EOIR1 = RIG_ICC(12, 1),
	R_HPPIR1 = RIG_ICC(12, 2),
	R_BPR1 = RIG_ICC(12, 3),
	R_CTLR = RIG_ICC(12, 4),
	R_SRE = RIG_ICC(12, 5),
	R_IGRPEN0 = RIG_ICC(12, 6),
	R_IGRPEN1 = RIG_ICC(12, 7),
};

static inline uint32_t rig_gicd(const struct rig *r, uint32_t off)
{
	return (uint32_t)gic_mmio_read(r->vm->gic, RIG_GICD + off, 4);
}

static inline void rig_gicd_set(const struct rig *r, uint32_t off, uint32_t v)
{
	gic_mmio_write(r->vm->gic, RIG_GICD + off, 4, v);
}

/* Offsets from 0x10000 are the SGI frame's. */
static inline uint32_t rig_gicr(const struct rig *r, uint32_t cpu, uint32_t off)
{
	return (uint32_t)gic_mmio_read(r->vm->gic, RIG_GICR + 0x20000ULL * cpu + off, 4);
}

static inline void rig_gicr_set(const struct rig *r, uint32_t cpu, uint32_t off, uint32_t v)
{
	gic_mmio_write(r->vm->gic, RIG_GICR + 0x20000ULL * cpu + off, 4, v);
}

/* What Linux does at boot: all interrupts in group 1 at priority 0xa0, mask 0xf0, enabled everywhere. */
static inline void rig_gic_on(const struct rig *r)
{
	for (uint32_t off = 0; off < 12; off += 4)
		rig_gicd_set(r, 0x84 + off, ~0u);
	for (uint32_t off = 0; off < 96; off += 4)
		rig_gicd_set(r, 0x420 + off, 0xa0a0a0a0);
	rig_gicd_set(r, 0, 2);
	for (uint32_t i = 0; i < r->vm->nr_vcpus; i++) {
		rig_gicr_set(r, i, 0x10080, ~0u);
		for (uint32_t off = 0; off < 32; off += 4)
			rig_gicr_set(r, i, 0x10400 + off, 0xa0a0a0a0);
		rig_gicr_set(r, i, 0x10100, ~0u);
		rig_sysreg_set(r, i, R_PMR, 0xf0);
		rig_sysreg_set(r, i, R_IGRPEN1, 1);
	}
}

#endif
