/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/chain.h"

#include <assert.h>
#include <errno.h>

#include "mem/gmem_io.h"
#include "util/num.h"

struct walk {
	uint64_t table;
	uint32_t num;	 /* descriptors in the table */
	uint32_t budget; /* steps left: a longer chain loops */
	bool indirect;
};

static bool walk_slice(struct chain *c, const struct virtq_desc *d)
{
	bool writable = d->flags & VIRTQ_DESC_F_WRITE;
	struct chain_cursor *cur = writable ? &c->w : &c->r;

	if (!d->len || c->nr_slices == CHAIN_SLICES_MAX || !gmem_find(c->q->gm, d->addr, d->len))
		return false;
	if (!writable && c->nr_readable != c->nr_slices)
		return false;
	c->slices[c->nr_slices++] = (struct chain_slice){ d->addr, d->len };
	if (!writable)
		c->nr_readable++;
	return num_add(cur->left, d->len, &cur->left);
}

/* 2.7.5.3: only where agreed, last of its chain, never nested, whole descriptors. */
static bool walk_enter_indirect(const struct chain *c, struct walk *w, const struct virtq_desc *d)
{
	uint32_t num = d->len / VIRTQ_DESC_LEN;

	if (!c->q->indirect || w->indirect || d->flags & (VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE))
		return false;
	if (!num || d->len % VIRTQ_DESC_LEN || !gmem_find(c->q->gm, d->addr, d->len))
		return false;
	*w = (struct walk){ d->addr, num, num < CHAIN_SLICES_MAX ? num : CHAIN_SLICES_MAX, true };
	return true;
}

static bool chain_walk(struct chain *c)
{
	struct walk w = { c->q->desc, c->q->size, c->q->size, false };
	uint32_t i = c->head;

	for (;;) {
		struct virtq_desc d;

		if (!w.budget-- || !virtq_desc_get(c->q->gm, w.table, w.num, i, &d))
			return false;
		if (d.flags & VIRTQ_DESC_F_INDIRECT) {
			if (!walk_enter_indirect(c, &w, &d))
				return false;
			i = 0;
			continue;
		}
		if (!walk_slice(c, &d))
			return false;
		if (!(d.flags & VIRTQ_DESC_F_NEXT))
			return true;
		i = d.next;
	}
}

enum virtq_result chain_pop(struct virtq *q, struct chain *c)
{
	uint16_t head;
	enum virtq_result r = virtq_pop(q, &head);

	if (r != VIRTQ_OK)
		return r;
	c->q = q;
	c->head = head;
	c->nr_slices = c->nr_readable = 0;
	c->written = 0;
	c->r = c->w = (struct chain_cursor){ 0 };
	if (!chain_walk(c))
		return VIRTQ_BROKEN;
	c->r.end = c->w.slice = c->nr_readable;
	c->w.end = c->nr_slices;
	c->w_total = c->w.left;
	return VIRTQ_OK;
}

void chain_unpop(struct chain *c)
{
	assert(!c->written);
	virtq_unpop(c->q);
}

void chain_push(struct chain *c)
{
	virtq_push(c->q, c->head, (uint32_t)num_min(c->written, UINT32_MAX));
}

/* The next piece of at most `max` bytes at the cursor, which moves past it. */
static uint32_t cursor_next(const struct chain *c, struct chain_cursor *cur, uint64_t max, uint64_t *ret_gpa)
{
	const struct chain_slice *s = &c->slices[cur->slice];
	uint32_t len;

	assert(cur->slice < cur->end && max);
	len = (uint32_t)num_min(max, s->len - cur->off);
	*ret_gpa = s->gpa + cur->off;
	cur->off += len;
	cur->left -= len;
	if (cur->off == s->len) {
		cur->slice++;
		cur->off = 0;
	}
	return len;
}

static bool cursor_skip(const struct chain *c, struct chain_cursor *cur, uint64_t len)
{
	uint64_t gpa;

	if (len > cur->left)
		return false;
	while (len)
		len -= cursor_next(c, cur, len, &gpa);
	return true;
}

/* `src` NULL: zeroes. */
static void cursor_write(struct chain *c, struct chain_cursor *cur, const uint8_t *src, uint64_t len)
{
	static const uint8_t zeroes[4096];

	while (len) {
		uint64_t gpa;
		uint32_t n = cursor_next(c, cur, src ? len : num_min(len, sizeof(zeroes)), &gpa);
		bool ok = gmem_write(c->q->gm, gpa, src ? src : zeroes, n);

		assert(ok);
		if (src)
			src += n;
		len -= n;
	}
}

