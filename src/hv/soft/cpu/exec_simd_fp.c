/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced SIMD floating point: lane by lane through fp.h, since each may set flags. */
#include "hv/soft/cpu/exec_fp.h"
#include "hv/soft/cpu/simd_stamp.h"

#define SIGN32 (1u << 31)
#define SIGN64 (1ull << 63)
#define ABS32(x) ((x) & ~SIGN32)
#define ABS64(x) ((x) & ~SIGN64)

/* A lane's result goes straight to Rd: lanes do not meet, and the host forwards stores lane by lane. */
static inline void clear_rest(struct cpu *c, const struct op *op)
{
	union vreg *d = &c->v[op->rd];

	if (op->aux == 4)
		d->s[1] = 0;
	if (op->aux < 16)
		d->d[1] = 0;
}

#define FP3_LANES(bits, m, y_lane, expr)                                                                     \
	for (unsigned i = 0; i < op->aux / (bits / 8); i++) {                                                \
		const uint##bits##_t x = c->v[op->rn].m[i], y = (y_lane), d = c->v[op->rd].m[i];             \
		(void)x, (void)y, (void)d;                                                                   \
		c->v[op->rd].m[i] = (uint##bits##_t)(expr);                                                  \
	}                                                                                                    \
	clear_rest(c, op);

#define FP3_ONE(name, bits, m, expr)                                                                         \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		FP3_LANES(bits, m, c->v[op->rm].m[i], expr)                                                  \
		OP_NEXT(c, op);                                                                              \
	}
#define FP3_ELEM_ONE(name, bits, m, expr)                                                                    \
	static const struct op *name##_elem_##m(struct cpu *c, const struct op *op)                          \
	{                                                                                                    \
		const uint##bits##_t element = c->v[op->rm].m[op->imm];                                      \
		FP3_LANES(bits, m, element, expr)                                                            \
		OP_NEXT(c, op);                                                                              \
	}
#define FP_TABLE(name) op_fn *const simd_##name##_fns[2] = { name##_s, name##_d };
#define FP3(name, expr32, expr64)                                                                            \
	FP3_ONE(name, 32, s, expr32)                                                                         \
	FP3_ONE(name, 64, d, expr64)                                                                         \
	FP_TABLE(name)
