/* SPDX-License-Identifier: Apache-2.0 */
/* Taking exceptions to EL1 and returning from them (DDI 0487, D1.3). */
#include "hv/soft/cpu/core.h"

#define VECTOR_IRQ 0x80
#define VECTOR_SAME_SPX 0x200
#define VECTOR_LOWER 0x400

#define ESR_IL (1u << 25)
#define SPSR_AARCH32 (1u << 4)
#define SPSR_MODE 0x1fu

void core_update_mask(struct cpu *c)
{
	c->pend_mask = ~(uint32_t)(CPU_PEND_EVENT | (c->core->pstate & PSTATE_I ? CPU_PEND_IRQ : 0));
}

static uint32_t sp_index(uint32_t el, uint32_t pstate)
{
	return el && (pstate & PSTATE_SP) ? 1 : 0;
}

void core_set_mode(struct cpu *c, uint32_t el, uint32_t pstate)
{
	struct cpu_core *core = c->core;

	core->sp[sp_index(c->el, core->pstate)] = c->x[X_SP];
	c->el = el;
	core->pstate = pstate;
	c->x[X_SP] = core->sp[sp_index(el, pstate)];
	c->tlb_user = core->tlb[CTX_EL0 + core->el0].entries;
	if (!el)
		c->tlb = c->tlb_user;
	else
		c->tlb = core->tlb[pstate & PSTATE_PAN ? CTX_EL1_PAN : CTX_EL1].entries;
	c->jump_tag = core->fetch[el ? FETCH_EL1 : FETCH_EL0 + core->el0].tag;
	core_update_mask(c);
}

bool cpu_irq_enabled(const struct cpu *c)
{
	return !(c->core->pstate & PSTATE_I);
}

void core_uncount(struct cpu *c, const struct op *op)
{
	cpu_count(c, (uint64_t)(op - c->block->ops) - c->block->nr_ops);
}

const struct op *core_leave_after(struct cpu *c, const struct op *op)
{
	core_uncount(c, op + 1);
	c->pc = cpu_pc(c, op + 1);
	return NULL;
}

static void take(struct cpu *c, uint64_t pc, uint32_t vector)
{
	struct cpu_core *core = c->core;
	uint32_t pstate = core->pstate, next = PSTATE_SP | PSTATE_DAIF;

	core->r.spsr = (c->nzcv & PSTATE_NZCV) | pstate | c->el << 2;
	core->r.elr = pc;
	core->exceptions++;
	core->stepped = false;
	if (!c->el)
		vector += VECTOR_LOWER;
	else if (pstate & PSTATE_SP)
		vector += VECTOR_SAME_SPX;
	if (!(core->r.sctlr & SCTLR_SPAN) || (pstate & PSTATE_PAN))
		next |= PSTATE_PAN;
	if (core->r.sctlr & SCTLR_DSSBS)
		next |= PSTATE_SSBS;
	core_set_mode(c, 1, next);
	c->pc = core->r.vbar + vector;
	block_sync(c);
}

void core_take_sync(struct cpu *c, uint64_t pc, uint32_t ec, uint32_t iss)
{
	c->core->r.esr = ec << 26 | ESR_IL | iss;
	take(c, pc, 0);
}

void core_take_irq(struct cpu *c)
{
	take(c, c->pc, VECTOR_IRQ);
}

void core_take_abort(struct cpu *c, uint64_t pc, bool fetch, uint64_t far, uint32_t iss)
{
	uint32_t ec = fetch ? EC_IABT_LOWER : EC_DABT_LOWER;

	c->core->r.far = far;
	core_take_sync(c, pc, c->el ? ec + 1 : ec, iss);
}

const struct op *cpu_exception(struct cpu *c, const struct op *op, uint32_t ec, uint32_t iss)
{
	bool after = ec == EC_SVC64 || ec == EC_HVC64;

	core_uncount(c, op + (after ? 1 : 0));
	core_take_sync(c, cpu_pc(c, op) + (after ? 4 : 0), ec, iss);
	return NULL;
}

const struct op *cpu_after_fault(struct cpu *c)
{
	(void)c;
	return NULL;
}

const struct op *cpu_undefined(struct cpu *c, const struct op *op)
{
	return cpu_exception(c, op, EC_UNKNOWN, 0);
}

const struct op *cpu_fp_trap(struct cpu *c, const struct op *op)
{
	/* CV = 1, COND = 0b1110 */
	return cpu_exception(c, op, EC_FP_ACCESS, 0x1e << 20);
}

const struct op *cpu_svc(struct cpu *c, const struct op *op)
{
	return cpu_exception(c, op, EC_SVC64, (uint32_t)op->imm & 0xffff);
}

const struct op *cpu_brk(struct cpu *c, const struct op *op)
{
	return cpu_exception(c, op, EC_BRK64, (uint32_t)op->imm & 0xffff);
}

/* We are the firmware: there is no EL2 to trap to, and no EL3 for SMC at all. */
const struct op *cpu_hvc(struct cpu *c, const struct op *op)
{
	if (!c->el)
		return cpu_undefined(c, op);
	c->pc = cpu_pc(c, op + 1);
	core_uncount(c, op + 1);
	psci_call(c);
	return NULL;
}

const struct op *cpu_smc(struct cpu *c, const struct op *op)
{
	return cpu_undefined(c, op);
}

void cpu_clear_exclusive(struct cpu *c)
{
	c->excl_len = 0;
}

/* D1.3.4: AArch32, EL2 and above, and EL0 on SP_EL1 are illegal. */
static bool return_is_legal(uint64_t spsr)
{
	uint32_t mode = spsr & SPSR_MODE;

	return mode == 0 || mode == 4 || mode == 5;
}

const struct op *cpu_eret(struct cpu *c, const struct op *op)
{
	struct cpu_core *core = c->core;
	uint64_t spsr = core->r.spsr;
	uint32_t pstate = (uint32_t)spsr & PSTATE_KEPT, el = spsr >> 2 & 1;

	if (!c->el)
		return cpu_undefined(c, op);
	core_uncount(c, op + 1);
	if (!return_is_legal(spsr)) {
		el = c->el;
		pstate = (pstate & PSTATE_DAIF) | (core->pstate & ~(uint32_t)PSTATE_DAIF) | PSTATE_IL;
	}
	pstate = (pstate & ~(uint32_t)PSTATE_SS) | debug_return_ss(c, spsr, el);
	core->stepped = false;
	c->pc = core->r.elr;
	c->nzcv = (uint32_t)spsr & PSTATE_NZCV;
	cpu_clear_exclusive(c);
	cpu_pend(c, CPU_PEND_EVENT);
	core_set_mode(c, el, pstate);
	block_sync(c);
	return NULL;
}
