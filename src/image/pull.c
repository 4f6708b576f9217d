/* SPDX-License-Identifier: Apache-2.0 */
#include "image/pull.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/bake.h"
#include "image/emit.h"
#include "image/erofs-read.h"
#include "image/layers.h"
#include "image/parents.h"
#include "util/bytes.h"
#include "util/fd.h"

#define PULL_INDEX_DEPTH 3
#define PULL_COMMIT_TRIES 3

struct pull {
	const struct pull_options *o;
	struct store *store;
	struct store_tmp tmp;
	struct source *source;
	char *manifest_data, *config_data;
	size_t manifest_len, config_len;
	char digest[DIGEST_SIZE], platform[PLATFORM_MAX];
	struct manifest *manifest;
	struct image_config *config;
	struct layer list[MANIFEST_LAYERS_MAX];
	size_t nr; /* layers that count */
};

/* ---- what to fetch ---- */

/* Through indexes down to the manifest for the platform. */
static int pull_resolve(struct pull *p, struct sm_err *e)
{
	const char *name = p->o->reference->text;
	const struct descriptor *d = NULL;
	struct descriptor want;

	for (int depth = 0;; depth++) {
		int rc = source_read_manifest(p->source, d ? &want : NULL, &p->manifest_data,
					      &p->manifest_len, p->digest, e);

		if (rc)
			return rc;
		rc = manifest_parse(p->manifest_data, p->manifest_len, name, &p->manifest, e);
		if (rc || !p->manifest->index)
			return rc;
		if (depth == PULL_INDEX_DEPTH)
			return err_set(e, EBADMSG, "image %s: more than %d indexes inside each other", name,
				       PULL_INDEX_DEPTH);
		rc = manifest_choose(p->manifest, p->platform, name, &d, e);
		if (rc)
			return rc;
		want = *d;
		manifest_destroy(p->manifest);
		free(p->manifest_data);
		p->manifest = NULL;
		p->manifest_data = NULL;
	}
}

static int pull_read_config(struct pull *p, struct sm_err *e)
{
	const char *name = p->o->reference->text;
	int rc = source_read_config(p->source, &p->manifest->config, &p->config_data, &p->config_len, e);

	if (!rc)
		rc = image_config_parse(p->config_data, p->config_len, name, &p->config, e);
	if (rc)
		return rc;
	if (!*p->platform) {
		size_t os = strcspn(p->config->platform, "/") + 1;

		snprintf(p->platform, sizeof(p->platform), "%.*s",
			 (int)(os + strcspn(p->config->platform + os, "/")), p->config->platform);
	}
	if (!platform_match(p->config->platform, p->platform))
		return err_set(e, ENOTSUP, "image %s: not made for %s; it has %s", name, p->platform,
			       p->config->platform);
	if (p->config->nr_diff_ids != p->manifest->nr_items)
		return err_set(e, EBADMSG, "image %s: the manifest has %zu layers and the configuration %zu",
			       name, p->manifest->nr_items, p->config->nr_diff_ids);
	return 0;
}

/* A layer that comes again further up adds nothing further down. */
static void pull_list_layers(struct pull *p)
{
	const struct image_config *c = p->config;

	for (size_t i = 0; i < c->nr_diff_ids; i++) {
		bool again = false;

		for (size_t k = i + 1; k < c->nr_diff_ids; k++)
			again |= !strcmp(c->diff_ids[i], c->diff_ids[k]);
		if (!again)
			p->list[p->nr++] =
				(struct layer){ .blob = &p->manifest->items[i], .diff_id = c->diff_ids[i] };
	}
}

/* ---- into the store ---- */

static bool pull_in_store(const struct pull *p, const struct layer *l)
{
	char path[RECORD_LAYER_PATH_MAX];
	struct stat st;

	record_layer_path(l->diff_id, path);
	return !fstatat(store_fd(p->store), path, &st, AT_SYMLINK_NOFOLLOW) && S_ISREG(st.st_mode);
}

/* Under the lock: every layer gets its name, or some are found missing and wanted. */
static int pull_publish_layers(struct pull *p, bool *ret_missing, struct sm_err *e)
{
	char path[RECORD_LAYER_PATH_MAX], name[LAYERS_NAME_MAX];

	*ret_missing = false;
	for (size_t i = 0; i < p->nr; i++) {
		struct layer *l = &p->list[i];

		if (pull_in_store(p, l))
			continue;
		if (l->baked) {
			int rc;

			record_layer_path(l->diff_id, path);
			layers_name(l->diff_id, name);
			rc = store_publish(p->store, &p->tmp, name, path, e);
			if (rc)
				return rc;
			l->baked = false;
		} else {
			l->wanted = *ret_missing = true;
		}
	}
	return 0;
}

/* The layers of the record, lowest first, and their files. */
struct pull_stack {
	json_t *list;
	uint64_t size;
	size_t nr;
	int fds[MANIFEST_LAYERS_MAX];
};

