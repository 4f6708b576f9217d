/* SPDX-License-Identifier: Apache-2.0 */
/* The run loop, what ends blocks, and the life of a CPU. */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "hv/soft/cpu/core.h"
#include "hv/soft/cpu/fp.h"

static void take_pc_alignment(struct cpu *c, uint64_t va)
{
	c->core->r.far = va;
	core_take_sync(c, va, EC_PC_ALIGN, 0);
}

/* The block at `va`, or NULL with the exception taken or instructions to be executed one by one. */
static struct block *find_block(struct cpu *c, uint64_t va)
{
	struct jump_entry *j = jump_slot(c, va);
	struct block *b;
	uint64_t pa;

	if (j->va == va && j->tag == c->jump_tag)
		return j->block;
	if (va & 3) {
		take_pc_alignment(c, va);
		return NULL;
	}
	if (debug_page_breaks(c, va) || !mmu_fetch(c, va, &pa))
		return NULL;
	b = block_get(c, pa);
	if (b)
		*j = (struct jump_entry){ .va = va, .tag = c->jump_tag, .block = b };
	return b;
}

const struct op *cpu_goto_slow(struct cpu *c, const struct op *op, uint64_t va, int slot)
{
	uint32_t flushes = c->core->blocks.flushes;
	struct block *from = c->block, *next;

	(void)op;
	va = walk_canonical(c, va);
	c->pc = va;
	if (cpu_must_leave(c))
		return NULL;
	if (slot >= 0 && !((va ^ c->block_va) & TLB_PAGE_MASK)) {
		next = block_get(c, (from->key & TLB_PAGE_MASK) | (va & (GMEM_PAGE - 1)));
		if (next && flushes == c->core->blocks.flushes)
			from->succ[slot] = next;
	} else {
		next = find_block(c, va);
	}
	if (!next)
		return NULL;
	core_enter(c, next, va);
	OP_TAIL(c, next->ops);
}

static void run_block(struct cpu *c, struct block *b, uint64_t va)
{
	const struct op *op = b->ops;

	core_enter(c, b, va);
#ifdef SOFT_LOOP_DISPATCH
	while (op)
		op = op->fn(c, op);
#else
	op->fn(c, op);
#endif
}

static const struct op *single_end(struct cpu *c, const struct op *op)
{
	c->pc = cpu_pc(c, op);
	return NULL;
}

/* Loads and stores by a stack pointer that is not aligned, where SCTLR_EL1.SA or SA0 minds (D1.4.10). */
static bool stack_is_odd(const struct cpu *c)
{
	return __builtin_expect((c->x[X_SP] & 15) != 0, 0) &&
	       (c->core->r.sctlr & (c->el ? SCTLR_SA : SCTLR_SA0));
}

/* A load or store with SP as its base, but for prefetches. */
static bool uses_stack(uint32_t insn)
{
	bool memory = (insn >> 25 & 5) == 4, literal = (insn & 0x3b000000) == 0x18000000;
	bool prefetch = (insn & 0xffc00000) == 0xf9800000 || (insn & 0xffe00c00) == 0xf8800000 ||
			(insn & 0xffe00c00) == 0xf8a00800;

	return memory && !literal && !prefetch && (insn >> 5 & 31) == 31;
}

static bool is_load_exclusive(uint32_t insn)
{
	bool casp = (insn & 0xbfa07c00) == 0x08207c00;

	return (insn & 0x3fc00000) == 0x08400000 && !casp;
}

static uint32_t insn_at(const struct cpu *c, uint64_t pa)
{
	const uint8_t *page = mmu_host_page(c, pa);

	return page ? guest_get32((uint64_t)(uintptr_t)page + (pa & (GMEM_PAGE - 1))) : 0;
}

/* At `va`, whose first instruction is at `pa`. */
static void run_single_at(struct cpu *c, uint64_t va, uint64_t pa)
{
	uint32_t insn = insn_at(c, pa);
	struct block *b = block_single(c, pa, single_end);
	bool defined;

	if (debug_page_breaks(c, va) && !c->core->mmio.nr && debug_breaks_at(c, va)) {
		core_take_sync(c, va, EC_BREAKPOINT_LOWER + c->el, FSC_DEBUG);
		return;
	}
	if (!b)
		return;
	defined = b->ops[0].fn != cpu_undefined && b->ops[0].fn != cpu_fp_trap;
	c->core->stepped_ex = is_load_exclusive(insn);
	if (stack_is_odd(c) && defined && uses_stack(insn))
		core_take_sync(c, va, EC_SP_ALIGN, 0);
	else
		run_block(c, b, va);
}