#define FP3_ELEM(name, expr32, expr64)                                                                       \
	FP3(name, expr32, expr64)                                                                            \
	FP3_ELEM_ONE(name, 32, s, expr32)                                                                    \
	FP3_ELEM_ONE(name, 64, d, expr64)                                                                    \
	FP_TABLE(name##_elem)
/* Unary: Rm is not one. */
#define FP2(name, expr32, expr64)                                                                            \
	FP3_ONE(name, 32, s, expr32)                                                                         \
	FP3_ONE(name, 64, d, expr64)                                                                         \
	FP_TABLE(name)

FP3(fadd, fp32_add(c, x, y), fp64_add(c, x, y))
FP3(fsub, fp32_sub(c, x, y), fp64_sub(c, x, y))
FP3(fdiv, fp32_div(c, x, y), fp64_div(c, x, y))
FP3_ELEM(fmul, fp32_mul(c, x, y), fp64_mul(c, x, y))
FP3_ELEM(fmulx, fp32_mulx(c, x, y), fp64_mulx(c, x, y))
FP3_ELEM(fmla, fp32_fma(c, d, x, y), fp64_fma(c, d, x, y))
FP3_ELEM(fmls, fp32_fma(c, d, x ^ SIGN32, y), fp64_fma(c, d, x ^ SIGN64, y))
FP3(fabd, ABS32(fp32_sub(c, x, y)), ABS64(fp64_sub(c, x, y)))
FP3(fmax, fp32_max(c, x, y), fp64_max(c, x, y))
FP3(fmin, fp32_min(c, x, y), fp64_min(c, x, y))
FP3(fmaxnm, fp32_maxnm(c, x, y), fp64_maxnm(c, x, y))
FP3(fminnm, fp32_minnm(c, x, y), fp64_minnm(c, x, y))
FP3(frecps, fp32_recps(c, x, y), fp64_recps(c, x, y))
FP3(frsqrts, fp32_rsqrts(c, x, y), fp64_rsqrts(c, x, y))

/* Conditions on the flags of a comparison; unordered (C and V) is none of them. */
#define EQ(flags) ((flags)&FP_Z ? ~0ull : 0)
#define GE(flags) (((flags) & (FP_C | FP_V)) == FP_C ? ~0ull : 0)
#define GT(flags) ((flags) == FP_C ? ~0ull : 0)
#define LE(flags) ((flags) & (FP_N | FP_Z) ? ~0ull : 0)
#define LT(flags) ((flags)&FP_N ? ~0ull : 0)
FP3(fcmeq, EQ(fp32_compare(c, x, y, false)), EQ(fp64_compare(c, x, y, false)))
FP3(fcmge, GE(fp32_compare(c, x, y, true)), GE(fp64_compare(c, x, y, true)))
FP3(fcmgt, GT(fp32_compare(c, x, y, true)), GT(fp64_compare(c, x, y, true)))
FP3(facge, GE(fp32_compare(c, ABS32(x), ABS32(y), true)), GE(fp64_compare(c, ABS64(x), ABS64(y), true)))
FP3(facgt, GT(fp32_compare(c, ABS32(x), ABS32(y), true)), GT(fp64_compare(c, ABS64(x), ABS64(y), true)))
FP2(fcmeq0, EQ(fp32_compare(c, x, 0, false)), EQ(fp64_compare(c, x, 0, false)))
FP2(fcmge0, GE(fp32_compare(c, x, 0, true)), GE(fp64_compare(c, x, 0, true)))
FP2(fcmgt0, GT(fp32_compare(c, x, 0, true)), GT(fp64_compare(c, x, 0, true)))
FP2(fcmle0, LE(fp32_compare(c, x, 0, true)), LE(fp64_compare(c, x, 0, true)))
FP2(fcmlt0, LT(fp32_compare(c, x, 0, true)), LT(fp64_compare(c, x, 0, true)))

FP2(fabs, ABS32(x), ABS64(x))
FP2(fneg, x ^ SIGN32, x ^ SIGN64)
FP2(fsqrt, fp32_sqrt(c, x), fp64_sqrt(c, x))
FP2(frecpe, fp32_recpe(c, x), fp64_recpe(c, x))
FP2(frsqrte, fp32_rsqrte(c, x), fp64_rsqrte(c, x))
FP2(frecpx, fp32_recpx(c, x), fp64_recpx(c, x))
FP3_ONE(urecpe, 32, s, fp_urecpe(x))
FP3_ONE(ursqrte, 32, s, fp_ursqrte(x))
op_fn *const simd_urecpe_fns[2] = { urecpe_s };
op_fn *const simd_ursqrte_fns[2] = { ursqrte_s };

/* Pairs of neighbours, Rn's first. */
#define FP_PAIR_ONE(name, bits, m, f)                                                                        \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vm = c->v[op->rm];                                       \
		const unsigned half = op->aux / (bits / 8) / 2;                                              \
		union vreg r = { .q = 0 };                                                                   \
		for (unsigned i = 0; i < half; i++) {                                                        \
			r.m[i] = f(c, vn.m[2 * i], vn.m[2 * i + 1]);                                         \
			r.m[half + i] = f(c, vm.m[2 * i], vm.m[2 * i + 1]);                                  \
		}                                                                                            \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
#define FP_PAIR_SCALAR_ONE(name, m, f)                                                                       \
	static const struct op *name##_scalar_##m(struct cpu *c, const struct op *op)                        \
	{                                                                                                    \
		c->v[op->rd].q = f(c, c->v[op->rn].m[0], c->v[op->rn].m[1]);                                 \
		OP_NEXT(c, op);                                                                              \
	}
#define FP_PAIRS(name, operation)                                                                            \
	FP_PAIR_ONE(name, 32, s, fp32_##operation)                                                           \
	FP_PAIR_ONE(name, 64, d, fp64_##operation)                                                           \
	FP_PAIR_SCALAR_ONE(name, s, fp32_##operation)                                                        \
	FP_PAIR_SCALAR_ONE(name, d, fp64_##operation)                                                        \
	FP_TABLE(name)                                                                                       \
	FP_TABLE(name##_scalar)

FP_PAIRS(faddp, add)
FP_PAIRS(fmaxp, max)
FP_PAIRS(fminp, min)
FP_PAIRS(fmaxnmp, maxnm)
FP_PAIRS(fminnmp, minnm)

/* Across four singles, as a tree: that decides which NaN wins. */
#define FP_ACROSS(name, f)                                                                                   \
	static const struct op *name##_s(struct cpu *c, const struct op *op)                                 \
	{                                                                                                    \
		const union vreg x = c->v[op->rn];                                                           \
		const uint32_t low = f(c, x.s[0], x.s[1]), high = f(c, x.s[2], x.s[3]);                      \
		c->v[op->rd].q = f(c, low, high);                                                            \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	op_fn *const simd_##name##_fns[2] = { name##_s };

FP_ACROSS(fmaxv, fp32_max)
FP_ACROSS(fminv, fp32_min)
FP_ACROSS(fmaxnmv, fp32_maxnm)
FP_ACROSS(fminnmv, fp32_minnm)

static inline enum fp_round imm_round(const struct cpu *c, uint64_t aux)
{
	return aux & FP_AUX_CURRENT ? fp_rmode(c) : (enum fp_round)(aux & 7);
}

#define IMM_FBITS ((uint32_t)(op->imm & 0xff))
#define IMM_ROUND imm_round(c, op->imm >> 8)

FP2(frint, fp32_round_int(c, x, imm_round(c, op->imm), op->imm &FP_AUX_EXACT),
    fp64_round_int(c, x, imm_round(c, op->imm), op->imm &FP_AUX_EXACT))
FP2(fcvts, fp32_to_int(c, x, 32, true, IMM_FBITS, IMM_ROUND),
    fp64_to_int(c, x, 64, true, IMM_FBITS, IMM_ROUND))
FP2(fcvtu, fp32_to_int(c, x, 32, false, IMM_FBITS, IMM_ROUND),
    fp64_to_int(c, x, 64, false, IMM_FBITS, IMM_ROUND))
FP2(scvtf, fp32_from_int(c, (uint64_t)(int64_t)(int32_t)x, true, IMM_FBITS),
    fp64_from_int(c, x, true, IMM_FBITS))
FP2(ucvtf, fp32_from_int(c, x, false, IMM_FBITS), fp64_from_int(c, x, false, IMM_FBITS))

#define FP_LONG_ONE(name, m, wm, f)                                                                          \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = { .d = { c->v[op->rn].d[op->ra] } };                                   \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < sizeof(r.wm) / sizeof(r.wm[0]); i++)                                \
			r.wm[i] = f(c, vn.m[i]);                                                             \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
#define FP_NARROW_ONE(name, m, wm, expr)                                                                     \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn];                                                          \
		union vreg r = { .q = 0 };                                                                   \
		for (unsigned i = 0; i < op->aux / sizeof(r.wm[0]); i++)                                     \
			r.m[i] = (expr);                                                                     \
		simd_write_half(c, op, r.d[0]);                                                              \
		OP_NEXT(c, op);                                                                              \
	}

FP_LONG_ONE(fcvtl, h, s, fp_16_to_32)
FP_LONG_ONE(fcvtl, s, d, fp_32_to_64)
op_fn *const simd_fcvtl_fns[2] = { fcvtl_h, fcvtl_s };
FP_NARROW_ONE(fcvtn, h, s, fp_32_to_16(c, vn.s[i]))
FP_NARROW_ONE(fcvtn, s, d, fp_64_to_32(c, vn.d[i], fp_rmode(c)))
op_fn *const simd_fcvtn_fns[2] = { fcvtn_h, fcvtn_s };
FP_NARROW_ONE(fcvtxn, s, d, fp_64_to_32(c, vn.d[i], FP_ODD))
op_fn *const simd_fcvtxn_fns[2] = { NULL, fcvtxn_s };
