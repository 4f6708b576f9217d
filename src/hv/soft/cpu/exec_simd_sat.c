/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced SIMD that saturates and sets FPSR.QC. */
#include "hv/soft/cpu/simd_stamp.h"

/* Saturate to `bits`, noting it in *q. */
static inline int64_t sat_s(__int128 v, int bits, bool *q)
{
	const int64_t max = (int64_t)(~0ull >> (65 - bits));

	if (v > max || v < -max - 1) {
		*q = true;
		return v > 0 ? max : -max - 1;
	}
	return (int64_t)v;
}

static inline uint64_t sat_u(__int128 v, int bits, bool *q)
{
	const uint64_t max = ~0ull >> (64 - bits);

	if (v < 0 || v > (__int128)max) {
		*q = true;
		return v < 0 ? 0 : max;
	}
	return (uint64_t)v;
}

typedef __int128 wide;

STAMP_S4(VQ3_ONE, sqadd, sat_s((wide)x + y, BITS(x), &q))
STAMP_U4(VQ3_ONE, uqadd, sat_u((wide)x + y, BITS(x), &q))
STAMP_S4(VQ3_ONE, sqsub, sat_s((wide)x - y, BITS(x), &q))
STAMP_U4(VQ3_ONE, uqsub, sat_u((wide)x - y, BITS(x), &q))
STAMP_S4(VQ3_ONE, sqabs, sat_s(x < 0 ? -(wide)x : x, BITS(x), &q))
STAMP_S4(VQ3_ONE, sqneg, sat_s(-(wide)x, BITS(x), &q))

/* A signed accumulator and an unsigned operand, and the other way round. */
#define ACCUMULATE_ONE(name, T, m, other_m, sat)                                                             \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vd = c->v[op->rd];                                       \
		union vreg r = { .q = 0 };                                                                   \
		bool q = false;                                                                              \
		for (unsigned i = 0; i < op->aux / sizeof(T); i++)                                           \
			r.m[i] = (T)sat((wide)vd.m[i] + vn.other_m[i], BITS(T), &q);                         \
		simd_saturated(c, q);                                                                        \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}

ACCUMULATE_ONE(suqadd, int8_t, sb, b, sat_s)
ACCUMULATE_ONE(suqadd, int16_t, sh, h, sat_s)
ACCUMULATE_ONE(suqadd, int32_t, ss, s, sat_s)
ACCUMULATE_ONE(suqadd, int64_t, sd, d, sat_s)
TABLE4(suqadd, sb, sh, ss, sd)
ACCUMULATE_ONE(usqadd, uint8_t, b, sb, sat_u)
ACCUMULATE_ONE(usqadd, uint16_t, h, sh, sat_u)
ACCUMULATE_ONE(usqadd, uint32_t, s, ss, sat_u)
ACCUMULATE_ONE(usqadd, uint64_t, d, sd, sat_u)
TABLE4(usqadd, b, h, s, d)

