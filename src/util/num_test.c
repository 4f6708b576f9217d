/* SPDX-License-Identifier: Apache-2.0 */
#include "util/num.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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
		cmocka_unit_test(ranges_do_not_wrap),
		cmocka_unit_test(numbers_respect_their_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
