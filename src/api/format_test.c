/* SPDX-License-Identifier: Apache-2.0 */
#include "api/format.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static json_t *object;

static void gives(const char *format, const char *want)
{
	struct sm_err e = { 0 };
	char *got;

	if (format_json(object, format, &got, &e))
		fail_msg("%s: %s", format, e.text);
	assert_string_equal(got, want);
	free(got);
}

static void fields_take_their_place(void **state)
{
	(void)state;
	gives("{{.Id}}", "sha256:1");
	gives("a {{ .Config.User }}\\tb\\n", "a me\tb\n");
	gives("{{.Config.Cmd}}", "[\"sh\",\"-c\"]");
	gives("{{json .Id}} {{.Size}}", "\"sha256:1\" 12");
	gives("{{ json . }}",
	      "{\"Id\":\"sha256:1\",\"Size\":12,\"Config\":{\"User\":\"me\",\"Cmd\":[\"sh\",\"-c\"]}}");
	gives("{ {{.Id", "{ {{.Id");
	gives("", "");
}

static void unknown_field_names_those_there_are(void **state)
{
	struct sm_err e;
	char *got;

	(void)state;
	assert_int_equal(format_json(object, "{{.Nope}}", &got, &e), -EINVAL);
	assert_non_null(strstr(e.text, ".Id, .Size, .Config"));
	assert_int_equal(format_json(object, "{{.Id.X}}", &got, &e), -EINVAL);
	assert_int_equal(format_json(object, "{{Id}}", &got, &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_take_their_place),
		cmocka_unit_test(unknown_field_names_those_there_are),
	};
	int rc;

	object = json_pack("{s:s,s:i,s:{s:s,s:[s,s]}}", "Id", "sha256:1", "Size", 12, "Config", "User", "me",
			   "Cmd", "sh", "-c");
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	json_decref(object);
	return rc;
}
