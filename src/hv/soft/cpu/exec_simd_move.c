/* SPDX-License-Identifier: Apache-2.0 */
/* Advanced SIMD that moves elements: copies, permutations, tables, immediates. */
#include "hv/soft/cpu/simd_stamp.h"

#define DUP_ONE(name, T, m, source)                                                                          \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const T x = (T)(source);                                                                     \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(T); i++)                                                      \
			r.m[i] = x;                                                                          \
		simd_write(c, op, r);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}

DUP_ONE(dup, uint8_t, b, c->v[op->rn].b[op->imm])
DUP_ONE(dup, uint16_t, h, c->v[op->rn].h[op->imm])
DUP_ONE(dup, uint32_t, s, c->v[op->rn].s[op->imm])
DUP_ONE(dup, uint64_t, d, c->v[op->rn].d[op->imm])
TABLE4(dup, b, h, s, d)
DUP_ONE(dup_x, uint8_t, b, c->x[op->rn])
DUP_ONE(dup_x, uint16_t, h, c->x[op->rn])
DUP_ONE(dup_x, uint32_t, s, c->x[op->rn])
DUP_ONE(dup_x, uint64_t, d, c->x[op->rn])
TABLE4(dup_x, b, h, s, d)

#define COPY_ONE(name, T, m, target, source)                                                                 \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		target = (T)(source);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}
#define COPY_ALL(name, T8, b, T16, h, T32, s, T64, d) name(T8, b) name(T16, h) name(T32, s) name(T64, d)

