/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docker-archive:FILE[:NAME], what `docker save` writes: manifest.json lists images, each with
 * its configuration and its layers' files. It has no OCI manifest, and digests of the
 * uncompressed layers only; ours is made of the files, so that the rest of the way is the
 * same as from a registry.
 */
#include "oci/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oci/spool.h"
#include "util/fd.h"

struct docker_archive {
	struct source source;
	struct spool *spool;
	bool borrowed; /* the spool is */
	json_t *entry; /* of manifest.json */
	char *manifest;
	size_t nr;
	struct {
		char digest[DIGEST_SIZE];
		const char *path; /* of `entry` */
	} blobs[MANIFEST_LAYERS_MAX + 1];
};

static int docker_open_file(const struct docker_archive *a, const char *path, struct blob **ret,
			    struct sm_err *e)
{
	int fd, rc = spool_open(a->spool, path, &fd, e);

	return rc ? err_prefix(e, "image %s", a->source.reference->text) : blob_open_fd(fd, path, ret, e);
}

static int docker_blob(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e)
{
	struct docker_archive *a = (struct docker_archive *)s;

	for (size_t i = 0; i < a->nr; i++)
		if (!strcmp(a->blobs[i].digest, want->digest))
			return docker_open_file(a, a->blobs[i].path, ret, e);
	return err_set(e, ENOENT, "image %s: the archive has no %s", s->reference->text, want->digest);
}

static int docker_manifest(struct source *s, const struct descriptor *want, struct blob **ret,
			   struct sm_err *e)
{
	struct docker_archive *a = (struct docker_archive *)s;
	int fd = memfd_create("manifest", MFD_CLOEXEC), rc;

	(void)want;
	rc = fd < 0 ? -errno : fd_write_full(fd, a->manifest, strlen(a->manifest));
	if (rc || lseek(fd, 0, SEEK_SET) < 0) {
		fd_close(&fd);
		return err_errno(e, rc ? -rc : errno, "image %s", s->reference->text);
	}
	return blob_open_fd(fd, "manifest", ret, e);
}

static void docker_close(struct source *s)
{
	struct docker_archive *a = (struct docker_archive *)s;

	if (!a->borrowed)
		spool_destroy(a->spool);
	json_decref(a->entry);
	free(a->manifest);
	free(a);
}

/* Digest and size of a file of the archive, which becomes the next blob. */
static int docker_describe(struct docker_archive *a, const char *path, const char *type, json_t **ret,
			   struct sm_err *e)
{
	BLOB_CLEANUP struct blob *hash = NULL;
	struct blob *file;
	char skip[65536];
	uint64_t size = 0;
	ssize_t n;
	int rc = docker_open_file(a, path, &file, e);

	if (!rc)
		rc = blob_open_hash(file, &hash, e);
	if (rc)
		return rc;
	while ((n = blob_read(hash, skip, sizeof(skip), e)) > 0) {
		size += (uint64_t)n;
		if (a->source.cancel && *a->source.cancel)
			return err_set(e, ECANCELED, "cancelled");
	}
	if (n < 0)
		return (int)n;
	blob_hash_final(hash, a->blobs[a->nr].digest);
	a->blobs[a->nr].path = path;
	*ret = json_pack("{s:s,s:s,s:I}", "mediaType", type, "digest", a->blobs[a->nr].digest, "size",
			 (json_int_t)size);
	a->nr++;
	return *ret ? 0 : err_errno(e, ENOMEM, "image %s", a->source.reference->text);
}

static int docker_make_manifest(struct docker_archive *a, struct sm_err *e)
{
	const char *config = json_string_value(json_object_get(a->entry, "Config"));
	const json_t *layers = json_object_get(a->entry, "Layers");
	const char *name = a->source.reference->text;
	json_t *root, *list, *d;
	int rc;

	if (!config || json_array_size(layers) > MANIFEST_LAYERS_MAX)
		return err_set(e, EBADMSG,
			       "image %s: manifest.json names no configuration, or too many layers", name);
	list = json_array();
	root = json_pack("{s:i,s:o}", "schemaVersion", 2, "layers", list);
	rc = docker_describe(a, config, "application/vnd.oci.image.config.v1+json", &d, e);
	if (!rc && json_object_set_new(root, "config", d))
		rc = err_errno(e, ENOMEM, "image %s", name);
	for (size_t i = 0; i < json_array_size(layers) && !rc; i++) {
		const char *path = json_string_value(json_array_get(layers, i));

		rc = path ? docker_describe(a, path, "application/vnd.oci.image.layer.v1.tar", &d, e)
			  : err_set(e, EBADMSG, "image %s: a layer in manifest.json is no name", name);
		if (!rc && json_array_append_new(list, d))
			rc = err_errno(e, ENOMEM, "image %s", name);
	}
	a->manifest = rc ? NULL : json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return rc || a->manifest ? rc : err_errno(e, ENOMEM, "image %s", name);
}

