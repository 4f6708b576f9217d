/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced SIMD that widens, takes high halves, or works across lanes. */
#include "hv/soft/cpu/simd_stamp.h"

/* Sums and products of widened lanes never overflow; accumulators wrap, hence unsigned. */
WIDE_S(VL_ONE, saddl, x + y)
WIDE_U(VL_ONE, uaddl, x + y)
WIDE_S(VL_ONE, ssubl, x - y)
WIDE_U(VL_ONE, usubl, x - y)
#define DIFFERENCE(x, y) ((x) > (y) ? (x) - (y) : (y) - (x))
WIDE_S(VL_ONE, sabdl, DIFFERENCE(x, y))
WIDE_U(VL_ONE, uabdl, DIFFERENCE(x, y))
WIDE_S(VL_ONE, sabal, (uint64_t)d + (uint64_t)DIFFERENCE(x, y))
WIDE_U(VL_ONE, uabal, d + DIFFERENCE(x, y))

WIDE_S(VL_ONE, smull, x *y)
WIDE_U(VL_ONE, umull, 1u * x * y)
WIDE_S(VL_ONE, smlal, (uint64_t)d + (uint64_t)(x * y))
WIDE_U(VL_ONE, umlal, d + 1u * x * y)
WIDE_S(VL_ONE, smlsl, (uint64_t)d - (uint64_t)(x * y))
WIDE_U(VL_ONE, umlsl, d - 1u * x * y)

#define ELEM_S(name, expr)                                                                                   \
	VL_ELEM_ONE(name, int16_t, sh, int32_t, ss, expr)                                                    \
	VL_ELEM_ONE(name, int32_t, ss, int64_t, sd, expr)                                                    \
	TABLE_HS(name##_elem, sh, ss)
#define ELEM_U(name, expr)                                                                                   \
	VL_ELEM_ONE(name, uint16_t, h, uint32_t, s, expr)                                                    \
	VL_ELEM_ONE(name, uint32_t, s, uint64_t, d, expr)                                                    \
	TABLE_HS(name##_elem, h, s)

ELEM_S(smull, x *y)
ELEM_U(umull, x *y)
ELEM_S(smlal, (uint64_t)d + (uint64_t)(x * y))
ELEM_U(umlal, d + x * y)
ELEM_S(smlsl, (uint64_t)d - (uint64_t)(x * y))
ELEM_U(umlsl, d - x * y)

static inline uint16_t poly_mul8_long(uint16_t x, uint16_t y)
{
	uint16_t r = 0;

	for (unsigned bit = 0; bit < 8; bit++)
		r ^= (uint16_t)((y >> bit & 1 ? x : 0) << bit);
	return r;
}

VL_ONE(pmull, uint8_t, b, uint16_t, h, poly_mul8_long(x, y))
op_fn *const simd_pmull_fns[4] = { pmull_b }; /* the 64-bit form is in exec_crypto.c */

/* Rn is wide already. */
#define VW_ONE(name, T, m, W, wm, expr)                                                                      \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vm = NARROW_HALF;                                        \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(W); i++) {                                                    \
			const W x = vn.wm[i], y = (W)vm.m[i];                                                \
			r.wm[i] = (W)(expr);                                                                 \
		}                                                                                            \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
WIDE_S(VW_ONE, saddw, (uint64_t)x + (uint64_t)y)
WIDE_U(VW_ONE, uaddw, x + y)
WIDE_S(VW_ONE, ssubw, (uint64_t)x - (uint64_t)y)
WIDE_U(VW_ONE, usubw, x - y)

/* Both are wide; the high half of the result stays. */
#define VHN_ONE(name, T, m, W, wm, expr)                                                                     \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vm = c->v[op->rm];                                       \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(W); i++) {                                                    \
			const W x = vn.wm[i], y = vm.wm[i];                                                  \
			r.m[i] = (T)((W)(expr) >> BITS(T));                                                  \
		}                                                                                            \
		simd_write_half(c, op, r.d[0]);                                                              \
		OP_NEXT(c, op);                                                                              \
	}
#define HALF(x) ((uint64_t)1 << (BITS(x) / 2 - 1))
WIDE_U(VHN_ONE, addhn, x + y)
WIDE_U(VHN_ONE, subhn, x - y)
WIDE_U(VHN_ONE, raddhn, x + y + HALF(x))
WIDE_U(VHN_ONE, rsubhn, x - y + HALF(x))

/* Neighbours of Rn, added up to wide lanes. */
#define LONG_PAIR_ONE(name, T, m, W, wm, expr)                                                               \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vd = c->v[op->rd];                                       \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(W); i++) {                                                    \
			const W x = vn.m[2 * i], y = vn.m[2 * i + 1], d = vd.wm[i];                          \
			(void)d;                                                                             \
			r.wm[i] = (W)(expr);                                                                 \
		}                                                                                            \
		simd_write(c, op, r);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}
WIDE_S(LONG_PAIR_ONE, saddlp, x + y)
WIDE_U(LONG_PAIR_ONE, uaddlp, x + y)
WIDE_S(LONG_PAIR_ONE, sadalp, (uint64_t)d + (uint64_t)(x + y))
WIDE_U(LONG_PAIR_ONE, uadalp, d + x + y)

/* Across: the result, of type R, is element 0. */
#define ACROSS_ONE(name, T, m, R, expr)                                                                      \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn];                                                          \
		int64_t r = vn.m[0];                                                                         \
		for (unsigned i = 1; i < op->aux / sizeof(T); i++) {                                         \
			const int64_t x = vn.m[i];                                                           \
			r = (expr);                                                                          \
		}                                                                                            \
		c->v[op->rd].q = (R)r;                                                                       \
		OP_NEXT(c, op);                                                                              \
	}
#define ACROSS_S(name, expr)                                                                                 \
	ACROSS_ONE(name, int8_t, sb, uint8_t, expr)                                                          \
	ACROSS_ONE(name, int16_t, sh, uint16_t, expr)                                                        \
	ACROSS_ONE(name, int32_t, ss, uint32_t, expr)                                                        \
	TABLE3(name, sb, sh, ss)
#define ACROSS_U(name, expr)                                                                                 \
	ACROSS_ONE(name, uint8_t, b, uint8_t, expr)                                                          \
	ACROSS_ONE(name, uint16_t, h, uint16_t, expr)                                                        \
	ACROSS_ONE(name, uint32_t, s, uint32_t, expr)                                                        \
	TABLE3(name, b, h, s)

ACROSS_U(addv, r + x)
ACROSS_S(smaxv, r > x ? r : x)
ACROSS_U(umaxv, r > x ? r : x)
ACROSS_S(sminv, r < x ? r : x)
ACROSS_U(uminv, r < x ? r : x)
ACROSS_ONE(saddlv, int8_t, sb, uint16_t, r + x)
ACROSS_ONE(saddlv, int16_t, sh, uint32_t, r + x)
ACROSS_ONE(saddlv, int32_t, ss, uint64_t, r + x)
TABLE3(saddlv, sb, sh, ss)
ACROSS_ONE(uaddlv, uint8_t, b, uint16_t, r + x)
ACROSS_ONE(uaddlv, uint16_t, h, uint32_t, r + x)
ACROSS_ONE(uaddlv, uint32_t, s, uint64_t, r + x)
TABLE3(uaddlv, b, h, s)
