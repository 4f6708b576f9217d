/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void manifest_destroy(struct manifest *m)
{
	if (!m)
		return;
	free(m->items);
	free(m);
}

void manifest_destroyp(struct manifest **m)
{
	manifest_destroy(*m);
}

static const char *manifest_string(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

static bool manifest_word_ok(const char *s, size_t max)
{
	return strlen(s) < max &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(s);
}

/* "os/architecture[/variant]"; an odd platform is none. */
static void manifest_platform(const json_t *obj, char ret[PLATFORM_MAX])
{
	const char *os = manifest_string(obj, "os"), *arch = manifest_string(obj, "architecture");
	const char *variant = manifest_string(obj, "variant");

	*ret = 0;
	if (*os && *arch && manifest_word_ok(os, 20) && manifest_word_ok(arch, 20) &&
	    manifest_word_ok(variant, 20))
		snprintf(ret, PLATFORM_MAX, "%.19s/%.19s%s%.19s", os, arch, *variant ? "/" : "", variant);
}

static int manifest_descriptor(const json_t *obj, uint64_t max, const char *what, struct descriptor *ret,
			       struct sm_err *e)
{
	const char *digest = manifest_string(obj, "digest");
	const json_t *size = json_object_get(obj, "size");
	const char *tag =
		manifest_string(json_object_get(obj, "annotations"), "org.opencontainers.image.ref.name");

	if (!digest_ok(digest))
		return err_set(e, EBADMSG, "%s: '%.80s' is not a sha256 digest", what, digest);
	if (!json_is_integer(size) || json_integer_value(size) < 0)
		return err_set(e, EBADMSG, "%s: no size is given for %s", what, digest);
	if ((uint64_t)json_integer_value(size) > max)
		return err_set(e, EFBIG, "%s: %s claims %lld bytes, more than the limit of %llu", what,
			       digest, (long long)json_integer_value(size), (unsigned long long)max);
	*ret = (struct descriptor){ .size = (uint64_t)json_integer_value(size) };
	strcpy(ret->digest, digest);
	manifest_platform(json_object_get(obj, "platform"), ret->platform);
	if (manifest_word_ok(tag, sizeof(ret->tag)))
		strcpy(ret->tag, tag);
	return 0;
}

/* A layer is a tar archive; its compression is seen from its first bytes. */
static int manifest_layer_type(const json_t *obj, const char *what, struct sm_err *e)
{
	static const char *const types[] = {
		"application/vnd.oci.image.layer.v1.tar",
		"application/vnd.oci.image.layer.v1.tar+gzip",
		"application/vnd.oci.image.layer.v1.tar+zstd",
		"application/vnd.oci.image.layer.nondistributable.v1.tar",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
		"application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
		"application/vnd.docker.image.rootfs.diff.tar",
		"application/vnd.docker.image.rootfs.diff.tar.gzip",
		"application/vnd.docker.image.rootfs.diff.tar.zstd",
		"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
	};
	const char *type = manifest_string(obj, "mediaType");

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (!strcmp(type, types[i]))
			return 0;
	return err_set(e, ENOTSUP,
		       "%s: a layer is of the type '%.100s', which is no file system; not an image to run",
		       what, type);
}

static int manifest_items(const json_t *list, size_t max_items, uint64_t max_size, const char *what,
			  struct manifest *m, struct sm_err *e)
{
	size_t nr = json_array_size(list);

	if (!json_is_array(list))
		return err_set(e, EBADMSG, "%s: the manifest has no list of %s", what,
			       m->index ? "manifests" : "layers");
	if (nr > max_items)
		return err_set(e, EFBIG, "%s: %zu %s; the limit is %zu", what, nr,
			       m->index ? "manifests" : "layers", max_items);
	m->items = calloc(nr + 1, sizeof(*m->items));
	if (!m->items)
		return err_errno(e, ENOMEM, "%s", what);
	for (size_t i = 0; i < nr; i++) {
		const json_t *v = json_array_get(list, i);
		int rc = m->index ? 0 : manifest_layer_type(v, what, e);

		if (!rc)
			rc = manifest_descriptor(v, max_size, what, &m->items[i], e);
		if (rc)
			return rc;
	}
	m->nr_items = nr;
	return 0;
}

static int manifest_fill(const json_t *root, const char *what, struct manifest *m, struct sm_err *e)
{
	const json_t *version = json_object_get(root, "schemaVersion");
	int rc;

	if (json_is_integer(version) && json_integer_value(version) == 1)
		return err_set(e, ENOTSUP,
			       "%s: a Docker schema 1 manifest; push the image again with a current tool",
			       what);
	if (!json_is_integer(version) || json_integer_value(version) != 2)
		return err_set(e, EBADMSG, "%s: the manifest has no schemaVersion 2", what);
	m->index = json_object_get(root, "manifests");
	if (m->index && json_object_get(root, "layers"))
		return err_set(e, EBADMSG, "%s: the manifest is an index and an image at once", what);
	if (m->index)
		return manifest_items(json_object_get(root, "manifests"), MANIFEST_ENTRIES_MAX,
				      MANIFEST_SIZE_MAX, what, m, e);
	rc = manifest_descriptor(json_object_get(root, "config"), MANIFEST_CONFIG_MAX, what, &m->config, e);
	if (!rc)
		rc = manifest_items(json_object_get(root, "layers"), MANIFEST_LAYERS_MAX,
				    MANIFEST_LAYER_SIZE_MAX, what, m, e);
	if (!rc && !m->nr_items)
		rc = err_set(e, ENOTSUP, "%s: the image has no layers", what);
	return rc;
}

static int manifest_json(const char *data, size_t len, const char *what, json_t **ret, struct sm_err *e)
{
	json_error_t je;
	json_t *root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &je);

	if (!json_is_object(root)) {
		const char *why = root ? "not an object" : je.text;

		err_set(e, EBADMSG, "%s: not valid JSON: %.100s", what, why);
		json_decref(root);
		return -EBADMSG;
	}
	*ret = root;
	return 0;
}

