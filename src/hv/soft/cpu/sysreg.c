/* SPDX-License-Identifier: Apache-2.0 */
/* MRS and MSR. */
#include "hv/soft/cpu/sysreg.h"

static const struct sysreg *row_of(const struct op *op)
{
	return op->imm ? (const struct sysreg *)(uintptr_t)op->imm : sysreg_find(op->aux);
}

const struct op *sysreg_trap(struct cpu *c, const struct op *op, uint32_t key, bool read)
{
	uint32_t rt = op->rd > 30 ? 31 : op->rd;
	uint32_t iss = (key >> 14 & 3) << 20 | (key & 7) << 17 | (key >> 11 & 7) << 14 |
		       (key >> 7 & 15) << 10 | rt << 5 | (key >> 3 & 15) << 1 | (read ? 1 : 0);

	return cpu_exception(c, op, EC_SYSREG, iss);
}

enum access { ACCESS_OK, ACCESS_UNDEFINED, ACCESS_TRAP, ACCESS_FP_TRAP };

static enum access may_access(const struct cpu *c, const struct sysreg *s, uint32_t key, bool write)
{
	uint32_t need = c->el ? (write ? SYSREG_W1 : SYSREG_R1) : (write ? SYSREG_W0 : SYSREG_R0);

	if (!s || !(s->flags & need))
		return ACCESS_UNDEFINED;
	/* SP_EL0 has no name while it is the current stack pointer. */
	if (key == GIC_SYSREG(3, 0, 4, 1, 0) && !(c->core->pstate & PSTATE_SP))
		return ACCESS_UNDEFINED;
	if ((s->flags & SYSREG_FP) && core_fp_off(c))
		return ACCESS_FP_TRAP;
	if (!c->el && s->trap && s->trap(c, s, write))
		return ACCESS_TRAP;
	return ACCESS_OK;
}

static const struct op *refuse(struct cpu *c, const struct op *op, enum access a, bool read)
{
	if (a == ACCESS_TRAP)
		return sysreg_trap(c, op, op->aux, read);
	return a == ACCESS_FP_TRAP ? cpu_fp_trap(c, op) : cpu_undefined(c, op);
}

static uint64_t *storage(struct cpu *c, const struct sysreg *s)
{
	return (uint64_t *)(void *)((char *)&c->core->r + s->offset);
}

const struct op *cpu_mrs(struct cpu *c, const struct op *op)
{
	const struct sysreg *s = row_of(op);
	enum access a = may_access(c, s, op->aux, false);
	uint64_t v;

	if (a != ACCESS_OK)
		return refuse(c, op, a, true);
	if (sysreg_is_gic(s)) {
		if (!gic_sysreg_read(c->vm->gic, c->index, op->aux, &v))
			return cpu_undefined(c, op);
	} else if (s->read) {
		v = s->read(c, s, op->aux);
	} else {
		v = s->offset == SYSREG_CONST ? s->value : *storage(c, s);
	}
	c->x[op->rd] = v;
	OP_NEXT(c, op);
}

const struct op *cpu_msr(struct cpu *c, const struct op *op)
{
	const struct sysreg *s = row_of(op);
	enum access a = may_access(c, s, op->aux, true);
	uint64_t v = c->x[op->rd];

	if (a != ACCESS_OK)
		return refuse(c, op, a, false);
	if (sysreg_is_gic(s)) {
		if (!gic_sysreg_write(c->vm->gic, c->index, op->aux, v))
			return cpu_undefined(c, op);
	} else if (s->write) {
		s->write(c, s, op->aux, v);
	} else if (s->offset != SYSREG_CONST) {
		*storage(c, s) = v;
	}
	if ((s->flags & SYSREG_RESYNC) || cpu_must_leave(c))
		return core_leave_after(c, op);
	OP_NEXT(c, op);
}

/* Storage that EL0 may touch as well, or that EL1 does: TPIDR_*, ELR, SPSR, ESR, FAR. */
static const struct op *mrs_storage(struct cpu *c, const struct op *op)
{
	const struct sysreg *s = (const struct sysreg *)(uintptr_t)op->imm;

	if (!(s->flags & (c->el ? SYSREG_R1 : SYSREG_R0)))
		return cpu_undefined(c, op);
	c->x[op->rd] = *storage(c, s);
	OP_NEXT(c, op);
}

