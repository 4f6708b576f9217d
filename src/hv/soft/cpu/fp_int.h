/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside fp_*.c: numbers taken apart, and their rounding. The pseudocode of the Arm ARM
 * (shared functions, FPUnpack, FPRound, FPProcessNaNs) in integers.
 */
#ifndef HV_SOFT_CPU_FP_INT_H
#define HV_SOFT_CPU_FP_INT_H

#include "hv/soft/cpu/fp.h"

struct fp_format {
	uint32_t bits, exp_bits, frac_bits;
};

extern const struct fp_format fp_half, fp_single, fp_double;

/* In the order in which NaNs win. */
enum fp_class { FP_CLS_ZERO, FP_CLS_FINITE, FP_CLS_INF, FP_CLS_QNAN, FP_CLS_SNAN };

/* A finite number is (-1)^sign * sig * 2^(exp - 63); sig has bit 63 set. */
struct fp_num {
	enum fp_class cls;
	bool sign;
	int32_t exp;
	uint64_t sig;
};

static inline void fp_raise(struct cpu *c, uint32_t flags)
{
	c->fp.fpsr |= flags;
}

static inline int32_t fp_bias(const struct fp_format *f)
{
	return (1 << (f->exp_bits - 1)) - 1;
}

static inline uint64_t fp_sign_bit(const struct fp_format *f, bool sign)
{
	return sign ? 1ull << (f->bits - 1) : 0;
}

static inline uint64_t fp_zero(const struct fp_format *f, bool sign)
{
	return fp_sign_bit(f, sign);
}

static inline uint64_t fp_inf(const struct fp_format *f, bool sign)
{
	return fp_sign_bit(f, sign) | ((1ull << f->exp_bits) - 1) << f->frac_bits;
}

static inline uint64_t fp_max_normal(const struct fp_format *f, bool sign)
{
	return fp_inf(f, sign) - 1;
}

static inline uint64_t fp_quiet_bit(const struct fp_format *f)
{
	return 1ull << (f->frac_bits - 1);
}

static inline uint64_t fp_default_nan(const struct fp_format *f)
{
	return fp_inf(f, false) | fp_quiet_bit(f);
}

static inline bool fp_is_nan(const struct fp_num *n)
{
	return n->cls >= FP_CLS_QNAN;
}

/* Is the magnitude rounded up, where `rest` was cut off and `half` is half a unit? */
static inline bool fp_round_up(enum fp_round rm, bool sign, bool odd, unsigned __int128 rest,
			       unsigned __int128 half)
{
	switch (rm) {
	case FP_NEAREST:
		return rest > half || (rest == half && odd);
	case FP_PLUS_INF:
		return rest && !sign;
	case FP_MINUS_INF:
		return rest && sign;
	case FP_TIE_AWAY:
		return rest >= half;
	case FP_ZERO:
	case FP_ODD:
		break;
	}
	return false;
}

struct fp_num fp_unpack(struct cpu *c, const struct fp_format *f, uint64_t v);
/* Rounds sig (any width up to 128 bits, not 0) * 2^(exp - 127) to the format; sets flags. */
uint64_t fp_round(struct cpu *c, const struct fp_format *f, bool sign, int32_t exp, unsigned __int128 sig,
		  enum fp_round rm);
uint64_t fp_process_nan(struct cpu *c, const struct fp_format *f, const struct fp_num *n, uint64_t v);
/* If either is a NaN: true, with what the operation returns. */
bool fp_process_nans(struct cpu *c, const struct fp_format *f, const struct fp_num *x, uint64_t a,
		     const struct fp_num *y, uint64_t b, uint64_t *ret);
uint64_t fp_invalid(struct cpu *c, const struct fp_format *f);
/* (addend + a * b) * 2^scale; zeros and infinities of a * b taken as numbers, NaNs by the order addend, a, b.
 */
uint64_t fp_fma_nums(struct cpu *c, const struct fp_format *f, const struct fp_num *addend,
		     const struct fp_num *x, const struct fp_num *y, int32_t scale);

static inline struct fp_num fp_number(bool sign, int32_t exp, uint64_t sig)
{
	return (struct fp_num){ .cls = FP_CLS_FINITE, .sign = sign, .exp = exp, .sig = sig };
}

/* Is cls finite and not zero? */
static inline bool fp_is_finite(const struct fp_num *n)
{
	return n->cls == FP_CLS_FINITE;
}

#endif
