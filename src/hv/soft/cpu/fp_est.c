/* SPDX-License-Identifier: Apache-2.0 */
/* Reciprocal and square root estimates: FRECPE, FRSQRTE, FRECPX, URECPE, URSQRTE. */
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/fp_int.h"

/* a is 256..511 for 0.5..1; the result is 256..511 for 1..2. */
static uint32_t recip_estimate(uint32_t a)
{
	return ((1u << 19) / (a * 2 + 1) + 1) / 2;
}

/* a is 128..511 for 0.25..1; the result is 256..511 for 1..2. */
static uint32_t rsqrt_estimate(uint32_t a)
{
	uint32_t b = 512;

	a = a < 256 ? a * 2 + 1 : ((a & ~1u) + 1) * 2;
	while (a * (b + 1) * (b + 1) < 1u << 28)
		b++;
	return (b + 1) / 2;
}

uint32_t fp_urecpe(uint32_t a)
{
	return a >> 31 ? recip_estimate(a >> 23) << 23 : ~0u;
}

uint32_t fp_ursqrte(uint32_t a)
{
	return a >> 30 ? rsqrt_estimate(a >> 23) << 23 : ~0u;
}

static uint64_t recpe_overflow(struct cpu *c, const struct fp_format *f, bool sign)
{
	enum fp_round rm = fp_rmode(c);
	bool to_inf = rm == FP_NEAREST || (rm == FP_PLUS_INF && !sign) || (rm == FP_MINUS_INF && sign);

	fp_raise(c, FPSR_OFC | FPSR_IXC);
	return to_inf ? fp_inf(f, sign) : fp_max_normal(f, sign);
}

static uint64_t recpe_generic(struct cpu *c, const struct fp_format *f, uint64_t a)
{
	struct fp_num n = fp_unpack(c, f, a);
	int32_t exp;
	uint64_t sig;

	if (fp_is_nan(&n))
		return fp_process_nan(c, f, &n, a);
	if (n.cls == FP_CLS_INF)
		return fp_zero(f, n.sign);
	if (n.cls == FP_CLS_ZERO) {
		fp_raise(c, FPSR_DZC);
		return fp_inf(f, n.sign);
	}
	if (n.exp < -fp_bias(f) - 1)
		return recpe_overflow(c, f, n.sign);
	if (n.exp >= fp_bias(f) - 1 && (c->fp.fpcr & FPCR_FZ)) {
		fp_raise(c, FPSR_UFC);
		return fp_zero(f, n.sign);
	}
	exp = fp_bias(f) - 1 - n.exp;
	sig = (uint64_t)recip_estimate((uint32_t)(n.sig >> 55)) << (f->frac_bits - 8);
	if (exp <= 0)
		sig >>= 1 - exp;
	else
		sig += (uint64_t)(exp - 1) << f->frac_bits;
	return fp_sign_bit(f, n.sign) | sig;
}

static uint64_t rsqrte_generic(struct cpu *c, const struct fp_format *f, uint64_t a)
{
	struct fp_num n = fp_unpack(c, f, a);
	int32_t exp = n.exp + fp_bias(f);
	uint64_t sig;

	if (fp_is_nan(&n))
		return fp_process_nan(c, f, &n, a);
	if (n.cls == FP_CLS_ZERO) {
		fp_raise(c, FPSR_DZC);
		return fp_inf(f, n.sign);
	}
	if (n.sign)
		return fp_invalid(c, f);
	if (n.cls == FP_CLS_INF)
		return fp_zero(f, false);
	sig = rsqrt_estimate((uint32_t)(n.sig >> (exp & 1 ? 56 : 55))) & 0xff;
	exp = (3 * fp_bias(f) - 1 - exp) / 2;
	return (uint64_t)exp << f->frac_bits | sig << (f->frac_bits - 8);
}

static uint64_t recpx_generic(struct cpu *c, const struct fp_format *f, uint64_t a)
{
	struct fp_num n = fp_unpack(c, f, a);
	uint64_t exp_max = (1ull << f->exp_bits) - 1, exp = a >> f->frac_bits & exp_max;

	if (fp_is_nan(&n))
		return fp_process_nan(c, f, &n, a);
	exp = exp ? ~exp & exp_max : exp_max - 1;
	return fp_sign_bit(f, n.sign) | exp << f->frac_bits;
}

#define FP_DEFINE(bits, fmt)                                                                                 \
	uint##bits##_t fp##bits##_recpe(struct cpu *c, uint##bits##_t a)                                     \
	{                                                                                                    \
		return (uint##bits##_t)recpe_generic(c, &fmt, a);                                            \
	}                                                                                                    \
	uint##bits##_t fp##bits##_rsqrte(struct cpu *c, uint##bits##_t a)                                    \
	{                                                                                                    \
		return (uint##bits##_t)rsqrte_generic(c, &fmt, a);                                           \
	}                                                                                                    \
	uint##bits##_t fp##bits##_recpx(struct cpu *c, uint##bits##_t a)                                     \
	{                                                                                                    \
		return (uint##bits##_t)recpx_generic(c, &fmt, a);                                            \
	}

FP_DEFINE(32, fp_single)
FP_DEFINE(64, fp_double)
