/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 floating point on the bits of its operands, with FPCR and FPSR of a CPU.
 *
 * Theory of operation. fp_soft.c does everything exactly as the architecture says, with
 * integers. The host's FPU is used only where no flag, mode or NaN can differ: rounding to
 * nearest, no flushing, and either FPSR.IXC is set already (it is cumulative: after the first
 * inexact result it says nothing new) or the result is shown to be exact; and the result is a
 * normal number well inside the range. So nothing depends on the host's rounding mode or
 * flags but that they are the defaults, and nothing is reordered against them.
 *
 * FP16 arithmetic is not there; half precision is a conversion format.
 */
#ifndef HV_SOFT_CPU_FP_H
#define HV_SOFT_CPU_FP_H

#include "hv/soft/cpu/cpu.h"

enum {
	FPCR_AHP = 1 << 26,
	FPCR_DN = 1 << 25,
	FPCR_FZ = 1 << 24,
	FPCR_RMODE = 3 << 22,
	FPCR_WRITABLE = FPCR_AHP | FPCR_DN | FPCR_FZ | FPCR_RMODE,
};
enum {
	FPSR_QC = 1 << 27,
	FPSR_IDC = 1 << 7,
	FPSR_IXC = 1 << 4,
	FPSR_UFC = 1 << 3,
	FPSR_OFC = 1 << 2,
	FPSR_DZC = 1 << 1,
	FPSR_IOC = 1 << 0,
	FPSR_WRITABLE = FPSR_QC | FPSR_IDC | FPSR_IXC | FPSR_UFC | FPSR_OFC | FPSR_DZC | FPSR_IOC,
};

/* MSR and MRS of FPCR and FPSR; unimplemented bits (trap enables, FZ16, stride, len) are RAZ/WI. */
static inline void fp_set_fpcr(struct cpu *c, uint64_t v)
{
	c->fp.fpcr = (uint32_t)v & FPCR_WRITABLE;
}

static inline uint64_t fp_get_fpcr(const struct cpu *c)
{
	return c->fp.fpcr;
}

static inline void fp_set_fpsr(struct cpu *c, uint64_t v)
{
	c->fp.fpsr = (uint32_t)v & FPSR_WRITABLE;
}

static inline uint64_t fp_get_fpsr(const struct cpu *c)
{
	return c->fp.fpsr;
}

/*
 * Around the execution of guest code on a thread: the host's FP environment is put to its
 * default (a program that embeds us may have changed rounding, or flush denormals) and back.
 */
void fp_enter(struct cpu *c);
void fp_leave(struct cpu *c);

/* FPCR.RMode, then what only instructions name. */
enum fp_round {
	FP_NEAREST,
	FP_PLUS_INF,
	FP_MINUS_INF,
	FP_ZERO,
	FP_TIE_AWAY,
	FP_ODD,
};

static inline enum fp_round fp_rmode(const struct cpu *c)
{
	return (enum fp_round)(c->fp.fpcr >> 22 & 3);
}

/*
 * 32 and 64 bits: each pair has one meaning. Names in _soft never use the host's arithmetic;
 * _rest (fp_host.c) is what the inline functions below leave over.
 */
#define FP_DECLARE(bits)                                                                                     \
	uint##bits##_t fp##bits##_add_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_add_rest(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_sub_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_sub_rest(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_mul_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_mul_rest(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_div_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_div_rest(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_sqrt_soft(struct cpu *c, uint##bits##_t a);                                \
	/* addend + a * b, rounded once */                                                                   \
	uint##bits##_t fp##bits##_fma_soft(struct cpu *c, uint##bits##_t addend, uint##bits##_t a,           \
					   uint##bits##_t b);                                                \
	uint##bits##_t fp##bits##_mulx(struct cpu *c, uint##bits##_t a, uint##bits##_t b);                   \
	uint##bits##_t fp##bits##_max_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_min_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);               \
	uint##bits##_t fp##bits##_maxnm_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);             \
	uint##bits##_t fp##bits##_minnm_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b);             \
	uint##bits##_t fp##bits##_recps(struct cpu *c, uint##bits##_t a, uint##bits##_t b);                  \
	uint##bits##_t fp##bits##_rsqrts(struct cpu *c, uint##bits##_t a, uint##bits##_t b);                 \
	uint##bits##_t fp##bits##_recpe(struct cpu *c, uint##bits##_t a);                                    \
	uint##bits##_t fp##bits##_rsqrte(struct cpu *c, uint##bits##_t a);                                   \
	uint##bits##_t fp##bits##_recpx(struct cpu *c, uint##bits##_t a);                                    \
	/* NZCV as FCMP has it; `signalling` as FCMPE. */                                                    \
	uint32_t fp##bits##_compare_soft(struct cpu *c, uint##bits##_t a, uint##bits##_t b,                  \
					 bool signalling);                                                   \
	uint##bits##_t fp##bits##_round_int(struct cpu *c, uint##bits##_t a, enum fp_round rm, bool exact);  \
	/* To an integer of `width` bits with `fbits` fraction bits; sign-extended within 64 only as width   \
	 * says. */                                                                                          \
	uint64_t fp##bits##_to_int(struct cpu *c, uint##bits##_t a, uint32_t width, bool is_signed,          \
				   uint32_t fbits, enum fp_round rm);                                        \
	uint##bits##_t fp##bits##_from_int(struct cpu *c, uint64_t v, bool is_signed, uint32_t fbits);

