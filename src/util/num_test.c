/* SPDX-License-Identifier: Apache-2.0 */
#include "util/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sizes_parse_as_docker_spells_them(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {
		{ "0", 0 },	      { "64", 64 },	     { "64b", 64 },	      { "64k", 64 << 10 },
		{ "64KB", 64 << 10 }, { "512m", 512 << 20 }, { "512MiB", 512 << 20 }, { "2g", 2ULL << 30 },
		{ "1T", 1ULL << 40 },
	};

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(good); i++) {
		uint64_t v = 1;

		assert_true(num_parse_size(good[i].text, &v));
		assert_int_equal(v, good[i].value);
	}
}

static void sizes_refuse_what_is_no_size(void **state)
{
	static const char *const bad[] = { "",
					   "m",
					   "-1",
					   "1x",
					   "1mm",
					   "1kib2",
					   "1.5g",
					   " 1m",
					   "1 m",
					   "64bb",
					   "18446744073709551616",
					   "99999999999p" };

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(bad); i++) {
		uint64_t v = 7;

		assert_false(num_parse_size(bad[i], &v));
		assert_int_equal(v, 7);
	}
}

static void ranges_do_not_wrap(void **state)
{
	(void)state;
	assert_true(num_range_ok(0, 0, 0));
	assert_true(num_range_ok(10, 0, 10));
	assert_false(num_range_ok(11, 0, 10));
	assert_false(num_range_ok(8, UINT64_MAX, 10));
	assert_false(num_range_ok(UINT64_MAX, 2, 10));
}

static void numbers_respect_their_ceiling(void **state)
{
	uint64_t v = 3;

	(void)state;
	assert_true(num_parse_u64("64", 64, &v));
	assert_int_equal(v, 64);
	assert_false(num_parse_u64("65", 64, &v));
	assert_false(num_parse_u64("6 ", 64, &v));
	assert_false(num_parse_u64("", 64, &v));
	assert_int_equal(v, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_parse_as_docker_spells_them),
		cmocka_unit_test(sizes_refuse_what_is_no_size),
		cmocka_unit_test(ranges_do_not_wrap),
		cmocka_unit_test(numbers_respect_their_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
