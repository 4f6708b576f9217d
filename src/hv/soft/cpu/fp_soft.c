/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic of fp.h in integers: exact in every rounding mode, flag and NaN. */
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/fp_int.h"

typedef unsigned __int128 u128;

const struct fp_format fp_half = { 16, 5, 10 };
const struct fp_format fp_single = { 32, 8, 23 };
const struct fp_format fp_double = { 64, 11, 52 };

static uint32_t clz128(u128 v)
{
	uint64_t hi = (uint64_t)(v >> 64);

	return hi ? (uint32_t)__builtin_clzll(hi) : 64 + (uint32_t)__builtin_clzll((uint64_t)v);
}

/* Shift right; what falls out is remembered in bit 0. */
static u128 shift_right_jam(u128 v, uint32_t n)
{
	if (!n)
		return v;
	if (n >= 128)
		return v != 0;
	return v >> n | ((v << (128 - n)) != 0);
}

struct fp_num fp_unpack(struct cpu *c, const struct fp_format *f, uint64_t v)
{
	struct fp_num n = { .sign = v >> (f->bits - 1) & 1 };
	uint64_t frac = v & ((1ull << f->frac_bits) - 1);
	uint32_t exp_max = (1u << f->exp_bits) - 1;
	uint32_t exp = (uint32_t)(v >> f->frac_bits) & exp_max;
	bool half = f->bits == 16;

	if (exp == exp_max && !(half && (c->fp.fpcr & FPCR_AHP))) {
		n.cls = !frac ? FP_CLS_INF : frac & fp_quiet_bit(f) ? FP_CLS_QNAN : FP_CLS_SNAN;
		return n;
	}
	if (!exp && frac && !half && (c->fp.fpcr & FPCR_FZ)) {
		fp_raise(c, FPSR_IDC);
		frac = 0;
	}
	if (!exp && !frac)
		return n;
	n.cls = FP_CLS_FINITE;
	n.exp = (int32_t)(exp ? exp : 1) - fp_bias(f);
	n.sig = ((uint64_t)(exp != 0) << f->frac_bits | frac) << (63 - f->frac_bits);
	n.exp -= __builtin_clzll(n.sig);
	n.sig <<= __builtin_clzll(n.sig);
	return n;
}

static uint64_t round_overflow(struct cpu *c, const struct fp_format *f, bool sign, enum fp_round rm)
{
	bool to_inf = rm == FP_NEAREST || rm == FP_TIE_AWAY || (rm == FP_PLUS_INF && !sign) ||
		      (rm == FP_MINUS_INF && sign);

	if (f->bits == 16 && (c->fp.fpcr & FPCR_AHP)) {
		fp_raise(c, FPSR_IOC);
		return fp_sign_bit(f, sign) | 0x7fff;
	}
	fp_raise(c, FPSR_OFC | FPSR_IXC);
	return to_inf ? fp_inf(f, sign) : fp_max_normal(f, sign);
}

uint64_t fp_round(struct cpu *c, const struct fp_format *f, bool sign, int32_t exp, u128 sig,
		  enum fp_round rm)
{
	int32_t min_exp = 1 - fp_bias(f);
	uint32_t drop = 127 - f->frac_bits, up = clz128(sig);
	uint64_t frac, exp_max = (1u << f->exp_bits) - 1;
	int32_t biased;
	u128 rest, half;

	sig <<= up;
	exp -= (int32_t)up;
	if (f->bits != 16 && exp < min_exp && (c->fp.fpcr & FPCR_FZ)) {
		fp_raise(c, FPSR_UFC);
		return fp_zero(f, sign);
	}
	biased = exp - min_exp + 1;
	if (biased <= 0) {
		sig = shift_right_jam(sig, (uint32_t)(min_exp - exp));
		biased = 0;
	}
	frac = (uint64_t)(sig >> drop);
	rest = sig & (((u128)1 << drop) - 1);
	half = (u128)1 << (drop - 1);
	if (!biased && rest)
		fp_raise(c, FPSR_UFC);
	if (fp_round_up(rm, sign, frac & 1, rest, half))
		frac++;
	if (rm == FP_ODD && rest)
		frac |= 1;
	/* The leading bit of frac carries into the exponent, as does rounding up. */
	frac += (uint64_t)(biased > 0 ? biased - 1 : 0) << f->frac_bits;
	if (frac >> f->frac_bits >= exp_max + (f->bits == 16 && (c->fp.fpcr & FPCR_AHP)))
		return round_overflow(c, f, sign, rm);
	if (rest)
		fp_raise(c, FPSR_IXC);
	return fp_sign_bit(f, sign) | frac;
}

