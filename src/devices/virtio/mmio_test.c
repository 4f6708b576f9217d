/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/mmio.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "devices/virtio/rng.h"
#include "tests/lib/ring.h"

static struct ring_driver d;

static int set_up(void **state)
{
	struct virtio_config cfg;

	(void)state;
	ring_init(&d);
	cfg = ring_config(&d);
	assert_int_equal(rng_create(&cfg, &d.vd, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ring_fini(&d);
	return 0;
}

static void mmio_identifies_itself(void **state)
{
	(void)state;
	assert_int_equal(ring_reg(&d, 0x000), 0x74726976);
	assert_int_equal(ring_reg(&d, 0x004), 2);
	assert_int_equal(ring_reg(&d, 0x008), 4);
	ring_set(&d, 0xac, 1);
	assert_int_equal(ring_reg(&d, 0xb0), UINT32_MAX);
	assert_int_equal(ring_reg(&d, 0xb4), UINT32_MAX);
	ring_set(&d, 0x14, 1);
	assert_int_equal(ring_reg(&d, 0x10), 1); /* VERSION_1 */
	ring_set(&d, 0x14, 2);
	assert_int_equal(ring_reg(&d, 0x10), 0);
}

static void mmio_registers_want_aligned_words(void **state)
{
	(void)state;
	for (uint32_t off = 0; off < 0x100; off++) {
		for (uint8_t len = 1; len <= 8; len = (uint8_t)(len * 2)) {
			if (off % 4 == 0 && len == 4)
				continue;
			assert_int_equal(virtio_bus_ops.read(d.vd, off, len), 0);
			virtio_bus_ops.write(d.vd, off, len, UINT64_MAX);
		}
	}
	assert_int_equal(ring_reg(&d, RING_STATUS), 0);
	assert_int_equal(d.vd->nr_guest_faults, 0);
}

static void mmio_status_goes_step_by_step(void **state)
{
	static const uint32_t bad[] = { 2, 4, 8, 5, 9, 12, 13, 6, 10, 14 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ring_set(&d, RING_STATUS, 0);
		ring_set(&d, RING_STATUS, bad[i]);
		assert_int_equal(ring_reg(&d, RING_STATUS) & ~1u, 0);
	}
	ring_set(&d, RING_STATUS, 0);
	assert_true(ring_negotiate(&d, RING_FEATURES_ALL));
	ring_set(&d, RING_STATUS, 3); /* a bit cannot be taken back */
	assert_int_equal(ring_reg(&d, RING_STATUS), 11);
	ring_set(&d, RING_STATUS, 11 | 128);
	assert_int_equal(ring_reg(&d, RING_STATUS), 11 | 128);
	ring_set(&d, RING_STATUS, 15 | 128);
	assert_int_equal(ring_reg(&d, RING_STATUS) & 4, 0);
	ring_set(&d, RING_STATUS, 0);
	assert_int_equal(ring_reg(&d, RING_STATUS), 0);
}

static void mmio_refuses_features_not_offered(void **state)
{
	(void)state;
	assert_false(ring_negotiate(&d, ~VIRTIO_F_VERSION_1)); /* legacy is not spoken */
	ring_set(&d, RING_STATUS, 0);
	ring_set(&d, RING_STATUS, 3);
	ring_set(&d, 0x24, 0);
	ring_set(&d, 0x20, 1); /* not offered */
	ring_set(&d, 0x24, 1);
	ring_set(&d, 0x20, 1);
	ring_set(&d, RING_STATUS, 11);
	assert_int_equal(ring_reg(&d, RING_STATUS), 3);
	ring_set(&d, 0x24, 0);
	ring_set(&d, 0x20, 0);
	ring_set(&d, 0x24, 7);
	ring_set(&d, 0x20, 0); /* zero above 63 is fine */
	ring_set(&d, RING_STATUS, 11);
	assert_int_equal(ring_reg(&d, RING_STATUS), 11);
	ring_set(&d, RING_STATUS, 0);
	ring_set(&d, RING_STATUS, 3);
	ring_set(&d, 0x24, 1);
	ring_set(&d, 0x20, 1);
	ring_set(&d, 0x24, 7);
	ring_set(&d, 0x20, 1);
	ring_set(&d, RING_STATUS, 11);
	assert_int_equal(ring_reg(&d, RING_STATUS), 3);
}

static void mmio_features_freeze_at_features_ok(void **state)
{
	(void)state;
	assert_true(ring_negotiate(&d, VIRTIO_F_VERSION_1));
	ring_set(&d, 0x24, 0);
	ring_set(&d, 0x20, 1u << 29);
	assert_int_equal(d.vd->regs->features, VIRTIO_F_VERSION_1);
}

static void mmio_refuses_bad_queue(void **state)
{
	(void)state;
	assert_false(ring_setup(&d, 0, 8)); /* before FEATURES_OK */
	assert_true(ring_negotiate(&d, RING_FEATURES_ALL));
	assert_false(ring_setup(&d, 0, 0));
	assert_false(ring_setup(&d, 0, 12));
	assert_false(ring_setup(&d, 0, 128)); /* above the maximum of 64 */
	ring_set(&d, 0x38, 0x10008);	      /* not 8 */
	ring_set(&d, 0x44, 1);
	assert_int_equal(ring_reg(&d, 0x44), 0);
	ring_set(&d, 0x38, 8);
	ring_set(&d, 0xa4, 0xffffffff);
	ring_set(&d, 0x44, 1);
	assert_int_equal(ring_reg(&d, 0x44), 0);
	ring_set(&d, 0x30, 1); /* no such queue */
	assert_int_equal(ring_reg(&d, 0x34), 0);
	ring_set(&d, 0x38, 8);
	ring_set(&d, 0x44, 1);
	assert_int_equal(ring_reg(&d, 0x44), 0);
	ring_set(&d, 0x30, 0);
	assert_true(ring_setup(&d, 0, 64));
}

/* CVE-2026-5747: what was vetted must stay what is used. */
static void mmio_queue_freezes_when_vetted(void **state)
{
	struct virtq before;

	(void)state;
	assert_true(ring_negotiate(&d, RING_FEATURES_ALL));
	assert_true(ring_setup(&d, 0, 8));
	before = d.vd->queues[0];
	for (int live = 0; live < 2; live++) {
		static const uint32_t regs[] = { 0x38, 0x80, 0x84, 0x90, 0x94, 0xa0, 0xa4 };

		for (size_t i = 0; i < sizeof(regs) / sizeof(regs[0]); i++)
			ring_set(&d, regs[i], 0);
		assert_int_equal(d.vd->queues[0].size, before.size);
		assert_int_equal(d.vd->queues[0].desc, before.desc);
		assert_int_equal(d.vd->queues[0].avail, before.avail);
		assert_int_equal(d.vd->queues[0].used, before.used);
		ring_set(&d, RING_STATUS, 15);
	}
	ring_set(&d, 0x44, 0);
	assert_int_equal(ring_reg(&d, 0x44), 1);
	assert_non_null(virtio_queue(d.vd, 0));
}

static void mmio_notify_of_unknown_queue_is_ignored(void **state)
{
	(void)state;
	ring_start(&d, RING_FEATURES_ALL, 8);
	ring_set(&d, 0x50, 1);
	ring_set(&d, 0x50, UINT32_MAX);
	ring_set(&d, 0x50, VIRTIO_QUEUES_MAX);
	ring_serve(&d);
}

static uint32_t ask_random(uint32_t len)
{
	struct ring_buf buf = { ring_alloc(&d, len), len, true };
	uint32_t got = 0;

	ring_add(&d, 0, &buf, 1);
	ring_kick(&d, 0);
	ring_serve(&d);
	return ring_used(&d, 0, NULL, &got) ? got : UINT32_MAX;
}

static void rng_answers_at_most_its_bound(void **state)
{
	(void)state;
	ring_start(&d, RING_FEATURES_ALL, 8);
	assert_int_equal(ask_random(1), 1);
	assert_int_equal(ask_random(1000), 1000);
	assert_int_equal(ask_random(1 << 20), 64 << 10);
	assert_int_equal(d.nr_pulses, 1); /* used_event was not moved: one interrupt for all */
}

static void rng_returns_readable_chain_unwritten(void **state)
{
	struct ring_buf buf = { ring_alloc(&d, 8), 8, false };
	uint32_t len = 1;

	(void)state;
	ring_start(&d, RING_FEATURES_ALL, 8);
	ring_add(&d, 0, &buf, 1);
	ring_kick(&d, 0);
	ring_serve(&d);
	assert_true(ring_used(&d, 0, NULL, &len));
	assert_int_equal(len, 0);
}

static void device_pulses_for_every_batch(void **state)
{
	(void)state;
	ring_start(&d, VIRTIO_F_VERSION_1, 8);
	ask_random(1);
	assert_int_equal(d.nr_pulses, 1);
	assert_int_equal(ring_reg(&d, 0x60), 1);
	ask_random(1); /* InterruptStatus is still set */
	assert_int_equal(d.nr_pulses, 2);
	ring_set(&d, 0x64, 1);
	assert_int_equal(ring_reg(&d, 0x60), 0);
}

static void device_is_silent_after_broken_ring_until_reset(void **state)
{
	(void)state;
	ring_start(&d, RING_FEATURES_ALL, 8);
	ring_desc(&d, 0, 0, 0, 8, VIRTQ_DESC_F_WRITE, 0);
	ring_offer(&d, 0, 0);
	ring_kick(&d, 0);
	ring_serve(&d);
	assert_int_equal(ring_reg(&d, RING_STATUS), 15 | 64);
	assert_int_equal(ring_reg(&d, 0x60), 2);
	assert_int_equal(d.vd->nr_guest_faults, 1);
	assert_null(virtio_queue(d.vd, 0));
	assert_int_equal(ask_random(8), UINT32_MAX);
	ring_set(&d, RING_STATUS, 0);
	assert_int_equal(ring_reg(&d, 0x60), 0);
	ring_start(&d, RING_FEATURES_ALL, 8);
	assert_int_equal(ask_random(8), 8);
}

static void device_needs_driver_ok(void **state)
{
	(void)state;
	assert_true(ring_negotiate(&d, RING_FEATURES_ALL));
	assert_true(ring_setup(&d, 0, 8));
	assert_int_equal(ask_random(8), UINT32_MAX);
}

static void device_serves_more_than_a_budget(void **state)
{
	(void)state;
	ring_start(&d, RING_FEATURES_ALL, 64);
	for (uint32_t i = 0; i < 64; i++) {
		struct ring_buf buf = { RING_BASE + 0x100000 + 16ull * i, 16, true };

		ring_add(&d, 0, &buf, 1);
	}
	ring_kick(&d, 0);
	ring_serve(&d);
	for (uint32_t i = 0; i < 64; i++)
		assert_true(ring_used(&d, 0, NULL, NULL));
}

static void device_continues_after_save_and_load(void **state)
{
	struct virtio_config cfg;
	struct ring_buf buf;
	struct cursor in;
	struct buf b;

	(void)state;
	ring_start(&d, VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX, 8);
	assert_int_equal(ask_random(5), 5);
	/* A request and an interrupt that nobody has seen yet. */
	buf = (struct ring_buf){ ring_alloc(&d, 9), 9, true };
	ring_add(&d, 0, &buf, 1);
	d.vd->dev.ops->quiesce(d.vd);
	ring_kick(&d, 0);
	buf_init(&b, 4096);
	assert_int_equal(d.vd->dev.ops->save(d.vd, &b, NULL), 0);
	virtio_destroy(d.vd);
	cfg = ring_config(&d);
	assert_int_equal(rng_create(&cfg, &d.vd, NULL), 0);
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, NULL), 0);
	assert_true(cursor_done(&in));
	d.nr_pulses = 0;
	d.vd->dev.ops->resume(d.vd);
	assert_int_equal(d.nr_pulses, 1);
	ring_serve(&d);
	assert_true(ring_used(&d, 0, NULL, NULL));
	assert_int_equal(ask_random(7), 7);
	buf_fini(&b);
}

