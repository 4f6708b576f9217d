/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced SIMD on integers whose result has the operands' size: no saturation, no shifts. */
#include "hv/soft/cpu/simd_stamp.h"

const union vreg simd_live_mask[17] = {
	[1] = { .d = { 0xff } },     [2] = { .d = { 0xffff } },	       [4] = { .d = { 0xffffffff } },
	[8] = { .d = { ~0ull, 0 } }, [16] = { .d = { ~0ull, ~0ull } },
};

STAMP_U4(V3_ONE, add, x + y)
STAMP_U4(V3_ONE, sub, x - y)
/* 1u: two uint16_t would be multiplied as int. */
STAMP_U3(V3_ONE, mul, 1u * x * y)
STAMP_U3(V3_ONE, mla, d + 1u * x * y)
STAMP_U3(V3_ONE, mls, d - 1u * x * y)
V3_ELEM_ONE(mul, uint16_t, h, 1u * x * y)
V3_ELEM_ONE(mul, uint32_t, s, x *y)
V3_ELEM_ONE(mla, uint16_t, h, d + 1u * x * y)
V3_ELEM_ONE(mla, uint32_t, s, d + x * y)
V3_ELEM_ONE(mls, uint16_t, h, d - 1u * x * y)
V3_ELEM_ONE(mls, uint32_t, s, d - x * y)
TABLE_HS(mul_elem, h, s)
TABLE_HS(mla_elem, h, s)
TABLE_HS(mls_elem, h, s)

static inline uint8_t poly_mul8(uint8_t x, uint8_t y)
{
	uint8_t r = 0;

	for (unsigned bit = 0; bit < 8; bit++)
		r ^= (uint8_t)((y >> bit & 1 ? x : 0) << bit);
	return r;
}

V3_ONE(pmul, uint8_t, b, poly_mul8(x, y))
op_fn *const simd_pmul_fns[4] = { pmul_b };

#define LOGICAL(name, expr)                                                                                  \
	V3_ONE(name, uint64_t, d, expr)                                                                      \
	op_fn *const simd_##name##_fns[4] = { name##_d };

LOGICAL(and, x &y)
LOGICAL(bic, x & ~y)
LOGICAL(orr, x | y)
LOGICAL(orn, x | ~y)
LOGICAL(eor, x ^ y)
LOGICAL(bsl, y ^ ((y ^ x) & d))
LOGICAL(bit, d ^ ((d ^ x) & y))
LOGICAL(bif, d ^ ((d ^ x) & ~y))

#define ALL_ONES_IF(cond) ((cond) ? -1 : 0)

STAMP_S4(V3_ONE, cmgt, ALL_ONES_IF(x > y))
STAMP_U4(V3_ONE, cmhi, ALL_ONES_IF(x > y))
STAMP_S4(V3_ONE, cmge, ALL_ONES_IF(x >= y))
STAMP_U4(V3_ONE, cmhs, ALL_ONES_IF(x >= y))
STAMP_U4(V3_ONE, cmeq, ALL_ONES_IF(x == y))
STAMP_U4(V3_ONE, cmtst, ALL_ONES_IF(x &y))
STAMP_S4(V2_ONE, cmgt0, ALL_ONES_IF(x > 0))
STAMP_S4(V2_ONE, cmge0, ALL_ONES_IF(x >= 0))
STAMP_S4(V2_ONE, cmeq0, ALL_ONES_IF(x == 0))
STAMP_S4(V2_ONE, cmle0, ALL_ONES_IF(x <= 0))
STAMP_S4(V2_ONE, cmlt0, ALL_ONES_IF(x < 0))

STAMP_S3(V3_ONE, smax, x > y ? x : y)
STAMP_U3(V3_ONE, umax, x > y ? x : y)
STAMP_S3(V3_ONE, smin, x < y ? x : y)
STAMP_U3(V3_ONE, umin, x < y ? x : y)
/* Unsigned, so that the widest difference wraps instead of overflowing. */
#define DIFFERENCE(x, y) ((x) > (y) ? 1u * (unsigned)(x) - (unsigned)(y) : 1u * (unsigned)(y) - (unsigned)(x))
STAMP_S3(V3_ONE, sabd, DIFFERENCE(x, y))
STAMP_U3(V3_ONE, uabd, DIFFERENCE(x, y))
STAMP_S3(V3_ONE, saba, (unsigned)d + DIFFERENCE(x, y))
STAMP_U3(V3_ONE, uaba, d + DIFFERENCE(x, y))

