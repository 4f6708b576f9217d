/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

static const struct sm_progress half = { "download", "demo", 50000000, 100000000 };

static void line_has_bar_rate_and_time_left(void **state)
{
	const struct progress p = { .since_ms = 1000 };
	char line[200];

	(void)state;
	progress_line(&p, &half, 11000, 120, line, sizeof(line));
	assert_string_equal(line, "download demo [==========>         ] 50.0MB / 100MB  5.00MB/s  11s left");
}

static void rate_is_not_guessed_early(void **state)
{
	const struct progress p = { .since_ms = 1000 };
	char line[200];

	(void)state;
	progress_line(&p, &half, 1100, 120, line, sizeof(line));
	assert_null(strstr(line, "/s"));
}

static void line_fits_every_terminal(void **state)
{
	const struct sm_progress s = { "download", "a-name-that-is-longer-than-any-terminal-is-wide-really",
				       1, UINT64_MAX };
	const struct progress p = { 0 };
	char line[200];

	(void)state;
	for (size_t columns = 1; columns < 220; columns++) {
		progress_line(&p, &s, 5000, columns, line, sizeof(line));
		assert_true(strlen(line) <= columns);
	}
	progress_line(&p, &half, 5000, 60, line, sizeof(line));
	assert_non_null(strstr(line, "s left"));
}

static void unknown_total_is_just_named(void **state)
{
	const struct progress p = { 0 };
	char line[200];

	(void)state;
	progress_line(&p, &(struct sm_progress){ "resolve", "demo", 0, 0 }, 5000, 79, line, sizeof(line));
	assert_string_equal(line, "resolve  demo");
}

static void ways_are_checked(void **state)
{
	struct progress p;

	(void)state;
	assert_true(progress_init(&p, "json", false) && p.json && !p.tty);
	assert_true(progress_init(&p, "none", false) && p.quiet);
	assert_true(progress_init(&p, "plain", true) && p.quiet && !p.tty);
	assert_false(progress_init(&p, "fancy", false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line_has_bar_rate_and_time_left),
		cmocka_unit_test(rate_is_not_guessed_early),
		cmocka_unit_test(line_fits_every_terminal),
		cmocka_unit_test(unknown_total_is_just_named),
		cmocka_unit_test(ways_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