int manifest_parse(const char *data, size_t len, const char *what, struct manifest **ret, struct sm_err *e)
{
	struct manifest *m;
	json_t *root;
	int rc = manifest_json(data, len, what, &root, e);

	if (rc)
		return rc;
	m = calloc(1, sizeof(*m));
	rc = m ? manifest_fill(root, what, m, e) : err_errno(e, ENOMEM, "%s", what);
	json_decref(root);
	if (rc) {
		manifest_destroy(m);
		return rc;
	}
	*ret = m;
	return 0;
}

/* arm64 has one variant, v8, that may be left out; any other variant is compared as it is. */
static bool platform_variant_match(const char *have, const char *want)
{
	if (!strcmp(have, "/v8"))
		have = "";
	if (!strcmp(want, "/v8"))
		want = "";
	return !*want || !strcmp(have, want);
}

bool platform_match(const char *have, const char *want)
{
	size_t os = strcspn(want, "/");
	size_t len = os + (want[os] ? 1 + strcspn(want + os + 1, "/") : 0);

	return !strncmp(have, want, len) && (!have[len] || have[len] == '/') &&
	       platform_variant_match(have + len, want + len);
}

/* Of several that match the plainest wins: v8 before v8.2. */
static bool manifest_better(const struct descriptor *a, const struct descriptor *b)
{
	return !b || strlen(a->platform) < strlen(b->platform);
}

int manifest_choose(const struct manifest *m, const char *platform, const char *what,
		    const struct descriptor **ret, struct sm_err *e)
{
	const struct descriptor *best = NULL;
	char have[300] = "";
	size_t len = 0;

	for (size_t i = 0; i < m->nr_items; i++) {
		const struct descriptor *d = &m->items[i];

		if (*d->platform && platform_match(d->platform, platform) && manifest_better(d, best))
			best = d;
		/* "unknown" stands for attestations, which nobody can run. */
		if (*d->platform && strncmp(d->platform, "unknown/", 8) &&
		    len < sizeof(have) - PLATFORM_MAX - 8)
			len += (size_t)snprintf(have + len, sizeof(have) - len, "%s%s", len ? ", " : "",
						d->platform);
	}
	/* An index of one entry without a platform: its configuration will tell. */
	if (!best && m->nr_items == 1 && !*m->items[0].platform)
		best = &m->items[0];
	if (!best)
		return err_set(e, ENOTSUP, "image %s: not made for %s; it has %s", what, platform,
			       len ? have : "no platforms at all");
	*ret = best;
	return 0;
}

