/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/chain.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define BASE 0x10000ull
#define MEM (1u << 20)
#define SIZE 8u
#define DESC BASE
#define AVAIL (BASE + 0x1000)
#define USED (BASE + 0x2000)
#define TABLE (BASE + 0x3000)
#define DATA (BASE + 0x10000)
#define NEXT VIRTQ_DESC_F_NEXT
#define WRITE VIRTQ_DESC_F_WRITE
#define INDIRECT VIRTQ_DESC_F_INDIRECT

static struct gmem gm;
static struct virtq vq;
static struct chain chain;

static int set_up(void **state)
{
	(void)state;
	gmem_init(&gm);
	assert_int_equal(gmem_add_anon(&gm, BASE, MEM, NULL), 0);
	/* A second mapping right behind: a buffer over both is one range only for the guest. */
	assert_int_equal(gmem_add_anon(&gm, BASE + MEM, GMEM_PAGE, NULL), 0);
	virtq_init(&vq, &gm, SIZE);
	vq.size = SIZE;
	vq.desc = DESC;
	vq.avail = AVAIL;
	vq.used = USED;
	vq.indirect = true;
	assert_null(virtq_vet(&vq));
	vq.ready = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	gmem_fini(&gm);
	return 0;
}

static void put_desc(uint64_t table, uint32_t i, uint64_t gpa, uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t raw[16];

	le64_put(raw, gpa);
	le32_put(raw + 8, len);
	le16_put(raw + 12, flags);
	le16_put(raw + 14, next);
	assert_true(gmem_write(&gm, table + 16ull * i, raw, sizeof(raw)));
}

static void offer(uint16_t head)
{
	uint16_t idx;

	assert_true(gmem_load16(&gm, AVAIL + 2, &idx));
	assert_true(gmem_store16(&gm, AVAIL + 4 + 2ull * (idx % SIZE), head));
	assert_true(gmem_store16(&gm, AVAIL + 2, (uint16_t)(idx + 1)));
}

static void expect_broken(void)
{
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_BROKEN);
}

static void chain_is_empty_until_offered(void **state)
{
	(void)state;
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_EMPTY);
	put_desc(DESC, 0, DATA, 1, 0, 0);
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_EMPTY);
}

static void chain_refuses_loop(void **state)
{
	(void)state;
	put_desc(DESC, 0, DATA, 1, NEXT, 1);
	put_desc(DESC, 1, DATA, 1, NEXT, 0);
	expect_broken();
}

static void chain_refuses_loop_in_indirect_table(void **state)
{
	(void)state;
	put_desc(DESC, 0, TABLE, 32, INDIRECT, 0);
	put_desc(TABLE, 0, DATA, 1, NEXT, 1);
	put_desc(TABLE, 1, DATA, 1, NEXT, 1);
	expect_broken();
}

static void chain_refuses_head_outside_table(void **state)
{
	(void)state;
	offer(SIZE);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_BROKEN);
}

static void chain_refuses_next_outside_table(void **state)
{
	(void)state;
	put_desc(DESC, 0, DATA, 1, NEXT, SIZE);
	expect_broken();
}

static void chain_refuses_zero_length(void **state)
{
	(void)state;
	put_desc(DESC, 0, DATA, 0, 0, 0);
	expect_broken();
}

static void chain_refuses_readable_after_writable(void **state)
{
	(void)state;
	put_desc(DESC, 0, DATA, 4, NEXT | WRITE, 1);
	put_desc(DESC, 1, DATA, 4, 0, 0);
	expect_broken();
}

static void chain_refuses_buffer_outside_memory(void **state)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
	} rows[] = { { 0, 16 },		{ BASE - 1, 2 },       { BASE + MEM + GMEM_PAGE - 1, 2 },
		     { UINT64_MAX, 2 }, { UINT64_MAX - 7, 8 }, { DATA, UINT32_MAX } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_desc(DESC, 0, rows[i].gpa, rows[i].len, 0, 0);
		expect_broken();
	}
}

/* CVE-2019-18960: the second half would be some other mapping of the host. */
static void chain_refuses_buffer_across_regions(void **state)
{
	(void)state;
	put_desc(DESC, 0, BASE + MEM - 8, 16, WRITE, 0);
	expect_broken();
	put_desc(DESC, 0, BASE + MEM - 8, 8, NEXT, 1);
	put_desc(DESC, 1, BASE + MEM, 8, 0, 0);
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_int_equal(chain_left_read(&chain), 16);
}

