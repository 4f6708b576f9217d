/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define A64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DIGEST "\"sha256:" A64 "\""
#define TYPE "application/vnd.oci.image.layer.v1.tar+gzip"
#define LAYER "{\"mediaType\":\"" TYPE "\",\"digest\":" DIGEST ",\"size\":10}"
#define IMAGE(layers)                                                                                        \
	"{\"schemaVersion\":2,\"config\":{\"digest\":" DIGEST ",\"size\":3},\"layers\":" layers "}"
#define ENTRY(os, arch, variant)                                                                             \
	"{\"digest\":" DIGEST ",\"size\":5,\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch         \
	"\",\"variant\":\"" variant "\"}}"
#define INDEX(entries) "{\"schemaVersion\":2,\"manifests\":[" entries "]}"

static struct manifest *parsed(const char *text)
{
	struct manifest *m;
	struct sm_err e = { 0 };

	if (manifest_parse(text, strlen(text), "x", &m, &e))
		fail_msg("%s", e.text);
	return m;
}

static void refused(const char *text, int code, const char *why)
{
	struct manifest *m;
	struct sm_err e = { 0 };
	int rc = manifest_parse(text, strlen(text), "x", &m, &e);

	if (rc != -code || !strstr(e.text, why))
		fail_msg("%.200s: %d %s, wanted %d %s", text, rc, e.text, -code, why);
}

static void image_and_index_are_told_apart(void **state)
{
	struct manifest *m = parsed(IMAGE("[" LAYER "," LAYER "]"));

	(void)state;
	assert_false(m->index);
	assert_int_equal(m->nr_items, 2);
	assert_int_equal(m->items[1].size, 10);
	assert_string_equal(m->config.digest, "sha256:" A64);
	manifest_destroy(m);
	m = parsed(INDEX(ENTRY("linux", "arm64", "v8")));
	assert_true(m->index);
	assert_string_equal(m->items[0].platform, "linux/arm64/v8");
	manifest_destroy(m);
}

static void broken_manifests_are_refused(void **state)
{
	(void)state;
	refused("", EBADMSG, "JSON");
	refused("[]", EBADMSG, "not an object");
	refused("{\"a\":1,\"a\":2}", EBADMSG, "JSON");
	refused("{}", EBADMSG, "schemaVersion");
	refused("{\"schemaVersion\":1}", ENOTSUP, "schema 1");
	refused("{\"schemaVersion\":2}", EBADMSG, "digest");
	refused(IMAGE("{}"), EBADMSG, "layers");
	refused(IMAGE("[]"), ENOTSUP, "no layers");
	refused(IMAGE("[{\"mediaType\":\"" TYPE "\",\"digest\":\"md5:1\",\"size\":1}]"), EBADMSG, "md5:1");
	refused(IMAGE("[{\"mediaType\":\"" TYPE "\",\"digest\":" DIGEST ",\"size\":-1}]"), EBADMSG, "size");
	refused(IMAGE("[{\"mediaType\":\"" TYPE "\",\"digest\":" DIGEST ",\"size\":1.5}]"), EBADMSG, "size");
	refused(IMAGE("[{\"mediaType\":\"" TYPE "\",\"digest\":" DIGEST ",\"size\":9000000000000000000}]"),
		EFBIG, "limit");
	refused(IMAGE("[{\"mediaType\":\"application/wasm\",\"digest\":" DIGEST ",\"size\":1}]"), ENOTSUP,
		"application/wasm");
	refused("{\"schemaVersion\":2,\"manifests\":[],\"layers\":[]}", EBADMSG, "at once");
}

static void too_many_layers_are_refused(void **state)
{
	char *text = malloc(200000);
	size_t len =
		(size_t)sprintf(text,
				"{\"schemaVersion\":2,\"config\":{\"digest\":%s,\"size\":3},\"layers\":[",
				DIGEST);

	(void)state;
	assert_non_null(text);
	for (int i = 0; i < MANIFEST_LAYERS_MAX + 1; i++)
		len += (size_t)sprintf(text + len, "%s%s", i ? "," : "", LAYER);
	strcpy(text + len, "]}");
	refused(text, EFBIG, "limit");
	free(text);
}

