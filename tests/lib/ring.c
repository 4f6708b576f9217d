/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/ring.h"

#include <stdlib.h>
#include <string.h>

#include "util/fd.h"
#include "util/num.h"

#define MUST(x)                                                                                              \
	do                                                                                                   \
		if (!(x))                                                                                    \
			abort();                                                                             \
	while (0)

void ring_init(struct ring_driver *d)
{
	memset(d, 0, sizeof(*d));
	gmem_init(&d->gm);
	MUST(!gmem_add_anon(&d->gm, RING_BASE, RING_MEM, NULL));
	MUST(!gmem_add_anon(&d->gm, RING_BASE2, RING_MEM2, NULL));
	MUST(!loop_create(&d->loop, NULL));
	d->heap = RING_BASE;
}

void ring_fini(struct ring_driver *d)
{
	virtio_destroy(d->vd);
	loop_destroy(d->loop);
	gmem_fini(&d->gm);
}

static void ring_irq(void *opaque, uint32_t irq, bool level)
{
	struct ring_driver *d = opaque;

	(void)irq;
	if (level)
		__atomic_fetch_add(&d->nr_pulses, 1, __ATOMIC_RELAXED);
}

struct virtio_config ring_config(struct ring_driver *d)
{
	return (struct virtio_config){ .gm = &d->gm, .loop = d->loop, .irq = { ring_irq, d, 40 } };
}

uint64_t ring_alloc(struct ring_driver *d, uint64_t len)
{
	uint64_t gpa = d->heap;

	d->heap = num_align_up(gpa + len, 16);
	MUST(d->heap <= RING_BASE + RING_MEM);
	if (len)
		memset(gmem_slice_write(&d->gm, gpa, len), 0, len);
	return gpa;
}

uint32_t ring_reg(struct ring_driver *d, uint32_t off)
{
	return (uint32_t)virtio_bus_ops.read(d->vd, off, 4);
}

void ring_set(struct ring_driver *d, uint32_t off, uint32_t value)
{
	virtio_bus_ops.write(d->vd, off, 4, value);
}

uint64_t ring_config_get(struct ring_driver *d, uint32_t off, uint8_t len)
{
	return virtio_bus_ops.read(d->vd, 0x100 + off, len);
}

bool ring_negotiate(struct ring_driver *d, uint64_t features)
{
	ring_set(d, RING_STATUS, 0);
	ring_set(d, RING_STATUS, 1);
	ring_set(d, RING_STATUS, 3);
	for (uint32_t sel = 0; sel < 2; sel++) {
		ring_set(d, 0x14, sel);
		ring_set(d, 0x24, sel);
		ring_set(d, 0x20, ring_reg(d, 0x10) & (uint32_t)(features >> 32 * sel));
	}
	ring_set(d, RING_STATUS, 11);
	return ring_reg(d, RING_STATUS) & 8;
}

bool ring_setup(struct ring_driver *d, uint32_t q, uint16_t size)
{
	struct ring_queue *r = &d->q[q];

	*r = (struct ring_queue){ .size = size };
	r->desc = ring_alloc(d, 16ull * size);
	r->avail = ring_alloc(d, 6 + 2ull * size);
	r->used = ring_alloc(d, 6 + 8ull * size);
	ring_set(d, 0x30, q);
	ring_set(d, 0x38, size);
	ring_set(d, 0x80, (uint32_t)r->desc);
	ring_set(d, 0x84, (uint32_t)(r->desc >> 32));
	ring_set(d, 0x90, (uint32_t)r->avail);
	ring_set(d, 0x94, (uint32_t)(r->avail >> 32));
	ring_set(d, 0xa0, (uint32_t)r->used);
	ring_set(d, 0xa4, (uint32_t)(r->used >> 32));
	ring_set(d, 0x44, 1);
	return ring_reg(d, 0x44);
}