static void chain_refuses_bad_indirect(void **state)
{
	static const struct {
		uint64_t gpa;
		uint32_t len;
		uint16_t flags;
	} rows[] = { { TABLE, 0, INDIRECT },
		     { TABLE, 15, INDIRECT },
		     { TABLE, 17, INDIRECT },
		     { TABLE, 16, INDIRECT | NEXT },
		     { TABLE, 16, INDIRECT | WRITE },
		     { 0, 16, INDIRECT },
		     { BASE + MEM - 16, 32, INDIRECT },
		     { TABLE, 0xfffffff0u, INDIRECT } };

	(void)state;
	put_desc(TABLE, 0, DATA, 1, 0, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		put_desc(DESC, 0, rows[i].gpa, rows[i].len, rows[i].flags, 1);
		expect_broken();
	}
}

static void chain_refuses_nested_indirect(void **state)
{
	(void)state;
	put_desc(DESC, 0, TABLE, 16, INDIRECT, 0);
	put_desc(TABLE, 0, TABLE + 64, 16, INDIRECT, 0);
	put_desc(TABLE + 64, 0, DATA, 1, 0, 0);
	expect_broken();
}

static void chain_refuses_indirect_not_negotiated(void **state)
{
	(void)state;
	vq.indirect = false;
	put_desc(DESC, 0, TABLE, 16, INDIRECT, 0);
	put_desc(TABLE, 0, DATA, 1, 0, 0);
	expect_broken();
}

static void chain_bounds_slices_of_indirect_table(void **state)
{
	(void)state;
	put_desc(DESC, 0, TABLE, 16 * (CHAIN_SLICES_MAX + 1), INDIRECT, 0);
	for (uint32_t i = 0; i <= CHAIN_SLICES_MAX; i++)
		put_desc(TABLE, i, DATA, 1, i < CHAIN_SLICES_MAX ? NEXT : 0, (uint16_t)(i + 1));
	expect_broken();
	put_desc(TABLE, CHAIN_SLICES_MAX - 1, DATA, 1, 0, 0);
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_int_equal(chain_left_read(&chain), CHAIN_SLICES_MAX);
}

/* CVE-2016-5403: more requests than the ring can hold. */
static void queue_refuses_more_than_its_size(void **state)
{
	uint16_t head;

	(void)state;
	assert_true(gmem_store16(&gm, AVAIL + 2, SIZE + 1));
	assert_int_equal(virtq_pop(&vq, &head), VIRTQ_BROKEN);
	assert_true(gmem_store16(&gm, AVAIL + 2, SIZE));
	assert_int_equal(virtq_pop(&vq, &head), VIRTQ_OK);
}

static void queue_indices_wrap(void **state)
{
	(void)state;
	put_desc(DESC, 3, DATA, 4, WRITE, 0);
	for (uint32_t i = 0; i < 70000; i++) {
		offer(3);
		assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
		assert_true(chain_write(&chain, &i, 4));
		chain_push(&chain);
	}
	assert_int_equal(vq.used_idx, (uint16_t)70000);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_EMPTY);
}

static void chain_transfers_whole_or_not_at_all(void **state)
{
	uint8_t in[8] = { 0 }, out[7] = "abcdef", seen[16];

	(void)state;
	assert_true(gmem_write(&gm, DATA, "0123456789", 10));
	put_desc(DESC, 0, DATA, 3, NEXT, 1);
	put_desc(DESC, 1, DATA + 5, 2, NEXT, 2);
	put_desc(DESC, 2, DATA + 0x100, 4, NEXT | WRITE, 3);
	put_desc(DESC, 3, DATA + 0x200, 3, WRITE, 0);
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_false(chain_read(&chain, in, 6));
	assert_int_equal(chain_left_read(&chain), 5);
	assert_true(chain_read(&chain, in, 4));
	assert_memory_equal(in, "0125", 4);
	assert_true(chain_read(&chain, in, 1));
	assert_int_equal(in[0], '6');
	assert_false(chain_skip_read(&chain, 1));
	assert_false(chain_write(&chain, out, 8));
	assert_true(chain_write(&chain, out, 6));
	assert_int_equal(chain_left_write(&chain), 1);
	assert_true(chain_write_at(&chain, 6, "Z", 1));
	assert_false(chain_write_at(&chain, 7, "Z", 1));
	assert_false(chain_write_at(&chain, UINT64_MAX, "ZZ", 2));
	chain_push(&chain);
	assert_true(gmem_read(&gm, DATA + 0x100, seen, 4));
	assert_memory_equal(seen, "abcd", 4);
	assert_true(gmem_read(&gm, DATA + 0x200, seen, 3));
	assert_memory_equal(seen, "efZ", 3);
	assert_true(gmem_read(&gm, USED + 4, seen, 8));
	assert_int_equal(le32_get(seen + 4), 7);
}

