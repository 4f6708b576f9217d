/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

void record_layer_path(const char *diff_id, char ret[RECORD_LAYER_PATH_MAX])
{
	snprintf(ret, RECORD_LAYER_PATH_MAX, "layers/%.64s-" RECORD_LAYER_FORMAT ".erofs",
		 digest_hex(diff_id));
}

static const char *record_string(const json_t *obj, const char *key)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : "";
}

static bool record_u64(const json_t *obj, const char *key, uint64_t *ret)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(v);
	return true;
}

/* A missing list is an empty one. */
static bool record_list(const json_t *config, const char *key, const char ***ret)
{
	const json_t *v = json_object_get(config, key);
	size_t nr = json_array_size(v);

	if (v && !json_is_array(v) && !json_is_null(v))
		return false;
	*ret = calloc(nr + 1, sizeof(**ret));
	if (!*ret)
		return false;
	for (size_t i = 0; i < nr; i++) {
		(*ret)[i] = json_string_value(json_array_get(v, i));
		if (!(*ret)[i])
			return false;
	}
	return true;
}

static bool record_layers(struct image_record *r)
{
	const json_t *list = json_object_get(r->json, "layers");
	char path[RECORD_LAYER_PATH_MAX];

	r->nr_layers = json_array_size(list);
	if (!r->nr_layers || r->nr_layers > RECORD_LAYERS_MAX)
		return false;
	for (size_t i = 0; i < r->nr_layers; i++) {
		const json_t *v = json_array_get(list, i);
		struct record_layer *l = &r->layers[i];

		l->diff_id = record_string(v, "diff_id");
		l->path = record_string(v, "path");
		if (!digest_ok(l->diff_id) || !record_u64(v, "size", &l->size))
			return false;
		record_layer_path(l->diff_id, path);
		if (strcmp(path, l->path))
			return false;
	}
	return true;
}

static bool record_fill(struct image_record *r)
{
	const json_t *config = json_object_get(r->json, "config");

	r->digest = record_string(r->json, "digest");
	r->id = record_string(r->json, "id");
	r->platform = record_string(r->json, "platform");
	r->working_dir = record_string(config, "WorkingDir");
	r->user = record_string(config, "User");
	return digest_ok(r->digest) && digest_ok(r->id) && *r->platform &&
	       record_u64(r->json, "created", &r->created) && record_u64(r->json, "size", &r->size) &&
	       json_is_object(config) && record_list(config, "Entrypoint", &r->entrypoint) &&
	       record_list(config, "Cmd", &r->cmd) && record_list(config, "Env", &r->env) && record_layers(r);
}

/* Layers that an older or newer writer made are not there for us. */
static bool record_other_format(const struct image_record *r)
{
	const json_t *first = json_array_get(json_object_get(r->json, "layers"), 0);
	const char *id = record_string(first, "diff_id"), *path = record_string(first, "path");
	char ours[RECORD_LAYER_PATH_MAX];
	size_t len = strlen("layers/") + DIGEST_HEX_LEN + 1;

	if (!digest_ok(id))
		return false;
	record_layer_path(id, ours);
	return !strncmp(path, ours, len) && strspn(path + len, "0123456789") &&
	       !strcmp(path + len + strspn(path + len, "0123456789"), ".erofs") && strcmp(path, ours);
}

int record_create(json_t *json, const char *what, struct image_record **ret, struct sm_err *e)
{
	struct image_record *r = json ? calloc(1, sizeof(*r)) : NULL;

	if (!r) {
		json_decref(json);
		return err_errno(e, ENOMEM, "%s", what);
	}
	r->json = json;
	if (!record_fill(r)) {
		bool other = record_other_format(r);

		record_destroy(r);
		if (other)
			return err_set(e, ENOENT,
				       "%s: another version of supermachine pulled it; pull it again", what);
		return err_set(e, EBADMSG,
			       "%s: the image's record in the store is damaged; remove and pull it again",
			       what);
	}
	*ret = r;
	return 0;
}

void record_destroy(struct image_record *r)
{
	if (!r)
		return;
	free(r->entrypoint);
	free(r->cmd);
	free(r->env);
	json_decref(r->json);
	free(r);
}

void record_destroyp(struct image_record **r)
{
	record_destroy(*r);
}
