/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GICv3 (Arm IHI 0069), one security state, affinity routing always on, no ITS/LPIs.
 * Distributor and redistributors are memory-mapped, the CPU interface is system
 * registers. One lock for everything; its output to a CPU is CPU_PEND_IRQ, set and
 * cleared under the lock by gic_update.
 */
#ifndef HV_SOFT_GIC_H
#define HV_SOFT_GIC_H

#include "hv/hv.h"

#define GIC_NR_SPIS 96 /* INTIDs 32..127 */

struct gic;
struct soft_vm;
struct cpu;

int gic_create(struct soft_vm *vm, struct gic **ret, struct sm_err *e);
void gic_destroy(struct gic *g);
/* The CPU interface as after reset; the redistributor keeps its state, as in a powered domain of its own. */
void gic_reset_cpu(struct gic *g, uint32_t cpu);
/* Drives CPU_PEND_IRQ anew, for a CPU whose `pending` was rewritten. */
void gic_refresh_cpu(struct gic *g, uint32_t cpu);

/* Is `gpa` the distributor's or a redistributor's? */
bool gic_mmio_hit(const struct gic *g, uint64_t gpa);
uint64_t gic_mmio_read(struct gic *g, uint64_t gpa, uint8_t len);
void gic_mmio_write(struct gic *g, uint64_t gpa, uint8_t len, uint64_t value);

/* Line level of an SPI (any CPU: cpu ignored) or a PPI (16..31) of `cpu`. Any thread. */
void gic_set_level(struct gic *g, uint32_t cpu, uint32_t intid, bool level);

/*
 * CPU interface. `reg` is the encoding op0:op1:CRn:CRm:op2 as GIC_SYSREG() packs it;
 * false: no such register (undefined). On the vCPU's own thread.
 */
#define GIC_SYSREG(op0, op1, crn, crm, op2) ((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))
bool gic_sysreg_read(struct gic *g, uint32_t cpu, uint32_t reg, uint64_t *ret);
bool gic_sysreg_write(struct gic *g, uint32_t cpu, uint32_t reg, uint64_t value);

/* Is an interrupt of sufficient priority pending for `cpu` (regardless of PSTATE.I)? */
bool gic_irq_pending(struct gic *g, uint32_t cpu);

int gic_save(struct gic *g, struct buf *out, struct sm_err *e);
int gic_load(struct gic *g, struct cursor *in, struct sm_err *e);

#endif