/* The doubled product's high half; only the square of the minimum saturates. */
#define DMULH(x, y, round) (((int64_t)(x) * (y) + ((int64_t)(round) << (BITS(x) - 2))) >> (BITS(x) - 1))
#define STAMP_DMULH(name, round)                                                                             \
	VQ3_ONE(name, int16_t, sh, sat_s(DMULH(x, y, round), BITS(x), &q))                                   \
	VQ3_ONE(name, int32_t, ss, sat_s(DMULH(x, y, round), BITS(x), &q))                                   \
	VQ3_ELEM_ONE(name, int16_t, sh, sat_s(DMULH(x, y, round), BITS(x), &q))                              \
	VQ3_ELEM_ONE(name, int32_t, ss, sat_s(DMULH(x, y, round), BITS(x), &q))                              \
	TABLE_HS(name, sh, ss)                                                                               \
	TABLE_HS(name##_elem, sh, ss)

STAMP_DMULH(sqdmulh, 0)
STAMP_DMULH(sqrdmulh, 1)

/* Long; the accumulating ones saturate the doubled product first. */
#define DMULL_ONE(name, T, m, W, wm, y_lane, expr)                                                           \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = { .d = { c->v[op->rn].d[op->ra] } }, vd = c->v[op->rd];                \
		const union vreg vm = c->v[op->rm];                                                          \
		const unsigned first = op->ra * 8 / sizeof(T);                                               \
		union vreg r = { .q = 0 };                                                                   \
		bool q = false;                                                                              \
		(void)first;                                                                                 \
		for (unsigned i = 0; i < op->aux / sizeof(W); i++) {                                         \
			const W d = vd.wm[i];                                                                \
			const W p = (W)sat_s((wide)vn.m[i] * vm.m[y_lane] * 2, BITS(W), &q);                 \
			(void)d;                                                                             \
			r.wm[i] = (W)(expr);                                                                 \
		}                                                                                            \
		simd_saturated(c, q);                                                                        \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
#define STAMP_DMULL(name, expr)                                                                              \
	DMULL_ONE(name, int16_t, sh, int32_t, ss, first + i, expr)                                           \
	DMULL_ONE(name, int32_t, ss, int64_t, sd, first + i, expr)                                           \
	DMULL_ONE(name##_elem, int16_t, sh, int32_t, ss, op->imm, expr)                                      \
	DMULL_ONE(name##_elem, int32_t, ss, int64_t, sd, op->imm, expr)                                      \
	TABLE_HS(name, sh, ss)                                                                               \
	TABLE_HS(name##_elem, sh, ss)

STAMP_DMULL(sqdmull, p)
STAMP_DMULL(sqdmlal, sat_s((wide)d + p, BITS(d), &q))
STAMP_DMULL(sqdmlsl, sat_s((wide)d - p, BITS(d), &q))

/* Left by s, which may be negative: then right, perhaps rounding. x has at most 64 bits: 128 hold all. */
static inline int64_t shift_sat_s(int64_t x, int s, int bits, bool round, bool *q)
{
	if (s >= 0)
		return sat_s((wide)x * ((wide)1 << (s < bits ? s : bits)), bits, q);
	if (s < -bits)
		s = -bits - 1;
	return (int64_t)(((wide)x + (round ? (wide)1 << (-s - 1) : 0)) >> -s);
}

static inline uint64_t shift_sat_u(uint64_t x, int s, int bits, bool round, bool *q)
{
	if (s >= bits && x)
		return sat_u((wide)1 << 64, bits, q);
	if (s >= 0)
		return s >= bits || !(x >> (bits - 1 - s) >> 1) ? x << (s & 63)
								: sat_u((wide)1 << 64, bits, q);
	if (s < -bits)
		return 0;
	return (uint64_t)(((wide)x + (round ? (wide)1 << (-s - 1) : 0)) >> -s);
}

STAMP_S4(VQ3_ONE, sqshl, shift_sat_s(x, (int8_t)y, BITS(x), false, &q))
STAMP_U4(VQ3_ONE, uqshl, shift_sat_u(x, (int8_t)y, BITS(x), false, &q))
STAMP_S4(VQ3_ONE, sqrshl, shift_sat_s(x, (int8_t)y, BITS(x), true, &q))
STAMP_U4(VQ3_ONE, uqrshl, shift_sat_u(x, (int8_t)y, BITS(x), true, &q))
STAMP_S4(VQ3_ONE, sqshl_imm, shift_sat_s(x, n, BITS(x), false, &q))
STAMP_U4(VQ3_ONE, uqshl_imm, shift_sat_u(x, n, BITS(x), false, &q))

static inline uint64_t shift_sat_su(int64_t x, int s, int bits, bool *q)
{
	return x < 0 ? sat_u(-1, bits, q) : shift_sat_u((uint64_t)x, s, bits, false, q);
}

STAMP_S4(VQ3_ONE, sqshlu_imm, shift_sat_su(x, n, BITS(x), &q))

/* Wide lanes x of Rn, shifted right by n, become narrow ones. */
#define NARROW_ONE(name, T, m, W, wm, sat, round)                                                            \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn];                                                          \
		const int n = (int)op->imm;                                                                  \
		union vreg r = { .q = 0 };                                                                   \
		bool q = false;                                                                              \
		for (unsigned i = 0; i < op->aux / sizeof(W); i++) {                                         \
			wide x = vn.wm[i];                                                                   \
			if ((round) && n)                                                                    \
				x += (wide)1 << (n - 1);                                                     \
			r.m[i] = (T)sat(x >> n, BITS(T), &q);                                                \
		}                                                                                            \
		simd_saturated(c, q);                                                                        \
		simd_write_half(c, op, r.d[0]);                                                              \
		OP_NEXT(c, op);                                                                              \
	}
#define STAMP_NARROW_SS(name, round)                                                                         \
	NARROW_ONE(name, int8_t, sb, int16_t, sh, sat_s, round)                                              \
	NARROW_ONE(name, int16_t, sh, int32_t, ss, sat_s, round)                                             \
	NARROW_ONE(name, int32_t, ss, int64_t, sd, sat_s, round)                                             \
	TABLE3(name, sb, sh, ss)
#define STAMP_NARROW_UU(name, round)                                                                         \
	NARROW_ONE(name, uint8_t, b, uint16_t, h, sat_u, round)                                              \
	NARROW_ONE(name, uint16_t, h, uint32_t, s, sat_u, round)                                             \
	NARROW_ONE(name, uint32_t, s, uint64_t, d, sat_u, round)                                             \
	TABLE3(name, b, h, s)
#define STAMP_NARROW_SU(name, round)                                                                         \
	NARROW_ONE(name, uint8_t, b, int16_t, sh, sat_u, round)                                              \
	NARROW_ONE(name, uint16_t, h, int32_t, ss, sat_u, round)                                             \
	NARROW_ONE(name, uint32_t, s, int64_t, sd, sat_u, round)                                             \
	TABLE3(name, b, h, s)

STAMP_NARROW_SS(sqxtn, false)
STAMP_NARROW_UU(uqxtn, false)
STAMP_NARROW_SU(sqxtun, false)
STAMP_NARROW_SS(sqshrn, false)
STAMP_NARROW_UU(uqshrn, false)
STAMP_NARROW_SU(sqshrun, false)
STAMP_NARROW_SS(sqrshrn, true)
STAMP_NARROW_UU(uqrshrn, true)
STAMP_NARROW_SU(sqrshrun, true)
