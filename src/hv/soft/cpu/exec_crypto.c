/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES rounds, SHA-1, SHA-256 and the carry-less product, after FIPS 197 and FIPS 180-4; with the
 * host's instructions where it has them. The S-boxes of the portable form are computed once.
 */
#include "hv/soft/cpu/exec_crypto.h"

#include <pthread.h>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#define HOST_HAS(feature) __builtin_cpu_supports(feature)
#define HOST_TARGET(features) __attribute__((target(features), noinline))
#endif

static uint8_t sbox[256], sbox_inv[256];
static pthread_once_t sbox_once = PTHREAD_ONCE_INIT;

static inline uint8_t times2(uint8_t x)
{
	return (uint8_t)(x << 1 ^ (x >> 7) * 0x1b);
}

static uint8_t rotl8(uint8_t x, unsigned n)
{
	return (uint8_t)(x << n | x >> (8 - n));
}

/* p runs through all of the field by powers of 3 and q through their inverses (FIPS 197, 5.1.1). */
static void sbox_fill(void)
{
	uint8_t p = 1, q = 1;

	do {
		p = (uint8_t)(p ^ times2(p));
		q ^= (uint8_t)(q << 1);
		q ^= (uint8_t)(q << 2);
		q ^= (uint8_t)(q << 4);
		q ^= (q >> 7) * 0x09;
		sbox[p] = q ^ rotl8(q, 1) ^ rotl8(q, 2) ^ rotl8(q, 3) ^ rotl8(q, 4) ^ 0x63;
	} while (p != 1);
	sbox[0] = 0x63;
	for (unsigned i = 0; i < 256; i++)
		sbox_inv[sbox[i]] = (uint8_t)i;
}

/* ShiftRows: row r of the column-major state moves left by r, or right for the inverse. */
static union vreg aes_sub_shift(union vreg x, bool inverse)
{
	union vreg r;

	pthread_once(&sbox_once, sbox_fill);
	for (unsigned i = 0; i < 16; i++) {
		unsigned from = inverse ? i - 4 * (i % 4) : i + 4 * (i % 4);

		r.b[i] = (inverse ? sbox_inv : sbox)[x.b[from % 16]];
	}
	return r;
}

static union vreg aes_mix(union vreg x, bool inverse)
{
	union vreg r;

	for (unsigned i = 0; i < 16; i++) {
		uint8_t a = x.b[i], b = x.b[(i & 12) | ((i + 1) & 3)], c = x.b[i ^ 2],
			d = x.b[(i & 12) | ((i + 3) & 3)];

		/* 2a + 3b + c + d; the inverse adds 12a + 8b + 12c + 8d. */
		r.b[i] = times2(a ^ b) ^ b ^ c ^ d;
		if (inverse)
			r.b[i] ^= times2(times2((uint8_t)(times2(a ^ b ^ c ^ d) ^ a ^ c)));
	}
	return r;
}

#if defined(__x86_64__)
/* AESENCLAST is SubBytes and ShiftRows, then the key: a key of zero leaves AESE's part. */
HOST_TARGET("aes") static void host_aes_round(union vreg *x, const union vreg *key, bool inverse)
{
	const __m128i zero = _mm_setzero_si128();
	const __m128i v =
		_mm_xor_si128(_mm_loadu_si128((const __m128i *)x), _mm_loadu_si128((const __m128i *)key));

	_mm_storeu_si128((__m128i *)x,
			 inverse ? _mm_aesdeclast_si128(v, zero) : _mm_aesenclast_si128(v, zero));
}

/* AESDECLAST undoes the substitution and shift of AESENC, which then leaves MixColumns. */
HOST_TARGET("aes") static void host_aes_mix(union vreg *x, bool inverse)
{
	const __m128i zero = _mm_setzero_si128(), v = _mm_loadu_si128((const __m128i *)x);

	_mm_storeu_si128((__m128i *)x, inverse ? _mm_aesimc_si128(v)
					       : _mm_aesenc_si128(_mm_aesdeclast_si128(v, zero), zero));
}

HOST_TARGET("pclmul") static void host_pmull64(union vreg *ret, uint64_t x, uint64_t y)
{
	_mm_storeu_si128((__m128i *)ret, _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)x),
							      _mm_cvtsi64_si128((int64_t)y), 0));
}

