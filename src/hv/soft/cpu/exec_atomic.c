/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exclusives and LSE atomics, on the host's own atomics.
 *
 * The exclusive monitor is the address and the value read; a store exclusive is a
 * compare-and-swap with that value. It can succeed where a store of the same value came
 * between (the classic ABA), which is weaker than a real monitor and which no lock or
 * counter notices. All orderings are sequentially consistent: on x86-64 a locked
 * instruction costs the same whatever is asked.
 */
#include "hv/soft/cpu/exec_int.h"

#define ATOMIC_PTR(bits, p) ((uint##bits##_t *)(void *)(p))
#define READ_WRITE (CPU_MEM_READ | CPU_MEM_WRITE)

/* A read-modify-write: `fetch` has p and m at hand and gives the old value. */
#define ATOMIC_OP(name, bits, fetch)                                                                         \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		uint8_t *host = cpu_host_ptr(c, op, c->x[op->rn], (bits) / 8, READ_WRITE);                   \
		uint##bits##_t *p = ATOMIC_PTR(bits, host);                                                  \
		const uint##bits##_t m = (uint##bits##_t)c->x[op->rm];                                       \
		if (!host)                                                                                   \
			return cpu_after_fault(c);                                                           \
		c->x[op->rd] = (fetch);                                                                      \
		OP_NEXT(c, op);                                                                              \
	}
