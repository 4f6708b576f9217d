/* SPDX-License-Identifier: Apache-2.0 */
#include "api/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEY "format 1\nmemory 5\nkernel 1 2 3\ninitrd 4\nworker 5\nlayer a\nlayer b\n"

static void replaced_programs_supersede(void **state)
{
	(void)state;
	assert_true(base_key_supersedes(
		KEY, "format 1\nmemory 5\nkernel 9 9 9\ninitrd 4\nworker 6\nlayer a\nlayer b\n"));
	assert_true(base_key_supersedes(KEY, "format 1\nmemory 5\nlayer a\nlayer b\n"));
}

static void other_vms_stay(void **state)
{
	(void)state;
	assert_false(base_key_supersedes(KEY, KEY));
	assert_false(base_key_supersedes(
		KEY, "format 1\nmemory 6\nkernel 1 2 3\ninitrd 4\nworker 6\nlayer a\nlayer b\n"));
	assert_false(
		base_key_supersedes(KEY, "format 1\nmemory 5\nkernel 1 2 3\ninitrd 4\nworker 6\nlayer a\n"));
	assert_false(base_key_supersedes(
		KEY, "format 1\nmemory 5\nkernel 1 2 3\ninitrd 4\nworker 6\nlayer a\nlayer b\nlayer c\n"));
	assert_false(base_key_supersedes(KEY, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replaced_programs_supersede),
		cmocka_unit_test(other_vms_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