FP_DECLARE(32)
FP_DECLARE(64)
#undef FP_DECLARE

uint64_t fp_16_to_64(struct cpu *c, uint16_t a);
uint32_t fp_16_to_32(struct cpu *c, uint16_t a);
uint64_t fp_32_to_64(struct cpu *c, uint32_t a);
uint16_t fp_32_to_16(struct cpu *c, uint32_t a);
uint16_t fp_64_to_16(struct cpu *c, uint64_t a);
uint32_t fp_64_to_32(struct cpu *c, uint64_t a, enum fp_round rm);

/* Estimates of unsigned fixed-point numbers (URECPE, URSQRTE). */
uint32_t fp_urecpe(uint32_t a);
uint32_t fp_ursqrte(uint32_t a);

union fp_bits32 {
	uint32_t u;
	float f;
};
union fp_bits64 {
	uint64_t u;
	double f;
};

/* May the host compute, if the result then turns out to be harmless? */
static inline bool fp_host_ok(const struct cpu *c)
{
	return __builtin_expect(!(c->fp.fpcr & (FPCR_FZ | FPCR_RMODE)) && (c->fp.fpsr & FPSR_IXC), 1);
}

/*
 * Normal and finite: no NaN, overflow or underflow happened. The smallest normal number is
 * out: it may be a tiny result rounded up, which is an underflow in A64 (detected before
 * rounding).
 */
static inline bool fp32_harmless(float r)
{
	float m = __builtin_fabsf(r);

	return __builtin_expect(m <= __FLT_MAX__ && m > __FLT_MIN__, 1);
}

static inline bool fp64_harmless(double r)
{
	double m = __builtin_fabs(r);

	return __builtin_expect(m <= __DBL_MAX__ && m > __DBL_MIN__, 1);
}

/* A sum of zero is exact; a product or quotient of zero is when an operand is. */
#define FP_HOST_OP(bits, name, expr, zero_exact)                                                             \
	static inline uint##bits##_t fp##bits##_##name(struct cpu *c, uint##bits##_t a, uint##bits##_t b)    \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a }, y = { .u = b };                                    \
		if (fp_host_ok(c)) {                                                                         \
			const union fp_bits##bits r = { .f = (expr) };                                       \
			if (fp##bits##_harmless(r.f) || (r.f == 0 && (zero_exact)))                          \
				return r.u;                                                                  \
		}                                                                                            \
		return fp##bits##_##name##_rest(c, a, b);                                                    \
	}

FP_HOST_OP(32, add, x.f + y.f, true)
FP_HOST_OP(64, add, x.f + y.f, true)
FP_HOST_OP(32, sub, x.f - y.f, true)
FP_HOST_OP(64, sub, x.f - y.f, true)
FP_HOST_OP(32, mul, x.f *y.f, x.f == 0 || y.f == 0)
FP_HOST_OP(64, mul, x.f *y.f, x.f == 0 || y.f == 0)
FP_HOST_OP(32, div, x.f / y.f, x.f == 0)
FP_HOST_OP(64, div, x.f / y.f, x.f == 0)
#undef FP_HOST_OP

/* fp_host.c: with the host's fused multiply-add and square root, if it has them. */
uint32_t fp32_fma(struct cpu *c, uint32_t addend, uint32_t a, uint32_t b);
uint64_t fp64_fma(struct cpu *c, uint64_t addend, uint64_t a, uint64_t b);
uint32_t fp32_sqrt(struct cpu *c, uint32_t a);
uint64_t fp64_sqrt(struct cpu *c, uint64_t a);

/* Numbers that differ need no flag. */
#define FP_PICK(bits, name, op)                                                                              \
	static inline uint##bits##_t fp##bits##_##name(struct cpu *c, uint##bits##_t a, uint##bits##_t b)    \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a }, y = { .u = b };                                    \
		if (__builtin_expect(!(c->fp.fpcr & FPCR_FZ) && __builtin_islessgreater(x.f, y.f), 1))       \
			return x.f op y.f ? a : b;                                                           \
		return fp##bits##_##name##_soft(c, a, b);                                                    \
	}

FP_PICK(32, max, >)
FP_PICK(64, max, >)
FP_PICK(32, min, <)
FP_PICK(64, min, <)
FP_PICK(32, maxnm, >)
FP_PICK(64, maxnm, >)
FP_PICK(32, minnm, <)
FP_PICK(64, minnm, <)
#undef FP_PICK

#define FP_N (1u << 31)
#define FP_Z (1u << 30)
#define FP_C (1u << 29)
#define FP_V (1u << 28)

/* Flags are needed for NaNs only, but denormal operands may be flushed. */
#define FP_COMPARE(bits)                                                                                     \
	static inline uint32_t fp##bits##_compare(struct cpu *c, uint##bits##_t a, uint##bits##_t b,         \
						  bool signalling)                                           \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a }, y = { .u = b };                                    \
		if (__builtin_expect(!(c->fp.fpcr & FPCR_FZ) && !__builtin_isunordered(x.f, y.f), 1))        \
			return x.f == y.f ? FP_Z | FP_C : x.f < y.f ? FP_N : FP_C;                           \
		return fp##bits##_compare_soft(c, a, b, signalling);                                         \
	}

FP_COMPARE(32)
FP_COMPARE(64)
#undef FP_COMPARE

#endif
