/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The GIC's state, shared by gic.c (delivery), gic_mmio.c (distributor and
 * redistributors) and gic_cpuif.c (CPU interface).
 *
 * Everything in `struct gic_state` is guarded by the one lock. Functions named here are
 * called with it held.
 */
#ifndef HV_SOFT_GIC_IMPL_H
#define HV_SOFT_GIC_IMPL_H

#include <pthread.h>

#include "hv/soft/gic.h"

#define GIC_NR_INTIDS (32 + GIC_NR_SPIS)
#define GIC_NR_SPI_BANKS (GIC_NR_SPIS / 32)
#define GIC_PRIO_BITS 5
#define GIC_PRIO_MASK 0xf8
#define GIC_PRIO_IDLE 0xff
#define GIC_INTID_NONE 1023
#define GIC_CPU_NONE UINT32_MAX
#define GIC_SGI_EDGE 0xffffu /* SGIs are edge-triggered, read-only */

#define GICD_SIZE 0x10000u
#define GICR_STRIDE 0x20000u /* RD frame and SGI frame */
#define GICR_SGI_FRAME 0x10000u

/* GICD_CTLR: one security state, affinity routing; only the group enables are writable. */
#define GICD_CTLR_GRP(g) (1u << (g))
#define GICD_CTLR_ARE (1u << 4)
#define GICD_CTLR_DS (1u << 6)

/* GICD_IROUTER: Aff3 and Aff2..Aff0; Interrupt_Routing_Mode is RES0 (TYPER.No1N). */
#define GICD_IROUTER_MASK 0xff00ffffffULL

/* ICC_BPR0/1 at their finest: 5 priority bits, the Non-secure one is one higher (8.2.4). */
#define ICC_BPR_MIN(group) (2u + (group))

/* 32 interrupts, one bit each. Pending is `latch`, or `level` where the line is not edge. */
struct gic_bank {
	uint32_t group, enable, latch, active, level, edge;
	uint8_t prio[32];
};

struct gic_cpu {
	struct gic_bank priv;		     /* SGIs and PPIs */
	uint32_t spi_mine[GIC_NR_SPI_BANKS]; /* SPIs routed here; follows from `route` */
	uint32_t waker;
	/* CPU interface; [0] and [1] are the groups */
	uint8_t pmr, bpr[2];
	uint32_t apr[2]; /* one bit per preemption level */
	bool enable[2];
	bool eoimode, cbpr;
	bool irq_out; /* CPU_PEND_IRQ as last driven */
};

struct gic_state {
	uint32_t enable; /* GICD_CTLR's group enables */
	struct gic_bank spi[GIC_NR_SPI_BANKS];
	uint64_t route[GIC_NR_SPIS]; /* GICD_IROUTER */
	struct gic_cpu cpus[HV_VCPUS_MAX];
};

struct gic {
	pthread_mutex_t lock; /* before a vCPU's lock (soft_wake); nothing else beneath */
	struct soft_vm *vm;
	uint64_t gicd_base, gicr_base;
	uint32_t nr_cpus;
	struct gic_state s;
};

struct gic_best {
	uint32_t intid; /* GIC_INTID_NONE when there is none */
	uint8_t prio;
	uint8_t group;
};

/* MPIDR affinity of vCPU `index`, and back (GIC_CPU_NONE: no such). */
uint64_t gic_affinity(uint32_t index);
uint32_t gic_affinity_cpu(const struct gic *g, uint64_t affinity);

/* The bank of INTIDs word*32.., seen from `cpu`; NULL beyond the last. */
struct gic_bank *gic_bank_at(struct gic_state *s, uint32_t cpu, uint32_t word);
uint32_t gic_bank_pending(const struct gic_bank *b);

/* Highest priority pending, enabled and inactive interrupt, whatever runs. */
struct gic_best gic_best_pending(const struct gic_state *s, uint32_t cpu);
/* Does it pass the priority mask and preempt what runs? */
bool gic_preempts(const struct gic_cpu *cc, const struct gic_best *best);
/* Priority of the highest active group priority, GIC_PRIO_IDLE when none. */
uint32_t gic_running_prio(const struct gic_cpu *cc);
/* The group priority field of `group` under the binary point. */
uint32_t gic_prio_field(const struct gic_cpu *cc, uint32_t group);

/* Drive CPU_PEND_IRQ of one or all CPUs after a change. */
void gic_update(struct gic *g, uint32_t cpu);
void gic_update_all(struct gic *g);

/* Recomputes who takes SPI `n` (INTID 32 + n) from its route. */
void gic_route(const struct gic *g, struct gic_state *s, uint32_t n);
void gic_cpuif_reset(struct gic_cpu *cc);

#endif