void ring_start(struct ring_driver *d, uint64_t features, uint16_t size)
{
	MUST(ring_negotiate(d, features));
	for (uint32_t q = 0; q < d->vd->ops->nr_queues; q++) {
		ring_set(d, 0x30, q);
		MUST(ring_setup(d, q, (uint16_t)num_min(size, ring_reg(d, 0x34))));
	}
	ring_set(d, RING_STATUS, 15);
	MUST(ring_reg(d, RING_STATUS) == 15);
}

void ring_desc_at(struct ring_driver *d, uint64_t at, uint64_t gpa, uint32_t len, uint16_t flags,
		  uint16_t next)
{
	uint8_t raw[16];

	le64_put(raw, gpa);
	le32_put(raw + 8, len);
	le16_put(raw + 12, flags);
	le16_put(raw + 14, next);
	MUST(gmem_write(&d->gm, at, raw, sizeof(raw)));
}

void ring_desc(struct ring_driver *d, uint32_t q, uint32_t i, uint64_t gpa, uint32_t len, uint16_t flags,
	       uint16_t next)
{
	ring_desc_at(d, d->q[q].desc + 16ull * i, gpa, len, flags, next);
}

void ring_offer(struct ring_driver *d, uint32_t q, uint16_t head)
{
	struct ring_queue *r = &d->q[q];

	MUST(gmem_store16(&d->gm, r->avail + 4 + 2ull * (r->avail_idx % r->size), head));
	r->avail_idx++;
	MUST(gmem_store16(&d->gm, r->avail + 2, r->avail_idx));
}

uint16_t ring_add(struct ring_driver *d, uint32_t q, const struct ring_buf *bufs, uint16_t nr)
{
	struct ring_queue *r = &d->q[q];
	uint16_t head = r->next_desc;

	for (uint16_t i = 0; i < nr; i++) {
		uint16_t self = r->next_desc, next = (uint16_t)((self + 1) % r->size);
		uint16_t flags =
			(i + 1 < nr ? VIRTQ_DESC_F_NEXT : 0) | (bufs[i].write ? VIRTQ_DESC_F_WRITE : 0);

		ring_desc(d, q, self, bufs[i].gpa, bufs[i].len, flags, next);
		r->next_desc = next;
	}
	ring_offer(d, q, head);
	return head;
}

void ring_kick(struct ring_driver *d, uint32_t q)
{
	ring_set(d, VIRTIO_MMIO_NOTIFY, q);
}

void ring_serve(struct ring_driver *d)
{
	bool again;

	do {
		again = false;
		for (uint32_t q = 0; q < d->vd->ops->nr_queues; q++) {
			if (!fd_event_clear(d->vd->doorbells[q]))
				continue;
			again = true;
			pthread_mutex_lock(&d->vd->lock);
			if (virtio_queue(d->vd, q))
				d->vd->ops->notify(d->vd->impl, q);
			pthread_mutex_unlock(&d->vd->lock);
		}
	} while (again);
}

bool ring_used(struct ring_driver *d, uint32_t q, uint32_t *ret_id, uint32_t *ret_len)
{
	struct ring_queue *r = &d->q[q];
	uint8_t raw[8];
	uint16_t idx;

	MUST(gmem_load16(&d->gm, r->used + 2, &idx));
	if (idx == r->used_seen)
		return false;
	ring_read(d, r->used + 4 + 8ull * (r->used_seen % r->size), raw, sizeof(raw));
	r->used_seen++;
	if (ret_id)
		*ret_id = le32_get(raw);
	if (ret_len)
		*ret_len = le32_get(raw + 4);
	return true;
}

void ring_read(struct ring_driver *d, uint64_t gpa, void *dst, size_t len)
{
	MUST(gmem_read(&d->gm, gpa, dst, len));
}

void ring_write(struct ring_driver *d, uint64_t gpa, const void *src, size_t len)
{
	MUST(gmem_write(&d->gm, gpa, src, len));
}