#define ATOMIC_SIZES(name, fetch)                                                                            \
	ATOMIC_OP(name##_b, 8, fetch)                                                                        \
	ATOMIC_OP(name##_h, 16, fetch)                                                                       \
	ATOMIC_OP(name##_w, 32, fetch)                                                                       \
	ATOMIC_OP(name##_x, 64, fetch)

ATOMIC_SIZES(atomic_ldadd, __atomic_fetch_add(p, m, __ATOMIC_SEQ_CST))
ATOMIC_SIZES(atomic_ldclr, __atomic_fetch_and(p, (__typeof__(m))~m, __ATOMIC_SEQ_CST))
ATOMIC_SIZES(atomic_ldeor, __atomic_fetch_xor(p, m, __ATOMIC_SEQ_CST))
ATOMIC_SIZES(atomic_ldset, __atomic_fetch_or(p, m, __ATOMIC_SEQ_CST))
ATOMIC_SIZES(atomic_swp, __atomic_exchange_n(p, m, __ATOMIC_SEQ_CST))

#define ATOMIC_PICK(fn, type, bits, better)                                                                  \
	static uint##bits##_t fn(uint##bits##_t *p, uint##bits##_t m)                                        \
	{                                                                                                    \
		uint##bits##_t old = __atomic_load_n(p, __ATOMIC_RELAXED);                                   \
		while (!__atomic_compare_exchange_n(p, &old, (type)old better(type) m ? old : m, true,       \
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))                     \
			;                                                                                    \
		return old;                                                                                  \
	}
#define ATOMIC_PICK_SIZE(bits, sfx)                                                                          \
	ATOMIC_PICK(pick_smax_##sfx, int##bits##_t, bits, >)                                                 \
	ATOMIC_PICK(pick_smin_##sfx, int##bits##_t, bits, <)                                                 \
	ATOMIC_PICK(pick_umax_##sfx, uint##bits##_t, bits, >)                                                \
	ATOMIC_PICK(pick_umin_##sfx, uint##bits##_t, bits, <)                                                \
	ATOMIC_OP(atomic_ldsmax_##sfx, bits, pick_smax_##sfx(p, m))                                          \
	ATOMIC_OP(atomic_ldsmin_##sfx, bits, pick_smin_##sfx(p, m))                                          \
	ATOMIC_OP(atomic_ldumax_##sfx, bits, pick_umax_##sfx(p, m))                                          \
	ATOMIC_OP(atomic_ldumin_##sfx, bits, pick_umin_##sfx(p, m))

ATOMIC_PICK_SIZE(8, b)
ATOMIC_PICK_SIZE(16, h)
ATOMIC_PICK_SIZE(32, w)
ATOMIC_PICK_SIZE(64, x)

#define ATOMIC_CAS(name, bits)                                                                               \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		uint8_t *host = cpu_host_ptr(c, op, c->x[op->rn], (bits) / 8, READ_WRITE);                   \
		uint##bits##_t seen = (uint##bits##_t)c->x[op->rm];                                          \
		if (!host)                                                                                   \
			return cpu_after_fault(c);                                                           \
		__atomic_compare_exchange_n(ATOMIC_PTR(bits, host), &seen, (uint##bits##_t)c->x[op->rd],     \
					    false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                      \
		c->x[op->ra] = seen;                                                                         \
		OP_NEXT(c, op);                                                                              \
	}

ATOMIC_CAS(atomic_cas_b, 8)
ATOMIC_CAS(atomic_cas_h, 16)
ATOMIC_CAS(atomic_cas_w, 32)
ATOMIC_CAS(atomic_cas_x, 64)

/* ---- 16 bytes ---- */

typedef unsigned __int128 u128;

/*
 * On x86-64 by hand: cmpxchg16b is beyond the baseline the compilers assume, so their
 * builtins call libatomic. Every CPU that can run us has it.
 */
static u128 swap_if_equal_128(uint8_t *p, u128 expected, u128 desired)
{
#ifdef __x86_64__
	uint64_t lo = (uint64_t)expected, hi = (uint64_t)(expected >> 64);

	__asm__ volatile("lock cmpxchg16b %0"
			 : "+m"(*(u128 *)(void *)p), "+a"(lo), "+d"(hi)
			 : "b"((uint64_t)desired), "c"((uint64_t)(desired >> 64))
			 : "cc");
	return (u128)hi << 64 | lo;
#else
	return __sync_val_compare_and_swap((u128 *)(void *)p, expected, desired);
#endif
}

static u128 join_128(uint64_t lo, uint64_t hi)
{
	return (u128)hi << 64 | lo;
}

/* CASP: rm and the next are compared, rd and ra stored; aux names the next for reading and writing. */
#define CASP_NEXT_READ(op) ((op)->aux & 0xff)
#define CASP_NEXT_WRITE(op) ((op)->aux >> 8)

const struct op *atomic_casp_w(struct cpu *c, const struct op *op)
{
	uint8_t *p = cpu_host_ptr(c, op, c->x[op->rn], 8, READ_WRITE);
	uint64_t seen, desired;

	if (!p)
		return cpu_after_fault(c);
	seen = (uint32_t)c->x[op->rm] | c->x[CASP_NEXT_READ(op)] << 32;
	desired = (uint32_t)c->x[op->rd] | c->x[op->ra] << 32;
	__atomic_compare_exchange_n(ATOMIC_PTR(64, p), &seen, desired, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	c->x[op->rm] = (uint32_t)seen;
	c->x[CASP_NEXT_WRITE(op)] = seen >> 32;
	OP_NEXT(c, op);
}

const struct op *atomic_casp_x(struct cpu *c, const struct op *op)
{
	uint8_t *p = cpu_host_ptr(c, op, c->x[op->rn], 16, READ_WRITE);
	u128 seen;

	if (!p)
		return cpu_after_fault(c);
	seen = swap_if_equal_128(p, join_128(c->x[op->rm], c->x[CASP_NEXT_READ(op)]),
				 join_128(c->x[op->rd], c->x[op->ra]));
	c->x[op->rm] = (uint64_t)seen;
	c->x[CASP_NEXT_WRITE(op)] = (uint64_t)(seen >> 64);
	OP_NEXT(c, op);
}

/* ---- exclusives ---- */

static uint64_t load_sized(const uint8_t *p, uint32_t len)
{
	switch (len) {
	case 1:
		return __atomic_load_n(p, __ATOMIC_ACQUIRE);
	case 2:
		return __atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE);
	case 4:
		return __atomic_load_n((const uint32_t *)(const void *)p, __ATOMIC_ACQUIRE);
	default:
		return __atomic_load_n((const uint64_t *)(const void *)p, __ATOMIC_ACQUIRE);
	}
}

static bool swap_sized(uint8_t *p, uint32_t len, uint64_t expected, uint64_t desired)
{
	uint8_t e8 = (uint8_t)expected;
	uint16_t e16 = (uint16_t)expected;
	uint32_t e32 = (uint32_t)expected;

	switch (len) {
	case 1:
		return __atomic_compare_exchange_n(p, &e8, (uint8_t)desired, false, __ATOMIC_SEQ_CST,
						   __ATOMIC_SEQ_CST);
	case 2:
		return __atomic_compare_exchange_n(ATOMIC_PTR(16, p), &e16, (uint16_t)desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	case 4:
		return __atomic_compare_exchange_n(ATOMIC_PTR(32, p), &e32, (uint32_t)desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	default:
		return __atomic_compare_exchange_n(ATOMIC_PTR(64, p), &expected, desired, false,
						   __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
}

static void monitor_set(struct cpu *c, uint64_t va, uint32_t len, uint64_t lo, uint64_t hi)
{
	c->excl_va = va;
	c->excl_len = len;
	c->excl_val[0] = lo;
	c->excl_val[1] = hi;
}

/* Is it set for this access? Opens it in any case, as a store exclusive does. */
static bool monitor_take(struct cpu *c, uint64_t va, uint32_t len)
{
	bool held = c->excl_len == len && c->excl_va == va;

	c->excl_len = 0;
	return held;
}

const struct op *atomic_load_excl(struct cpu *c, const struct op *op)
{
	uint32_t len = 1u << MEM_SIZE(op->aux);
	uint64_t va = c->x[op->rn], v;
	const uint8_t *p = cpu_host_ptr(c, op, va, len, CPU_MEM_READ);

	if (!p)
		return cpu_after_fault(c);
	v = load_sized(p, len);
	monitor_set(c, va, len, v, 0);
	c->x[op->rd] = v;
	OP_NEXT(c, op);
}

/* The two halves are read apart: only a successful store makes the pair atomic. */
const struct op *atomic_load_excl_pair(struct cpu *c, const struct op *op)
{
	uint32_t len = 2u << MEM_SIZE(op->aux);
	uint64_t va = c->x[op->rn], lo, hi;
	const uint8_t *p = cpu_host_ptr(c, op, va, len, CPU_MEM_READ);

	if (!p)
		return cpu_after_fault(c);
	lo = load_sized(p, 8);
	hi = len == 16 ? load_sized(p + 8, 8) : 0;
	monitor_set(c, va, len, lo, hi);
	c->x[op->rd] = len == 16 ? lo : (uint32_t)lo;
	c->x[op->ra] = len == 16 ? hi : lo >> 32;
	OP_NEXT(c, op);
}

/*
 * Permission and alignment are checked before the monitor, so a store exclusive to a
 * read-only page faults whether or not it would have succeeded.
 */
const struct op *atomic_store_excl(struct cpu *c, const struct op *op)
{
	uint32_t len = 1u << MEM_SIZE(op->aux);
	uint64_t va = c->x[op->rn];
	uint8_t *p = cpu_host_ptr(c, op, va, len, CPU_MEM_WRITE);
	bool stored;

	if (!p)
		return cpu_after_fault(c);
	stored = monitor_take(c, va, len) && swap_sized(p, len, c->excl_val[0], c->x[op->rd]);
	c->x[op->rm] = !stored;
	OP_NEXT(c, op);
}

const struct op *atomic_store_excl_pair(struct cpu *c, const struct op *op)
{
	uint32_t len = 2u << MEM_SIZE(op->aux);
	uint64_t va = c->x[op->rn];
	uint8_t *p = cpu_host_ptr(c, op, va, len, CPU_MEM_WRITE);
	bool stored = false;

	if (!p)
		return cpu_after_fault(c);
	if (monitor_take(c, va, len)) {
		uint64_t lo = c->x[op->rd], hi = c->x[op->ra];
		u128 expected = join_128(c->excl_val[0], c->excl_val[1]);

		stored = len == 16 ? swap_if_equal_128(p, expected, join_128(lo, hi)) == expected
				   : swap_sized(p, 8, c->excl_val[0], (uint32_t)lo | hi << 32);
	}
	c->x[op->rm] = !stored;
	OP_NEXT(c, op);
}
