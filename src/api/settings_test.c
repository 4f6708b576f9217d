/* SPDX-License-Identifier: Apache-2.0 */
#include "api/settings.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <cmocka.h>

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void lines_are_those_of_the_files(void **state)
{
	const struct sm_vm_options o = { .hosts = LIST("db:10.0.0.1", "six=::1", "b6:[fe80::1]"),
					 .dns = LIST("1.2.3.4"),
					 .dns_search = LIST("example.org") };
	struct settings s;

	(void)state;
	assert_int_equal(settings_parse(&o, &s, NULL), 0);
	assert_true(s.wanted);
	assert_string_equal(s.agent.hosts[0], "10.0.0.1\tdb");
	assert_string_equal(s.agent.hosts[1], "::1\tsix");
	assert_string_equal(s.agent.hosts[2], "fe80::1\tb6");
	assert_string_equal(s.agent.resolv[0], "nameserver 1.2.3.4");
	assert_string_equal(s.agent.resolv[1], "search example.org");
	assert_null(s.agent.resolv[2]);
	settings_fini(&s);
}

static void tmpfs_options_are_flags_or_data(void **state)
{
	const struct sm_vm_options o = { .tmpfs = LIST("/run", "/x:exec,size=64m,ro,mode=1777") };
	struct settings s;

	(void)state;
	assert_int_equal(settings_parse(&o, &s, NULL), 0);
	assert_int_equal(s.agent.nr_tmpfs, 2);
	assert_string_equal(s.tmpfs[0].target, "/run");
	assert_string_equal(s.tmpfs[0].data, "");
	assert_int_equal(s.tmpfs[0].flags, MS_NOSUID | MS_NODEV | MS_NOEXEC);
	assert_string_equal(s.tmpfs[1].target, "/x");
	assert_string_equal(s.tmpfs[1].data, "size=64m,mode=1777");
	assert_int_equal(s.tmpfs[1].flags, MS_NOSUID | MS_NODEV | MS_RDONLY);
	settings_fini(&s);
}

static void limits_are_soft_and_hard(void **state)
{
	const struct sm_vm_options o = { .ulimits = LIST("nofile=10:20", "core=-1", "nproc=5:unlimited") };
	struct settings s;

	(void)state;
	assert_int_equal(settings_parse(&o, &s, NULL), 0);
	assert_int_equal(s.limits[0].resource, RLIMIT_NOFILE);
	assert_int_equal(s.limits[0].soft, 10);
	assert_int_equal(s.limits[0].hard, 20);
	assert_true(s.limits[1].soft == RLIM_INFINITY && s.limits[1].hard == RLIM_INFINITY);
	assert_true(s.limits[2].soft == 5 && s.limits[2].hard == RLIM_INFINITY);
	settings_fini(&s);
}

static void nothing_asked_is_nothing_sent(void **state)
{
	const struct sm_vm_options o = { 0 };
	struct settings s;

	(void)state;
	assert_int_equal(settings_parse(&o, &s, NULL), 0);
	assert_false(s.wanted);
	settings_fini(&s);
}

static void refused(const struct sm_vm_options *o)
{
	struct settings s;
	struct sm_err e;

	assert_int_equal(settings_parse(o, &s, &e), -EINVAL);
	assert_true(e.text[0]);
}

static void what_is_wrong_is_refused(void **state)
{
	static const char *const hosts[] = {
		"", "db", "db:", ":1.2.3.4", "db:host-gateway", "a b:1.2.3.4", "db:1.2.3.4\nx", "db:[]"
	};
	static const char *const tmpfs[] = {
		"", "/", "run", "/run:size", "/run:bogus=1", "/run:size=1,upper"
	};
	static const char *const limits[] = { "",	 "nofile",	"nofile=", "nofile=x", "nofile=20:10",
					      "bogus=1", "nofile=1:2:3" };

	(void)state;
	for (size_t i = 0; i < 8; i++)
		refused(&(struct sm_vm_options){ .hosts = LIST(hosts[i]) });
	for (size_t i = 0; i < 6; i++)
		refused(&(struct sm_vm_options){ .tmpfs = LIST(tmpfs[i]) });
	for (size_t i = 0; i < 7; i++)
		refused(&(struct sm_vm_options){ .ulimits = LIST(limits[i]) });
	refused(&(struct sm_vm_options){ .dns = LIST("resolver.example") });
	refused(&(struct sm_vm_options){ .dns_search = LIST("two words") });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_those_of_the_files),
		cmocka_unit_test(tmpfs_options_are_flags_or_data),
		cmocka_unit_test(limits_are_soft_and_hard),
		cmocka_unit_test(nothing_asked_is_nothing_sent),
		cmocka_unit_test(what_is_wrong_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
