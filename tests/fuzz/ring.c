/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "devices/virtio/chain.h"
#include "mem/gmem_io.h"

#define RING_GPA 0x80000000u
#define RING_LEN (64u << 10)

static int ring_io(void *opaque, const struct iovec *iov, int nr, uint64_t done)
{
	uint64_t *total = opaque;

	assert(nr > 0 && nr <= GMEM_IOV_MAX && done == *total);
	for (int i = 0; i < nr; i++)
		*total += iov[i].iov_len;
	return *total > RING_LEN / 2 ? -EIO : 0;
}

/* A device that asks for what it likes: it gets that whole, or nothing. */
static void ring_use(struct chain *c, uint8_t how, uint32_t len)
{
	uint64_t readable = chain_left_read(c), writable = chain_left_write(c), total = 0;
	uint8_t bytes[600];
	int r;

	if (how & 1)
		assert(chain_read(c, bytes, sizeof(bytes)) == (readable >= sizeof(bytes)));
	if (how & 2)
		chain_skip_read(c, len);
	if (how & 4) {
		r = chain_read_io(c, chain_left_read(c), ring_io, &total);
		assert(!r || r == -EIO || r == -EINVAL);
	}
	memset(bytes, 0x5a, sizeof(bytes));
	assert(chain_write(c, bytes, len) == (writable >= len));
	if (how & 8)
		chain_zero(c, len);
	if (how & 16)
		chain_skip_write(c, 1);
	if (how & 32)
		chain_write_at(c, len, bytes, 7);
	total = 0;
	if (how & 64)
		chain_write_io(c, chain_left_write(c) + (how & 1), ring_io, &total);
}

/* The input is a driver's memory: descriptors, rings and buffers, all of its choice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct chain c;
	struct gmem gm;
	struct virtq q;

	if (len < 8)
		return 0;
	gmem_init(&gm);
	if (gmem_add_anon(&gm, RING_GPA, RING_LEN, NULL) < 0)
		return 0;
	gmem_write(&gm, RING_GPA, data + 8, len - 8 < RING_LEN ? len - 8 : RING_LEN);
	virtq_init(&q, &gm, 64);
	q.size = (uint16_t)(1u << (data[0] & 7));
	q.desc = RING_GPA + data[1] * 16u;
	q.avail = RING_GPA + 0x400 + data[2] * 2u;
	q.used = RING_GPA + 0x800 + data[3] * 4u;
	q.event_idx = data[4] & 1;
	q.indirect = data[4] & 2;
	q.ready = !virtq_vet(&q);
	for (unsigned step = 0; q.ready && step < 300; step++) {
		enum virtq_result r = chain_pop(&q, &c);

		if (r != VIRTQ_OK)
			break;
		assert(c.head < q.size && c.nr_slices <= CHAIN_SLICES_MAX);
		for (uint32_t i = 0; i < c.nr_slices; i++)
			assert(c.slices[i].len && gmem_find(&gm, c.slices[i].gpa, c.slices[i].len));
		ring_use(&c, data[6], data[5] + 1u);
		chain_push(&c);
		virtq_should_signal(&q);
	}
	gmem_fini(&gm);
	return 0;
}
