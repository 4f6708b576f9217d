/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The driver publishes heads in the available ring and moves
 * avail.idx; the device reads that index with acquire, so everything written before it
 * is visible, takes one head at a time, and answers in the used ring, moving used.idx
 * with release. Indices are 16 bits and run freely; an available index more than `size`
 * ahead of ours is impossible for an honest driver and breaks the queue.
 *
 * With EVENT_IDX each side says at which index it wants to be told (used_event behind
 * the available ring, avail_event behind the used ring). Both decisions need a full
 * fence between publishing our own index and reading the other side's (2.7.10).
 */
#include "devices/virtio/queue.h"

#include <assert.h>
#include <string.h>

#include "mem/gmem_io.h"
#include "util/num.h"

#define AVAIL_F_NO_INTERRUPT 1u
#define USED_F_NO_NOTIFY 1u

void virtq_init(struct virtq *q, struct gmem *gm, uint16_t max)
{
	assert(num_is_pow2(max) && max <= VIRTQ_SIZE_MAX);
	*q = (struct virtq){ .gm = gm, .max = max };
}

void virtq_reset(struct virtq *q)
{
	virtq_init(q, q->gm, q->max);
}

static uint64_t avail_len(const struct virtq *q)
{
	return 6 + 2ull * q->size;
}

static uint64_t used_len(const struct virtq *q)
{
	return 6 + 8ull * q->size;
}

/* virtio 1.2, 2.7: alignment 16, 2 and 4; the event words are counted in, used or not. */
const char *virtq_vet(const struct virtq *q)
{
	if (!num_is_pow2(q->size) || q->size > q->max)
		return "queue size";
	if (q->desc % 16 || q->avail % 2 || q->used % 4)
		return "queue alignment";
	if (!gmem_find(q->gm, q->desc, (uint64_t)VIRTQ_DESC_LEN * q->size))
		return "descriptor table outside memory";
	if (!gmem_find(q->gm, q->avail, avail_len(q)))
		return "available ring outside memory";
	if (!gmem_find(q->gm, q->used, used_len(q)))
		return "used ring outside memory";
	return NULL;
}

static uint16_t ring_load(const struct virtq *q, uint64_t gpa)
{
	uint16_t v = 0;
	bool ok = gmem_load16(q->gm, gpa, &v);

	assert(ok);
	return v;
}

/* Our index is visible before the other side's wish is read. */
static void ring_fence(void)
{
#if GMEM_TSAN
	/* TSan does not model fences; any locked operation orders as well. */
	static uint32_t word;

	__atomic_fetch_add(&word, 0, __ATOMIC_SEQ_CST);
#else
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

static void ring_store(struct virtq *q, uint64_t gpa, uint16_t v)
{
	bool ok = gmem_store16(q->gm, gpa, v);

	assert(ok);
}

static uint16_t avail_idx(const struct virtq *q)
{
	return ring_load(q, q->avail + 2);
}

uint16_t virtq_pending(const struct virtq *q)
{
	return (uint16_t)(avail_idx(q) - q->last_avail);
}

bool virtq_is_empty(const struct virtq *q)
{
	return !virtq_pending(q);
}

enum virtq_result virtq_pop(struct virtq *q, uint16_t *ret_head)
{
	uint16_t pending = virtq_pending(q);
	uint16_t head;

	if (!pending)
		return VIRTQ_EMPTY;
	if (pending > q->size)
		return VIRTQ_BROKEN;
	head = ring_load(q, q->avail + 4 + 2ull * (q->last_avail & (q->size - 1)));
	if (head >= q->size)
		return VIRTQ_BROKEN;
	q->last_avail++;
	*ret_head = head;
	return VIRTQ_OK;
}

void virtq_unpop(struct virtq *q)
{
	q->last_avail--;
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	uint64_t elem = q->used + 4 + 8ull * (q->used_idx & (q->size - 1));
	bool ok = gmem_store32(q->gm, elem, head) && gmem_store32(q->gm, elem + 4, written);

	assert(ok);
	q->used_idx++;
	ring_store(q, q->used + 2, q->used_idx);
}

bool virtq_desc_get(const struct gmem *gm, uint64_t table, uint32_t num, uint32_t i, struct virtq_desc *ret)
{
	uint8_t raw[VIRTQ_DESC_LEN];
	uint64_t gpa;

	if (i >= num || !num_add(table, (uint64_t)i * VIRTQ_DESC_LEN, &gpa) ||
	    !gmem_read(gm, gpa, raw, sizeof(raw)))
		return false;
	*ret = (struct virtq_desc){ le64_get(raw), le32_get(raw + 8), le16_get(raw + 12),
				    le16_get(raw + 14) };
	return true;
}

bool virtq_should_signal(struct virtq *q)
{
	uint16_t old = q->signalled, new = q->used_idx;

	if (old == new)
		return false;
	q->signalled = new;
	ring_fence();
	if (q->event_idx) {
		uint16_t event = ring_load(q, q->avail + 4 + 2ull * q->size);

		return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
	}
	return !(ring_load(q, q->avail) & AVAIL_F_NO_INTERRUPT);
}

void virtq_quiet(struct virtq *q)
{
	if (!q->event_idx)
		ring_store(q, q->used, USED_F_NO_NOTIFY);
}

static void listen_at(struct virtq *q, uint16_t idx)
{
	if (q->event_idx)
		ring_store(q, q->used + 4 + 8ull * q->size, idx);
	else
		ring_store(q, q->used, 0);
	ring_fence();
}

bool virtq_listen(struct virtq *q)
{
	listen_at(q, q->last_avail);
	return !virtq_is_empty(q);
}

uint16_t virtq_listen_more(struct virtq *q)
{
	listen_at(q, avail_idx(q));
	return virtq_pending(q);
}

void virtq_save(const struct virtq *q, struct buf *out)
{
	buf_put_u16(out, q->size);
	buf_put_u8(out, q->ready);
	buf_put_u64(out, q->desc);
	buf_put_u64(out, q->avail);
	buf_put_u64(out, q->used);
	buf_put_u16(out, q->last_avail);
	buf_put_u16(out, q->used_idx);
	buf_put_u16(out, q->signalled);
}

const char *virtq_load(struct virtq *q, struct cursor *in)
{
	uint8_t ready;

	q->size = cursor_u16(in);
	ready = cursor_u8(in);
	q->desc = cursor_u64(in);
	q->avail = cursor_u64(in);
	q->used = cursor_u64(in);
	q->last_avail = cursor_u16(in);
	q->used_idx = cursor_u16(in);
	q->signalled = cursor_u16(in);
	if (in->broken || ready > 1)
		return "queue state cut short";
	q->ready = ready;
	if (!ready)
		return NULL;
	/* Chains in flight: taken, not yet returned. */
	if ((uint16_t)(q->last_avail - q->used_idx) > q->size)
		return "queue indices";
	return virtq_vet(q);
}