struct gathered {
	uint8_t bytes[600];
	int calls;
};

static int gather(void *opaque, const struct iovec *iov, int nr, uint64_t done)
{
	struct gathered *g = opaque;

	for (int i = 0; i < nr; i++) {
		memcpy(g->bytes + done, iov[i].iov_base, iov[i].iov_len);
		done += iov[i].iov_len;
	}
	g->calls++;
	return 0;
}

static int refuse(void *opaque, const struct iovec *iov, int nr, uint64_t done)
{
	(void)opaque;
	(void)iov;
	(void)nr;
	(void)done;
	return -EIO;
}

static void chain_bulk_covers_every_piece_once(void **state)
{
	struct gathered g = { .calls = 0 };

	(void)state;
	for (uint32_t i = 0; i < 300; i++) {
		uint16_t v = (uint16_t)i;

		put_desc(TABLE, i, DATA + 8ull * i, 2, i < 299 ? NEXT : 0, (uint16_t)(i + 1));
		assert_true(gmem_write(&gm, DATA + 8ull * i, &v, 2));
	}
	put_desc(DESC, 0, TABLE, 16 * 300, INDIRECT, 0);
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_int_equal(chain_read_io(&chain, 601, gather, &g), -EINVAL);
	assert_int_equal(chain_read_io(&chain, 600, gather, &g), 0);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(le16_get(g.bytes + 2 * i), i);
	assert_int_equal(g.calls, 5);
	assert_int_equal(chain_read_io(&chain, 0, refuse, NULL), 0);
}

static void chain_counts_only_bytes_written(void **state)
{
	(void)state;
	put_desc(DESC, 0, DATA, 100, WRITE, 0);
	offer(0);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_int_equal(chain_write_io(&chain, 50, refuse, NULL), -EIO);
	assert_int_equal(chain.written, 0);
	assert_true(chain_write_at(&chain, 99, "x", 1));
	assert_int_equal(chain.written, 1);
}

static void put_used_event(uint16_t v)
{
	assert_true(gmem_store16(&gm, AVAIL + 4 + 2 * SIZE, v));
}

static void queue_signals_when_the_event_is_crossed(void **state)
{
	(void)state;
	vq.event_idx = true;
	assert_false(virtq_should_signal(&vq));
	put_used_event(2);
	virtq_push(&vq, 0, 0);
	assert_false(virtq_should_signal(&vq)); /* 1: not past 2 */
	virtq_push(&vq, 0, 0);
	virtq_push(&vq, 0, 0);
	virtq_push(&vq, 0, 0);
	assert_true(virtq_should_signal(&vq)); /* 1 -> 4 crosses 2 */
	assert_false(virtq_should_signal(&vq));
	put_used_event((uint16_t)(vq.used_idx - 1));
	assert_false(virtq_should_signal(&vq));
	vq.event_idx = false;
	virtq_push(&vq, 0, 0);
	assert_true(virtq_should_signal(&vq));
	assert_true(gmem_store16(&gm, AVAIL, 1));
	virtq_push(&vq, 0, 0);
	assert_false(virtq_should_signal(&vq));
}

static void queue_asks_for_doorbells_when_it_stops_looking(void **state)
{
	uint16_t v;

	(void)state;
	put_desc(DESC, 0, DATA, 1, 0, 0);
	virtq_quiet(&vq);
	assert_true(gmem_load16(&gm, USED, &v));
	assert_int_equal(v, 1);
	assert_false(virtq_listen(&vq));
	assert_true(gmem_load16(&gm, USED, &v));
	assert_int_equal(v, 0);
	vq.event_idx = true;
	offer(0);
	assert_true(virtq_listen(&vq));
	offer(0);
	assert_int_equal(virtq_listen_more(&vq), 2);
	assert_true(gmem_load16(&gm, USED + 4 + 8 * SIZE, &v));
	assert_int_equal(v, 2);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_int_equal(chain_pop(&vq, &chain), VIRTQ_OK);
	assert_false(virtq_listen(&vq));
	assert_true(gmem_load16(&gm, USED + 4 + 8 * SIZE, &v));
	assert_int_equal(v, 2);
}