uint64_t fp_invalid(struct cpu *c, const struct fp_format *f)
{
	fp_raise(c, FPSR_IOC);
	return fp_default_nan(f);
}

uint64_t fp_process_nan(struct cpu *c, const struct fp_format *f, const struct fp_num *n, uint64_t v)
{
	if (n->cls == FP_CLS_SNAN)
		fp_raise(c, FPSR_IOC);
	return c->fp.fpcr & FPCR_DN ? fp_default_nan(f) : v | fp_quiet_bit(f);
}

bool fp_process_nans(struct cpu *c, const struct fp_format *f, const struct fp_num *x, uint64_t a,
		     const struct fp_num *y, uint64_t b, uint64_t *ret)
{
	if (!fp_is_nan(x) && !fp_is_nan(y))
		return false;
	*ret = x->cls >= y->cls ? fp_process_nan(c, f, x, a) : fp_process_nan(c, f, y, b);
	return true;
}

static bool process_nans3(struct cpu *c, const struct fp_format *f, const struct fp_num n[3],
			  const uint64_t v[3], uint64_t *ret)
{
	uint32_t best = 0;

	for (uint32_t i = 1; i < 3; i++)
		if (n[i].cls > n[best].cls)
			best = i;
	if (!fp_is_nan(&n[best]))
		return false;
	*ret = fp_process_nan(c, f, &n[best], v[best]);
	return true;
}

/* The sum of zeros of these signs, and an exact zero sum of numbers with opposite ones. */
static uint64_t zero_sum(struct cpu *c, const struct fp_format *f, bool sign_a, bool sign_b)
{
	return fp_zero(f, sign_a == sign_b ? sign_a : fp_rmode(c) == FP_MINUS_INF);
}

/* (-1)^sign * sig * 2^(exp - 125) */
struct term {
	bool sign;
	int32_t exp;
	u128 sig;
};

static struct term term_of(const struct fp_num *n)
{
	return (struct term){ n->sign, n->exp, (u128)n->sig << 62 };
}

/*
 * Both significands have their leading bit at 125 or 124 and more than 16 zero bits at the
 * end, so that jamming what is shifted out never reaches a bit that counts.
 */
static uint64_t add_terms(struct cpu *c, const struct fp_format *f, struct term a, struct term b,
			  int32_t scale)
{
	int32_t exp = a.exp > b.exp ? a.exp : b.exp;
	bool sign = a.sign;
	u128 sum;

	a.sig = shift_right_jam(a.sig, (uint32_t)(exp - a.exp));
	b.sig = shift_right_jam(b.sig, (uint32_t)(exp - b.exp));
	if (a.sign == b.sign) {
		sum = a.sig + b.sig;
	} else if (a.sig >= b.sig) {
		sum = a.sig - b.sig;
	} else {
		sum = b.sig - a.sig;
		sign = b.sign;
	}
	if (!sum)
		return fp_zero(f, fp_rmode(c) == FP_MINUS_INF);
	return fp_round(c, f, sign, exp + 2 + scale, sum, fp_rmode(c));
}

static uint64_t add_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint64_t b, bool negate_b)
{
	struct fp_num x = fp_unpack(c, f, a), y = fp_unpack(c, f, b);
	uint64_t ret;

	if (fp_process_nans(c, f, &x, a, &y, b, &ret))
		return ret;
	y.sign ^= negate_b;
	if (x.cls == FP_CLS_INF && y.cls == FP_CLS_INF && x.sign != y.sign)
		return fp_invalid(c, f);
	if (x.cls == FP_CLS_INF || y.cls == FP_CLS_INF)
		return fp_inf(f, x.cls == FP_CLS_INF ? x.sign : y.sign);
	if (!fp_is_finite(&x) && !fp_is_finite(&y))
		return zero_sum(c, f, x.sign, y.sign);
	if (!fp_is_finite(&x))
		return fp_round(c, f, y.sign, y.exp, (u128)y.sig << 64, fp_rmode(c));
	if (!fp_is_finite(&y))
		return fp_round(c, f, x.sign, x.exp, (u128)x.sig << 64, fp_rmode(c));
	return add_terms(c, f, term_of(&x), term_of(&y), 0);
}

