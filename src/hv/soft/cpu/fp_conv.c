/* SPDX-License-Identifier: Apache-2.0 */
/* Conversions of fp.h: between formats, to and from integers, rounding to an integer. */
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/fp_int.h"

typedef unsigned __int128 u128;

/* The integer part of a finite number times 2^fbits, rounded; true if that lost something. */
static bool round_to_integer(const struct fp_num *n, uint32_t fbits, enum fp_round rm, uint64_t *ret)
{
	int32_t exp = n->exp + (int32_t)fbits;
	const uint64_t half = 1ull << 63;
	uint64_t rest;

	if (exp >= 63) {
		*ret = n->sig;
		return false;
	}
	*ret = exp >= 0 ? n->sig >> (63 - exp) : 0;
	rest = exp >= -1 ? n->sig << (exp + 1) : 1;
	if (fp_round_up(rm, n->sign, *ret & 1, rest, half))
		++*ret;
	return rest != 0;
}

/*
 * The same for common operands with the host's conversion: |x| < 2^62, and the caller has seen
 * that nothing is flushed. x - t is exact.
 */
static inline bool host_round(double x, enum fp_round rm, int64_t *ret)
{
	int64_t t = (int64_t)x;
	double rest = x - (double)t, size = __builtin_fabs(rest);
	bool away = false;

	switch (rm) {
	case FP_NEAREST:
		away = size > 0.5 || (size == 0.5 && (t & 1));
		break;
	case FP_PLUS_INF:
		away = rest > 0;
		break;
	case FP_MINUS_INF:
		away = rest < 0;
		break;
	case FP_TIE_AWAY:
		away = size >= 0.5;
		break;
	case FP_ZERO:
	case FP_ODD:
		break;
	}
	*ret = away ? t + (rest < 0 ? -1 : 1) : t;
	return rest != 0;
}

static inline bool host_can_round(const struct cpu *c, double x)
{
	return __builtin_fabs(x) < 0x1p62 && !(c->fp.fpcr & FPCR_FZ);
}

/* False: out of range. */
static inline bool host_to_int(struct cpu *c, double x, uint32_t width, bool is_signed, enum fp_round rm,
			       uint64_t *ret)
{
	bool fits, inexact;
	int64_t t;

	if (!host_can_round(c, x))
		return false;
	inexact = host_round(x, rm, &t);
	if (is_signed)
		fits = width == 64 || t == (int32_t)t;
	else
		fits = t >= 0 && (width == 64 || t <= (int64_t)UINT32_MAX);
	if (!fits)
		return false;
	if (inexact)
		fp_raise(c, FPSR_IXC);
	*ret = width == 64 ? (uint64_t)t : (uint32_t)t;
	return true;
}

static uint64_t saturated(bool sign, uint32_t width, bool is_signed)
{
	if (is_signed)
		return sign ? 1ull << (width - 1) : (1ull << (width - 1)) - 1;
	return sign ? 0 : ~0ull >> (64 - width);
}

static uint64_t to_int_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint32_t width,
			       bool is_signed, uint32_t fbits, enum fp_round rm)
{
	struct fp_num n = fp_unpack(c, f, a);
	uint64_t mag = 0, limit;
	bool inexact, over;

	if (n.cls == FP_CLS_ZERO)
		return 0;
	if (!fp_is_finite(&n)) {
		fp_raise(c, FPSR_IOC);
		return fp_is_nan(&n) ? 0 : saturated(n.sign, width, is_signed);
	}
	inexact = round_to_integer(&n, fbits, rm, &mag);
	limit = saturated(n.sign, width, is_signed);
	over = mag > limit || n.exp + (int32_t)fbits >= 64;
	if (over || inexact)
		fp_raise(c, over ? FPSR_IOC : FPSR_IXC);
	if (over)
		return limit;
	return (n.sign ? 0 - mag : mag) & ~0ull >> (64 - width);
}

static uint64_t from_int_generic(struct cpu *c, const struct fp_format *f, uint64_t v, bool is_signed,
				 uint32_t fbits)
{
	bool sign = is_signed && (int64_t)v < 0;

	if (!v)
		return 0;
	return fp_round(c, f, sign, 127 - (int32_t)fbits, sign ? 0 - v : v, fp_rmode(c));
}

static uint64_t round_int_generic(struct cpu *c, const struct fp_format *f, uint64_t a, enum fp_round rm,
				  bool exact)
{
	struct fp_num n = fp_unpack(c, f, a);
	uint64_t mag;

	if (fp_is_nan(&n))
		return fp_process_nan(c, f, &n, a);
	if (n.cls == FP_CLS_ZERO)
		return fp_zero(f, n.sign);
	if (n.cls == FP_CLS_INF || n.exp >= (int32_t)f->frac_bits)
		return a;
	if (round_to_integer(&n, 0, rm, &mag) && exact)
		fp_raise(c, FPSR_IXC);
	return mag ? fp_round(c, f, n.sign, 127, mag, FP_ZERO) : fp_zero(f, n.sign);
}

