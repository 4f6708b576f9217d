/* SPDX-License-Identifier: Apache-2.0 */
#include "api/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char *image_entrypoint[] = { "/entry", "-x", NULL };
static const char *image_cmd[] = { "serve", NULL };
static const char *image_env[] = { "PATH=/bin", "LANG=C", NULL };
static const char *nothing[] = { NULL };

static struct image_record image(void)
{
	return (struct image_record){ .entrypoint = image_entrypoint,
				      .cmd = image_cmd,
				      .env = image_env,
				      .working_dir = "/srv",
				      .user = "www" };
}

static void check_argv(const struct command *c, const char *joined)
{
	char text[200] = "";

	for (size_t i = 0; c->argv[i]; i++) {
		strcat(text, i ? " " : "");
		strcat(text, c->argv[i]);
	}
	assert_string_equal(text, joined);
}

static void check(const struct sm_exec_options *o, const char *joined)
{
	struct image_record r = image();
	struct command c;

	assert_int_equal(command_make(&r, o, &c, NULL), 0);
	check_argv(&c, joined);
	command_fini(&c);
}

static void arguments_follow_docker(void **state)
{
	static const char *const argv[] = { "a", "b", NULL };
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;

	(void)state;
	check(&o, "/entry -x serve");
	o.argv = argv;
	check(&o, "/entry -x a b");
	o.entrypoint = "/other";
	check(&o, "/other a b");
	o.argv = NULL;
	check(&o, "/other");
	o.entrypoint = "";
	o.argv = argv;
	check(&o, "a b");
}

static void nothing_to_run_is_an_error(void **state)
{
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;
	struct image_record r = image();
	struct command c;

	(void)state;
	r.entrypoint = r.cmd = nothing;
	assert_int_equal(command_make(&r, &o, &c, NULL), -22);
	o.entrypoint = "";
	r = image();
	assert_int_equal(command_make(&r, &o, &c, NULL), -22);
}

static void the_callers_environment_wins(void **state)
{
	static const char *const env[] = { "LANG=de", "NEW=1", "LANGUAGE=x", NULL };
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;
	struct image_record r = image();
	struct command c;

	(void)state;
	o.env = env;
	assert_int_equal(command_make(&r, &o, &c, NULL), 0);
	assert_string_equal(c.env[0], "PATH=/bin");
	assert_string_equal(c.env[1], "LANG=de");
	assert_string_equal(c.env[2], "NEW=1");
	assert_string_equal(c.env[3], "LANGUAGE=x");
	assert_null(c.env[4]);
	assert_string_equal(c.cwd, "/srv");
	assert_string_equal(c.user, "www");
	command_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_follow_docker),
		cmocka_unit_test(nothing_to_run_is_an_error),
		cmocka_unit_test(the_callers_environment_wins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
