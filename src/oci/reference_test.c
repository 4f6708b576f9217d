/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void normalizes(const char *text, const char *want)
{
	struct reference r;
	struct sm_err e = { 0 };

	if (reference_parse(text, &r, &e))
		fail_msg("%s: %s", text, e.text);
	assert_string_equal(r.text, want);
}

static void refuses(const char *text)
{
	struct reference r;
	struct sm_err e = { 0 };

	if (reference_parse(text, &r, &e) != -EINVAL)
		fail_msg("'%s' was accepted as %s", text, r.text);
	assert_int_equal(e.code, EINVAL);
	assert_non_null(strstr(e.text, "image"));
}

static void names_are_completed_as_docker_does(void **state)
{
	(void)state;
	normalizes("nginx", "docker.io/library/nginx:latest");
	normalizes("nginx:1.25", "docker.io/library/nginx:1.25");
	normalizes("me/app", "docker.io/me/app:latest");
	normalizes("docker.io/nginx", "docker.io/library/nginx:latest");
	normalizes("index.docker.io/nginx", "docker.io/library/nginx:latest");
	normalizes("localhost/app", "localhost/app:latest");
	normalizes("localhost:5000/app:v1", "localhost:5000/app:v1");
	normalizes("127.0.0.1:5000/a/b/c", "127.0.0.1:5000/a/b/c:latest");
	normalizes("[::1]:5000/app", "[::1]:5000/app:latest");
	normalizes("quay.io/a__b/c-d--e.f", "quay.io/a__b/c-d--e.f:latest");
	/* Without a dot, a port or "localhost" it is no host. */
	normalizes("host/app", "docker.io/host/app:latest");
	normalizes("host:5000", "docker.io/library/host:5000");
}

static void digests_pin_and_keep_the_tag(void **state)
{
	struct reference r;

	(void)state;
	normalizes("nginx@sha256:" HEX64, "docker.io/library/nginx@sha256:" HEX64);
	normalizes("h.io/a:t@sha256:" HEX64, "h.io/a:t@sha256:" HEX64);
	assert_int_equal(reference_parse("a:t@sha256:" HEX64, &r, NULL), 0);
	assert_string_equal(r.tag, "t");
	assert_string_equal(r.digest, "sha256:" HEX64);
	assert_string_equal(r.repo, "library/a");
	assert_string_equal(r.host, "docker.io");
}

static void layouts_become_absolute(void **state)
{
	struct reference r;

	(void)state;
	normalizes("oci:/a/b:tag", "oci:/a/b:tag");
	normalizes("oci:/a//./b/", "oci:/a/b");
	normalizes("oci:/", "oci:/");
	normalizes("oci:/a:b/c", "oci:/a:b/c");
	normalizes("oci:/a/.:t", "oci:/a:t");
	normalizes("oci:/a/b:c/", "oci:/a/b:c/");
	normalizes("oci:/a/b:c:t", "oci:/a/b:c:t");
	assert_int_equal(chdir("/usr"), 0);
	normalizes("oci:lib:t", "oci:/usr/lib:t");
	assert_int_equal(reference_parse("oci:/a/b:tag", &r, NULL), 0);
	assert_int_equal(r.kind, REFERENCE_OCI);
	assert_string_equal(r.dir, "/a/b");
	assert_string_equal(r.tag, "tag");
}

static void archives_become_absolute(void **state)
{
	struct reference r;

	(void)state;
	assert_int_equal(chdir("/usr"), 0);
	normalizes("oci-archive:a.tar", "oci-archive:/usr/a.tar");
	normalizes("oci-archive:/a.tar:t", "oci-archive:/a.tar:t");
	normalizes("docker-archive:./a.tar", "docker-archive:/usr/a.tar");
	normalizes("docker-archive:/a.tar:h:1/x:t", "docker-archive:/a.tar:h:1/x:t");
	assert_int_equal(reference_parse("docker-archive:/a.tar:h:1/x:t", &r, NULL), 0);
	assert_int_equal(r.kind, REFERENCE_DOCKER_ARCHIVE);
	assert_string_equal(r.dir, "/a.tar");
	assert_string_equal(r.repo, "h:1/x:t");
	assert_int_equal(reference_parse("oci-archive:a.tar:t", &r, NULL), 0);
	assert_int_equal(r.kind, REFERENCE_OCI_ARCHIVE);
	assert_string_equal(r.tag, "t");
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		":",
		":tag",
		"@sha256:" HEX64,
		"a:",
		"a@",
		"a@sha256:12",
		"Nginx",
		"a/B",
		"a//b",
		"/a",
		"a/",
		"-a",
		"a-",
		"a..b",
		"a___b",
		".a",
		"a:-t",
		"a:.t",
		"a b",
		"a\nb",
		HEX64,
		"h.io/",
		"h..io/a",
		"h.io:99999/a",
		"h.io:x/a",
		"-h.io/a",
		"http://h.io/a",
		"[::1/a",
		"[xyz]/a",
		"oci:",
		"oci::tag",
		"oci:/a:",
		"oci:/a:b c",
		"oci-archive:",
		"docker-archive:",
		"docker-archive::x",
		"a@md5:" HEX64,
	};
	char name[600];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuses(bad[i]);
	memset(name, 'a', sizeof(name));
	name[256] = 0;
	refuses(name);
	memset(name, 'a', sizeof(name));
	memcpy(name + 2, ":", 1);
	name[2 + 1 + 129] = 0;
	refuses(name);
}

static void normalized_text_parses_to_itself(void **state)
{
	static const char *const good[] = { "nginx", "a/b:c", "h.io:1/x@sha256:" HEX64, "oci:/x/y:z" };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct reference r;

		assert_int_equal(reference_parse(good[i], &r, NULL), 0);
		normalizes(r.text, r.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_completed_as_docker_does),
		cmocka_unit_test(digests_pin_and_keep_the_tag),
		cmocka_unit_test(layouts_become_absolute),
		cmocka_unit_test(archives_become_absolute),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(normalized_text_parses_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