static uint64_t mul_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint64_t b, bool extended)
{
	struct fp_num x = fp_unpack(c, f, a), y = fp_unpack(c, f, b);
	bool sign = x.sign ^ y.sign;
	uint64_t ret;

	if (fp_process_nans(c, f, &x, a, &y, b, &ret))
		return ret;
	if (x.cls == FP_CLS_INF || y.cls == FP_CLS_INF) {
		if (x.cls != FP_CLS_ZERO && y.cls != FP_CLS_ZERO)
			return fp_inf(f, sign);
		/* FMULX: zero times infinity is 2. */
		return extended ? fp_sign_bit(f, sign) | (uint64_t)(fp_bias(f) + 1) << f->frac_bits
				: fp_invalid(c, f);
	}
	if (x.cls == FP_CLS_ZERO || y.cls == FP_CLS_ZERO)
		return fp_zero(f, sign);
	return fp_round(c, f, sign, x.exp + y.exp + 1, (u128)x.sig * y.sig, fp_rmode(c));
}

static uint64_t div_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint64_t b)
{
	struct fp_num x = fp_unpack(c, f, a), y = fp_unpack(c, f, b);
	bool sign = x.sign ^ y.sign;
	uint64_t ret;
	u128 num, quot;

	if (fp_process_nans(c, f, &x, a, &y, b, &ret))
		return ret;
	if (x.cls == y.cls && x.cls != FP_CLS_FINITE)
		return fp_invalid(c, f);
	if (x.cls == FP_CLS_INF || y.cls == FP_CLS_ZERO) {
		if (x.cls != FP_CLS_INF)
			fp_raise(c, FPSR_DZC);
		return fp_inf(f, sign);
	}
	if (x.cls == FP_CLS_ZERO || y.cls == FP_CLS_INF)
		return fp_zero(f, sign);
	/* 2^62 < quot < 2^64: at least 62 bits, and the rest in a bit below. */
	num = (u128)x.sig << 63;
	quot = num / y.sig << 1 | (num % y.sig != 0);
	return fp_round(c, f, sign, x.exp - y.exp + 63, quot, fp_rmode(c));
}

static uint64_t sqrt_generic(struct cpu *c, const struct fp_format *f, uint64_t a)
{
	struct fp_num x = fp_unpack(c, f, a);
	u128 rest = 0, sig;
	uint64_t root = 0;

	if (fp_is_nan(&x))
		return fp_process_nan(c, f, &x, a);
	if (x.cls == FP_CLS_ZERO)
		return fp_zero(f, x.sign);
	if (x.sign)
		return fp_invalid(c, f);
	if (x.cls == FP_CLS_INF)
		return fp_inf(f, false);
	/* value = sig * 2^(exp - 126) with exp even; two bits of sig give one of the root. */
	sig = (u128)x.sig << (63 + (x.exp & 1));
	x.exp -= x.exp & 1;
	for (int32_t i = 126; i >= 0; i -= 2) {
		rest = rest << 2 | (sig >> i & 3);
		root <<= 1;
		if (rest >= ((u128)root << 1 | 1)) {
			rest -= (u128)root << 1 | 1;
			root |= 1;
		}
	}
	return fp_round(c, f, false, x.exp / 2 + 63, (u128)root << 1 | (rest != 0), fp_rmode(c));
}

uint64_t fp_fma_nums(struct cpu *c, const struct fp_format *f, const struct fp_num *addend,
		     const struct fp_num *x, const struct fp_num *y, int32_t scale)
{
	bool sign = x->sign ^ y->sign;
	bool inf = x->cls == FP_CLS_INF || y->cls == FP_CLS_INF;
	bool zero = x->cls == FP_CLS_ZERO || y->cls == FP_CLS_ZERO;
	struct term product;

	if ((inf && zero) || (inf && addend->cls == FP_CLS_INF && addend->sign != sign))
		return fp_invalid(c, f);
	if (inf || addend->cls == FP_CLS_INF)
		return fp_inf(f, inf ? sign : addend->sign);
	if (zero && addend->cls == FP_CLS_ZERO)
		return zero_sum(c, f, addend->sign, sign);
	if (zero)
		return fp_round(c, f, addend->sign, addend->exp + scale, (u128)addend->sig << 64,
				fp_rmode(c));
	if (addend->cls == FP_CLS_ZERO)
		return fp_round(c, f, sign, x->exp + y->exp + 1 + scale, (u128)x->sig * y->sig, fp_rmode(c));
	/* The product has at most 106 bits, at the top. */
	product = (struct term){ sign, x->exp + y->exp + 1, (u128)x->sig * y->sig >> 2 };
	return add_terms(c, f, product, term_of(addend), scale);
}

