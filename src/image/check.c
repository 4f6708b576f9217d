/* SPDX-License-Identifier: Apache-2.0 */
#include "image/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/emit.h"
#include "image/erofs-read.h"
#include "oci/blob.h"
#include "oci/manifest.h"
#include "util/fd.h"

struct check {
	struct store *store;
	bool repair;
	uint64_t nr_files, nr_problems;
};

static int check_problem(struct check *c, const char *path, const char *text, bool repaired, struct sm_err *e)
{
	c->nr_problems++;
	return emit_object("problem",
			   json_pack("{s:s,s:s,s:b}", "path", path, "text", text, "repaired", repaired), e);
}

/* A file that is not what its name says goes, and with it what names it: the next step finds that. */
static int check_damaged(struct check *c, const char *path, const char *text, struct sm_err *e)
{
	return check_problem(c, path, text, c->repair && !unlinkat(store_fd(c->store), path, 0), e);
}

/* ---- files by themselves ---- */

static int check_layer(int fd, const char *name, struct sm_err *why)
{
	const char *end = strrchr(name, '-');

	if (!end || strcmp(end, "-" RECORD_LAYER_FORMAT ".erofs"))
		return 0; /* of another version, which may come back */
	return erofs_check(fd, why);
}

static int check_blob(int fd, const char *name, struct sm_err *why)
{
	char digest[DIGEST_SIZE], *data;
	struct blob *b;
	size_t len;
	int rc = blob_open_fd(dup(fd), name, &b, why);

	if (rc)
		return rc;
	rc = blob_read_all(b, MANIFEST_CONFIG_MAX, name, &data, &len, why);
	blob_close(b);
	if (rc)
		return rc;
	rc = digest_of(data, len, digest, why);
	free(data);
	if (!rc && strcmp(digest_hex(digest), name))
		rc = err_set(why, EBADMSG, "wrong digest, the bytes hash to %s", digest);
	return rc;
}

static int check_record(int fd, const char *name, struct sm_err *why)
{
	struct image_record *r;
	json_t *v = json_loadfd(fd, JSON_REJECT_DUPLICATES, NULL);
	int rc =
		json_is_object(v) ? record_create(v, name, &r, why) : err_set(why, EBADMSG, "not valid JSON");

	if (!json_is_object(v))
		json_decref(v);
	if (!rc && strncmp(name, digest_hex(r->digest), DIGEST_HEX_LEN))
		rc = err_set(why, EBADMSG, "it is the record of %s", r->digest);
	else if (rc == -ENOENT)
		return 0; /* of another version */
	if (!rc)
		record_destroy(r);
	return rc;
}

static int check_file(struct check *c, const char *dir, const char *name,
		      int (*fn)(int fd, const char *name, struct sm_err *why), struct sm_err *e)
{
	char path[320];
	struct sm_err why;
	FD_CLEANUP int fd = -1;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = openat(store_fd(c->store), path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return check_problem(c, path, strerror(errno), false, e);
	c->nr_files++;
	rc = fn(fd, name, &why);
	return rc ? check_damaged(c, path, why.text, e) : 0;
}

static int check_dir(struct check *c, const char *path,
		     int (*fn)(int fd, const char *name, struct sm_err *why), struct sm_err *e)
{
	int fd = openat(store_fd(c->store), path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		rc = check_problem(c, path, strerror(errno),
				   c->repair && !mkdirat(store_fd(c->store), path, 0700), e);
		fd_close(&fd);
		return rc;
	}
	while (!rc && (de = readdir(d)))
		if (de->d_name[0] != '.')
			rc = check_file(c, path, de->d_name, fn, e);
	closedir(d);
	return rc;
}

/* ---- names ---- */

/* What the image lacks, or NULL. */
static const char *check_lacks(const struct check *c, const char *digest)
{
	RECORD_CLEANUP struct image_record *r = NULL;
	int rc = store_read_record(c->store, digest, &r, NULL);

	if (rc)
		return rc == -ENOENT ? "it has no record" : "its record is damaged";
	if (!store_has_layers(c->store, r))
		return "a layer is missing or has another size";
	return store_has_blob(c->store, r->digest) && store_has_blob(c->store, r->id)
		       ? NULL
		       : "its manifest or configuration is missing";
}

static int check_names(struct check *c, struct store_tmp *t, json_t *refs, struct sm_err *e)
{
	json_t *list = json_object_get(refs, "refs");
	bool changed = false;
	int rc = 0;

	for (size_t i = json_array_size(list); i-- > 0 && !rc;) {
		const json_t *v = json_array_get(list, i);
		const char *lacks = check_lacks(c, json_string_value(json_object_get(v, "digest")));
		char text[600];

		if (!lacks)
			continue;
		snprintf(text, sizeof(text), "image %.300s for %.60s: %s",
			 json_string_value(json_object_get(v, "reference")),
			 json_string_value(json_object_get(v, "platform")), lacks);
		rc = check_problem(c, "refs.json", text, c->repair, e);
		if (c->repair)
			json_array_remove(list, i);
		changed |= c->repair;
	}
	return changed && !rc ? store_write_refs(c->store, t, refs, e) : rc;
}

static int check_refs(struct check *c, struct store_tmp *t, struct sm_err *e)
{
	struct sm_err why;
	json_t *refs;
	int rc = store_read_refs(c->store, &refs, &why);

	if (rc == -EBADMSG) {
		rc = check_damaged(c, "refs.json", why.text, e);
		if (rc || !c->repair)
			return rc;
		rc = store_read_refs(c->store, &refs, &why);
	}
	if (rc) {
		if (e)
			*e = why;
		return rc;
	}
	rc = check_names(c, t, refs, e);
	json_decref(refs);
	return rc;
}

static int check_locked(struct check *c, struct store_tmp *t, struct sm_err *e)
{
	int rc = check_dir(c, "layers", check_layer, e);

	if (!rc)
		rc = check_dir(c, "blobs/sha256", check_blob, e);
	if (!rc)
		rc = check_dir(c, "images", check_record, e);
	return rc ? rc : check_refs(c, t, e);
}

int check_store(struct store *s, bool repair, struct sm_err *e)
{
	struct check c = { .store = s, .repair = repair };
	struct store_tmp t = STORE_TMP_INIT;
	int rc = store_tmp_open(s, &t, e);

	if (rc)
		return rc;
	rc = store_lock(s, e);
	if (!rc) {
		rc = check_locked(&c, &t, e);
		store_unlock(s);
	}
	store_tmp_close(s, &t);
	if (rc)
		return rc;
	return emit_object("checked",
			   json_pack("{s:I,s:I}", "files", (json_int_t)c.nr_files, "problems",
				     (json_int_t)c.nr_problems),
			   e);
}
