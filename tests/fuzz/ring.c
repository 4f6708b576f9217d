/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "devices/virtio/chain.h"

#define RING_GPA 0x80000000u
#define RING_LEN (64u << 10)

/* The input is a driver's memory: descriptors, rings and buffers, all of its choice. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct chain c;
	struct gmem gm;
	struct virtq q;
	uint8_t byte[600];

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
		if (chain_left_read(&c) >= sizeof(byte))
			assert(chain_read(&c, byte, sizeof(byte)));
		else
			assert(!chain_read(&c, byte, sizeof(byte)));
		memset(byte, 0x5a, sizeof(byte));
		chain_write(&c, byte, data[5] + 1u);
		chain_push(&c);
		virtq_should_signal(&q);
	}
	gmem_fini(&gm);
	return 0;
}
