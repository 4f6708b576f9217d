/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handlers of exec_crypto.c with the instructions of an x86-64 host. Each is one handler
 * of its own, so that a guest's instruction costs one dispatch and no call; the decoder asks
 * crypto_host() which to take. Registers are read and written whole: a host load of 16 bytes
 * waits for the cache when it follows two stores of 8.
 */
#include "hv/soft/cpu/exec_crypto.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

static inline __m128i get(const struct cpu *c, uint32_t reg)
{
	return _mm_load_si128((const __m128i *)&c->v[reg]);
}

static inline void set(struct cpu *c, uint32_t reg, __m128i v)
{
	_mm_store_si128((__m128i *)&c->v[reg], v);
}

#define D get(c, op->rd)
#define N get(c, op->rn)
#define M get(c, op->rm)
#define HOST_HANDLER(name, features, value)                                                                  \
	__attribute__((target(features))) static const struct op *host_##name(struct cpu *c,                 \
									      const struct op *op)           \
	{                                                                                                    \
		set(c, op->rd, value);                                                                       \
		OP_NEXT(c, op);                                                                              \
	}

/* AESENCLAST is SubBytes and ShiftRows, then the key: a key of zero leaves AESE's part. */
HOST_HANDLER(aese, "aes", _mm_aesenclast_si128(_mm_xor_si128(D, N), _mm_setzero_si128()))
HOST_HANDLER(aesd, "aes", _mm_aesdeclast_si128(_mm_xor_si128(D, N), _mm_setzero_si128()))
/* AESDECLAST undoes the substitution and shift of AESENC, which then leaves MixColumns. */
HOST_HANDLER(aesmc, "aes",
	     _mm_aesenc_si128(_mm_aesdeclast_si128(N, _mm_setzero_si128()), _mm_setzero_si128()))
HOST_HANDLER(aesimc, "aes", _mm_aesimc_si128(N))

/* AESE and AESMC of one register, or AESD and AESIMC, are what a host calls a round. */
#define HOST_ROUND(name, value)                                                                              \
	__attribute__((target("aes"))) static const struct op *host_##name(struct cpu *c,                    \
									   const struct op *op)              \
	{                                                                                                    \
		set(c, op->rd, value);                                                                       \
		OP_CONTINUE(c, op + 2);                                                                      \
	}
HOST_ROUND(aes_round, _mm_aesenc_si128(_mm_xor_si128(D, N), _mm_setzero_si128()))
HOST_ROUND(aes_round_back, _mm_aesdec_si128(_mm_xor_si128(D, N), _mm_setzero_si128()))

HOST_HANDLER(pmull64, "pclmul",
	     _mm_clmulepi64_si128(_mm_loadl_epi64((const __m128i *)&c->v[op->rn].d[op->ra]),
				  _mm_loadl_epi64((const __m128i *)&c->v[op->rm].d[op->ra]), 0))

#define SHA "sha,sse4.1"
#define LANES_REVERSED 0x1b
#define REVERSED(v) _mm_shuffle_epi32((v), LANES_REVERSED)

/* x is abcd, y is efgh; the host wants feba and hgdc, lowest lane first. */
__attribute__((target(SHA))) static inline __m128i sha256_rounds(__m128i x, __m128i y, __m128i wk,
								 bool want_x)
{
	const __m128i xr = REVERSED(x), yr = REVERSED(y);
	const __m128i feba = _mm_unpackhi_epi64(yr, xr), hgdc = _mm_unpacklo_epi64(yr, xr);
	const __m128i two = _mm_sha256rnds2_epu32(hgdc, feba, wk);
	const __m128i four = _mm_sha256rnds2_epu32(feba, two, _mm_srli_si128(wk, 8));

	return REVERSED(want_x ? _mm_unpackhi_epi64(two, four) : _mm_unpacklo_epi64(two, four));
}

/* SHA256H2 has efgh in Rd and the old abcd in Rn. */
HOST_HANDLER(sha256h, SHA, sha256_rounds(D, N, M, true))
HOST_HANDLER(sha256h2, SHA, sha256_rounds(N, D, M, false))
HOST_HANDLER(sha256su0, SHA, _mm_sha256msg1_epu32(D, N))
HOST_HANDLER(sha256su1, SHA, _mm_sha256msg2_epu32(_mm_add_epi32(D, _mm_alignr_epi8(M, N, 4)), M))

/* The host adds the round constant, which A64 has in w already, and wants e in the first word. */
#define SHA1_ROUNDS(function, constant)                                                                      \
	REVERSED(_mm_sha1rnds4_epu32(                                                                        \
		REVERSED(D),                                                                                 \
		_mm_add_epi32(REVERSED(M), _mm_sub_epi32(_mm_set_epi32((int)c->v[op->rn].s[0], 0, 0, 0),     \
							 _mm_set1_epi32((int)(constant)))),                  \
		function))
HOST_HANDLER(sha1c, SHA, SHA1_ROUNDS(0, 0x5a827999))
HOST_HANDLER(sha1p, SHA, SHA1_ROUNDS(1, 0x6ed9eba1))
HOST_HANDLER(sha1m, SHA, SHA1_ROUNDS(2, 0x8f1bbcdc))

enum host_feature { HOST_AES, HOST_PCLMUL, HOST_SHA };

static bool host_has(enum host_feature f)
{
	uint32_t a, b, c, d;

	switch (f) {
	case HOST_AES:
		return __builtin_cpu_supports("aes");
	case HOST_PCLMUL:
		return __builtin_cpu_supports("pclmul");
	default: /* __builtin_cpu_supports() of GCC 12 does not know SHA-NI */
		return __builtin_cpu_supports("sse4.1") && __get_cpuid_count(7, 0, &a, &b, &c, &d) &&
		       (b & 1u << 29);
	}
}

static const struct {
	op_fn *portable, *host;
	enum host_feature needs;
} handlers[] = {
	{ crypto_aese, host_aese, HOST_AES },		{ crypto_aesd, host_aesd, HOST_AES },
	{ crypto_aesmc, host_aesmc, HOST_AES },		{ crypto_aesimc, host_aesimc, HOST_AES },
	{ crypto_pmull64, host_pmull64, HOST_PCLMUL },	{ crypto_sha1c, host_sha1c, HOST_SHA },
	{ crypto_sha1p, host_sha1p, HOST_SHA },		{ crypto_sha1m, host_sha1m, HOST_SHA },
	{ crypto_sha256h, host_sha256h, HOST_SHA },	{ crypto_sha256h2, host_sha256h2, HOST_SHA },
	{ crypto_sha256su0, host_sha256su0, HOST_SHA }, { crypto_sha256su1, host_sha256su1, HOST_SHA },
};

op_fn *crypto_host(op_fn *portable)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].portable == portable && host_has(handlers[i].needs))
			return handlers[i].host;
	return portable;
}

op_fn *crypto_fuse(const struct op *first)
{
	if (first[1].rd != first->rd || first[1].rn != first->rd)
		return NULL;
	if (first->fn == host_aese && first[1].fn == host_aesmc)
		return host_aes_round;
	if (first->fn == host_aesd && first[1].fn == host_aesimc)
		return host_aes_round_back;
	return NULL;
}
#else
op_fn *crypto_host(op_fn *portable)
{
	return portable;
}

op_fn *crypto_fuse(const struct op *first)
{
	(void)first;
	return NULL;
}
#endif
