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
#include "hv/soft/deadline.h"
#include "hv/soft/gic.h"
#include "hv/soft/timer.h"

/* Changes when the guest-visible CPU does; part of a snapshot's key. */
#define SOFT_CPU_MODEL 2

enum soft_power { SOFT_OFF, SOFT_ON_PENDING, SOFT_ON };

/*
 * Power and sleep of one vCPU, the part that others reach. ON_PENDING: CPU_ON was called,
 * the vCPU's thread has not reset itself yet.
 */
struct soft_vcpu {
	pthread_mutex_t lock; /* a leaf: nothing is taken under it */
	pthread_cond_t wake;
	uint32_t waiting; /* atomic: somebody must signal `wake` */
	enum soft_power power;
	uint64_t entry, context; /* of the CPU_ON */
	/* The thread's own: */
	bool mmio_open; /* the last exit was an MMIO access */
	bool suspend;	/* PSCI CPU_SUSPEND: CPU_PEND_EXIT means to sleep as in WFI */
};

#define SOFT_CODE_PAGES 8192u

/*
 * Coherence of decoded code: what IC IVAU and IC IALLU count up, all atomic. A page shares
 * its counter with others, which only costs a decoding.
 */
struct soft_code {
	uint32_t epoch;
	uint32_t all;
	uint32_t page[SOFT_CODE_PAGES];
};

/*
 * Lock order: the GIC's lock, then a soft_vcpu's. The deadlines' lock stands alone. All
 * but `deadlines` and the vCPUs is fixed once the VM is made; counter_offset changes only
 * in vm_load, when no vCPU runs.
 */
struct soft_vm {
	struct gmem *gm;
	struct soft_code code;
	const struct log *log;
	uint32_t nr_vcpus;
	struct cpu *cpus[HV_VCPUS_MAX];
	struct gic *gic;
	struct deadlines *deadlines;
	uint64_t gicd_base, gicr_base;
	uint64_t counter_offset; /* CNTPCT = host monotonic ticks - this; one for all vCPUs */
	struct soft_vcpu vcpus[HV_VCPUS_MAX];
};

/* ---- the core (cpu/), called by soft.c on the vCPU's thread unless stated ---- */

int cpu_create(struct soft_vm *vm, uint32_t index, struct cpu **ret, struct sm_err *e);
void cpu_destroy(struct cpu *c);
/* Architectural reset, then PC and X0, EL1h, MMU off, all masked. */
void cpu_reset(struct cpu *c, uint64_t pc, uint64_t x0);
/* Executes until CPU_PEND_KICK or CPU_PEND_EXIT, or until a WFI has nothing to do (then returns false: wait).
 */
bool cpu_execute(struct cpu *c);
int cpu_save(struct cpu *c, struct buf *out, struct sm_err *e);
int cpu_load(struct cpu *c, struct cursor *in, struct sm_err *e);
/* The next store to any page looks at it again. No vCPU runs; any thread. */
void cpu_forget_writes(struct cpu *c);
/* Completes the MMIO read of the last exit with exit->data. */
void cpu_complete_mmio(struct cpu *c);
/* PSTATE.I clear: would an IRQ be taken now? */
bool cpu_irq_enabled(const struct cpu *c);
/* MPIDR_EL1 affinity of vCPU `index`: Aff1 = index >> 4, Aff0 = index & 15. */
uint64_t cpu_mpidr(uint32_t index);

/* ---- called by the core on its thread ---- */

/* HVC/SMC #0: handles PSCI; X0..X3 in, X0 out. May set CPU_PEND_EXIT. */
void psci_call(struct cpu *c);
/* Wakes vCPU `c` if it sleeps: call it after cpu_pend(). Any thread. */
void soft_wake(struct cpu *c);

/* ---- between the files of the platform ---- */

/* Sleeps until something is pending for `c` (with `event`, an event too) or its next timer deadline. On its
 * thread. */
void soft_idle(struct cpu *c, bool event);
/* PSCI CPU_ON; any vCPU's thread. False: it was not off, *ret_was says what it is. */
bool soft_power_on(struct soft_vm *vm, uint32_t index, uint64_t entry, uint64_t context,
		   enum soft_power *ret_was);
/* PSCI CPU_OFF on its own thread; the exit follows. */
void soft_power_off(struct cpu *c);
enum soft_power soft_power_state(struct soft_vm *vm, uint32_t index);

#endif
