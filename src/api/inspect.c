/* SPDX-License-Identifier: Apache-2.0 */
/* What an image says of itself, in docker's words. */
#include "api/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/format.h"
#include "util/fd.h"

#define INSPECT_CONFIG_MAX ((size_t)8 << 20)

/* The image's configuration as its maker wrote it. */
static int inspect_config(struct sm_image *image, json_t **ret, struct sm_err *e)
{
	char path[RECORD_LAYER_PATH_MAX], *text;
	size_t len;
	json_t *v;
	int r;

	snprintf(path, sizeof(path), "blobs/sha256/%.64s", digest_hex(image->record->id));
	r = fd_read_file(store_fd(image->store), path, INSPECT_CONFIG_MAX, &text, &len, e);
	if (r)
		return err_prefix(e, "image %s", image->reference);
	v = json_loadb(text, len, 0, NULL);
	free(text);
	if (!json_is_object(v)) {
		json_decref(v);
		return err_set(e, EBADMSG,
			       "image %s: its configuration in the store is damaged; pull it again",
			       image->reference);
	}
	*ret = v;
	return 0;
}

struct inspect_names {
	const struct image_record *record;
	json_t *tags, *digests;
};

static int inspect_name(void *opaque, const char *reference, const struct image_record *r)
{
	struct inspect_names *n = opaque;
	const char *at = strchr(reference, '@'), *slash = strrchr(reference, '/');
	const char *colon = strrchr(slash ? slash : reference, ':');
	size_t len = (size_t)((at ? at : colon ? colon : reference + strlen(reference)) - reference);

	if (strcmp(r->digest, n->record->digest))
		return 0;
	if (!at)
		json_array_append_new(n->tags, json_string(reference));
	json_array_append_new(n->digests, json_sprintf("%.*s@%s", (int)len, reference, r->digest));
	return 0;
}

static const char *inspect_string(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static json_t *inspect_object(struct sm_image *image, const json_t *config)
{
	struct inspect_names n = { image->record, json_array(), json_array() };
	json_t *variant = json_object_get(config, "variant"), *o;

	store_list(image->store, inspect_name, &n, NULL);
	o = json_pack("{s:s,s:o,s:o,s:s,s:s,s:s,s:s,s:s,s:I,s:O,s:s,s:{s:s,s:O*}}", "Id", image->record->id,
		      "RepoTags", n.tags, "RepoDigests", n.digests, "Digest", image->record->digest,
		      "Created", inspect_string(config, "created"), "Author",
		      inspect_string(config, "author"), "Architecture",
		      inspect_string(config, "architecture"), "Os", inspect_string(config, "os"), "Size",
		      (json_int_t)store_disk_usage(image->store, image->record), "Config",
		      json_object_get(image->record->json, "config"), "Platform", image->record->platform,
		      "RootFS", "Type", "layers", "Layers",
		      json_object_get(json_object_get(config, "rootfs"), "diff_ids"));
	if (o && json_is_string(variant))
		json_object_set(o, "Variant", variant);
	return o;
}

int sm_image_inspect(struct sm_image *image, const char *format, char **ret, struct sm_err *e)
{
	json_t *config, *o;
	int r = inspect_config(image, &config, e);

	if (r < 0)
		return r;
	o = inspect_object(image, config);
	json_decref(config);
	if (!o)
		return err_errno(e, ENOMEM, "image %s", image->reference);
	if (format) {
		r = format_json(o, format, ret, e);
	} else {
		char *text = json_dumps(o, JSON_INDENT(4));

		r = text ? 0 : err_errno(e, ENOMEM, "image %s", image->reference);
		if (text)
			*ret = text;
	}
	json_decref(o);
	return r;
}

/* ---- history ---- */

/* Disk space of the layer with this diff id; 0 where it is hidden by another. */
static uint64_t inspect_layer_size(struct sm_image *image, const char *diff_id)
{
	struct image_record one = { .nr_layers = 1 };

	for (size_t i = 0; diff_id && i < image->record->nr_layers; i++)
		if (!strcmp(image->record->layers[i].diff_id, diff_id)) {
			one.layers[0] = image->record->layers[i];
			return store_disk_usage(image->store, &one);
		}
	return 0;
}

int sm_image_history(struct sm_image *image, int (*fn)(void *opaque, const struct sm_history_info *info),
		     void *opaque, struct sm_err *e)
{
	json_t *config, *list, *ids;
	size_t layer;
	int r = inspect_config(image, &config, e);

	if (r < 0)
		return r;
	list = json_object_get(config, "history");
	ids = json_object_get(json_object_get(config, "rootfs"), "diff_ids");
	layer = json_array_size(ids);
	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *v = json_array_get(list, i);
		bool empty = json_is_true(json_object_get(v, "empty_layer"));
		struct sm_history_info info = {
			.created = inspect_string(v, "created"),
			.created_by = inspect_string(v, "created_by"),
			.comment = inspect_string(v, "comment"),
			.empty = empty,
		};

		if (!empty && layer)
			info.size =
				inspect_layer_size(image, json_string_value(json_array_get(ids, --layer)));
		if (fn(opaque, &info))
			break;
	}
	json_decref(config);
	return 0;
}