static uint64_t fma_generic(struct cpu *c, const struct fp_format *f, uint64_t addend, uint64_t a, uint64_t b)
{
	const uint64_t v[3] = { addend, a, b };
	struct fp_num n[3];
	uint64_t ret;
	bool invalid;

	for (uint32_t i = 0; i < 3; i++)
		n[i] = fp_unpack(c, f, v[i]);
	/* A quiet NaN as addend does not hide the invalid product (FPMulAdd). */
	invalid = (n[1].cls == FP_CLS_INF && n[2].cls == FP_CLS_ZERO) ||
		  (n[1].cls == FP_CLS_ZERO && n[2].cls == FP_CLS_INF);
	if (n[0].cls == FP_CLS_QNAN && invalid)
		return fp_invalid(c, f);
	if (process_nans3(c, f, n, v, &ret))
		return ret;
	return fp_fma_nums(c, f, &n[0], &n[1], &n[2], 0);
}

/* FRECPS: 2 - a * b; FRSQRTS: (3 - a * b) / 2; both fused, with a negated first. */
static uint64_t step_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint64_t b, bool rsqrt)
{
	const struct fp_num start = fp_number(false, 1, rsqrt ? 3ull << 62 : 1ull << 63);
	struct fp_num x, y;
	uint64_t ret;

	a ^= fp_sign_bit(f, true);
	x = fp_unpack(c, f, a);
	y = fp_unpack(c, f, b);
	if (fp_process_nans(c, f, &x, a, &y, b, &ret))
		return ret;
	if ((x.cls == FP_CLS_INF && y.cls == FP_CLS_ZERO) || (x.cls == FP_CLS_ZERO && y.cls == FP_CLS_INF))
		/* 2, or 1.5 */
		return rsqrt ? (uint64_t)fp_bias(f) << f->frac_bits | fp_quiet_bit(f)
			     : (uint64_t)(fp_bias(f) + 1) << f->frac_bits;
	return fp_fma_nums(c, f, &start, &x, &y, rsqrt ? -1 : 0);
}

static int compare_nums(const struct fp_num *x, const struct fp_num *y)
{
	bool x_zero = x->cls == FP_CLS_ZERO, y_zero = y->cls == FP_CLS_ZERO;
	int magnitude;

	if (x_zero && y_zero)
		return 0;
	if (x_zero)
		return y->sign ? 1 : -1;
	if (y_zero || x->sign != y->sign)
		return x->sign ? -1 : 1;
	if (x->cls != y->cls)
		magnitude = x->cls > y->cls ? 1 : -1;
	else if (x->cls == FP_CLS_INF)
		magnitude = 0;
	else if (x->exp != y->exp)
		magnitude = x->exp > y->exp ? 1 : -1;
	else
		magnitude = (x->sig > y->sig) - (x->sig < y->sig);
	return x->sign ? -magnitude : magnitude;
}

static uint32_t compare_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint64_t b,
				bool signalling)
{
	struct fp_num x = fp_unpack(c, f, a), y = fp_unpack(c, f, b);
	int order;

	if (fp_is_nan(&x) || fp_is_nan(&y)) {
		if (signalling || x.cls == FP_CLS_SNAN || y.cls == FP_CLS_SNAN)
			fp_raise(c, FPSR_IOC);
		return FP_C | FP_V;
	}
	order = compare_nums(&x, &y);
	return !order ? FP_Z | FP_C : order < 0 ? FP_N : FP_C;
}