/* NaNs keep the top of their payload. */
static uint64_t convert_nan(struct cpu *c, const struct fp_format *to, const struct fp_format *from,
			    const struct fp_num *n, uint64_t a)
{
	uint64_t frac = a << (64 - from->frac_bits) >> (64 - from->frac_bits);

	if (to->bits == 16 && (c->fp.fpcr & FPCR_AHP)) {
		fp_raise(c, FPSR_IOC);
		return fp_zero(to, n->sign);
	}
	if (n->cls == FP_CLS_SNAN)
		fp_raise(c, FPSR_IOC);
	if (c->fp.fpcr & FPCR_DN)
		return fp_default_nan(to);
	frac = to->frac_bits >= from->frac_bits ? frac << (to->frac_bits - from->frac_bits)
						: frac >> (from->frac_bits - to->frac_bits);
	return fp_inf(to, n->sign) | fp_quiet_bit(to) | frac;
}

static uint64_t convert(struct cpu *c, const struct fp_format *to, const struct fp_format *from, uint64_t a,
			enum fp_round rm)
{
	struct fp_num n = fp_unpack(c, from, a);

	if (fp_is_nan(&n))
		return convert_nan(c, to, from, &n, a);
	if (n.cls == FP_CLS_ZERO)
		return fp_zero(to, n.sign);
	if (fp_is_finite(&n))
		return fp_round(c, to, n.sign, n.exp, (u128)n.sig << 64, rm);
	if (to->bits == 16 && (c->fp.fpcr & FPCR_AHP)) {
		fp_raise(c, FPSR_IOC);
		return fp_sign_bit(to, n.sign) | 0x7fff;
	}
	return fp_inf(to, n.sign);
}

uint64_t fp_16_to_64(struct cpu *c, uint16_t a)
{
	return convert(c, &fp_double, &fp_half, a, fp_rmode(c));
}

uint32_t fp_16_to_32(struct cpu *c, uint16_t a)
{
	return (uint32_t)convert(c, &fp_single, &fp_half, a, fp_rmode(c));
}

uint64_t fp_32_to_64(struct cpu *c, uint32_t a)
{
	const union fp_bits32 x = { .u = a };

	/* Always exact; zero, infinity and NaN may need more. */
	if (fp32_harmless(x.f))
		return (union fp_bits64){ .f = (double)x.f }.u;
	return convert(c, &fp_double, &fp_single, a, fp_rmode(c));
}

uint16_t fp_32_to_16(struct cpu *c, uint32_t a)
{
	return (uint16_t)convert(c, &fp_half, &fp_single, a, fp_rmode(c));
}

uint16_t fp_64_to_16(struct cpu *c, uint64_t a)
{
	return (uint16_t)convert(c, &fp_half, &fp_double, a, fp_rmode(c));
}

uint32_t fp_64_to_32(struct cpu *c, uint64_t a, enum fp_round rm)
{
	const union fp_bits64 x = { .u = a };
	const union fp_bits32 r = { .f = (float)x.f };

	if (rm == FP_NEAREST && fp32_harmless(r.f) && ((double)r.f == x.f || fp_host_ok(c)))
		return r.u;
	return (uint32_t)convert(c, &fp_single, &fp_double, a, rm);
}

/* Integers up to exact_max are exact in the format in every mode. */
#define FP_DEFINE(bits, fmt, host_float, exact_max)                                                          \
	uint##bits##_t fp##bits##_round_int(struct cpu *c, uint##bits##_t a, enum fp_round rm, bool exact)   \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a };                                                    \
		const uint##bits##_t sign = (uint##bits##_t)1 << (bits - 1);                                 \
		if (host_can_round(c, x.f)) {                                                                \
			union fp_bits##bits r;                                                               \
			int64_t t;                                                                           \
			if (host_round(x.f, rm, &t) && exact)                                                \
				fp_raise(c, FPSR_IXC);                                                       \
			r.f = (host_float)t;                                                                 \
			return r.u | (a & sign);                                                             \
		}                                                                                            \
		return (uint##bits##_t)round_int_generic(c, &fmt, a, rm, exact);                             \
	}                                                                                                    \
	uint64_t fp##bits##_to_int(struct cpu *c, uint##bits##_t a, uint32_t width, bool is_signed,          \
				   uint32_t fbits, enum fp_round rm)                                         \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a };                                                    \
		uint64_t ret;                                                                                \
		if (!fbits && host_to_int(c, x.f, width, is_signed, rm, &ret))                               \
			return ret;                                                                          \
		return to_int_generic(c, &fmt, a, width, is_signed, fbits, rm);                              \
	}                                                                                                    \
	uint##bits##_t fp##bits##_from_int(struct cpu *c, uint64_t v, bool is_signed, uint32_t fbits)        \
	{                                                                                                    \
		const int64_t i = (int64_t)v;                                                                \
		if (!fbits && (is_signed || i >= 0) &&                                                       \
		    ((i <= (exact_max) && i >= -(exact_max)) || fp_host_ok(c)))                              \
			return (union fp_bits##bits){ .f = (host_float)i }.u;                                \
		return (uint##bits##_t)from_int_generic(c, &fmt, v, is_signed, fbits);                       \
	}

FP_DEFINE(32, fp_single, float, 1ll << 24)
FP_DEFINE(64, fp_double, double, 1ll << 53)