static bool docker_has_name(const json_t *entry, const char *name)
{
	const json_t *tags = json_object_get(entry, "RepoTags");

	for (size_t i = 0; i < json_array_size(tags); i++) {
		const char *tag = json_string_value(json_array_get(tags, i));
		size_t len = strlen(name);

		if (tag && !strncmp(tag, name, len) && (!tag[len] || !strcmp(tag + len, ":latest")))
			return true;
	}
	return false;
}

static int docker_pick(struct docker_archive *a, json_t *list, struct sm_err *e)
{
	const struct reference *r = a->source.reference;
	char have[200] = "";
	size_t len = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *v = json_array_get(list, i);
		const char *tag = json_string_value(json_array_get(json_object_get(v, "RepoTags"), 0));

		if (*r->repo ? docker_has_name(v, r->repo) : json_array_size(list) == 1) {
			a->entry = json_incref(v);
			return 0;
		}
		if (tag && len + strlen(tag) + 3 < sizeof(have))
			len += (size_t)snprintf(have + len, sizeof(have) - len, "%s%s", len ? ", " : "", tag);
	}
	return err_set(e, ENOENT, "image %s: %s; the archive has %s", r->text,
		       *r->repo ? "not in the archive" : "which image? Write docker-archive:FILE:NAME",
		       len ? have : "no names");
}

static int docker_load_list(const struct spool *s, const char *what, json_t **ret, struct sm_err *e)
{
	struct blob *b;
	char *data;
	size_t len;
	int fd, rc = spool_open(s, "manifest.json", &fd, e);

	if (!rc)
		rc = blob_open_fd(fd, "manifest.json", &b, e);
	if (rc)
		return rc;
	rc = blob_read_all(b, MANIFEST_SIZE_MAX, "manifest.json", &data, &len, e);
	blob_close(b);
	if (rc)
		return err_prefix(e, "%s", what);
	*ret = json_loadb(data, len, JSON_REJECT_DUPLICATES, NULL);
	free(data);
	if (json_is_array(*ret))
		return 0;
	json_decref(*ret);
	return err_set(e, EBADMSG, "%s: manifest.json is not valid JSON", what);
}

static int docker_read_list(struct docker_archive *a, struct sm_err *e)
{
	char what[300];
	json_t *list;
	int rc;

	snprintf(what, sizeof(what), "image %.280s", a->source.reference->text);
	rc = docker_load_list(a->spool, what, &list, e);
	if (rc)
		return rc;
	rc = docker_pick(a, list, e);
	json_decref(list);
	return rc;
}

int docker_archive_names(const struct spool *s, const char *what, json_t **ret, struct sm_err *e)
{
	json_t *list, *names = json_array();
	int rc = names ? docker_load_list(s, what, &list, e) : err_errno(e, ENOMEM, "%s", what);

	for (size_t i = 0; !rc && i < json_array_size(list); i++) {
		json_t *tags = json_object_get(json_array_get(list, i), "RepoTags");

		for (size_t k = 0; k < json_array_size(tags); k++)
			if (json_is_string(json_array_get(tags, k)))
				json_array_append(names, json_array_get(tags, k));
	}
	if (!rc)
		json_decref(list);
	if (!rc && !json_array_size(names))
		rc = err_set(e, ENOENT, "%s: its images have no names; run docker-archive:FILE", what);
	if (rc)
		json_decref(names);
	else
		*ret = names;
	return rc;
}

int archive_open_docker(const struct source_options *o, struct source **ret, struct sm_err *e)
{
	static const struct source_ops ops = { docker_manifest, docker_blob, docker_close };
	const struct reference *r = o->reference;
	struct docker_archive *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return err_errno(e, ENOMEM, "image %s", r->text);
	a->source = (struct source){ &ops, r, o->cancel };
	a->spool = o->spool;
	a->borrowed = o->spool;
	rc = o->spool ? 0 : archive_spool(o, &a->spool, e);
	if (!rc)
		rc = docker_read_list(a, e);
	if (!rc)
		rc = docker_make_manifest(a, e);
	if (rc)
		docker_close(&a->source);
	else
		*ret = &a->source;
	return rc;
}
