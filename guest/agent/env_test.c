/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/env.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/cmdline.h"
#include "guest/agent/text.h"

static struct env e;

static void build(const char *const *given, bool tty)
{
	static char store[8][64];
	static char *v[9];
	size_t n;

	for (n = 0; given[n]; n++)
		v[n] = text_join(store[n], sizeof(store[n]), given[n], NULL);
	v[n] = NULL;
	env_build(&e, v, &(struct env_defaults){ "host", "/home/me", tty });
}

static void defaults_are_added(void **state)
{
	(void)state;
	build((const char *const[]){ NULL }, true);
	assert_string_equal(env_get(&e, "PATH"), ENV_PATH_DEFAULT);
	assert_string_equal(env_get(&e, "HOSTNAME"), "host");
	assert_string_equal(env_get(&e, "TERM"), "xterm");
	assert_string_equal(env_get(&e, "HOME"), "/home/me");
	assert_null(e.v[e.nr]);
	build((const char *const[]){ NULL }, false);
	assert_null(env_get(&e, "TERM"));
}

static void given_values_stay(void **state)
{
	(void)state;
	build((const char *const[]){ "PATH=/x", "HOME=", "A=b=c", NULL }, false);
	assert_string_equal(env_get(&e, "PATH"), "/x");
	assert_string_equal(env_get(&e, "HOME"), "");
	assert_string_equal(env_get(&e, "A"), "b=c");
	assert_null(env_get(&e, "PAT"));
}

static void entries_without_a_name_are_left_out(void **state)
{
	(void)state;
	build((const char *const[]){ "=x", "novalue", "B=1", NULL }, false);
	assert_string_equal(e.v[0], "B=1");
	assert_int_equal(e.nr, 4);
}

static int try(const char *path, const char *name, char *why, size_t size)
{
	char command[100], variable[100];
	char *argv[] = { text_join(command, sizeof(command), name, NULL), NULL };
	char *given[] = { text_join(variable, sizeof(variable), path, NULL), NULL };

	env_build(&e, given, &(struct env_defaults){ "h", "/", false });
	return env_exec(argv, &e, why, size);
}

static void failures_have_the_shells_status(void **state)
{
	char dir[] = "/tmp/env-test-XXXXXX", path[100], file[100], why[200];

	(void)state;
	assert_non_null(mkdtemp(dir));
	text_join(path, sizeof(path), "PATH=/nothing:", dir, NULL);
	close(mkstemp(text_join(file, sizeof(file), dir, "/fXXXXXX", NULL)));
	assert_int_equal(try("PATH=/nothing", "x", why, sizeof(why)), 127);
	assert_int_equal(try(path, file, why, sizeof(why)), 126); /* not executable */
	assert_int_equal(try(path, strrchr(file, '/') + 1, why, sizeof(why)), 126);
	chmod(file, 0755);
	assert_int_equal(try(path, file, why, sizeof(why)), 126);
	assert_non_null(strstr(why, "exec format error"));
	assert_int_equal(try(path, dir, why, sizeof(why)), 126);
	assert_non_null(strstr(why, "Is a directory"));
	assert_int_equal(try(path, "/no/such/file", why, sizeof(why)), 127);
	assert_int_equal(try(path, "", why, sizeof(why)), 127);
	unlink(file);
	rmdir(dir);
}

static void command_line_words_are_read(void **state)
{
	struct cmdline c;

	(void)state;
	cmdline_parse("console=ttyAMA0 sm.layers=12 sm.root=tmpfs  sm.ready=console x\n", &c);
	assert_true(c.has_root && c.tmpfs && c.ready_on_console);
	assert_int_equal(c.layers, 12);
	assert_string_equal(c.wrong, "");
	cmdline_parse("", &c);
	assert_false(c.has_root || c.tmpfs || c.ready_on_console);
	cmdline_parse("sm.layers=0 sm.root=disk", &c);
	assert_true(c.has_root && !c.tmpfs && !c.layers);
}

static void wrong_words_are_named(void **state)
{
	struct cmdline c;

	(void)state;
	cmdline_parse("sm.layers=129 sm.x=1", &c);
	assert_false(c.has_root);
	assert_string_equal(c.wrong, "sm.layers=129");
	cmdline_parse("sm.layers=-1", &c);
	assert_string_equal(c.wrong, "sm.layers=-1");
	cmdline_parse("sm.root=floppy", &c);
	assert_string_equal(c.wrong, "sm.root=floppy");
}

static void text_is_cut_and_terminated(void **state)
{
	char b[8];

	(void)state;
	assert_string_equal(text_join(b, sizeof(b), "abc", "defgh", "ijk", NULL), "abcdefg");
	assert_string_equal(text_join(b, 1, "abc", NULL), "");
}

static void numbers_are_written_and_read(void **state)
{
	char b[21];
	uint32_t v = 5;

	(void)state;
	assert_string_equal(text_u64(b, 0), "0");
	assert_string_equal(text_u64(b, UINT64_MAX), "18446744073709551615");
	assert_true(text_parse_u32("4294967295", UINT32_MAX, &v));
	assert_int_equal(v, UINT32_MAX);
	assert_false(text_parse_u32("4294967296", UINT32_MAX, &v));
	assert_false(text_parse_u32("", 10, &v));
	assert_false(text_parse_u32("1x", 10, &v));
	assert_false(text_parse_u32("99999999999999999999999", UINT32_MAX, &v));
	assert_int_equal(v, UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_added),
		cmocka_unit_test(given_values_stay),
		cmocka_unit_test(entries_without_a_name_are_left_out),
		cmocka_unit_test(failures_have_the_shells_status),
		cmocka_unit_test(command_line_words_are_read),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(text_is_cut_and_terminated),
		cmocka_unit_test(numbers_are_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
