/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/ring.h"

#define STATS (1ull << 1)
#define VICTIM (RING_BASE + (4u << 20))

static struct ring_driver d;
static struct balloon *balloon;
static uint64_t mem;

static void start(uint64_t features)
{
	struct virtio_config cfg;

	ring_init(&d);
	cfg = ring_config(&d);
	assert_int_equal(balloon_create(&cfg, &balloon, NULL), 0);
	d.vd = balloon_virtio(balloon);
	ring_start(&d, features, 16);
	mem = ring_alloc(&d, 128 << 10);
}

static int set_up(void **state)
{
	(void)state;
	start(RING_FEATURES_ALL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ring_fini(&d);
	return 0;
}

static void fill(uint32_t pages)
{
	for (uint32_t i = 0; i < pages; i++) {
		uint8_t v = (uint8_t)(i + 1);

		ring_write(&d, VICTIM + 4096ull * i, &v, 1);
	}
}

static uint8_t first_byte(uint32_t page)
{
	uint8_t v;

	ring_read(&d, VICTIM + 4096ull * page, &v, 1);
	return v;
}

static void send(uint32_t q, uint64_t gpa, uint32_t len, bool write)
{
	struct ring_buf buf = { gpa, len, write };

	ring_add(&d, q, &buf, 1);
	ring_kick(&d, q);
	ring_serve(&d);
}

static void inflate_gives_back_exactly_these_pages(void **state)
{
	static const uint32_t pages[] = { 2, 3, 4, 7, 6, 0 };

	(void)state;
	fill(9);
	for (uint32_t i = 0; i < 6; i++) {
		uint8_t raw[4];

		le32_put(raw, (uint32_t)(VICTIM >> 12) + pages[i]);
		ring_write(&d, mem + 4 * i, raw, 4);
	}
	send(0, mem, 6 * 4 + 3, false); /* a cut number at the end is none */
	assert_true(ring_used(&d, 0, NULL, NULL));
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(first_byte(i), i == 1 || i == 5 || i == 8 ? i + 1 : 0);
}

static void inflate_ignores_pages_outside_memory(void **state)
{
	static const uint8_t ones[64] = { [0 ... 63] = 0xff };
	uint8_t low[4] = { 0 };

	(void)state;
	fill(2);
	ring_write(&d, mem, ones, sizeof(ones));
	ring_write(&d, mem, low, 4);
	send(0, mem, sizeof(ones), false);
	assert_true(ring_used(&d, 0, NULL, NULL));
	assert_int_equal(first_byte(0), 1);
	assert_int_equal(ring_reg(&d, RING_STATUS), 15);
}

static void reporting_takes_whole_pages_only(void **state)
{
	(void)state;
	fill(4);
	send(3, VICTIM + 1, 3 * 4096, true);
	assert_true(ring_used(&d, 3, NULL, NULL));
	assert_int_equal(first_byte(0), 1);
	assert_int_equal(first_byte(1), 0);
	assert_int_equal(first_byte(2), 0);
	assert_int_equal(first_byte(3), 4);
	assert_int_equal(balloon_reported(balloon), 8192);
	send(3, VICTIM + 100, 200, true);
	assert_int_equal(balloon_reported(balloon), 8192);
}

static void queues_move_up_without_statistics(void **state)
{
	(void)state;
	tear_down(NULL);
	start(RING_FEATURES_ALL & ~STATS);
	fill(1);
	send(2, VICTIM, 4096, true);
	assert_true(ring_used(&d, 2, NULL, NULL));
	assert_int_equal(first_byte(0), 0);
	assert_false(balloon_ask_stats(balloon));
}

static void statistics_come_when_asked(void **state)
{
	struct balloon_stats s;
	uint8_t raw[30] = { 0 };
	uint32_t len = 1;

	(void)state;
	assert_false(balloon_ask_stats(balloon)); /* no buffer yet */
	le16_put(raw, 4);
	le64_put(raw + 2, 123456);
	le16_put(raw + 10, 5);
	le64_put(raw + 12, 789);
	le16_put(raw + 20, 999); /* unknown */
	ring_write(&d, mem, raw, sizeof(raw));
	send(2, mem, sizeof(raw), false);
	assert_false(ring_used(&d, 2, NULL, NULL)); /* kept until asked */
	balloon_get_stats(balloon, &s);
	assert_int_equal(s.valid, 1u << 4 | 1u << 5);
	assert_int_equal(s.values[4], 123456);
	assert_int_equal(s.nr_updates, 1);
	assert_true(balloon_ask_stats(balloon));
	assert_true(ring_used(&d, 2, NULL, &len));
	assert_int_equal(len, 0);
	assert_false(balloon_ask_stats(balloon)); /* the guest has it */
	send(2, mem, sizeof(raw), false);
	assert_true(balloon_ask_stats(balloon));
	assert_true(ring_used(&d, 2, NULL, NULL));
}

/* A length that would keep the loop busy for hours. */
static void huge_requests_are_bounded(void **state)
{
	struct ring_buf bufs[8];

	(void)state;
	for (int i = 0; i < 8; i++)
		bufs[i] = (struct ring_buf){ RING_BASE, RING_MEM, false };
	ring_add(&d, 2, bufs, 8);
	ring_kick(&d, 2);
	ring_serve(&d);
	for (int i = 0; i < 8; i++)
		bufs[i] = (struct ring_buf){ RING_BASE2, RING_MEM2, false };
	ring_add(&d, 0, bufs, 8);
	ring_kick(&d, 0);
	ring_serve(&d);
	assert_true(ring_used(&d, 0, NULL, NULL));
	assert_int_equal(ring_reg(&d, RING_STATUS), 15);
}

static void target_is_told_by_a_config_interrupt(void **state)
{
	(void)state;
	balloon_set_target(balloon, 64 << 20);
	assert_int_equal(ring_reg(&d, 0x60), 2);
	assert_int_equal(ring_config_get(&d, 0, 4), 16384);
	virtio_bus_ops.write(d.vd, 0x104, 4, 100);
	assert_int_equal(balloon_actual(balloon), 409600);
	virtio_bus_ops.write(d.vd, 0x100, 4, 1); /* not the driver's to write */
	assert_int_equal(ring_config_get(&d, 0, 8), 16384 | 100ull << 32);
}

static void balloon_continues_after_load(void **state)
{
	struct virtio_config cfg = ring_config(&d);
	uint8_t raw[10] = { 6 };
	struct cursor in;
	struct buf b;

	(void)state;
	balloon_set_target(balloon, 8192);
	send(2, mem, sizeof(raw), false);
	buf_init(&b, 4096);
	d.vd->dev.ops->quiesce(d.vd);
	assert_int_equal(d.vd->dev.ops->save(d.vd, &b, NULL), 0);
	virtio_destroy(d.vd);
	assert_int_equal(balloon_create(&cfg, &balloon, NULL), 0);
	d.vd = balloon_virtio(balloon);
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, NULL), 0);
	assert_true(cursor_done(&in));
	d.vd->dev.ops->resume(d.vd);
	ring_serve(&d);
	assert_int_equal(ring_config_get(&d, 0, 4), 2);
	assert_true(balloon_ask_stats(balloon)); /* its buffer is still ours */
	fill(1);
	send(3, VICTIM, 4096, true);
	assert_int_equal(first_byte(0), 0);
	buf_fini(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(inflate_gives_back_exactly_these_pages),
		T(inflate_ignores_pages_outside_memory),
		T(reporting_takes_whole_pages_only),
		T(queues_move_up_without_statistics),
		T(statistics_come_when_asked),
		T(huge_requests_are_bounded),
		T(target_is_told_by_a_config_interrupt),
		T(balloon_continues_after_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