static int pull_stack_open(struct pull *p, const char *diff_id, int *ret_fd, json_t **ret, struct sm_err *e)
{
	char path[RECORD_LAYER_PATH_MAX];
	FD_CLEANUP int fd = -1;
	struct stat st;

	record_layer_path(diff_id, path);
	fd = openat(store_fd(p->store), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "store: %s", path);
	*ret = json_pack("{s:s,s:s,s:I}", "diff_id", diff_id, "path", path, "size", (json_int_t)st.st_size);
	if (!*ret)
		return err_errno(e, ENOMEM, "store: %s", path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

/* Those above the topmost layer whose root hides the rest. */
static int pull_stack_layers(struct pull *p, struct pull_stack *s, struct sm_err *e)
{
	bool opaque = false;

	for (size_t i = p->nr; i-- > 0 && !opaque;) {
		json_t *layer;
		int fd, rc = pull_stack_open(p, p->list[i].diff_id, &fd, &layer, e);

		if (rc)
			return rc;
		memmove(s->fds + 1, s->fds, s->nr++ * sizeof(*s->fds));
		s->fds[0] = fd;
		if (json_array_insert_new(s->list, 0, layer))
			return err_errno(e, ENOMEM, "store");
		rc = erofs_root_opaque(fd, &opaque, e);
		if (rc)
			return rc;
	}
	return 0;
}

/* The id of the layer that parents_make() makes of these. */
static int pull_parents_id(const struct pull_stack *s, char ret[DIGEST_SIZE], struct sm_err *e)
{
	struct buf text;
	int rc;

	buf_init(&text, DIGEST_SIZE * (MANIFEST_LAYERS_MAX + 1));
	buf_printf(&text, "parents\n");
	for (size_t i = 0; i < s->nr; i++)
		buf_printf(&text, "%s\n",
			   json_string_value(json_object_get(json_array_get(s->list, i), "diff_id")));
	rc = text.broken ? err_errno(e, ENOMEM, "store") : digest_of(text.data, text.len, ret, e);
	buf_fini(&text);
	return rc;
}

/* The layer of directories that others need and do not name, where there are any. */
static int pull_stack_parents(struct pull *p, struct pull_stack *s, struct sm_err *e)
{
	char id[DIGEST_SIZE], path[RECORD_LAYER_PATH_MAX];
	FD_CLEANUP int fd = -1;
	uint8_t uuid[16];
	bool made = false;
	json_t *layer;
	int rc = pull_parents_id(s, id, e);

	if (!rc)
		rc = store_tmp_file(&p->tmp, "parents", &fd, e);
	if (rc)
		return rc;
	bake_uuid(id, uuid);
	rc = parents_make(s->fds, s->nr, fd, uuid, &made, e);
	if (rc || !made)
		return rc;
	record_layer_path(id, path);
	rc = store_publish(p->store, &p->tmp, "parents", path, e);
	fd_close(&fd);
	if (!rc)
		rc = pull_stack_open(p, id, &fd, &layer, e);
	if (!rc && json_array_append_new(s->list, layer))
		rc = err_errno(e, ENOMEM, "store");
	return rc;
}

static int pull_layer_records(struct pull *p, json_t *ret, uint64_t *ret_size, struct sm_err *e)
{
	struct pull_stack s = { .list = ret };
	int rc = pull_stack_layers(p, &s, e);

	if (!rc)
		rc = pull_stack_parents(p, &s, e);
	for (size_t i = 0; i < s.nr; i++)
		fd_close(&s.fds[i]);
	for (size_t i = 0; i < json_array_size(ret); i++)
		s.size += (uint64_t)json_integer_value(json_object_get(json_array_get(ret, i), "size"));
	*ret_size = s.size;
	return rc;
}

static int pull_make_record(struct pull *p, struct image_record **ret, struct sm_err *e)
{
	json_t *layers = json_array(), *root;
	uint64_t size = 0;
	int rc = layers ? pull_layer_records(p, layers, &size, e) : err_errno(e, ENOMEM, "store");

	if (rc) {
		json_decref(layers);
		return rc;
	}
	root = json_pack("{s:s,s:s,s:s,s:I,s:I,s:O,s:o}", "digest", p->digest, "id",
			 p->manifest->config.digest, "platform", p->platform, "created",
			 (json_int_t)p->config->created, "size", (json_int_t)size, "config",
			 p->config->config, "layers", layers);
	return record_create(root, p->o->reference->text, ret, e);
}

static int pull_write_blob(struct pull *p, const char *digest, const char *data, size_t len, struct sm_err *e)
{
	char path[RECORD_LAYER_PATH_MAX];

	if (store_has_blob(p->store, digest))
		return 0;
	snprintf(path, sizeof(path), "blobs/sha256/%.64s", digest_hex(digest));
	return store_write(p->store, &p->tmp, path, data, len, e);
}

static int pull_write_record(struct pull *p, const struct image_record *r, struct sm_err *e)
{
	char path[RECORD_LAYER_PATH_MAX], *text = json_dumps(r->json, JSON_INDENT(1));
	int rc;

	snprintf(path, sizeof(path), "images/%.64s.json", digest_hex(p->digest));
	rc = text ? store_write(p->store, &p->tmp, path, text, strlen(text), e)
		  : err_errno(e, ENOMEM, "store");
	free(text);
	return rc;
}

/* Under the lock. Files first, the record when they are there, its name last. */
static int pull_commit(struct pull *p, bool *ret_missing, struct image_record **ret, struct sm_err *e)
{
	RECORD_CLEANUP struct image_record *r = NULL;
	int rc = pull_publish_layers(p, ret_missing, e);

	if (rc || *ret_missing)
		return rc;
	rc = pull_make_record(p, &r, e);
	if (!rc)
		rc = pull_write_blob(p, p->digest, p->manifest_data, p->manifest_len, e);
	if (!rc)
		rc = pull_write_blob(p, p->manifest->config.digest, p->config_data, p->config_len, e);
	if (!rc)
		rc = pull_write_record(p, r, e);
	if (!rc)
		rc = store_set_ref(p->store, &p->tmp, p->o->reference->text, p->platform, p->digest, e);
	if (!rc) {
		*ret = r;
		r = NULL;
	}
	return rc;
}

/* Another process may remove, between our look and our lock, a layer we did not bake: then once more. */
static int pull_layers(struct pull *p, struct image_record **ret, struct sm_err *e)
{
	struct layers l = { p->source, &p->tmp, p->o->reference->text, p->list, p->nr };

	for (size_t i = 0; i < p->nr; i++)
		p->list[i].wanted = !pull_in_store(p, &p->list[i]);
	for (int attempt = 0; attempt < PULL_COMMIT_TRIES; attempt++) {
		bool missing = false;
		int rc = layers_bake(&l, e);

		if (!rc)
			rc = store_lock(p->store, e);
		if (rc)
			return rc;
		rc = pull_commit(p, &missing, ret, e);
		store_unlock(p->store);
		if (rc || !missing)
			return rc;
	}
	return err_set(e, EBUSY, "image %s: its layers are removed from the store while it is pulled",
		       p->o->reference->text);
}

/* The registry's answer is what we have already: only the name may be new. */
static int pull_known(struct pull *p, struct image_record **ret, struct sm_err *e)
{
	RECORD_CLEANUP struct image_record *r = NULL;
	int rc = store_lock(p->store, e);

	if (rc)
		return rc;
	rc = store_read_record(p->store, p->digest, &r, NULL);
	if (rc || !store_has_layers(p->store, r) || !store_has_blob(p->store, r->digest) ||
	    !store_has_blob(p->store, r->id) || strcmp(r->platform, p->platform))
		rc = -ENOENT;
	else
		rc = store_set_ref(p->store, &p->tmp, p->o->reference->text, p->platform, p->digest, e);
	store_unlock(p->store);
	if (!rc) {
		*ret = r;
		r = NULL;
	}
	return rc;
}

static int pull_fetch(struct pull *p, struct image_record **ret, struct sm_err *e)
{
	struct source_options o = { .reference = p->o->reference };
	int rc;

	emit_progress("resolve", p->o->reference->text, 0, 0);
	rc = store_tmp_open(p->store, &p->tmp, e);
	if (p->o->source)
		o = *p->o->source;
	o.cancel = p->o->cancel;
	o.tmp = p->tmp.fd;
	if (!rc)
		rc = source_open(&o, &p->source, e);
	if (!rc)
		rc = pull_resolve(p, e);
	if (rc)
		return rc;
	rc = pull_known(p, ret, e);
	if (rc != -ENOENT)
		return rc;
	rc = pull_read_config(p, e);
	if (rc)
		return rc;
	pull_list_layers(p);
	return pull_layers(p, ret, e);
}

int pull_image(struct store *s, const struct pull_options *o, struct image_record **ret, struct sm_err *e)
{
	RECORD_CLEANUP struct image_record *r = NULL;
	struct pull *p;
	int rc = o->policy == PULL_ALWAYS ? -ENOENT : store_lookup(s, o->reference->text, o->platform, &r, e);

	if (!rc && store_has_layers(s, r)) {
		*ret = r;
		r = NULL;
		return 0;
	}
	if (o->policy == PULL_NEVER)
		return rc ? rc
			  : err_set(e, EBADMSG,
				    "image %s: its layers are missing in the store; pull it again",
				    o->reference->text);
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_errno(e, ENOMEM, "image %s", o->reference->text);
	*p = (struct pull){ .o = o, .store = s, .tmp = STORE_TMP_INIT };
	snprintf(p->platform, sizeof(p->platform), "%s", o->platform ? o->platform : "");
	rc = pull_fetch(p, ret, e);
	store_tmp_close(s, &p->tmp);
	source_close(p->source);
	manifest_destroy(p->manifest);
	image_config_destroy(p->config);
	free(p->manifest_data);
	free(p->config_data);
	free(p);
	return rc;
}