/* __builtin_cpu_supports() of GCC 12 does not know SHA-NI. */
static bool host_has_sha(void)
{
	static int known; /* 1 no, 2 yes */
	int has = __atomic_load_n(&known, __ATOMIC_RELAXED);
	uint32_t a, b, c, d;

	if (!has) {
		has = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & 1u << 29) && HOST_HAS("sse4.1") ? 2 : 1;
		__atomic_store_n(&known, has, __ATOMIC_RELAXED);
	}
	return has == 2;
}

#define LANES_REVERSED 0x1b
#define HOST_SHA HOST_TARGET("sha,sse4.1")

/* x is abcd, y is efgh; the host wants feba and hgdc, lowest lane first. */
HOST_SHA static void host_sha256_rounds(union vreg *x, union vreg *y, const union vreg *w)
{
	const __m128i xr = _mm_shuffle_epi32(_mm_loadu_si128((__m128i *)x), LANES_REVERSED);
	const __m128i yr = _mm_shuffle_epi32(_mm_loadu_si128((__m128i *)y), LANES_REVERSED);
	const __m128i wk = _mm_loadu_si128((const __m128i *)w);
	const __m128i feba = _mm_unpackhi_epi64(yr, xr), hgdc = _mm_unpacklo_epi64(yr, xr);
	const __m128i two = _mm_sha256rnds2_epu32(hgdc, feba, wk);
	const __m128i four = _mm_sha256rnds2_epu32(feba, two, _mm_srli_si128(wk, 8));

	_mm_storeu_si128((__m128i *)x, _mm_shuffle_epi32(_mm_unpackhi_epi64(two, four), LANES_REVERSED));
	_mm_storeu_si128((__m128i *)y, _mm_shuffle_epi32(_mm_unpacklo_epi64(two, four), LANES_REVERSED));
}

HOST_SHA static void host_sha256su0(union vreg *d, const union vreg *n)
{
	_mm_storeu_si128((__m128i *)d, _mm_sha256msg1_epu32(_mm_loadu_si128((__m128i *)d),
							    _mm_loadu_si128((const __m128i *)n)));
}

HOST_SHA static void host_sha256su1(union vreg *d, const union vreg *n, const union vreg *m)
{
	const __m128i vm = _mm_loadu_si128((const __m128i *)m);
	const __m128i t7 = _mm_alignr_epi8(vm, _mm_loadu_si128((const __m128i *)n), 4);

	_mm_storeu_si128((__m128i *)d,
			 _mm_sha256msg2_epu32(_mm_add_epi32(_mm_loadu_si128((__m128i *)d), t7), vm));
}

/* The host adds the round constant, which A64 has in w already, and wants e in the first word. */
#define HOST_SHA1_ROUNDS(name, function, constant)                                                           \
	HOST_SHA static void host_##name(union vreg *x, uint32_t e, const union vreg *w)                     \
	{                                                                                                    \
		const __m128i abcd = _mm_shuffle_epi32(_mm_loadu_si128((__m128i *)x), LANES_REVERSED);       \
		const __m128i wk = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)w), LANES_REVERSED);   \
		const __m128i more =                                                                         \
			_mm_sub_epi32(_mm_set_epi32((int)e, 0, 0, 0), _mm_set1_epi32((int)(constant)));      \
		const __m128i r = _mm_sha1rnds4_epu32(abcd, _mm_add_epi32(wk, more), function);              \
		_mm_storeu_si128((__m128i *)x, _mm_shuffle_epi32(r, LANES_REVERSED));                        \
	}
HOST_SHA1_ROUNDS(sha1c, 0, 0x5a827999)
HOST_SHA1_ROUNDS(sha1p, 1, 0x6ed9eba1)
HOST_SHA1_ROUNDS(sha1m, 2, 0x8f1bbcdc)
#define TRY_HOST_SHA(call)                                                                                   \
	if (host_has_sha()) {                                                                                \
		call;                                                                                        \
		return;                                                                                      \
	}
#else
#define TRY_HOST_SHA(call)
#endif