bool chain_read(struct chain *c, void *dst, uint64_t len)
{
	uint8_t *p = dst;

	if (len > c->r.left)
		return false;
	while (len) {
		uint64_t gpa;
		uint32_t n = cursor_next(c, &c->r, len, &gpa);
		bool ok = gmem_read(c->q->gm, gpa, p, n);

		assert(ok);
		p += n;
		len -= n;
	}
	return true;
}

bool chain_write(struct chain *c, const void *src, uint64_t len)
{
	if (len > c->w.left)
		return false;
	cursor_write(c, &c->w, src, len);
	c->written += len;
	return true;
}

bool chain_zero(struct chain *c, uint64_t len)
{
	return chain_write(c, NULL, len);
}

bool chain_skip_read(struct chain *c, uint64_t len)
{
	return cursor_skip(c, &c->r, len);
}

bool chain_skip_write(struct chain *c, uint64_t len)
{
	return cursor_skip(c, &c->w, len);
}

bool chain_next_range(struct chain *c, uint64_t *ret_gpa, uint32_t *ret_len)
{
	if (!c->w.left)
		return false;
	*ret_len = cursor_next(c, &c->w, UINT32_MAX, ret_gpa);
	return true;
}

bool chain_write_at(struct chain *c, uint64_t off, const void *src, uint64_t len)
{
	struct chain_cursor cur = { .slice = c->nr_readable, .end = c->nr_slices, .left = c->w_total };

	if (!num_range_ok(off, len, c->w_total) || !cursor_skip(c, &cur, off))
		return false;
	cursor_write(c, &cur, src, len);
	c->written += len;
	return true;
}

/* Turns up to `len` bytes at `cur` into pieces; returns how many pieces, *ret_len bytes. */
static int cursor_iov(struct chain *c, struct chain_cursor *cur, bool write, uint64_t len, struct iovec *iov,
		      uint64_t *ret_len)
{
	uint64_t left = len;
	int nr = 0;

	while (left && nr < GMEM_IOV_MAX) {
		uint64_t gpa;
		uint32_t n = cursor_next(c, cur, left, &gpa);
		const uint8_t *p = write ? gmem_slice_write(c->q->gm, gpa, n) : gmem_slice(c->q->gm, gpa, n);

		assert(p);
		iov[nr++] = (struct iovec){ (void *)(uintptr_t)p, n };
		left -= n;
	}
	*ret_len = len - left;
	return nr;
}

static int cursor_io(struct chain *c, struct chain_cursor *cur, bool write, uint64_t len, chain_io_fn *fn,
		     void *opaque)
{
	uint64_t done = 0;

	if (len > cur->left)
		return -EINVAL;
	while (done < len) {
		struct iovec iov[GMEM_IOV_MAX];
		uint64_t n;
		int nr = cursor_iov(c, cur, write, len - done, iov, &n);
		int err = fn(opaque, iov, nr, done);

		if (err)
			return err;
		done += n;
		if (write)
			c->written += n;
	}
	return 0;
}

int chain_read_io(struct chain *c, uint64_t len, chain_io_fn *fn, void *opaque)
{
	return cursor_io(c, &c->r, false, len, fn, opaque);
}

int chain_write_io(struct chain *c, uint64_t len, chain_io_fn *fn, void *opaque)
{
	return cursor_io(c, &c->w, true, len, fn, opaque);
}

ssize_t chain_send(struct chain *c, int fd, uint64_t len)
{
	struct chain_cursor cur = c->r;
	struct iovec iov[GMEM_IOV_MAX];
	uint64_t want;
	int nr = cursor_iov(c, &cur, false, num_min(len, c->r.left), iov, &want);
	ssize_t n = gmem_sendv(fd, iov, nr);

	if (n > 0)
		cursor_skip(c, &c->r, (uint64_t)n);
	return n;
}

ssize_t chain_recv(struct chain *c, int fd, uint64_t len)
{
	struct chain_cursor cur = c->w;
	struct iovec iov[GMEM_IOV_MAX];
	uint64_t want;
	int nr = cursor_iov(c, &cur, true, num_min(len, c->w.left), iov, &want);
	ssize_t n = gmem_recvv(fd, iov, nr);

	if (n > 0) {
		cursor_skip(c, &c->w, (uint64_t)n);
		c->written += (uint64_t)n;
	}
	return n;
}