/* ---- configuration ---- */

/* RFC 3339; 0 for anything else. */
static uint64_t image_config_time(const char *s)
{
	struct tm tm = { 0 };
	const char *p = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	int h, m;
	char sign;
	time_t t;

	if (!p)
		return 0;
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	t = timegm(&tm);
	if (sscanf(p, "%c%2d:%2d", &sign, &h, &m) == 3 && (sign == '+' || sign == '-'))
		t -= (sign == '+' ? 1 : -1) * (h * 3600 + m * 60);
	return t > 0 ? (uint64_t)t : 0;
}

static bool image_config_strings(const json_t *v)
{
	for (size_t i = 0; i < json_array_size(v); i++)
		if (!json_is_string(json_array_get(v, i)))
			return false;
	return json_is_array(v);
}

/* Copies the keys that run and inspect know; a wrong type is an error, a null is nothing. */
static bool image_config_copy(const json_t *from, json_t *to)
{
	static const struct {
		const char *key;
		char type; /* s: string, l: list of strings, o: object */
	} keys[] = { { "Entrypoint", 'l' },   { "Cmd", 'l' },	 { "Env", 'l' },	{ "Shell", 'l' },
		     { "WorkingDir", 's' },   { "User", 's' },	 { "StopSignal", 's' }, { "Volumes", 'o' },
		     { "ExposedPorts", 'o' }, { "Labels", 'o' }, { "Healthcheck", 'o' } };

	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		json_t *v = json_object_get(from, keys[i].key);

		if (!v || json_is_null(v))
			continue;
		if (keys[i].type == 's'	  ? !json_is_string(v)
		    : keys[i].type == 'l' ? !image_config_strings(v)
					  : !json_is_object(v))
			return false;
		if (json_object_set(to, keys[i].key, v))
			return false;
	}
	return true;
}

static int image_config_diff_ids(const json_t *root, const char *what, struct image_config *c,
				 struct sm_err *e)
{
	const json_t *list = json_object_get(json_object_get(root, "rootfs"), "diff_ids");
	size_t nr = json_array_size(list);

	if (nr > MANIFEST_LAYERS_MAX)
		return err_set(e, EFBIG, "%s: %zu layers; the limit is %d", what, nr, MANIFEST_LAYERS_MAX);
	for (size_t i = 0; i < nr; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s || !digest_ok(s))
			return err_set(e, EBADMSG, "%s: diff id %zu is not a sha256 digest", what, i);
		strcpy(c->diff_ids[i], s);
	}
	c->nr_diff_ids = nr;
	return 0;
}

static int image_config_fill(const json_t *root, const char *what, struct image_config *c, struct sm_err *e)
{
	c->config = json_object();
	if (!c->config)
		return err_errno(e, ENOMEM, "%s", what);
	manifest_platform(root, c->platform);
	c->created = image_config_time(manifest_string(root, "created"));
	if (!*c->platform)
		return err_set(e, EBADMSG, "%s: the configuration names no platform", what);
	if (!image_config_copy(json_object_get(root, "config"), c->config))
		return err_set(e, EBADMSG, "%s: a field of the configuration has the wrong type", what);
	return image_config_diff_ids(root, what, c, e);
}

int image_config_parse(const char *data, size_t len, const char *what, struct image_config **ret,
		       struct sm_err *e)
{
	struct image_config *c;
	json_t *root = NULL;
	int rc = manifest_json(data, len, what, &root, e);

	if (rc)
		return rc;
	c = calloc(1, sizeof(*c));
	rc = c ? image_config_fill(root, what, c, e) : err_errno(e, ENOMEM, "%s", what);
	json_decref(root);
	if (rc)
		image_config_destroy(c);
	else
		*ret = c;
	return rc;
}

void image_config_destroy(struct image_config *c)
{
	if (!c)
		return;
	json_decref(c->config);
	free(c);
}

void image_config_destroyp(struct image_config **c)
{
	image_config_destroy(*c);
}