#define INS_X(T, m) COPY_ONE(ins_x, T, m, c->v[op->rd].m[op->imm], c->x[op->rn])
#define INS(T, m) COPY_ONE(ins, T, m, c->v[op->rd].m[op->imm >> 8], c->v[op->rn].m[op->imm & 0xff])
#define UMOV(T, m) COPY_ONE(umov, T, m, c->x[op->rd], c->v[op->rn].m[op->imm])
COPY_ALL(INS_X, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(INS, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(UMOV, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
TABLE4(ins_x, b, h, s, d)
TABLE4(ins, b, h, s, d)
TABLE4(umov, b, h, s, d)
COPY_ONE(smov_w, uint32_t, sb, c->x[op->rd], c->v[op->rn].sb[op->imm])
COPY_ONE(smov_w, uint32_t, sh, c->x[op->rd], c->v[op->rn].sh[op->imm])
op_fn *const simd_smov_w_fns[4] = { smov_w_sb, smov_w_sh };
COPY_ONE(smov_x, uint64_t, sb, c->x[op->rd], c->v[op->rn].sb[op->imm])
COPY_ONE(smov_x, uint64_t, sh, c->x[op->rd], c->v[op->rn].sh[op->imm])
COPY_ONE(smov_x, uint64_t, ss, c->x[op->rd], c->v[op->rn].ss[op->imm])
TABLE3(smov_x, sb, sh, ss)

/* Step i fills two lanes; the number of steps, `half`, is a constant for the compiler. */
#define PERMUTE_LOOP(m, bound, even, odd, value_even, value_odd)                                             \
	do {                                                                                                 \
		const unsigned half = (bound);                                                               \
		for (unsigned i = 0; i < half; i++) {                                                        \
			r.m[even] = value_even;                                                              \
			r.m[odd] = value_odd;                                                                \
		}                                                                                            \
	} while (0)
#define PERMUTE_ONE(name, T, m, even, odd, value_even, value_odd)                                            \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg x = c->v[op->rn], y = c->v[op->rm];                                         \
		union vreg r = { .q = 0 };                                                                   \
		if (op->aux == 16)                                                                           \
			PERMUTE_LOOP(m, 8 / sizeof(T), even, odd, value_even, value_odd);                    \
		else                                                                                         \
			PERMUTE_LOOP(m, 4 / sizeof(T), even, odd, value_even, value_odd);                    \
		c->v[op->rd] = r;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}
#define ZIP1(T, m) PERMUTE_ONE(zip1, T, m, 2 * i, 2 * i + 1, x.m[i], y.m[i])
#define ZIP2(T, m) PERMUTE_ONE(zip2, T, m, 2 * i, 2 * i + 1, x.m[half + i], y.m[half + i])
#define UZP1(T, m) PERMUTE_ONE(uzp1, T, m, i, half + i, x.m[2 * i], y.m[2 * i])
#define UZP2(T, m) PERMUTE_ONE(uzp2, T, m, i, half + i, x.m[2 * i + 1], y.m[2 * i + 1])
#define TRN1(T, m) PERMUTE_ONE(trn1, T, m, 2 * i, 2 * i + 1, x.m[2 * i], y.m[2 * i])
#define TRN2(T, m) PERMUTE_ONE(trn2, T, m, 2 * i, 2 * i + 1, x.m[2 * i + 1], y.m[2 * i + 1])
COPY_ALL(ZIP1, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(ZIP2, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(UZP1, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(UZP2, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(TRN1, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
COPY_ALL(TRN2, uint8_t, b, uint16_t, h, uint32_t, s, uint64_t, d)
TABLE4(zip1, b, h, s, d)
TABLE4(zip2, b, h, s, d)
TABLE4(uzp1, b, h, s, d)
TABLE4(uzp2, b, h, s, d)
TABLE4(trn1, b, h, s, d)
TABLE4(trn2, b, h, s, d)

/* Lanes change places within 64 bits: neighbouring bytes, 16 bits, 32 bits. */
#define SWAP(x, bits, low_ones) (((x) >> (bits) & (low_ones)) | ((x) & (low_ones)) << (bits))
#define SWAP_B(x) SWAP(x, 8, 0x00ff00ff00ff00ffull)
#define SWAP_H(x) SWAP(x, 16, 0x0000ffff0000ffffull)
#define SWAP_S(x) ((x) >> 32 | (x) << 32)
#define REV_ONE(name, value)                                                                                 \
	static const struct op *name(struct cpu *c, const struct op *op)                                     \
	{                                                                                                    \
		vreg_whole x = *(const vreg_whole *)&c->v[op->rn];                                           \
		x = (value);                                                                                 \
		*(vreg_whole *)&c->v[op->rd] = x & *(const vreg_whole *)&simd_live_mask[op->aux];            \
		OP_NEXT(c, op);                                                                              \
	}
REV_ONE(rev16_b, SWAP_B(x))
REV_ONE(rev32_b, SWAP_H(SWAP_B(x)))
REV_ONE(rev32_h, SWAP_H(x))
REV_ONE(rev64_b, SWAP_S(SWAP_H(SWAP_B(x))))
REV_ONE(rev64_h, SWAP_S(SWAP_H(x)))
REV_ONE(rev64_s, SWAP_S(x))
op_fn *const simd_rev16_fns[4] = { rev16_b };
op_fn *const simd_rev32_fns[4] = { rev32_b, rev32_h };
TABLE3(rev64, b, h, s)

const struct op *simd_ext(struct cpu *c, const struct op *op)
{
	const union vreg x = c->v[op->rn], y = c->v[op->rm];
	const uint32_t shift = (uint32_t)op->imm * 8;

	if (op->aux == 8) {
		unsigned __int128 both = (unsigned __int128)y.d[0] << 64 | x.d[0];

		c->v[op->rd].q = (uint64_t)(both >> shift);
	} else {
		const unsigned __int128 r = shift ? x.q >> shift | y.q << (128 - shift) : x.q;

		vreg_set(&c->v[op->rd], (uint64_t)r, (uint64_t)(r >> 64));
	}
	OP_NEXT(c, op);
}

/* Indices beyond the table give zero, or leave Rd's byte. */
static inline union vreg table_lookup(const struct cpu *c, const struct op *op, union vreg r)
{
	const union vreg index = c->v[op->rm];
	const uint32_t len = (uint32_t)op->imm * 16;

	for (uint32_t i = 0; i < op->aux; i++) {
		uint32_t k = index.b[i];

		if (k < len)
			r.b[i] = c->v[(op->rn + k / 16) & 31].b[k % 16];
	}
	return r;
}

const struct op *simd_tbl(struct cpu *c, const struct op *op)
{
	const union vreg zero = { .q = 0 };

	c->v[op->rd] = table_lookup(c, op, zero);
	OP_NEXT(c, op);
}

const struct op *simd_tbx(struct cpu *c, const struct op *op)
{
	simd_write(c, op, table_lookup(c, op, c->v[op->rd]));
	OP_NEXT(c, op);
}

#define IMMEDIATE_ONE(name, expr)                                                                            \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const union vreg d = c->v[op->rd];                                                           \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < 2; i++)                                                             \
			r.d[i] = (expr);                                                                     \
		(void)d;                                                                                     \
		simd_write(c, op, r);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}
IMMEDIATE_ONE(simd_movi, op->imm)
IMMEDIATE_ONE(simd_orri, d.d[i] | op->imm)
IMMEDIATE_ONE(simd_bici, d.d[i] & ~op->imm)