STAMP_S3(V3_ONE, shadd, ((int64_t)x + y) >> 1)
STAMP_U3(V3_ONE, uhadd, ((uint64_t)x + y) >> 1)
STAMP_S3(V3_ONE, srhadd, ((int64_t)x + y + 1) >> 1)
STAMP_U3(V3_ONE, urhadd, ((uint64_t)x + y + 1) >> 1)
STAMP_S3(V3_ONE, shsub, ((int64_t)x - y) >> 1)
STAMP_U3(V3_ONE, uhsub, ((uint64_t)x - y) >> 1)

/* Pairs of neighbours, Rn's first. The number of pairs is a constant for the compiler. */
#define PAIR_LOOP(T, m, bound, expr)                                                                         \
	do {                                                                                                 \
		const unsigned half = (bound);                                                               \
		for (unsigned i = 0; i < half; i++) {                                                        \
			const T x = vn.m[2 * i], y = vn.m[2 * i + 1];                                        \
			r.m[i] = (T)(expr);                                                                  \
		}                                                                                            \
		for (unsigned i = 0; i < half; i++) {                                                        \
			const T x = vm.m[2 * i], y = vm.m[2 * i + 1];                                        \
			r.m[half + i] = (T)(expr);                                                           \
		}                                                                                            \
	} while (0)
#define PAIR_ONE(name, T, m, expr)                                                                           \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vm = c->v[op->rm];                                       \
		union vreg r = { .q = 0 };                                                                   \
		if (op->aux == 16)                                                                           \
			PAIR_LOOP(T, m, 8 / sizeof(T), expr);                                                \
		else                                                                                         \
			PAIR_LOOP(T, m, 4 / sizeof(T), expr);                                                \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}

STAMP_U4(PAIR_ONE, addp, x + y)
STAMP_S3(PAIR_ONE, smaxp, x > y ? x : y)
STAMP_U3(PAIR_ONE, umaxp, x > y ? x : y)
STAMP_S3(PAIR_ONE, sminp, x < y ? x : y)
STAMP_U3(PAIR_ONE, uminp, x < y ? x : y)

static const struct op *addp_scalar_d(struct cpu *c, const struct op *op)
{
	c->v[op->rd].q = c->v[op->rn].d[0] + c->v[op->rn].d[1];
	OP_NEXT(c, op);
}

op_fn *const simd_addp_scalar_fns[4] = { [3] = addp_scalar_d };

static inline uint8_t reverse_bits(uint8_t x)
{
	x = (uint8_t)(x >> 4 | x << 4);
	x = (uint8_t)((x >> 2 & 0x33) | (x & 0x33) << 2);
	return (uint8_t)((x >> 1 & 0x55) | (x & 0x55) << 1);
}

static inline uint8_t count_bits(uint8_t x)
{
	x = (uint8_t)(x - (x >> 1 & 0x55));
	x = (uint8_t)((x & 0x33) + (x >> 2 & 0x33));
	return (x + (x >> 4)) & 0x0f;
}

STAMP_U4(V2_ONE, abs, x >> (BITS(x) - 1) ? 0 - x : x)
STAMP_U4(V2_ONE, neg, 0 - x)
V2_ONE(not, uint64_t, d, ~x)
op_fn *const simd_not_fns[4] = { not_d };
V2_ONE(rbit, uint8_t, b, reverse_bits(x))
op_fn *const simd_rbit_fns[4] = { NULL, rbit_b };
V2_ONE(cnt, uint8_t, b, count_bits(x))
op_fn *const simd_cnt_fns[4] = { cnt_b };
STAMP_U3(V2_ONE, clz, x ? __builtin_clz(x) - (32 - BITS(x)) : BITS(x))
STAMP_S3(V2_ONE, cls, __builtin_clrsb(x) - (32 - BITS(x)))
