/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `soft` backend: vCPUs (cpu/), GICv3 (gic.h), generic timers (timer.h), PSCI (psci.c),
 * glued to hv.h in soft.c.
 */
#ifndef HV_SOFT_SOFT_H
#define HV_SOFT_SOFT_H

#include <pthread.h>

#include "hv/hv.h"
#include "hv/soft/cpu/cpu.h"
#include "hv/soft/gic.h"
#include "hv/soft/timer.h"

/* Changes when the guest-visible CPU does; part of a snapshot's key. */
#define SOFT_CPU_MODEL 1

struct soft_vm {
	struct gmem *gm;
	const struct log *log;
	uint32_t nr_vcpus;
	struct cpu *cpus[HV_VCPUS_MAX];
	struct gic *gic;
	uint64_t gicd_base, gicr_base;
	uint64_t counter_offset; /* CNTPCT = host monotonic ticks - this; one for all vCPUs */
	/*
	 * Power states of the vCPUs and their waiting. Lock order: power_lock before the
	 * GIC's lock; nothing else is taken under either.
	 */
	pthread_mutex_t power_lock;
};

/* ---- the core (cpu/), called by soft.c on the vCPU's thread unless stated ---- */

int cpu_create(struct soft_vm *vm, uint32_t index, struct cpu **ret, struct sm_err *e);
void cpu_destroy(struct cpu *c);
/* Architectural reset, then PC and X0, EL1h, MMU off, all masked. */
void cpu_reset(struct cpu *c, uint64_t pc, uint64_t x0);
/* Executes until CPU_PEND_KICK or CPU_PEND_EXIT, or until a WFI has nothing to do (then returns false: wait). */
bool cpu_execute(struct cpu *c);
int cpu_save(struct cpu *c, struct buf *out, struct sm_err *e);
int cpu_load(struct cpu *c, struct cursor *in, struct sm_err *e);
/* Completes the MMIO read of the last exit with exit->data. */
void cpu_complete_mmio(struct cpu *c);
/* PSTATE.I clear: would an IRQ be taken now? */
bool cpu_irq_enabled(const struct cpu *c);
/* MPIDR_EL1 affinity of vCPU `index`: Aff1 = index >> 4, Aff0 = index & 15. */
uint64_t cpu_mpidr(uint32_t index);

/* ---- called by the core on its thread ---- */

/* HVC/SMC #0: handles PSCI; X0..X3 in, X0 out. May set CPU_PEND_EXIT. */
void psci_call(struct cpu *c);
/* Wakes vCPU `c` if it waits in WFI. Any thread. */
void soft_wake(struct cpu *c);

#endif
