/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes with explicit little-endian encoding.
 *
 * A `struct buf` grows up to the ceiling given at init; the first failure (ceiling or
 * memory) makes it `broken`, later puts do nothing, and the owner asks once at the end.
 * A `struct cursor` reads from borrowed memory; the first short read makes it `broken`,
 * later gets return zero, and the owner asks once at the end.
 */
#ifndef UTIL_BYTES_H
#define UTIL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
	uint8_t *data;
	size_t len, cap, max; /* bytes; len <= cap <= max */
	bool broken;
};

void buf_init(struct buf *b, size_t max);
void buf_fini(struct buf *b);
/* Drops the content, keeps the memory, heals `broken`. */
void buf_reset(struct buf *b);
void buf_put(struct buf *b, const void *data, size_t len);
/* `len` more bytes at the end, uninitialised, or NULL. */
void *buf_grow(struct buf *b, size_t len);
void buf_drop_front(struct buf *b, size_t len);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
/* u32 length and bytes. */
void buf_put_str(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct cursor {
	const uint8_t *p;
	size_t left;
	bool broken;
};

static inline struct cursor cursor_of(const void *data, size_t len)
{
	return (struct cursor){ data, len, false };
}

/* `len` bytes in place, or NULL (then broken). */
const void *cursor_take(struct cursor *c, size_t len);
void cursor_get(struct cursor *c, void *dst, size_t len); /* zeroes dst when short */
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
/* u32 length (at most `max`) and bytes; a pointer into the input, not terminated. */
const char *cursor_str(struct cursor *c, size_t max, size_t *ret_len);
/* Everything was read and nothing was missing. */
static inline bool cursor_done(const struct cursor *c)
{
	return !c->broken && !c->left;
}

static inline uint16_t le16_get(const void *p)
{
	const uint8_t *b = p;
	return (uint16_t)(b[0] | b[1] << 8);
}
static inline uint32_t le32_get(const void *p)
{
	const uint8_t *b = p;
	return le16_get(b) | (uint32_t)le16_get(b + 2) << 16;
}
static inline uint64_t le64_get(const void *p)
{
	const uint8_t *b = p;
	return le32_get(b) | (uint64_t)le32_get(b + 4) << 32;
}
static inline void le16_put(void *p, uint16_t v)
{
	uint8_t *b = p;
	b[0] = (uint8_t)v;
	b[1] = (uint8_t)(v >> 8);
}
static inline void le32_put(void *p, uint32_t v)
{
	uint8_t *b = p;
	le16_put(b, (uint16_t)v);
	le16_put(b + 2, (uint16_t)(v >> 16));
}
static inline void le64_put(void *p, uint64_t v)
{
	uint8_t *b = p;
	le32_put(b, (uint32_t)v);
	le32_put(b + 4, (uint32_t)(v >> 32));
}

#endif