static uint64_t max_generic(struct cpu *c, const struct fp_format *f, uint64_t a, uint64_t b, bool min,
			    bool number)
{
	struct fp_num x = fp_unpack(c, f, a), y = fp_unpack(c, f, b);
	const struct fp_num *pick;
	uint64_t ret;

	/* FMAXNM: one quiet NaN loses against a number. */
	if (number && x.cls == FP_CLS_QNAN && !fp_is_nan(&y))
		x = (struct fp_num){ .cls = FP_CLS_INF, .sign = !min };
	else if (number && y.cls == FP_CLS_QNAN && !fp_is_nan(&x))
		y = (struct fp_num){ .cls = FP_CLS_INF, .sign = !min };
	if (fp_process_nans(c, f, &x, a, &y, b, &ret))
		return ret;
	if (x.cls == FP_CLS_ZERO && y.cls == FP_CLS_ZERO)
		return fp_zero(f, min ? x.sign || y.sign : x.sign && y.sign);
	pick = (compare_nums(&x, &y) > 0) != min ? &x : &y;
	if (!fp_is_finite(pick))
		return pick->cls == FP_CLS_ZERO ? fp_zero(f, pick->sign) : fp_inf(f, pick->sign);
	return fp_round(c, f, pick->sign, pick->exp, (u128)pick->sig << 64, fp_rmode(c));
}

#define FP_DEFINE(bits, fmt)                                                                                 \
	uint##bits##_t fp##bits##_add_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                \
	{                                                                                                    \
		return (uint##bits##_t)add_generic(c, &fmt, a, b, false);                                    \
	}                                                                                                    \
	uint##bits##_t fp##bits##_sub_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                \
	{                                                                                                    \
		return (uint##bits##_t)add_generic(c, &fmt, a, b, true);                                     \
	}                                                                                                    \
	uint##bits##_t fp##bits##_mul_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                \
	{                                                                                                    \
		return (uint##bits##_t)mul_generic(c, &fmt, a, b, false);                                    \
	}                                                                                                    \
	uint##bits##_t fp##bits##_mulx(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                    \
	{                                                                                                    \
		return (uint##bits##_t)mul_generic(c, &fmt, a, b, true);                                     \
	}                                                                                                    \
	uint##bits##_t fp##bits##_div_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                \
	{                                                                                                    \
		return (uint##bits##_t)div_generic(c, &fmt, a, b);                                           \
	}                                                                                                    \
	uint##bits##_t fp##bits##_sqrt_soft(struct cpu *c, uint##bits##_t a)                                 \
	{                                                                                                    \
		return (uint##bits##_t)sqrt_generic(c, &fmt, a);                                             \
	}                                                                                                    \
	uint##bits##_t fp##bits##_fma_soft(struct cpu *c, uint##bits##_t addend, uint##bits##_t a,           \
					   uint##bits##_t b)                                                 \
	{                                                                                                    \
		return (uint##bits##_t)fma_generic(c, &fmt, addend, a, b);                                   \
	}                                                                                                    \
	uint##bits##_t fp##bits##_recps(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                   \
	{                                                                                                    \
		return (uint##bits##_t)step_generic(c, &fmt, a, b, false);                                   \
	}                                                                                                    \
	uint##bits##_t fp##bits##_rsqrts(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                  \
	{                                                                                                    \
		return (uint##bits##_t)step_generic(c, &fmt, a, b, true);                                    \
	}                                                                                                    \
	uint##bits##_t fp##bits##_max_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                \
	{                                                                                                    \
		return (uint##bits##_t)max_generic(c, &fmt, a, b, false, false);                             \
	}                                                                                                    \
	uint##bits##_t fp##bits##_min_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)                \
	{                                                                                                    \
		return (uint##bits##_t)max_generic(c, &fmt, a, b, true, false);                              \
	}                                                                                                    \
	uint##bits##_t fp##bits##_maxnm_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)              \
	{                                                                                                    \
		return (uint##bits##_t)max_generic(c, &fmt, a, b, false, true);                              \
	}                                                                                                    \
	uint##bits##_t fp##bits##_minnm_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b)              \
	{                                                                                                    \
		return (uint##bits##_t)max_generic(c, &fmt, a, b, true, true);                               \
	}                                                                                                    \
	uint32_t fp##bits##_compare_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b, bool signalling) \
	{                                                                                                    \
		return compare_generic(c, &fmt, a, b, signalling);                                           \
	}

FP_DEFINE(32, fp_single)
FP_DEFINE(64, fp_double)