static __attribute__((noinline)) void aes_round(struct cpu *c, const struct op *op, bool inverse)
{
	union vreg x;

#if defined(__x86_64__)
	if (HOST_HAS("aes")) {
		host_aes_round(&c->v[op->rd], &c->v[op->rn], inverse);
		return;
	}
#endif
	x.q = c->v[op->rd].q ^ c->v[op->rn].q;
	c->v[op->rd] = aes_sub_shift(x, inverse);
}

static __attribute__((noinline)) void aes_columns(struct cpu *c, const struct op *op, bool inverse)
{
#if defined(__x86_64__)
	if (HOST_HAS("aes")) {
		c->v[op->rd] = c->v[op->rn];
		host_aes_mix(&c->v[op->rd], inverse);
		return;
	}
#endif
	c->v[op->rd] = aes_mix(c->v[op->rn], inverse);
}

static __attribute__((noinline)) void pmull64(struct cpu *c, const struct op *op)
{
	const uint64_t x = c->v[op->rn].d[op->ra], y = c->v[op->rm].d[op->ra];
	unsigned __int128 r = 0;

#if defined(__x86_64__)
	if (HOST_HAS("pclmul")) {
		host_pmull64(&c->v[op->rd], x, y);
		return;
	}
#endif
	for (unsigned bit = 0; bit < 64; bit++)
		if (y >> bit & 1)
			r ^= (unsigned __int128)x << bit;
	c->v[op->rd].q = r;
}

static inline uint32_t rotl32(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static inline uint32_t rotr32(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

static inline uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
	return z ^ (x & (y ^ z));
}

static inline uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
	return (x & y) | ((x | y) & z);
}

static inline uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
	return x ^ y ^ z;
}