/*
 * One instruction alone. One that waited for a device is executed again like this: its
 * accesses consume the answers in order, and when it gets further than them it leaves with
 * the next access.
 */
static void run_single(struct cpu *c)
{
	struct mmio *m = &c->core->mmio;
	uint64_t va = c->pc, pa;

	m->next = 0;
	/* So that a branch goes no further than its target. */
	cpu_pend(c, CPU_PEND_RESYNC);
	if (va & 3)
		take_pc_alignment(c, va);
	else if (mmu_fetch(c, va, &pa))
		run_single_at(c, va, pa);
	if (!m->open)
		m->nr = 0;
}

#define STEP_VALID (1u << 24)
#define STEP_EX (1u << 6)

/*
 * Software step (D2.12): with PSTATE.SS one instruction is executed and SS falls; without, the
 * step exception is due. An instruction that faults was not executed and keeps its SS.
 */
static void run_step(struct cpu *c)
{
	struct cpu_core *core = c->core;
	uint64_t pc = c->pc, exceptions = core->exceptions;

	if (!(core->pstate & PSTATE_SS)) {
		uint32_t ex = core->stepped_ex ? STEP_EX : 0;

		core_take_sync(c, pc, EC_SOFTSTEP_LOWER + c->el,
			       core->stepped ? STEP_VALID | FSC_DEBUG | ex : FSC_DEBUG);
		return;
	}
	core->pstate &= ~(uint32_t)PSTATE_SS;
	run_single(c);
	core->stepped = core->exceptions == exceptions;
	if (core->exceptions != exceptions && core->r.elr == pc)
		core->r.spsr |= PSTATE_SS;
	else if (core->mmio.open)
		core->pstate |= PSTATE_SS;
}

static void unpend(struct cpu *c, uint32_t bits)
{
	__atomic_fetch_and(&c->pending, ~bits, __ATOMIC_SEQ_CST);
}

/* What is pending and not the caller's business. */
static void serve_pending(struct cpu *c, uint32_t pending)
{
	if (pending & CPU_PEND_TLBI)
		tlb_serve(c);
	if (pending & CPU_PEND_RESYNC) {
		unpend(c, CPU_PEND_RESYNC);
		block_sync(c);
	}
	if (pending & CPU_PEND_TIMER) {
		unpend(c, CPU_PEND_TIMER);
		timer_update(c);
	}
}

/* At a WFI or WFE: is there nothing to do? */
static bool must_sleep(struct cpu *c, uint32_t pending)
{
	bool event = c->core->idle == IDLE_WFE;

	c->core->idle = IDLE_NO;
	if (pending & (event ? ~0u : ~(uint32_t)CPU_PEND_EVENT)) {
		unpend(c, event ? CPU_PEND_EVENT : 0);
		return false;
	}
	c->waits_event = event;
	if (!event)
		block_cache_idle(c);
	return true;
}

/* False: WFI or WFE with nothing to do. */
static bool run(struct cpu *c)
{
	struct cpu_core *core = c->core;
	struct block *b;

	for (;;) {
		uint32_t pending = __atomic_load_n(&c->pending, __ATOMIC_SEQ_CST);

		if (pending) {
			serve_pending(c, pending);
			if (pending & (CPU_PEND_KICK | CPU_PEND_EXIT))
				return true;
			pending = __atomic_load_n(&c->pending, __ATOMIC_SEQ_CST);
		}
		if (core->idle && must_sleep(c, pending))
			return false;
		/* No interrupt comes between a device's answer and the instruction that wants it. */
		if (core->mmio.nr) {
			if (debug_must_step(c))
				run_step(c);
			else
				run_single(c);
			continue;
		}
		if ((pending & CPU_PEND_IRQ) && !(core->pstate & PSTATE_I))
			core_take_irq(c);
		if (core->pstate & PSTATE_IL) {
			core_take_sync(c, c->pc, EC_ILLEGAL_STATE, 0);
			continue;
		}
		if (debug_must_step(c)) {
			run_step(c);
			continue;
		}
		if (stack_is_odd(c) || debug_page_breaks(c, c->pc)) {
			run_single(c);
			continue;
		}
		b = find_block(c, c->pc);
		if (b)
			run_block(c, b, c->pc);
	}
}

bool cpu_execute(struct cpu *c)
{
	bool r;

	__atomic_store_n(&c->core->inbox.running, 1, __ATOMIC_SEQ_CST);
	if (c->waits_event)
		unpend(c, CPU_PEND_EVENT);
	c->waits_event = false;
	fp_enter(c);
	r = run(c);
	fp_leave(c);
	__atomic_store_n(&c->core->inbox.running, 0, __ATOMIC_SEQ_CST);
	return r;
}

