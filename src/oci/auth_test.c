/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/auth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct auth_challenge parsed(const char *value)
{
	struct auth_challenge c;
	struct sm_err e = { 0 };

	if (auth_challenge_parse(value, &c, &e))
		fail_msg("%s: %s", value, e.text);
	return c;
}

static void bearer_challenge_is_read(void **state)
{
	struct auth_challenge c = parsed("Bearer realm=\"https://auth.io/token\",service=\"r.io\","
					 "scope=\"repository:a/b:pull\"");

	(void)state;
	assert_int_equal(c.scheme, AUTH_BEARER);
	assert_string_equal(c.realm, "https://auth.io/token");
	assert_string_equal(c.service, "r.io");
	assert_string_equal(c.scope, "repository:a/b:pull");
}

static void spelling_may_vary(void **state)
{
	struct auth_challenge c =
		parsed("  bEaReR  REALM = \"a\\\"b\" ,, Service=x , error=\"invalid_token\",  ");

	(void)state;
	assert_string_equal(c.realm, "a\"b");
	assert_string_equal(c.service, "x");
	assert_string_equal(c.scope, "");
}

static void strongest_of_several_is_taken(void **state)
{
	(void)state;
	assert_int_equal(parsed("Basic realm=\"x\", Bearer realm=\"y\",service=z").scheme, AUTH_BEARER);
	assert_int_equal(parsed("Bearer realm=\"y\",service=z, Basic realm=\"x\"").scheme, AUTH_BEARER);
	assert_int_equal(parsed("Negotiate YII=, Basic realm=\"x\"").scheme, AUTH_BASIC);
	assert_int_equal(parsed("NTLM, Basic").scheme, AUTH_BASIC);
	/* A token service without an address helps nobody. */
	assert_int_equal(parsed("Bearer service=z, Basic realm=\"x\"").scheme, AUTH_BASIC);
}

static void malformed_challenge_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		",",
		"=",
		"Digest realm=x",
		"Bearer",
		"Bearer realm",
		"Bearer realm=\"open",
		"Bearer realm=\"a\\",
		"Bearer realm=\"a\nb\"",
		"\"x\"",
		"Bearer realm=\"a\"b",
		"Bearer =x",
	};
	struct auth_challenge c = { .scheme = AUTH_BASIC };
	char text[3000];
	struct sm_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (auth_challenge_parse(bad[i], &c, &e) != -EBADMSG)
			fail_msg("'%s' was accepted", bad[i]);
	memset(text, 'r', sizeof(text));
	memcpy(text, "Bearer realm=", 13);
	text[sizeof(text) - 1] = 0;
	assert_int_equal(auth_challenge_parse(text, &c, &e), -EBADMSG);
	assert_int_equal(c.scheme, AUTH_BASIC);
}

static const char *found(const char *json, const char *host)
{
	static char basic[AUTH_BASIC_MAX];
	struct sm_err e = { 0 };

	if (auth_config_parse(json, strlen(json), host, "config.json", basic, &e))
		fail_msg("%s", e.text);
	return basic;
}

static void login_is_found_under_every_spelling(void **state)
{
	(void)state;
	assert_string_equal(found("{\"auths\":{\"r.io\":{\"auth\":\"YTpi\"}}}", "r.io"), "YTpi");
	assert_string_equal(found("{\"auths\":{\"https://r.io/v2/\":{\"auth\":\"YTpi\"}}}", "r.io"), "YTpi");
	assert_string_equal(found("{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\"}}}",
				  "docker.io"),
			    "YTpi");
	assert_string_equal(found("{\"auths\":{\"r.io:5\":{\"auth\":\"YTpi\"}}}", "r.io"), "");
	assert_string_equal(found("{\"auths\":{\"xr.io\":{\"auth\":\"YTpi\"}}}", "r.io"), "");
	assert_string_equal(found("{\"auths\":{\"r.io.evil\":{\"auth\":\"YTpi\"}}}", "r.io"), "");
	assert_string_equal(found("{}", "r.io"), "");
}

static void user_and_password_are_encoded(void **state)
{
	(void)state;
	/* RFC 7617, 2 */
	assert_string_equal(
		found("{\"auths\":{\"h\":{\"username\":\"Aladdin\",\"password\":\"open sesame\"}}}", "h"),
		"QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
	assert_string_equal(found("{\"auths\":{\"h\":{\"username\":\"a\",\"password\":\"b\"}}}", "h"),
			    "YTpi");
	assert_string_equal(found("{\"auths\":{\"h\":{\"username\":\"a\",\"password\":\"\"}}}", "h"), "YTo=");
}

static void damaged_configuration_is_an_error(void **state)
{
	static const char *const bad[] = { "", "[]", "{", "{\"auths\":{\"h\":{\"auth\":\"a\\r\\nX: y\"}}}" };
	char basic[AUTH_BASIC_MAX];
	struct sm_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(auth_config_parse(bad[i], strlen(bad[i]), "h", "config.json", basic, &e),
				 -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bearer_challenge_is_read),
		cmocka_unit_test(spelling_may_vary),
		cmocka_unit_test(strongest_of_several_is_taken),
		cmocka_unit_test(malformed_challenge_is_refused),
		cmocka_unit_test(login_is_found_under_every_spelling),
		cmocka_unit_test(user_and_password_are_encoded),
		cmocka_unit_test(damaged_configuration_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
