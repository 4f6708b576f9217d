/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

struct args {
	bool flag, other;
	const char *text;
	struct strv list;
	uint64_t size;
	uint32_t count, time;
};

#define OPT(field) offsetof(struct args, field)
static const struct opt opts[] = {
	{ "flag", 'f', OPT_FLAG, NULL, "", OPT(flag) },
	{ "other", 'o', OPT_FLAG, NULL, "", OPT(other) },
	{ "text", 't', OPT_STRING, "T", "", OPT(text) },
	{ "list", 'l', OPT_LIST, "L", "", OPT(list) },
	{ "size", 's', OPT_SIZE, "S", "", OPT(size) },
	{ "count", 'c', OPT_COUNT, "N", "", OPT(count) },
	{ "time", 0, OPT_TIME, "T", "", OPT(time) },
	{ "later", 'x', OPT_REFUSED, NULL, "comes later", 0 },
	{ 0 },
};
static const struct cmd verb = { "verb", "", "", opts, NULL, CLI_USAGE };

/* Up to six words behind the verb. */
static int parse(struct args *a, const char *const *words)
{
	char copy[8][40] = { "verb" }, *argv[9];
	int argc = 1;

	memset(a, 0, sizeof(*a));
	for (; words[argc - 1]; argc++)
		strcpy(copy[argc], words[argc - 1]);
	for (int i = 0; i < argc; i++)
		argv[i] = copy[i];
	argv[argc] = NULL;
	return opts_parse(&verb, argc, argv, a);
}
#define PARSE(a, ...) parse(a, (const char *const[]){ __VA_ARGS__, NULL })

static void letters_bundle_and_take_values(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(PARSE(&a, "-fo", "word"), 2);
	assert_true(a.flag && a.other);
	assert_int_equal(PARSE(&a, "-fs64", "-c", "3", "--", "-x"), 5);
	assert_true(a.flag && a.size == 64 && a.count == 3);
	assert_int_equal(PARSE(&a, "--list=a", "-l", "b", "-lc"), 5);
	assert_int_equal(a.list.nr, 3);
	assert_string_equal(a.list.v[2], "c");
	strv_fini(&a.list);
}

static void sizes_are_dockers(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = { { "0", 0 },
		     { "1b", 1 },
		     { "64k", 64 << 10 },
		     { "64M", 64 << 20 },
		     { "2GiB", 2ULL << 30 },
		     { "1tb", 1ULL << 40 } };
	static const char *const bad[] = {
		"", "k", "-1", "1x", "1kk", "1bb", "1.5g", "0x10", "99999999999999999999", "16777216t", "1 k"
	};
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(PARSE(&a, "-s", good[i].text), 3);
		assert_int_equal(a.size, good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(PARSE(&a, "-s", bad[i]), -1);
}

static void times_are_seconds_or_have_a_unit(void **state)
{
	static const struct {
		const char *text;
		uint32_t ms;
	} good[] = { { "0", 0 },       { "10", 10000 },	  { "10s", 10000 },
		     { "5m", 300000 }, { "1h", 3600000 }, { "250ms", 250 } };
	static const char *const bad[] = { "", "s", "-1", "1d", "1.5", "5000000" };
	struct args a;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(PARSE(&a, "--time", good[i].text), 3);
		assert_int_equal(a.time, good[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(PARSE(&a, "--time", bad[i]), -1);
}

static void wrong_calls_are_refused(void **state)
{
	struct args a;

	(void)state;
	assert_int_equal(PARSE(&a, "--flga"), -1);
	assert_int_equal(PARSE(&a, "--later=1"), -1);
	assert_int_equal(PARSE(&a, "-x"), -1);
	assert_int_equal(PARSE(&a, "--text"), -1);
	assert_int_equal(PARSE(&a, "--flag=maybe"), -1);
	assert_int_equal(PARSE(&a, "--flag=false"), 2);
	assert_false(a.flag);
}

static void distance_counts_typing_errors(void **state)
{
	(void)state;
	assert_int_equal(opts_distance("run", "run"), 0);
	assert_int_equal(opts_distance("name", "nmae"), 2);
	assert_int_equal(opts_distance("images", "image"), 1);
	assert_true(opts_distance("a", "a-name-longer-than-thirty-letters") > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(letters_bundle_and_take_values),   cmocka_unit_test(sizes_are_dockers),
		cmocka_unit_test(times_are_seconds_or_have_a_unit), cmocka_unit_test(wrong_calls_are_refused),
		cmocka_unit_test(distance_counts_typing_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