static void load_refuses_what_set_up_refuses(void **state)
{
	struct sm_err e;
	struct cursor in;
	struct buf b;

	(void)state;
	ring_start(&d, RING_FEATURES_ALL, 8);
	buf_init(&b, 4096);
	assert_int_equal(d.vd->dev.ops->save(d.vd, &b, NULL), 0);
	for (size_t cut = 0; cut < b.len; cut++) {
		in = cursor_of(b.data, cut);
		assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), -EBADMSG);
	}
	b.data[0] = 4; /* DRIVER_OK alone */
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), -EBADMSG);
	b.data[0] = 3; /* queues ready before features */
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), -EBADMSG);
	b.data[0] = 15;
	b.data[16] = 1; /* a feature never offered */
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), -EBADMSG);
	b.data[16] = 0;
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), 0);
	buf_fini(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(mmio_identifies_itself),
		T(mmio_registers_want_aligned_words),
		T(mmio_status_goes_step_by_step),
		T(mmio_refuses_features_not_offered),
		T(mmio_features_freeze_at_features_ok),
		T(mmio_refuses_bad_queue),
		T(mmio_queue_freezes_when_vetted),
		T(mmio_notify_of_unknown_queue_is_ignored),
		T(rng_answers_at_most_its_bound),
		T(rng_returns_readable_chain_unwritten),
		T(device_pulses_for_every_batch),
		T(device_is_silent_after_broken_ring_until_reset),
		T(device_needs_driver_ok),
		T(device_serves_more_than_a_budget),
		T(device_continues_after_save_and_load),
		T(load_refuses_what_set_up_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
