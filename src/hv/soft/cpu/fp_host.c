/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where fp.h meets the host's FPU: fused multiply-add, square root, the thread's FP
 * environment, and results that are proved to be exact while FPSR.IXC is clear.
 */
#include "hv/soft/cpu/fp.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define HOST_ENV_DEFAULT 0x1f80 /* all masked, nearest, no DAZ or FTZ */

static uint64_t host_env_get(void)
{
	return _mm_getcsr();
}

static void host_env_set(uint64_t env)
{
	_mm_setcsr((uint32_t)env);
}

static inline bool host_has_fma(void)
{
	return __builtin_cpu_supports("fma");
}

__attribute__((target("fma"))) static float host_fmaf(float a, float b, float addend)
{
	return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(addend)));
}

__attribute__((target("fma"))) static double host_fma(double a, double b, double addend)
{
	return _mm_cvtsd_f64(_mm_fmadd_sd(_mm_set_sd(a), _mm_set_sd(b), _mm_set_sd(addend)));
}

static inline float host_sqrtf(float a)
{
	return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a)));
}

static inline double host_sqrt(double a)
{
	const __m128d v = _mm_set_sd(a);

	return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
}

#elif defined(__aarch64__)

#define HOST_ENV_DEFAULT 0

static uint64_t host_env_get(void)
{
	uint64_t env;

	__asm__ volatile("mrs %0, fpcr" : "=r"(env));
	return env;
}

static void host_env_set(uint64_t env)
{
	__asm__ volatile("msr fpcr, %0" ::"r"(env));
}

static inline bool host_has_fma(void)
{
	return true;
}

static inline float host_fmaf(float a, float b, float addend)
{
	return __builtin_fmaf(a, b, addend);
}

static inline double host_fma(double a, double b, double addend)
{
	return __builtin_fma(a, b, addend);
}

static inline float host_sqrtf(float a)
{
	float r;

	__asm__("fsqrt %s0, %s1" : "=w"(r) : "w"(a));
	return r;
}

static inline double host_sqrt(double a)
{
	double r;

	__asm__("fsqrt %d0, %d1" : "=w"(r) : "w"(a));
	return r;
}

#else
#include <fenv.h>

#define HOST_ENV_DEFAULT FE_TONEAREST

static uint64_t host_env_get(void)
{
	return (uint64_t)fegetround();
}

static void host_env_set(uint64_t env)
{
	fesetround((int)env);
}

/* No promise that the compiler's are single instructions: leave them to fp_soft.c. */
static inline bool host_has_fma(void)
{
	return false;
}

static inline float host_fmaf(float a, float b, float addend)
{
	return a * b + addend;
}

static inline double host_fma(double a, double b, double addend)
{
	return a * b + addend;
}

static inline float host_sqrtf(float a)
{
	(void)a;
	return 0;
}

static inline double host_sqrt(double a)
{
	(void)a;
	return 0;
}
#endif

void fp_enter(struct cpu *c)
{
	c->fp.host_env = host_env_get();
	host_env_set(HOST_ENV_DEFAULT);
}

void fp_leave(struct cpu *c)
{
	host_env_set(c->fp.host_env);
}

#define FP_HOST_FUSED(bits, suffix)                                                                          \
	uint##bits##_t fp##bits##_fma(struct cpu *c, uint##bits##_t addend, uint##bits##_t a,                \
				      uint##bits##_t b)                                                      \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a }, y = { .u = b }, z = { .u = addend };               \
		if (fp_host_ok(c) && host_has_fma()) {                                                       \
			const union fp_bits##bits r = { .f = host_fma##suffix(x.f, y.f, z.f) };              \
			if (fp##bits##_harmless(r.f))                                                        \
				return r.u;                                                                  \
		}                                                                                            \
		return fp##bits##_fma_soft(c, addend, a, b);                                                 \
	}                                                                                                    \
	/* harmless() is false for the 0 of hosts without a square root. */                                  \
	uint##bits##_t fp##bits##_sqrt(struct cpu *c, uint##bits##_t a)                                      \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a };                                                    \
		if (fp_host_ok(c)) {                                                                         \
			const union fp_bits##bits r = { .f = host_sqrt##suffix(x.f) };                       \
			if (fp##bits##_harmless(r.f))                                                        \
				return r.u;                                                                  \
		}                                                                                            \
		return fp##bits##_sqrt_soft(c, a);                                                           \
	}

FP_HOST_FUSED(32, f)
FP_HOST_FUSED(64, )

/*
 * While FPSR.IXC is clear the host may still compute what is exact (programs that count in
 * doubles, for one). A sum's rounding error is itself a number (Knuth's TwoSum); a product is
 * exact when the significant bits of its factors fit in the format together, and a quotient when
 * such a product gives the dividend back.
 */
static inline uint32_t significant_bits64(uint64_t v)
{
	return 53 - (uint32_t)__builtin_ctzll(v | 1ull << 52);
}

static inline uint32_t significant_bits32(uint32_t v)
{
	return 24 - (uint32_t)__builtin_ctz(v | 1u << 23);
}

/* A sum of zero always is; a product of zero may have underflowed. */
#define SUM_IS_EXACT(bits, x, y, r)                                                                          \
	((fp##bits##_harmless(r) || (r) == 0) && ((x) - ((r) - ((r) - (x)))) + ((y) - ((r) - (x))) == 0)
#define PRODUCT_IS_EXACT(bits, x, y)                                                                         \
	(significant_bits##bits((x).u) + significant_bits##bits((y).u) <= (bits == 64 ? 53 : 24))

#define FP_REST(bits, name, expr, exact)                                                                     \
	uint##bits##_t fp##bits##_##name##_rest(struct cpu *c, uint##bits##_t a, uint##bits##_t b)           \
	{                                                                                                    \
		const union fp_bits##bits x = { .u = a }, y = { .u = b };                                    \
		if (!(c->fp.fpcr & (FPCR_FZ | FPCR_RMODE)) && !(c->fp.fpsr & FPSR_IXC)) {                    \
			const union fp_bits##bits r = { .f = (expr) };                                       \
			if (exact)                                                                           \
				return r.u;                                                                  \
		}                                                                                            \
		return fp##bits##_##name##_soft(c, a, b);                                                    \
	}

#define SUM_REST(bits)                                                                                       \
	FP_REST(bits, add, x.f + y.f, SUM_IS_EXACT(bits, x.f, y.f, r.f))                                     \
	FP_REST(bits, sub, x.f - y.f, SUM_IS_EXACT(bits, x.f, -y.f, r.f))
#define PRODUCT_REST(bits)                                                                                   \
	FP_REST(bits, mul, x.f *y.f, fp##bits##_harmless(r.f) && PRODUCT_IS_EXACT(bits, x, y))               \
	FP_REST(bits, div, x.f / y.f,                                                                        \
		fp##bits##_harmless(r.f) && PRODUCT_IS_EXACT(bits, r, y) && r.f * y.f == x.f)

SUM_REST(32)
SUM_REST(64)
PRODUCT_REST(32)
PRODUCT_REST(64)
