/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced SIMD shifts that do not saturate. */
#include "hv/soft/cpu/simd_stamp.h"

/* Left by s, or right by -s, of the low `bits` of x. */
static inline int64_t shift_s(int64_t x, int s, int bits, bool round)
{
	if (s >= 0)
		return s < bits ? (int64_t)((uint64_t)x << s) : 0;
	if (s <= -bits)
		return round || x >= 0 ? 0 : -1;
	return (x >> -s) + (round ? x >> (-s - 1) & 1 : 0);
}

static inline uint64_t shift_u(uint64_t x, int s, int bits, bool round)
{
	if (s >= 0)
		return s < bits ? x << s : 0;
	if (s <= -bits)
		return round && s == -bits ? x >> (bits - 1) : 0;
	return (x >> -s) + (round ? x >> (-s - 1) & 1 : 0);
}

STAMP_S4(V3_ONE, sshl, shift_s(x, (int8_t)y, BITS(x), false))
STAMP_U4(V3_ONE, ushl, shift_u(x, (int8_t)y, BITS(x), false))
STAMP_S4(V3_ONE, srshl, shift_s(x, (int8_t)y, BITS(x), true))
STAMP_U4(V3_ONE, urshl, shift_u(x, (int8_t)y, BITS(x), true))

/* By 1 to the element's width: in two steps, since C has no shift by the width. */
#define SHR(x) ((x) >> (n - 1) >> 1)
#define RSHR(x) (SHR(x) + ((x) >> (n - 1) & 1))

STAMP_S4(V2_ONE, sshr, SHR(x))
STAMP_U4(V2_ONE, ushr, SHR(x))
STAMP_U4(V2_ONE, shl, (uint64_t)x << n)
STAMP_S4(V2_ONE, srshr, RSHR(x))
STAMP_U4(V2_ONE, urshr, RSHR(x))
/* The sums wrap. */
STAMP_S4(V2_ONE, ssra, (uint64_t)d + (uint64_t)SHR(x))
STAMP_U4(V2_ONE, usra, d + SHR(x))
STAMP_S4(V2_ONE, srsra, (uint64_t)d + (uint64_t)RSHR(x))
STAMP_U4(V2_ONE, ursra, d + RSHR(x))
STAMP_U4(V2_ONE, sri, SHR(x) | (d & ~SHR(~0ull >> (64 - BITS(x)))))
STAMP_U4(V2_ONE, sli, (uint64_t)x << n | (d & ((1ull << n) - 1)))

#define NARROW_ONE(name, T, m, W, wm, expr)                                                                  \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn];                                                          \
		const int n = (int)op->imm;                                                                  \
		union vreg r;                                                                                \
		(void)n;                                                                                     \
		for (unsigned i = 0; i < LANES(W); i++) {                                                    \
			const W x = vn.wm[i];                                                                \
			r.m[i] = (T)(expr);                                                                  \
		}                                                                                            \
		simd_write_half(c, op, r.d[0]);                                                              \
		OP_NEXT(c, op);                                                                              \
	}
WIDE_U(NARROW_ONE, xtn, x)
WIDE_U(NARROW_ONE, shrn, x >> n)
WIDE_U(NARROW_ONE, rshrn, RSHR(x))

/* USHLL by 0 is UXTL; SHLL's distance is the narrow width. */
#define LONG_ONE(name, T, m, W, wm, expr)                                                                    \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = { .d = { c->v[op->rn].d[op->ra] } };                                   \
		const int n = (int)op->imm;                                                                  \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(W); i++) {                                                    \
			const W x = vn.m[i];                                                                 \
			r.wm[i] = (W)(expr);                                                                 \
		}                                                                                            \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
WIDE_S(LONG_ONE, sshll, (uint64_t)x << n)
WIDE_U(LONG_ONE, ushll, (uint64_t)x << n)
