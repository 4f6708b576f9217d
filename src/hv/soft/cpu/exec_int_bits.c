/* SPDX-License-Identifier: Apache-2.0 */
/* Bit fields, one to three source operands, CRC32, conditional select and compare. */
#include "hv/soft/cpu/exec_int.h"

/* A handler whose result of type `reg` is `expr`. */
#define BITS_OP(name, reg, expr)                                                                             \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const reg n = (reg)c->x[op->rn];                                                             \
		c->x[op->rd] = (reg)(expr);                                                                  \
		OP_NEXT(c, op);                                                                              \
	}
#define BITS_WX(name, expr_w, expr_x)                                                                        \
	BITS_OP(name##_w, uint32_t, expr_w)                                                                  \
	BITS_OP(name##_x, uint64_t, expr_x)

static inline uint32_t ror_w(uint32_t v, uint32_t n)
{
	return v >> (n & 31) | v << (-n & 31);
}

static inline uint64_t ror_x(uint64_t v, uint32_t n)
{
	return v >> (n & 63) | v << (-n & 63);
}

#define AUX_LEFT (op->aux & 0xff)
#define AUX_RIGHT (op->aux >> 8)

BITS_WX(int_lsl_imm, n << op->aux, n << op->aux)
BITS_WX(int_lsr_imm, n >> op->aux, n >> op->aux)
BITS_WX(int_asr_imm, (int32_t)n >> op->aux, (int64_t)n >> op->aux)
BITS_WX(int_ubfm, n << AUX_LEFT >> AUX_RIGHT, n << AUX_LEFT >> AUX_RIGHT)
BITS_WX(int_sbfm, (int32_t)(n << AUX_LEFT) >> AUX_RIGHT, (int64_t)(n << AUX_LEFT) >> AUX_RIGHT)
BITS_WX(int_bfm, (c->x[op->rd] & ~op->imm) | (ror_w(n, op->aux) & op->imm),
	(c->x[op->rd] & ~op->imm) | (ror_x(n, op->aux) & op->imm))
BITS_OP(int_sxtw, uint64_t, (int64_t)(int32_t)n)

const struct op *int_extr_w(struct cpu *c, const struct op *op)
{
	uint64_t both = c->x[op->rn] << 32 | (uint32_t)c->x[op->rm];

	c->x[op->rd] = (uint32_t)(both >> op->aux);
	OP_NEXT(c, op);
}

const struct op *int_extr_x(struct cpu *c, const struct op *op)
{
	unsigned __int128 both = (unsigned __int128)c->x[op->rn] << 64 | c->x[op->rm];

	c->x[op->rd] = (uint64_t)(both >> op->aux);
	OP_NEXT(c, op);
}

/* ---- one source ---- */

static inline uint64_t swap_bits_in_bytes(uint64_t v)
{
	v = (v >> 1 & 0x5555555555555555) | (v & 0x5555555555555555) << 1;
	v = (v >> 2 & 0x3333333333333333) | (v & 0x3333333333333333) << 2;
	return (v >> 4 & 0x0f0f0f0f0f0f0f0f) | (v & 0x0f0f0f0f0f0f0f0f) << 4;
}

#define SWAP_BYTES_OF_16(v) (((v) >> 8 & 0x00ff00ff00ff00ff) | ((v)&0x00ff00ff00ff00ff) << 8)

static inline uint32_t count_sign(uint64_t v, uint32_t bits)
{
	/* The leading bits that equal the sign, without it. */
	uint64_t differs = (v ^ v << 1) >> 1 & (~0ull >> (65 - bits));

	return differs ? (uint32_t)__builtin_clzll(differs) - (65 - bits) : bits - 1;
}

BITS_WX(int_rbit, __builtin_bswap32((uint32_t)swap_bits_in_bytes(n)),
	__builtin_bswap64(swap_bits_in_bytes(n)))
BITS_WX(int_rev16, SWAP_BYTES_OF_16((uint64_t)n), SWAP_BYTES_OF_16(n))
BITS_WX(int_rev, __builtin_bswap32(n), __builtin_bswap64(n))
BITS_OP(int_rev32_x, uint64_t, ror_x(__builtin_bswap64(n), 32))
BITS_WX(int_clz, n ? __builtin_clz(n) : 32, n ? __builtin_clzll(n) : 64)
BITS_WX(int_cls, count_sign(n, 32), count_sign(n, 64))

/* ---- two sources ---- */

#define M_W ((uint32_t)c->x[op->rm])
#define M_X (c->x[op->rm])

/* Division by zero gives 0, INT_MIN / -1 gives INT_MIN: negated, as the host traps it. */
static inline uint64_t divide_signed(int64_t n, int64_t m)
{
	if (m == 0)
		return 0;
	return m == -1 ? -(uint64_t)n : (uint64_t)(n / m);
}

BITS_WX(int_udiv, M_W ? n / M_W : 0, M_X ? n / M_X : 0)
BITS_WX(int_sdiv, divide_signed((int32_t)n, (int32_t)M_W), divide_signed((int64_t)n, (int64_t)M_X))
BITS_WX(int_lslv, n << (M_W & 31), n << (M_X & 63))
BITS_WX(int_lsrv, n >> (M_W & 31), n >> (M_X & 63))
BITS_WX(int_asrv, (int32_t)n >> (M_W & 31), (int64_t)n >> (M_X & 63))
BITS_WX(int_rorv, ror_w(n, M_W), ror_x(n, (uint32_t)M_X))

/* The reflected polynomials 0x04c11db7 and 0x1edc6f41, four bits at a time. */
static const uint32_t crc32_nibble[16] = {
	0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
	0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};
static const uint32_t crc32c_nibble[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
	0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static inline uint32_t crc_update(const uint32_t *table, uint32_t crc, uint64_t data, uint32_t len)
{
	for (uint32_t i = 0; i < len * 2; i++, data >>= 4)
		crc = crc >> 4 ^ table[(crc ^ data) & 15];
	return crc;
}

BITS_OP(int_crc32, uint32_t, crc_update(crc32_nibble, n, M_X, op->aux))
BITS_OP(int_crc32c, uint32_t, crc_update(crc32c_nibble, n, M_X, op->aux))

/* ---- three sources ---- */

#define ADDEND (c->x[op->ra])
#define SIGNED_PRODUCT ((uint64_t)((int64_t)(int32_t)n * (int32_t)M_W))
#define UNSIGNED_PRODUCT ((n & 0xffffffff) * M_W)

BITS_WX(int_madd, ADDEND + n * M_W, ADDEND + n * M_X)
BITS_WX(int_msub, ADDEND - n * M_W, ADDEND - n * M_X)
BITS_OP(int_smaddl, uint64_t, ADDEND + SIGNED_PRODUCT)
BITS_OP(int_smsubl, uint64_t, ADDEND - SIGNED_PRODUCT)
BITS_OP(int_umaddl, uint64_t, ADDEND + UNSIGNED_PRODUCT)
BITS_OP(int_umsubl, uint64_t, ADDEND - UNSIGNED_PRODUCT)
BITS_OP(int_smulh, uint64_t, (uint64_t)((__int128)(int64_t)n *(int64_t)M_X >> 64))
BITS_OP(int_umulh, uint64_t, (uint64_t)((unsigned __int128)n *M_X >> 64))

/* ---- conditional ---- */

BITS_WX(int_csel, flags_hold(c, op->aux) ? n : M_W, flags_hold(c, op->aux) ? n : M_X)
BITS_WX(int_csinc, flags_hold(c, op->aux) ? n : M_W + 1, flags_hold(c, op->aux) ? n : M_X + 1)
BITS_WX(int_csinv, flags_hold(c, op->aux) ? n : ~M_W, flags_hold(c, op->aux) ? n : ~M_X)
BITS_WX(int_csneg, flags_hold(c, op->aux) ? n : -M_W, flags_hold(c, op->aux) ? n : -M_X)

#define COND_COMPARE(name, reg, flags_fn, operand)                                                           \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		if (flags_hold(c, op->aux & 0xffff))                                                         \
			flags_fn(c, (reg)c->x[op->rn], (reg)(operand));                                      \
		else                                                                                         \
			c->nzcv = op->aux >> 16 << 28;                                                       \
		OP_NEXT(c, op);                                                                              \
	}

COND_COMPARE(int_ccmp_w, uint32_t, flags_subs_w, c->x[op->rm])
COND_COMPARE(int_ccmp_x, uint64_t, flags_subs_x, c->x[op->rm])
COND_COMPARE(int_ccmn_w, uint32_t, flags_adds_w, c->x[op->rm])
COND_COMPARE(int_ccmn_x, uint64_t, flags_adds_x, c->x[op->rm])
COND_COMPARE(int_ccmp_imm_w, uint32_t, flags_subs_w, op->imm)
COND_COMPARE(int_ccmp_imm_x, uint64_t, flags_subs_x, op->imm)
COND_COMPARE(int_ccmn_imm_w, uint32_t, flags_adds_w, op->imm)
COND_COMPARE(int_ccmn_imm_x, uint64_t, flags_adds_x, op->imm)