/* Four rounds: Rd is abcd, Rn's first lane e, Rm the schedule with the constant added. */
#define SHA1_ROUNDS(name, f)                                                                                 \
	static __attribute__((noinline)) void name(struct cpu *c, const struct op *op)                       \
	{                                                                                                    \
		const union vreg w = c->v[op->rm];                                                           \
		union vreg x = c->v[op->rd];                                                                 \
		uint32_t e = c->v[op->rn].s[0];                                                              \
		TRY_HOST_SHA(host_##name(&c->v[op->rd], e, &w))                                              \
		for (unsigned i = 0; i < 4; i++) {                                                           \
			uint32_t t = e + rotl32(x.s[0], 5) + f(x.s[1], x.s[2], x.s[3]) + w.s[i];             \
			e = x.s[3];                                                                          \
			x.s[3] = x.s[2];                                                                     \
			x.s[2] = rotl32(x.s[1], 30);                                                         \
			x.s[1] = x.s[0];                                                                     \
			x.s[0] = t;                                                                          \
		}                                                                                            \
		c->v[op->rd] = x;                                                                            \
	}
SHA1_ROUNDS(sha1c, choose)
SHA1_ROUNDS(sha1p, parity)
SHA1_ROUNDS(sha1m, majority)

static __attribute__((noinline)) void sha1su0(struct cpu *c, const struct op *op)
{
	const union vreg d = c->v[op->rd], n = c->v[op->rn];

	c->v[op->rd].d[0] = d.d[1] ^ d.d[0] ^ c->v[op->rm].d[0];
	c->v[op->rd].d[1] = n.d[0] ^ d.d[1] ^ c->v[op->rm].d[1];
}

static __attribute__((noinline)) void sha1su1(struct cpu *c, const struct op *op)
{
	const union vreg n = { .q = c->v[op->rn].q >> 32 };
	union vreg x = { .q = c->v[op->rd].q ^ n.q };

	for (unsigned i = 0; i < 4; i++)
		x.s[i] = rotl32(x.s[i], 1);
	x.s[3] ^= rotl32(x.s[0], 1);
	c->v[op->rd] = x;
}

/* Four rounds of SHA-256 on abcd and efgh; returns one of them. */
static union vreg sha256_rounds(union vreg x, union vreg y, union vreg w, bool want_x)
{
	for (unsigned i = 0; i < 4; i++) {
		uint32_t a = x.s[0], e = y.s[0];
		uint32_t t = y.s[3] + (rotr32(e, 6) ^ rotr32(e, 11) ^ rotr32(e, 25)) +
			     choose(e, y.s[1], y.s[2]) + w.s[i];
		uint32_t u = (rotr32(a, 2) ^ rotr32(a, 13) ^ rotr32(a, 22)) + majority(a, x.s[1], x.s[2]);

		y.s[3] = y.s[2];
		y.s[2] = y.s[1];
		y.s[1] = e;
		y.s[0] = x.s[3] + t;
		x.s[3] = x.s[2];
		x.s[2] = x.s[1];
		x.s[1] = a;
		x.s[0] = t + u;
	}
	return want_x ? x : y;
}

static __attribute__((noinline)) void sha256h(struct cpu *c, const struct op *op)
{
	union vreg y = c->v[op->rn], w = c->v[op->rm];

	TRY_HOST_SHA(host_sha256_rounds(&c->v[op->rd], &y, &w))
	c->v[op->rd] = sha256_rounds(c->v[op->rd], y, w, true);
}

/* SHA256H2 has efgh in Rd and the old abcd in Rn. */
static __attribute__((noinline)) void sha256h2(struct cpu *c, const struct op *op)
{
	union vreg x = c->v[op->rn], w = c->v[op->rm];

	TRY_HOST_SHA(host_sha256_rounds(&x, &c->v[op->rd], &w))
	c->v[op->rd] = sha256_rounds(x, c->v[op->rd], w, false);
}

static __attribute__((noinline)) void sha256su0(struct cpu *c, const struct op *op)
{
	const union vreg n = c->v[op->rn];
	union vreg d = c->v[op->rd];

	TRY_HOST_SHA(host_sha256su0(&c->v[op->rd], &n))
	for (unsigned i = 0; i < 4; i++) {
		uint32_t x = i < 3 ? d.s[i + 1] : n.s[0];

		d.s[i] += rotr32(x, 7) ^ rotr32(x, 18) ^ x >> 3;
	}
	c->v[op->rd] = d;
}

static __attribute__((noinline)) void sha256su1(struct cpu *c, const struct op *op)
{
	const union vreg n = c->v[op->rn], m = c->v[op->rm];
	union vreg d = c->v[op->rd];

	TRY_HOST_SHA(host_sha256su1(&c->v[op->rd], &n, &m))
	/* The last two words depend on the first two of the result. */
	for (unsigned i = 0; i < 4; i++) {
		uint32_t x = i < 2 ? m.s[i + 2] : d.s[i - 2];

		d.s[i] += (rotr32(x, 17) ^ rotr32(x, 19) ^ x >> 10) + (i < 3 ? n.s[i + 1] : m.s[0]);
	}
	c->v[op->rd] = d;
}

/* The work keeps whole registers in memory; apart from it the handler needs no frame. */
#define CRYPTO_HANDLER(name, work)                                                                           \
	const struct op *crypto_##name(struct cpu *c, const struct op *op)                                   \
	{                                                                                                    \
		work;                                                                                        \
		OP_NEXT(c, op);                                                                              \
	}

CRYPTO_HANDLER(aese, aes_round(c, op, false))
CRYPTO_HANDLER(aesd, aes_round(c, op, true))
CRYPTO_HANDLER(aesmc, aes_columns(c, op, false))
CRYPTO_HANDLER(aesimc, aes_columns(c, op, true))
CRYPTO_HANDLER(pmull64, pmull64(c, op))
CRYPTO_HANDLER(sha1c, sha1c(c, op))
CRYPTO_HANDLER(sha1p, sha1p(c, op))
CRYPTO_HANDLER(sha1m, sha1m(c, op))
CRYPTO_HANDLER(sha1h, c->v[op->rd].q = rotl32(c->v[op->rn].s[0], 30))
CRYPTO_HANDLER(sha1su0, sha1su0(c, op))
CRYPTO_HANDLER(sha1su1, sha1su1(c, op))
CRYPTO_HANDLER(sha256h, sha256h(c, op))
CRYPTO_HANDLER(sha256h2, sha256h2(c, op))
CRYPTO_HANDLER(sha256su0, sha256su0(c, op))
CRYPTO_HANDLER(sha256su1, sha256su1(c, op))