static void queue_is_vetted_whole(void **state)
{
	static const struct {
		uint32_t size;
		uint64_t desc, avail, used;
	} rows[] = {
		{ 0, DESC, AVAIL, USED },
		{ 3, DESC, AVAIL, USED },
		{ SIZE * 2, DESC, AVAIL, USED },
		{ SIZE, DESC + 8, AVAIL, USED },
		{ SIZE, DESC, AVAIL + 1, USED },
		{ SIZE, DESC, AVAIL, USED + 2 },
		{ SIZE, 0, AVAIL, USED },
		{ SIZE, BASE + MEM - 64, AVAIL, USED },
		{ SIZE, DESC, BASE + MEM - 20, USED },
		{ SIZE, DESC, AVAIL, BASE + MEM - 64 },
		{ SIZE, UINT64_MAX - 15, AVAIL, USED },
		{ SIZE, DESC, UINT64_MAX - 1, USED },
		{ SIZE, DESC, AVAIL, BASE + MEM + GMEM_PAGE - 68 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		vq.size = (uint16_t)rows[i].size;
		vq.desc = rows[i].desc;
		vq.avail = rows[i].avail;
		vq.used = rows[i].used;
		assert_non_null(virtq_vet(&vq));
	}
	vq.used = BASE + MEM + GMEM_PAGE - 72; /* 6 + 8 * 8 rounded up to 4 */
	vq.avail = BASE + MEM - 22;
	vq.desc = BASE + MEM - 128;
	assert_null(virtq_vet(&vq));
}

static void queue_load_vets_like_live_set_up(void **state)
{
	struct virtq back;
	struct cursor in;
	struct buf b;

	(void)state;
	vq.last_avail = 9;
	vq.used_idx = 7;
	buf_init(&b, 1000);
	virtq_save(&vq, &b);
	virtq_init(&back, &gm, SIZE);
	in = cursor_of(b.data, b.len);
	assert_null(virtq_load(&back, &in));
	assert_true(cursor_done(&in));
	assert_int_equal(back.last_avail, 9);
	assert_int_equal(back.used, USED);
	in = cursor_of(b.data, b.len - 1);
	assert_non_null(virtq_load(&back, &in));
	buf_reset(&b);
	vq.used_idx = (uint16_t)(vq.last_avail - SIZE - 1);
	virtq_save(&vq, &b);
	in = cursor_of(b.data, b.len);
	assert_string_equal(virtq_load(&back, &in), "queue indices");
	buf_reset(&b);
	vq.used_idx = vq.last_avail;
	vq.desc = BASE + MEM + GMEM_PAGE - 16;
	virtq_save(&vq, &b);
	in = cursor_of(b.data, b.len);
	assert_non_null(virtq_load(&back, &in));
	buf_fini(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(chain_is_empty_until_offered),
		T(chain_refuses_loop),
		T(chain_refuses_loop_in_indirect_table),
		T(chain_refuses_head_outside_table),
		T(chain_refuses_next_outside_table),
		T(chain_refuses_zero_length),
		T(chain_refuses_readable_after_writable),
		T(chain_refuses_buffer_outside_memory),
		T(chain_refuses_buffer_across_regions),
		T(chain_refuses_bad_indirect),
		T(chain_refuses_nested_indirect),
		T(chain_refuses_indirect_not_negotiated),
		T(chain_bounds_slices_of_indirect_table),
		T(chain_transfers_whole_or_not_at_all),
		T(chain_bulk_covers_every_piece_once),
		T(chain_counts_only_bytes_written),
		T(queue_refuses_more_than_its_size),
		T(queue_indices_wrap),
		T(queue_signals_when_the_event_is_crossed),
		T(queue_asks_for_doorbells_when_it_stops_looking),
		T(queue_is_vetted_whole),
		T(queue_load_vets_like_live_set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