static void platform_is_chosen_or_listed(void **state)
{
	struct manifest *m =
		parsed(INDEX(ENTRY("linux", "amd64", "") "," ENTRY("linux", "arm64", "v8.2") "," ENTRY(
			"linux", "arm64", "v8") "," ENTRY("unknown", "unknown", "") "," ENTRY("linux", "arm",
											      "v7")));
	const struct descriptor *d;
	struct sm_err e = { 0 };

	(void)state;
	assert_int_equal(manifest_choose(m, "linux/arm64", "x", &d, &e), 0);
	assert_string_equal(d->platform, "linux/arm64/v8");
	assert_int_equal(manifest_choose(m, "linux/arm/v7", "x", &d, &e), 0);
	assert_string_equal(d->platform, "linux/arm/v7");
	assert_int_equal(manifest_choose(m, "linux/arm/v6", "x", &d, &e), -ENOTSUP);
	assert_int_equal(manifest_choose(m, "linux/riscv64", "x", &d, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "not made for linux/riscv64; it has linux/amd64, linux/arm64/v8.2"));
	assert_null(strstr(e.text, "unknown"));
	manifest_destroy(m);
}

static void platforms_match_with_their_variants(void **state)
{
	(void)state;
	assert_true(platform_match("linux/arm64", "linux/arm64"));
	assert_true(platform_match("linux/arm64/v8", "linux/arm64"));
	assert_true(platform_match("linux/arm64", "linux/arm64/v8"));
	assert_false(platform_match("linux/arm64", "linux/arm"));
	assert_false(platform_match("linux/arm", "linux/arm64"));
	assert_false(platform_match("windows/arm64", "linux/arm64"));
	assert_false(platform_match("linux/arm/v6", "linux/arm/v7"));
}

static struct image_config *config_of(const char *text, int want)
{
	struct image_config *c = NULL;
	struct sm_err e = { 0 };
	int rc = image_config_parse(text, strlen(text), "x", &c, &e);

	if (rc != want)
		fail_msg("%s: %d %s", text, rc, e.text);
	return c;
}

static void configuration_keeps_known_keys(void **state)
{
	struct image_config *c = config_of(
		"{\"os\":\"linux\",\"architecture\":\"arm64\",\"created\":"
		"\"2024-01-02T05:04:05.123+02:00\",\"config\":{\"Cmd\":[\"a\"],\"Entrypoint\":null,"
		"\"Env\":[\"A=b\"],\"User\":\"1\",\"OnBuild\":[1]},\"rootfs\":{\"diff_ids\":[" DIGEST "]}}",
		0);

	(void)state;
	assert_string_equal(c->platform, "linux/arm64");
	assert_int_equal(c->created, 1704164645);
	assert_int_equal(c->nr_diff_ids, 1);
	assert_int_equal(json_object_size(c->config), 3);
	image_config_destroy(c);
}

static void broken_configurations_are_refused(void **state)
{
#define CONFIG(config, ids)                                                                                  \
	"{\"os\":\"linux\",\"architecture\":\"arm64\",\"config\":" config ",\"rootfs\":{\"diff_ids\":" ids   \
	"}}"
	(void)state;
	image_config_destroy(config_of(CONFIG("{}", "[]"), 0));
	image_config_destroy(config_of(CONFIG("null", "[]"), 0));
	config_of("{\"config\":{}}", -EBADMSG);
	config_of("{\"os\":\"../x\",\"architecture\":\"arm64\"}", -EBADMSG);
	config_of(CONFIG("{\"Cmd\":\"sh\"}", "[]"), -EBADMSG);
	config_of(CONFIG("{\"Cmd\":[1]}", "[]"), -EBADMSG);
	config_of(CONFIG("{\"Env\":{}}", "[]"), -EBADMSG);
	config_of(CONFIG("{\"User\":0}", "[]"), -EBADMSG);
	config_of(CONFIG("{\"Cmd\":[\"a\\u0000b\"]}", "[]"), -EBADMSG);
	config_of(CONFIG("{}", "[\"sha256:xyz\"]"), -EBADMSG);
	config_of(CONFIG("{}", "[1]"), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(image_and_index_are_told_apart),
		cmocka_unit_test(broken_manifests_are_refused),
		cmocka_unit_test(too_many_layers_are_refused),
		cmocka_unit_test(platform_is_chosen_or_listed),
		cmocka_unit_test(platforms_match_with_their_variants),
		cmocka_unit_test(configuration_keeps_known_keys),
		cmocka_unit_test(broken_configurations_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