const struct op *cpu_resync(struct cpu *c, const struct op *op)
{
	return core_leave_after(c, op);
}

const struct op *cpu_isb(struct cpu *c, const struct op *op)
{
	block_sync(c);
	return core_leave_after(c, op);
}

const struct op *cpu_dsb(struct cpu *c, const struct op *op)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (c->core->tlbi_sent)
		tlb_wait(c);
	OP_NEXT(c, op);
}

#define WFX_TRAP_ISS (1u << 24 | 0xeu << 20)

const struct op *cpu_wfi(struct cpu *c, const struct op *op)
{
	if (!c->el && !(c->core->r.sctlr & SCTLR_NTWI))
		return cpu_exception(c, op, EC_WFX, WFX_TRAP_ISS);
	c->core->idle = IDLE_WFI;
	return core_leave_after(c, op);
}

/*
 * Who holds a monitor waits for another CPU's store to clear it, which is an event (D1.6.1) that
 * we do not see: the other gets our time slice instead. Waking without an event is allowed.
 */
const struct op *cpu_wfe(struct cpu *c, const struct op *op)
{
	if (!c->el && !(c->core->r.sctlr & SCTLR_NTWE))
		return cpu_exception(c, op, EC_WFX, WFX_TRAP_ISS | 1);
	if (__atomic_load_n(&c->pending, __ATOMIC_SEQ_CST) & CPU_PEND_EVENT) {
		unpend(c, CPU_PEND_EVENT);
		OP_NEXT(c, op);
	}
	if (c->excl_len) {
		if (c->vm->nr_vcpus > 1)
			sched_yield();
		OP_NEXT(c, op);
	}
	c->core->idle = IDLE_WFE;
	return core_leave_after(c, op);
}

/* aux: SEVL, to itself only. */
const struct op *cpu_sev(struct cpu *c, const struct op *op)
{
	cpu_pend(c, CPU_PEND_EVENT);
	for (uint32_t i = 0; i < c->vm->nr_vcpus && !op->aux; i++) {
		struct cpu *other = c->vm->cpus[i];

		if (other && other != c) {
			cpu_pend(other, CPU_PEND_EVENT);
			soft_wake(other);
		}
	}
	OP_NEXT(c, op);
}

uint64_t cpu_mpidr(uint32_t index)
{
	/* Bit 31 is RES1; not a uniprocessor system. */
	return 1u << 31 | (index >> 4) << 8 | (index & 15);
}

int cpu_create(struct soft_vm *vm, uint32_t index, struct cpu **ret, struct sm_err *e)
{
	struct cpu *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);
	struct cpu_core *core = calloc(1, sizeof(*core));
	int r;

	if (!c || !core) {
		free(c);
		free(core);
		return err_errno(e, ENOMEM, "CPU %u", index);
	}
	memset(c, 0, sizeof(*c));
	r = block_cache_init(&core->blocks, e);
	if (r < 0) {
		free(c);
		free(core);
		return r;
	}
	pthread_mutex_init(&core->inbox.lock, NULL);
	c->vm = vm;
	c->index = index;
	c->core = core;
	c->jump = core->jump;
	cpu_reset(c, 0, 0);
	*ret = c;
	return 0;
}

void cpu_destroy(struct cpu *c)
{
	if (!c)
		return;
	block_cache_fini(&c->core->blocks);
	pthread_mutex_destroy(&c->core->inbox.lock);
	free(c->core);
	free(c);
}

void cpu_reset(struct cpu *c, uint64_t pc, uint64_t x0)
{
	struct cpu_core *core = c->core;

	memset(c->x, 0, sizeof(c->x));
	memset(c->v, 0, sizeof(c->v));
	memset(&core->r, 0, sizeof(core->r));
	memset(core->sp, 0, sizeof(core->sp));
	memset(&core->mmio, 0, sizeof(core->mmio));
	memset(core->el0_asid, 0xff, sizeof(core->el0_asid));
	c->nzcv = 0;
	c->fp.fpcr = c->fp.fpsr = 0;
	c->excl_len = 0;
	core->idle = IDLE_NO;
	c->waits_event = false;
	core->r.sctlr = SCTLR_RES1;
	core->r.oslock = 1;
	core->asid = core->el0 = core->el0_next = 0;
	core->el0_asid[0] = 0;
	c->el = 1;
	core->pstate = PSTATE_SP | PSTATE_DAIF;
	tlb_flush_all(c);
	core_set_mode(c, 1, core->pstate);
	c->x[0] = x0;
	c->pc = pc;
}