static const struct op *msr_storage(struct cpu *c, const struct op *op)
{
	const struct sysreg *s = (const struct sysreg *)(uintptr_t)op->imm;

	if (!(s->flags & (c->el ? SYSREG_W1 : SYSREG_W0)))
		return cpu_undefined(c, op);
	*storage(c, s) = c->x[op->rd];
	OP_NEXT(c, op);
}

/* Linux keeps `current` there. */
static const struct op *mrs_sp_el0(struct cpu *c, const struct op *op)
{
	if (!c->el || !(c->core->pstate & PSTATE_SP))
		return cpu_undefined(c, op);
	c->x[op->rd] = c->core->sp[0];
	OP_NEXT(c, op);
}

static const struct op *mrs_daif(struct cpu *c, const struct op *op)
{
	if (!c->el)
		return cpu_mrs(c, op);
	c->x[op->rd] = c->core->pstate & PSTATE_DAIF;
	OP_NEXT(c, op);
}

void sysreg_resolve(struct op *op)
{
	const struct sysreg *s;
	bool plain;

	if (op->fn != cpu_mrs && op->fn != cpu_msr)
		return;
	s = sysreg_find(op->aux);
	op->imm = (uint64_t)(uintptr_t)s;
	if (!s)
		return;
	plain = s->offset != SYSREG_CONST && !s->trap;
	if (op->fn == cpu_msr) {
		if (plain && !s->write)
			op->fn = msr_storage;
	} else if (plain && !s->read) {
		op->fn = mrs_storage;
	} else if (op->aux == GIC_SYSREG(3, 0, 4, 1, 0)) {
		op->fn = mrs_sp_el0;
	} else if (op->aux == GIC_SYSREG(3, 3, 4, 2, 1)) {
		op->fn = mrs_daif;
	}
}

/* op1 and op2 of MSR (immediate). */
enum {
	FIELD_SPSEL = GIC_SYSREG(0, 0, 4, 0, 5),
	FIELD_PAN = GIC_SYSREG(0, 0, 4, 0, 4),
	FIELD_SSBS = GIC_SYSREG(0, 3, 4, 0, 1),
	FIELD_DAIFSET = GIC_SYSREG(0, 3, 4, 0, 6),
	FIELD_DAIFCLR = GIC_SYSREG(0, 3, 4, 0, 7),
};

static void set_bit_of(struct cpu *c, uint32_t bit, bool on)
{
	core_set_mode(c, c->el, on ? c->core->pstate | bit : c->core->pstate & ~bit);
}

const struct op *cpu_msr_imm(struct cpu *c, const struct op *op)
{
	uint32_t daif = (uint32_t)op->imm << 6 & PSTATE_DAIF;

	if (!c->el && op->aux != FIELD_SSBS) {
		bool is_daif = op->aux == FIELD_DAIFSET || op->aux == FIELD_DAIFCLR;

		if (!is_daif)
			return cpu_undefined(c, op);
		if (!(c->core->r.sctlr & SCTLR_UMA))
			return sysreg_trap(c, op, op->aux | (uint32_t)op->imm << 3, false);
	}
	switch (op->aux) {
	case FIELD_DAIFSET:
		c->core->pstate |= daif;
		core_update_mask(c);
		break;
	case FIELD_DAIFCLR:
		c->core->pstate &= ~daif;
		core_update_mask(c);
		break;
	case FIELD_SPSEL:
		set_bit_of(c, PSTATE_SP, op->imm & 1);
		break;
	case FIELD_PAN:
		set_bit_of(c, PSTATE_PAN, op->imm & 1);
		break;
	case FIELD_SSBS:
		set_bit_of(c, PSTATE_SSBS, op->imm & 1);
		break;
	default:
		return cpu_undefined(c, op);
	}
	if (cpu_must_leave(c))
		return core_leave_after(c, op);
	OP_NEXT(c, op);
}
