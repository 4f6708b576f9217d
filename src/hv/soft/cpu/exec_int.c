/* SPDX-License-Identifier: Apache-2.0 */
/* Add, subtract, logical, moves, PC-relative addresses. */
#include "hv/soft/cpu/exec_int.h"

/* One handler: n and m are the operands, `expr` the result, all of type `reg`. */
#define INT_OP(name, reg, operand, expr)                                                                     \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const reg n = (reg)c->x[op->rn];                                                             \
		const reg m = (reg)(operand);                                                                \
		c->x[op->rd] = (reg)(expr);                                                                  \
		OP_NEXT(c, op);                                                                              \
	}

static inline uint32_t shifted_w(const struct cpu *c, const struct op *op)
{
	uint32_t v = (uint32_t)c->x[op->rm], n = op->aux & 31;

	switch (op->aux >> 8) {
	case SHIFT_LSL:
		return v << n;
	case SHIFT_LSR:
		return v >> n;
	case SHIFT_ASR:
		return (uint32_t)((int32_t)v >> n);
	default:
		return v >> n | v << (-n & 31);
	}
}

static inline uint64_t shifted_x(const struct cpu *c, const struct op *op)
{
	uint64_t v = c->x[op->rm];
	uint32_t n = op->aux & 63;

	switch (op->aux >> 8) {
	case SHIFT_LSL:
		return v << n;
	case SHIFT_LSR:
		return v >> n;
	case SHIFT_ASR:
		return (uint64_t)((int64_t)v >> n);
	default:
		return v >> n | v << (-n & 63);
	}
}

/* ExtendReg(); the result's width is the caller's. */
static inline uint64_t extended(const struct cpu *c, const struct op *op)
{
	uint64_t v = c->x[op->rm];

	switch (op->aux >> 8) {
	case 0:
		v = (uint8_t)v;
		break;
	case 1:
		v = (uint16_t)v;
		break;
	case 2:
		v = (uint32_t)v;
		break;
	case 4:
		v = (uint64_t)(int8_t)v;
		break;
	case 5:
		v = (uint64_t)(int16_t)v;
		break;
	case 6:
		v = (uint64_t)(int32_t)v;
		break;
	default: /* UXTX, SXTX */
		break;
	}
	return v << (op->aux & 7);
}

#define INT_SHIFTED(name, expr_w, expr_x)                                                                    \
	INT_OP(name##_w, uint32_t, c->x[op->rm], expr_w)                                                     \
	INT_OP(name##_x, uint64_t, c->x[op->rm], expr_x)                                                     \
	INT_OP(name##_lsl_w, uint32_t, (uint32_t)c->x[op->rm] << op->aux, expr_w)                            \
	INT_OP(name##_lsl_x, uint64_t, c->x[op->rm] << op->aux, expr_x)                                      \
	INT_OP(name##_shift_w, uint32_t, shifted_w(c, op), expr_w)                                           \
	INT_OP(name##_shift_x, uint64_t, shifted_x(c, op), expr_x)

#define INT_IMM(name, expr_w, expr_x)                                                                        \
	INT_OP(name##_imm_w, uint32_t, op->imm, expr_w)                                                      \
	INT_OP(name##_imm_x, uint64_t, op->imm, expr_x)

#define INT_EXTENDED(name, expr_w, expr_x)                                                                   \
	INT_OP(name##_ext_w, uint32_t, extended(c, op), expr_w)                                              \
	INT_OP(name##_ext_x, uint64_t, extended(c, op), expr_x)

#define INT_ARITH(name, expr_w, expr_x)                                                                      \
	INT_SHIFTED(name, expr_w, expr_x)                                                                    \
	INT_IMM(name, expr_w, expr_x)                                                                        \
	INT_EXTENDED(name, expr_w, expr_x)

#define INT_LOGIC(name, expr_w, expr_x)                                                                      \
	INT_SHIFTED(name, expr_w, expr_x)                                                                    \
	INT_IMM(name, expr_w, expr_x)

INT_ARITH(int_add, n + m, n + m)
INT_ARITH(int_sub, n - m, n - m)
INT_ARITH(int_adds, flags_adds_w(c, n, m), flags_adds_x(c, n, m))
INT_ARITH(int_subs, flags_subs_w(c, n, m), flags_subs_x(c, n, m))

INT_LOGIC(int_and, n &m, n &m)
INT_LOGIC(int_orr, n | m, n | m)
INT_LOGIC(int_eor, n ^ m, n ^ m)
INT_LOGIC(int_ands, flags_logic_w(c, n &m), flags_logic_x(c, n &m))
INT_SHIFTED(int_bic, n & ~m, n & ~m)
INT_SHIFTED(int_orn, n | ~m, n | ~m)
INT_SHIFTED(int_eon, n ^ ~m, n ^ ~m)
INT_SHIFTED(int_bics, flags_logic_w(c, n & ~m), flags_logic_x(c, n & ~m))

INT_OP(int_adc_w, uint32_t, c->x[op->rm], n + m + flags_carry(c))
INT_OP(int_adc_x, uint64_t, c->x[op->rm], n + m + flags_carry(c))
INT_OP(int_sbc_w, uint32_t, c->x[op->rm], n + ~m + flags_carry(c))
INT_OP(int_sbc_x, uint64_t, c->x[op->rm], n + ~m + flags_carry(c))
INT_OP(int_adcs_w, uint32_t, c->x[op->rm], flags_adcs_w(c, n, m))
INT_OP(int_adcs_x, uint64_t, c->x[op->rm], flags_adcs_x(c, n, m))
INT_OP(int_sbcs_w, uint32_t, c->x[op->rm], flags_adcs_w(c, n, ~m))
INT_OP(int_sbcs_x, uint64_t, c->x[op->rm], flags_adcs_x(c, n, ~m))

const struct op *int_mov_w(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = (uint32_t)c->x[op->rm];
	OP_NEXT(c, op);
}

const struct op *int_mov_x(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = c->x[op->rm];
	OP_NEXT(c, op);
}

const struct op *int_mov_imm(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = op->imm;
	OP_NEXT(c, op);
}

const struct op *int_movk_w(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = (uint32_t)((c->x[op->rd] & ~(0xffffull << op->aux)) | op->imm);
	OP_NEXT(c, op);
}

const struct op *int_movk_x(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = (c->x[op->rd] & ~(0xffffull << op->aux)) | op->imm;
	OP_NEXT(c, op);
}

const struct op *int_adr(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = cpu_pc(c, op) + op->imm;
	OP_NEXT(c, op);
}

const struct op *int_adrp(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = (cpu_pc(c, op) & ~0xfffull) + op->imm;
	OP_NEXT(c, op);
}

const struct op *int_nop(struct cpu *c, const struct op *op)
{
	OP_NEXT(c, op);
}
