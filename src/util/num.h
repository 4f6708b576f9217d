/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on numbers from outside: every operation says whether it fitted. */
#ifndef UTIL_NUM_H
#define UTIL_NUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUM_COUNTOF(a) (sizeof(a) / sizeof((a)[0]))

static inline bool num_add(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_add_overflow(a, b, ret);
}

static inline bool num_mul(uint64_t a, uint64_t b, uint64_t *ret)
{
	return !__builtin_mul_overflow(a, b, ret);
}

/* Is [off, off + len) inside [0, size)? */
static inline bool num_range_ok(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static inline bool num_is_pow2(uint64_t v)
{
	return v && !(v & (v - 1));
}

/* `align` is a power of two. */
static inline uint64_t num_align_down(uint64_t v, uint64_t align)
{
	return v & ~(align - 1);
}

static inline uint64_t num_align_up(uint64_t v, uint64_t align)
{
	return (v + align - 1) & ~(align - 1);
}

static inline uint64_t num_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The whole of `s` as a decimal number up to `max`; false leaves *ret alone. */
bool num_parse_u64(const char *s, uint64_t max, uint64_t *ret);

#endif
