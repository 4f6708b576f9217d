/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/gmem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LOW 0x80000000ull
#define HIGH 0x100000000ull

static void with_two(struct gmem *gm)
{
	gmem_init(gm);
	/* Added out of order and adjacent to nothing; LOW+2 pages is a hole. */
	assert_int_equal(gmem_add_anon(gm, HIGH, 4 * GMEM_PAGE, NULL), 0);
	assert_int_equal(gmem_add_anon(gm, LOW, 2 * GMEM_PAGE, NULL), 0);
}

static void gmem_keeps_regions_ascending_and_disjoint(void **state)
{
	struct gmem gm;
	struct sm_err e;

	(void)state;
	with_two(&gm);
	assert_int_equal(gm.regions[0].gpa, LOW);
	assert_int_equal(gm.regions[1].gpa, HIGH);
	assert_int_equal(gmem_size(&gm), 6 * GMEM_PAGE);
	assert_int_equal(gmem_add_anon(&gm, LOW + GMEM_PAGE, GMEM_PAGE, &e), -EINVAL);
	assert_int_equal(gmem_add_anon(&gm, LOW - GMEM_PAGE, 2 * GMEM_PAGE, &e), -EINVAL);
	assert_int_equal(gmem_add_anon(&gm, 1, GMEM_PAGE, &e), -EINVAL);
	assert_int_equal(gmem_add_anon(&gm, 0, 0, &e), -EINVAL);
	assert_int_equal(gmem_add_anon(&gm, UINT64_MAX - GMEM_PAGE + 1, GMEM_PAGE, &e), -EINVAL);
	assert_int_equal(gmem_add_anon(&gm, LOW + 2 * GMEM_PAGE, GMEM_PAGE, &e), 0);
	gmem_fini(&gm);
}

static void gmem_refuses_ranges_across_regions(void **state)
{
	struct gmem gm;
	uint64_t v = 0;

	(void)state;
	with_two(&gm);
	/* Adjacent on purpose: the guest sees one range, the host has two mappings. */
	assert_int_equal(gmem_add_anon(&gm, LOW + 2 * GMEM_PAGE, GMEM_PAGE, NULL), 0);
	assert_null(gmem_slice(&gm, LOW + 2 * GMEM_PAGE - 4, 8));
	assert_false(gmem_write(&gm, LOW + 2 * GMEM_PAGE - 4, &v, 8));
	assert_false(gmem_read(&gm, LOW + 3 * GMEM_PAGE - 7, &v, 8));
	assert_true(gmem_write(&gm, LOW + 3 * GMEM_PAGE - 8, &v, 8));
	assert_null(gmem_slice(&gm, HIGH, UINT64_MAX));
	assert_null(gmem_slice(&gm, UINT64_MAX, 2));
	assert_null(gmem_slice(&gm, LOW, 0));
	gmem_fini(&gm);
}

static void gmem_ring_accesses_want_alignment(void **state)
{
	struct gmem gm;
	uint16_t v;
	uint8_t raw[4];

	(void)state;
	with_two(&gm);
	assert_true(gmem_store16(&gm, LOW + 2, 0x1234));
	assert_true(gmem_load16(&gm, LOW + 2, &v));
	assert_int_equal(v, 0x1234);
	assert_true(gmem_store32(&gm, LOW + 4, 0xa0b0c0d0));
	assert_true(gmem_read(&gm, LOW + 4, raw, 4));
	assert_int_equal(raw[0], 0xd0);
	assert_false(gmem_load16(&gm, LOW + 1, &v));
	assert_false(gmem_store16(&gm, LOW + 3, 0));
	assert_false(gmem_store32(&gm, LOW + 2, 0));
	assert_false(gmem_load16(&gm, LOW - 2, &v));
	gmem_fini(&gm);
}

static bool is_dirty(const struct gmem *gm, uint64_t gpa)
{
	const struct gmem_region *r = gmem_find(gm, gpa, 1);
	uint64_t page = (gpa - r->gpa) / GMEM_PAGE;

	return r->dirty[page / 64] >> page % 64 & 1;
}

static void gmem_logs_every_written_page(void **state)
{
	struct gmem gm;
	uint8_t bytes[2] = { 1, 2 };

	(void)state;
	with_two(&gm);
	assert_true(gmem_write(&gm, LOW, bytes, 2));
	assert_int_equal(gmem_dirty_start(&gm, NULL), 0);
	assert_false(is_dirty(&gm, LOW));
	assert_true(gmem_read(&gm, LOW, bytes, 2));
	assert_false(is_dirty(&gm, LOW));
	assert_true(gmem_write(&gm, HIGH + 2 * GMEM_PAGE - 1, bytes, 2));
	assert_false(is_dirty(&gm, HIGH));
	assert_true(is_dirty(&gm, HIGH + GMEM_PAGE));
	assert_true(is_dirty(&gm, HIGH + 2 * GMEM_PAGE));
	assert_false(is_dirty(&gm, HIGH + 3 * GMEM_PAGE));
	assert_true(gmem_store16(&gm, LOW, 1));
	assert_true(is_dirty(&gm, LOW));
	gmem_dirty_stop(&gm);
	assert_true(gmem_write(&gm, LOW, bytes, 2));
	gmem_fini(&gm);
}

static void gmem_discard_takes_only_whole_pages(void **state)
{
	struct gmem gm;
	uint8_t v = 7;

	(void)state;
	with_two(&gm);
	assert_true(gmem_write(&gm, LOW, &v, 1));
	gmem_discard(&gm, LOW, GMEM_PAGE - 1);
	gmem_discard(&gm, LOW, 3 * GMEM_PAGE);
	gmem_discard(&gm, LOW, 0);
	assert_true(gmem_read(&gm, LOW, &v, 1));
	assert_int_equal(v, 7);
	gmem_discard(&gm, LOW, GMEM_PAGE);
	assert_true(gmem_read(&gm, LOW, &v, 1));
	assert_int_equal(v, 0);
	gmem_fini(&gm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gmem_keeps_regions_ascending_and_disjoint),
		cmocka_unit_test(gmem_refuses_ranges_across_regions),
		cmocka_unit_test(gmem_ring_accesses_want_alignment),
		cmocka_unit_test(gmem_logs_every_written_page),
		cmocka_unit_test(gmem_discard_takes_only_whole_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
