/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/script.h"

#include <assert.h>

#include "util/num.h"

#define STEPS_MAX 4000
#define QUEUE 16
#define SCRIPT_STATE_MAX (1u << 20)

enum {
	S_MEM,	     /* u16 offset, u8 length, bytes: into the data area */
	S_DESC,	     /* u8 queue, u8 index, u32 offset, u32 length, u8 flags, u8 next */
	S_OFFER,     /* u8 queue, u8 head */
	S_KICK,	     /* u8 queue */
	S_AVAIL_IDX, /* u8 queue, u16 index */
	S_WRITE,     /* u16 register, u8 log2 of width, u32 value */
	S_READ,	     /* u16 register, u8 log2 of width */
	S_RESTART,   /* driver starts over */
	S_HOST,	     /* u8 what */
	S_TABLE,     /* u16 offset, then as S_DESC from its offset on: an indirect table's entry */
	S_RELOAD,    /* u16 offset, u8 mask: saved, mask XORed into the state there, reset, loaded */
	S_COUNT,
};

static uint64_t script_gpa(uint32_t off)
{
	return RING_BASE + SCRIPT_DATA + off;
}

static void step_mem(struct ring_driver *d, struct cursor *in)
{
	uint16_t off = cursor_u16(in);
	uint8_t len = cursor_u8(in);
	const void *bytes = cursor_take(in, len);

	if (bytes)
		gmem_write(&d->gm, script_gpa(off), bytes, len);
}

static void step_desc(struct ring_driver *d, struct cursor *in, uint64_t at)
{
	uint32_t off = cursor_u32(in), len = cursor_u32(in);
	uint8_t flags = cursor_u8(in), next = cursor_u8(in);

	ring_desc_at(d, at, script_gpa(off), len, flags, next);
}

static void step_access(struct ring_driver *d, struct cursor *in, bool write)
{
	uint32_t off = cursor_u16(in) % VIRTIO_MMIO_LEN;
	uint8_t len = (uint8_t)(1u << (cursor_u8(in) & 3));
	uint32_t value = write ? cursor_u32(in) : 0;

	if (off + len > VIRTIO_MMIO_LEN)
		return;
	if (write)
		virtio_bus_ops.write(d->vd, off, len, value);
	else
		virtio_bus_ops.read(d->vd, off, len);
}

static void step_restart(struct ring_driver *d)
{
	d->heap = RING_BASE;
	ring_start(d, RING_FEATURES_ALL, QUEUE);
}

/* State that was not touched must load; state that does not load leaves a device to be reset. */
static void step_reload(struct ring_driver *d, struct cursor *in)
{
	const struct device *dev = &d->vd->dev;
	uint16_t off = cursor_u16(in);
	uint8_t mask = cursor_u8(in);
	struct buf state;
	struct cursor saved;
	int r;

	buf_init(&state, SCRIPT_STATE_MAX);
	dev->ops->quiesce(dev->impl);
	r = dev->ops->save(dev->impl, &state, NULL);
	assert(!r && !state.broken);
	if (off < state.len)
		state.data[off] ^= mask;
	ring_set(d, RING_STATUS, 0);
	saved = cursor_of(state.data, state.len);
	r = dev->ops->load(dev->impl, &saved, NULL);
	assert(!r || mask);
	if (r < 0)
		ring_set(d, RING_STATUS, 0);
	dev->ops->resume(dev->impl);
	buf_fini(&state);
}

static void step(struct ring_driver *d, struct cursor *in, void (*host)(uint8_t what))
{
	uint32_t nr = d->vd->ops->nr_queues, q;

	assert(nr);
	switch (cursor_u8(in) % S_COUNT) {
	case S_MEM:
		step_mem(d, in);
		break;
	case S_DESC:
		q = cursor_u8(in) % nr;
		step_desc(d, in, d->q[q].desc + 16ull * (cursor_u8(in) % QUEUE));
		break;
	case S_OFFER:
		q = cursor_u8(in) % nr;
		ring_offer(d, q, cursor_u8(in));
		break;
	case S_KICK:
		ring_kick(d, cursor_u8(in));
		ring_serve(d);
		break;
	case S_AVAIL_IDX:
		q = cursor_u8(in) % nr;
		gmem_store16(&d->gm, d->q[q].avail + 2, cursor_u16(in));
		break;
	case S_WRITE:
		step_access(d, in, true);
		break;
	case S_READ:
		step_access(d, in, false);
		break;
	case S_RESTART:
		step_restart(d);
		break;
	case S_RELOAD:
		step_reload(d, in);
		break;
	case S_HOST:
		if (host)
			host(cursor_u8(in));
		break;
	default:
		step_desc(d, in, script_gpa(cursor_u16(in)));
		break;
	}
}

void script_run(struct ring_driver *d, const uint8_t *data, size_t len, void (*host)(uint8_t what))
{
	struct cursor in = cursor_of(data, len);

	step_restart(d);
	for (int i = 0; i < STEPS_MAX && in.left; i++) {
		step(d, &in, host);
		/* What is ready was vetted and stays so. */
		for (uint32_t q = 0; q < d->vd->ops->nr_queues; q++)
			assert(!d->vd->queues[q].ready || !virtq_vet(&d->vd->queues[q]));
	}
	ring_serve(d);
}
