/* SPDX-License-Identifier: Apache-2.0 */
/* Scalar floating point. A result clears the rest of its V register. */
#include "hv/soft/cpu/exec_fp.h"
#include "hv/soft/cpu/fp.h"

#define N32 (c->v[op->rn].s[0])
#define N64 (c->v[op->rn].d[0])
#define M32 (c->v[op->rm].s[0])
#define M64 (c->v[op->rm].d[0])
#define A32 (c->v[op->ra].s[0])
#define A64 (c->v[op->ra].d[0])
#define SIGN32 (1u << 31)
#define SIGN64 (1ull << 63)

#define FP_HANDLER(name, bits, expr)                                                                         \
	static const struct op *name##_##bits(struct cpu *c, const struct op *op)                            \
	{                                                                                                    \
		c->v[op->rd].q = (uint##bits##_t)(expr);                                                     \
		OP_NEXT(c, op);                                                                              \
	}

#define FP_PAIR(name, expr32, expr64)                                                                        \
	FP_HANDLER(name, 32, expr32)                                                                         \
	FP_HANDLER(name, 64, expr64)                                                                         \
	op_fn *const name##_fns[2] = { name##_32, name##_64 };

#define FP_BINARY(name) FP_PAIR(fp_##name, fp32_##name(c, N32, M32), fp64_##name(c, N64, M64))

FP_BINARY(add)
FP_BINARY(sub)
FP_BINARY(mul)
FP_BINARY(div)
FP_BINARY(max)
FP_BINARY(min)
FP_BINARY(maxnm)
FP_BINARY(minnm)
FP_PAIR(fp_nmul, fp32_mul(c, N32, M32) ^ SIGN32, fp64_mul(c, N64, M64) ^ SIGN64)
FP_PAIR(fp_mov, N32, N64)
FP_PAIR(fp_abs, N32 & ~SIGN32, N64 & ~SIGN64)
FP_PAIR(fp_neg, N32 ^ SIGN32, N64 ^ SIGN64)
FP_PAIR(fp_sqrt, fp32_sqrt(c, N32), fp64_sqrt(c, N64))
/* The negations come before the operation, NaNs included. */
FP_PAIR(fp_madd, fp32_fma(c, A32, N32, M32), fp64_fma(c, A64, N64, M64))
FP_PAIR(fp_msub, fp32_fma(c, A32, N32 ^ SIGN32, M32), fp64_fma(c, A64, N64 ^ SIGN64, M64))
FP_PAIR(fp_nmadd, fp32_fma(c, A32 ^ SIGN32, N32 ^ SIGN32, M32), fp64_fma(c, A64 ^ SIGN64, N64 ^ SIGN64, M64))
FP_PAIR(fp_nmsub, fp32_fma(c, A32 ^ SIGN32, N32, M32), fp64_fma(c, A64 ^ SIGN64, N64, M64))

static inline enum fp_round op_round(const struct cpu *c, const struct op *op)
{
	return op->aux & FP_AUX_CURRENT ? fp_rmode(c) : (enum fp_round)(op->aux & 7);
}

FP_PAIR(fp_rint, fp32_round_int(c, N32, op_round(c, op), op->aux &FP_AUX_EXACT),
	fp64_round_int(c, N64, op_round(c, op), op->aux &FP_AUX_EXACT))

FP_HANDLER(cvt_s_d, 64, fp_32_to_64(c, N32))
FP_HANDLER(cvt_s_h, 16, fp_32_to_16(c, N32))
FP_HANDLER(cvt_d_s, 32, fp_64_to_32(c, N64, fp_rmode(c)))
FP_HANDLER(cvt_d_h, 16, fp_64_to_16(c, N64))
FP_HANDLER(cvt_h_s, 32, fp_16_to_32(c, c->v[op->rn].h[0]))
FP_HANDLER(cvt_h_d, 64, fp_16_to_64(c, c->v[op->rn].h[0]))

op_fn *const fp_cvt_fns[16] = {
	[0 * 4 + 1] = cvt_s_d_64, [0 * 4 + 3] = cvt_s_h_16, [1 * 4 + 0] = cvt_d_s_32,
	[1 * 4 + 3] = cvt_d_h_16, [3 * 4 + 0] = cvt_h_s_32, [3 * 4 + 1] = cvt_h_d_64,
};

#define FP_FLAGS(name, bits, expr)                                                                           \
	static const struct op *name##_##bits(struct cpu *c, const struct op *op)                            \
	{                                                                                                    \
		c->nzcv = (expr);                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
#define FP_FLAGS_PAIR(name, expr32, expr64)                                                                  \
	FP_FLAGS(name, 32, expr32)                                                                           \
	FP_FLAGS(name, 64, expr64)                                                                           \
	op_fn *const name##_fns[2] = { name##_32, name##_64 };

FP_FLAGS_PAIR(fp_cmp, fp32_compare(c, N32, M32, op->aux), fp64_compare(c, N64, M64, op->aux))
FP_FLAGS_PAIR(fp_cmp_zero, fp32_compare(c, N32, 0, op->aux), fp64_compare(c, N64, 0, op->aux))

/* Each pair of conditions is a test and its opposite, but for AL and NV. */
static inline bool condition_holds(uint32_t nzcv, uint32_t cond)
{
	bool n = nzcv & FP_N, z = nzcv & FP_Z, carry = nzcv & FP_C, v = nzcv & FP_V;
	bool r;

	switch (cond >> 1) {
	case 0:
		r = z;
		break;
	case 1:
		r = carry;
		break;
	case 2:
		r = n;
		break;
	case 3:
		r = v;
		break;
	case 4:
		r = carry && !z;
		break;
	case 5:
		r = n == v;
		break;
	case 6:
		r = n == v && !z;
		break;
	default:
		return true;
	}
	return r != (cond & 1);
}

#define CCMP(bits)                                                                                           \
	(condition_holds(c->nzcv, op->aux & 15) ? fp##bits##_compare(c, N##bits, M##bits, op->aux >> 8)      \
						: (op->aux >> 4 & 15) << 28)

FP_FLAGS_PAIR(fp_ccmp, CCMP(32), CCMP(64))
FP_PAIR(fp_csel, condition_holds(c->nzcv, op->aux) ? N32 : M32, condition_holds(c->nzcv, op->aux) ? N64 : M64)

const struct op *fp_mov_imm(struct cpu *c, const struct op *op)
{
	c->v[op->rd].q = op->imm;
	OP_NEXT(c, op);
}

const struct op *fp_mov_s_from_w(struct cpu *c, const struct op *op)
{
	c->v[op->rd].q = (uint32_t)c->x[op->rn];
	OP_NEXT(c, op);
}

const struct op *fp_mov_d_from_x(struct cpu *c, const struct op *op)
{
	c->v[op->rd].q = c->x[op->rn];
	OP_NEXT(c, op);
}

const struct op *fp_mov_v1_from_x(struct cpu *c, const struct op *op)
{
	c->v[op->rd].d[1] = c->x[op->rn];
	OP_NEXT(c, op);
}

const struct op *fp_mov_w_from_s(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = N32;
	OP_NEXT(c, op);
}

const struct op *fp_mov_x_from_d(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = N64;
	OP_NEXT(c, op);
}

const struct op *fp_mov_x_from_v1(struct cpu *c, const struct op *op)
{
	c->x[op->rd] = c->v[op->rn].d[1];
	OP_NEXT(c, op);
}

#define FP_TO_X(bits, width, is_signed)                                                                      \
	static const struct op *to_x_##bits##_##width##_##is_signed(struct cpu *c, const struct op *op)      \
	{                                                                                                    \
		c->x[op->rd] =                                                                               \
			fp##bits##_to_int(c, N##bits, width, is_signed, (uint32_t)op->imm, op_round(c, op)); \
		OP_NEXT(c, op);                                                                              \
	}
#define FP_FROM_X(bits, name, expr, is_signed)                                                               \
	FP_HANDLER(from_##name##_##is_signed, bits,                                                          \
		   fp##bits##_from_int(c, (uint64_t)(expr), is_signed, (uint32_t)op->imm))

#define FP_X(bits)                                                                                           \
	FP_TO_X(bits, 32, true)                                                                              \
	FP_TO_X(bits, 32, false)                                                                             \
	FP_TO_X(bits, 64, true)                                                                              \
	FP_TO_X(bits, 64, false)                                                                             \
	FP_FROM_X(bits, w, (int64_t)(int32_t)c->x[op->rn], true)                                             \
	FP_FROM_X(bits, w, (uint32_t)c->x[op->rn], false)                                                    \
	FP_FROM_X(bits, x, c->x[op->rn], true)                                                               \
	FP_FROM_X(bits, x, c->x[op->rn], false)

FP_X(32)
FP_X(64)

op_fn *const fp_to_x_fns[2][4] = {
	{ to_x_32_32_true, to_x_32_32_false, to_x_32_64_true, to_x_32_64_false },
	{ to_x_64_32_true, to_x_64_32_false, to_x_64_64_true, to_x_64_64_false },
};
op_fn *const fp_from_x_fns[2][4] = {
	{ from_w_true_32, from_w_false_32, from_x_true_32, from_x_false_32 },
	{ from_w_true_64, from_w_false_64, from_x_true_64, from_x_false_64 },
};
