/* SPDX-License-Identifier: Apache-2.0 */
#include "api/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct first {
	size_t size;
	uint32_t a;
};

struct ours {
	size_t size;
	uint32_t a, b;
};

struct next {
	size_t size;
	uint32_t a, b;
	uint64_t c;
};

static int take(struct ours *ret, const void *from, struct sm_err *e)
{
	return options_take(ret, sizeof(*ret), OPTIONS_SIZE(struct ours, a), from, "x_options", e);
}

static void nothing_given_is_all_defaults(void **state)
{
	struct ours o = { .a = 7 };

	(void)state;
	assert_int_equal(take(&o, NULL, NULL), 0);
	assert_true(o.size == sizeof(o) && !o.a && !o.b);
}

static void older_callers_leave_new_members_zero(void **state)
{
	const struct first f = { .size = OPTIONS_SIZE(struct first, a), .a = 1 };
	struct ours o = { .b = 7 };

	(void)state;
	assert_int_equal(take(&o, &f, NULL), 0);
	assert_true(o.size == sizeof(o) && o.a == 1 && !o.b);
}

static void newer_callers_may_not_use_what_is_unknown(void **state)
{
	struct next n = { .size = sizeof(n), .a = 1, .b = 2 };
	struct ours o = { .a = 7 };
	struct sm_err e;

	(void)state;
	assert_int_equal(take(&o, &n, NULL), 0);
	assert_true(o.a == 1 && o.b == 2);
	n.c = 1;
	assert_int_equal(take(&o, &n, &e), -EINVAL);
	assert_non_null(strstr(e.text, "x_options"));
	assert_int_equal(o.a, 1);
}

static void forgotten_size_is_refused(void **state)
{
	struct ours from = { .size = 0, .a = 1 }, o = { .a = 7 };
	struct sm_err e;

	(void)state;
	assert_int_equal(take(&o, &from, &e), -EINVAL);
	from.size = OPTIONS_SIZE(struct ours, a) - 1;
	assert_int_equal(take(&o, &from, &e), -EINVAL);
	from.size = SIZE_MAX;
	assert_int_equal(take(&o, &from, &e), -EINVAL);
	assert_int_equal(o.a, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_given_is_all_defaults),
		cmocka_unit_test(older_callers_leave_new_members_zero),
		cmocka_unit_test(newer_callers_may_not_use_what_is_unknown),
		cmocka_unit_test(forgotten_size_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
