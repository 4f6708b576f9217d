/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES rounds, SHA-1, SHA-256 and the carry-less product, after FIPS 197 and FIPS 180-4, on
 * any host; exec_crypto_host.c has those for a host that can do it. The S-boxes are computed once.
 */
#include "hv/soft/cpu/exec_crypto.h"

#include <pthread.h>

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

static __attribute__((noinline)) void aes_round(struct cpu *c, const struct op *op, bool inverse)
{
	const union vreg x = { .q = c->v[op->rd].q ^ c->v[op->rn].q };

	c->v[op->rd] = aes_sub_shift(x, inverse);
}

static __attribute__((noinline)) void aes_columns(struct cpu *c, const struct op *op, bool inverse)
{
	c->v[op->rd] = aes_mix(c->v[op->rn], inverse);
}

static __attribute__((noinline)) void pmull64(struct cpu *c, const struct op *op)
{
	const uint64_t x = c->v[op->rn].d[op->ra], y = c->v[op->rm].d[op->ra];
	unsigned __int128 r = 0;

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

	c->v[op->rd] = sha256_rounds(c->v[op->rd], y, w, true);
}

/* SHA256H2 has efgh in Rd and the old abcd in Rn. */
static __attribute__((noinline)) void sha256h2(struct cpu *c, const struct op *op)
{
	union vreg x = c->v[op->rn], w = c->v[op->rm];

	c->v[op->rd] = sha256_rounds(x, c->v[op->rd], w, false);
}

static __attribute__((noinline)) void sha256su0(struct cpu *c, const struct op *op)
{
	const union vreg n = c->v[op->rn];
	union vreg d = c->v[op->rd];

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
