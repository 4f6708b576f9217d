/* SPDX-License-Identifier: Apache-2.0 */
#include "util/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_fini(struct buf *b)
{
	free(b->data);
	*b = (struct buf){ 0 };
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->broken = false;
}

void *buf_grow(struct buf *b, size_t len)
{
	if (b->broken || len > b->max - b->len) {
		b->broken = true;
		return NULL;
	}
	if (len > b->cap - b->len) {
		size_t cap = b->cap ? b->cap : 64;
		uint8_t *data;

		while (cap - b->len < len)
			cap = cap > b->max / 2 ? b->max : cap * 2;
		data = realloc(b->data, cap);
		if (!data) {
			b->broken = true;
			return NULL;
		}
		b->data = data;
		b->cap = cap;
	}
	b->len += len;
	return b->data + b->len - len;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	void *p = len ? buf_grow(b, len) : NULL;

	if (p)
		memcpy(p, data, len);
}

void buf_drop_front(struct buf *b, size_t len)
{
	assert(len <= b->len);
	if (len && len < b->len)
		memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
	void *p = buf_grow(b, 2);

	if (p)
		le16_put(p, v);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
	void *p = buf_grow(b, 4);

	if (p)
		le32_put(p, v);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
	void *p = buf_grow(b, 8);

	if (p)
		le64_put(p, v);
}

void buf_put_str(struct buf *b, const char *s)
{
	size_t len = strlen(s);

	if (len > UINT32_MAX) {
		b->broken = true;
		return;
	}
	buf_put_u32(b, (uint32_t)len);
	buf_put(b, s, len);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->broken = true;
		return;
	}
	buf_put(b, text, (size_t)n);
	free(text);
}

const void *cursor_take(struct cursor *c, size_t len)
{
	const uint8_t *p = c->p;

	if (c->broken || len > c->left) {
		c->broken = true;
		return NULL;
	}
	c->p += len;
	c->left -= len;
	return p;
}

void cursor_get(struct cursor *c, void *dst, size_t len)
{
	const void *p = cursor_take(c, len);

	if (p)
		memcpy(dst, p, len);
	else
		memset(dst, 0, len);
}

uint8_t cursor_u8(struct cursor *c)
{
	uint8_t b[1];

	cursor_get(c, b, sizeof(b));
	return b[0];
}

uint16_t cursor_u16(struct cursor *c)
{
	uint8_t b[2];

	cursor_get(c, b, sizeof(b));
	return le16_get(b);
}

uint32_t cursor_u32(struct cursor *c)
{
	uint8_t b[4];

	cursor_get(c, b, sizeof(b));
	return le32_get(b);
}

uint64_t cursor_u64(struct cursor *c)
{
	uint8_t b[8];

	cursor_get(c, b, sizeof(b));
	return le64_get(b);
}

const char *cursor_str(struct cursor *c, size_t max, size_t *ret_len)
{
	size_t len = cursor_u32(c);
	const char *s;

	if (len > max)
		c->broken = true;
	s = cursor_take(c, len);
	if (s)
		*ret_len = len;
	return s;
}
