/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static const char passwd[] = "# comment\n"
			     "\n"
			     "root:x:0:0:root:/root:/bin/sh\n"
			     "web:x:33:33::/var/www:/bin/false\n"
			     "nohome:x:44:45:::\n"
			     "1000:x:77:77::/named:/bin/sh\n"
			     "short:x\n"
			     "bad:x:abc:1::/:\n"
			     "neg:x:-1:1::/:\n"
			     "last:x:1000:1001::/home/last:/bin/sh";
static const char group[] = "root:x:0:\nstaff:x:50:web,last\nmore:x:51:last\nwebs:x:52:webby,web2\n12:x:99:\n"
			    "x:x:60:web";

static struct user u;
static char why[200];

static int find(const char *spec)
{
	return user_find(passwd, group, spec, &u, why, sizeof(why));
}

static void empty_spec_is_root(void **state)
{
	(void)state;
	assert_true(find(""));
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 0);
	assert_string_equal(u.home, "/root");
}

static void name_gives_ids_home_and_groups(void **state)
{
	(void)state;
	assert_true(find("web"));
	assert_int_equal(u.uid, 33);
	assert_int_equal(u.gid, 33);
	assert_string_equal(u.home, "/var/www");
	assert_int_equal(u.nr_groups, 2);
	assert_int_equal(u.groups[0], 50);
	assert_int_equal(u.groups[1], 60);
}

static void last_line_needs_no_newline(void **state)
{
	(void)state;
	assert_true(find("last"));
	assert_int_equal(u.gid, 1001);
	assert_int_equal(u.nr_groups, 2);
}

static void number_finds_its_entry(void **state)
{
	(void)state;
	assert_true(find("33"));
	assert_string_equal(u.name, "web");
	assert_string_equal(u.home, "/var/www");
	assert_int_equal(u.nr_groups, 2);
}

static void name_wins_over_the_same_number(void **state)
{
	(void)state;
	assert_true(find("1000"));
	assert_int_equal(u.uid, 77);
	assert_string_equal(u.home, "/named");
}

static void number_needs_no_entry(void **state)
{
	(void)state;
	assert_true(find("4711"));
	assert_int_equal(u.uid, 4711);
	assert_int_equal(u.gid, 0);
	assert_string_equal(u.home, "/");
	assert_true(find("4711:4712"));
	assert_int_equal(u.gid, 4712);
}

static void unknown_name_is_refused(void **state)
{
	(void)state;
	assert_false(find("nobody"));
	assert_string_equal(why, "unable to find user nobody: no matching entries in passwd file");
	assert_false(find("root:nogroup"));
	assert_string_equal(why, "unable to find group nogroup: no matching entries in group file");
	assert_false(find("2147483648"));
	assert_false(find("root:2147483648"));
	assert_false(find("we"));
	assert_false(find("webx"));
}

static void given_group_replaces_memberships(void **state)
{
	(void)state;
	assert_true(find("web:staff"));
	assert_int_equal(u.gid, 50);
	assert_int_equal(u.nr_groups, 0);
	assert_true(find("web:12"));
	assert_int_equal(u.gid, 99);
	assert_true(find(":staff"));
	assert_int_equal(u.uid, 0);
	assert_int_equal(u.gid, 50);
}

static void broken_lines_are_no_entries(void **state)
{
	(void)state;
	assert_false(find("short"));
	assert_false(find("bad"));
	assert_false(find("neg"));
}

static void empty_home_is_the_root(void **state)
{
	(void)state;
	assert_true(find("nohome"));
	assert_string_equal(u.home, "/");
}

static void missing_files_leave_root(void **state)
{
	(void)state;
	assert_true(user_find("", "", "", &u, why, sizeof(why)));
	assert_int_equal(u.uid, 0);
	assert_string_equal(u.home, "/");
}

static void memberships_are_bounded(void **state)
{
	static char many[16 * (USER_GROUPS_MAX + 10)];
	char *p = many;

	(void)state;
	for (int i = 0; i < USER_GROUPS_MAX + 10; i++, p += 10)
		memcpy(p, "g:x:7:web\n", 11);
	assert_true(user_find(passwd, many, "web", &u, why, sizeof(why)));
	assert_int_equal(u.nr_groups, USER_GROUPS_MAX);
}

static void long_name_is_refused(void **state)
{
	char name[100];

	(void)state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	assert_false(find(name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_spec_is_root),
		cmocka_unit_test(name_gives_ids_home_and_groups),
		cmocka_unit_test(last_line_needs_no_newline),
		cmocka_unit_test(number_finds_its_entry),
		cmocka_unit_test(name_wins_over_the_same_number),
		cmocka_unit_test(number_needs_no_entry),
		cmocka_unit_test(unknown_name_is_refused),
		cmocka_unit_test(given_group_replaces_memberships),
		cmocka_unit_test(broken_lines_are_no_entries),
		cmocka_unit_test(empty_home_is_the_root),
		cmocka_unit_test(missing_files_leave_root),
		cmocka_unit_test(memberships_are_bounded),
		cmocka_unit_test(long_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
