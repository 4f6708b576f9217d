/* SPDX-License-Identifier: Apache-2.0 */
/* What nothing refers to any more, and how it goes. */
#include "oci/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/store-private.h"
#include "util/fd.h"

/* The file names that the records of `refs` need, as the keys of an object per folder. */
static int store_reach(struct store *s, const json_t *refs, json_t *keep, struct sm_err *e)
{
	const json_t *list = json_object_get(refs, "refs");

	for (size_t i = 0; i < json_array_size(list); i++) {
		RECORD_CLEANUP struct image_record *r = NULL;
		const char *digest = json_string_value(json_object_get(json_array_get(list, i), "digest"));
		char name[RECORD_LAYER_PATH_MAX];
		int bad = 0, rc = store_read_record(s, digest, &r, e);

		if (rc == -ENOENT)
			continue;
		if (rc)
			return rc;
		snprintf(name, sizeof(name), "images/%.64s.json", digest_hex(digest));
		bad |= json_object_set_new(keep, name, json_true());
		for (size_t l = 0; l < r->nr_layers; l++)
			bad |= json_object_set_new(keep, r->layers[l].path, json_true());
		snprintf(name, sizeof(name), "blobs/sha256/%.64s", digest_hex(r->digest));
		bad |= json_object_set_new(keep, name, json_true());
		snprintf(name, sizeof(name), "blobs/sha256/%.64s", digest_hex(r->id));
		bad |= json_object_set_new(keep, name, json_true());
		if (bad)
			return err_errno(e, ENOMEM, "store %s", s->path);
	}
	return 0;
}

/* Files of `dir` that `keep` does not name, removed unless it is only asked what that would be. */
static void store_collect_dir(struct store *s, const char *dir, const json_t *keep, bool dry,
			      struct store_garbage *sum)
{
	int fd = openat(s->fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;
	struct stat st;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(d))) {
		char path[320];

		snprintf(path, sizeof(path), "%s/%s", dir, de->d_name);
		if (de->d_name[0] == '.' || json_object_get(keep, path))
			continue;
		if (fstatat(dirfd(d), de->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode) ||
		    (!dry && unlinkat(dirfd(d), de->d_name, 0)))
			continue;
		sum->files++;
		sum->bytes += (uint64_t)st.st_blocks * 512;
	}
	closedir(d);
}

/* Makes `refs` the store's, and what they do not reach go. */
static int store_collect(struct store *s, struct store_tmp *t, const json_t *refs, bool dry,
			 struct store_garbage *ret, struct sm_err *e)
{
	/* Records before what they name: a crash in between leaves files, not dangling records. */
	static const char *const dirs[] = { "images", "layers", "blobs/sha256" };
	json_t *keep = json_object();
	int rc = store_reach(s, refs, keep, e);

	if (!rc && !dry)
		rc = store_write_refs(s, t, refs, e);
	if (!rc)
		*ret = (struct store_garbage){ 0 };
	for (size_t i = 0; !rc && i < sizeof(dirs) / sizeof(*dirs); i++)
		store_collect_dir(s, dirs[i], keep, dry, ret);
	json_decref(keep);
	return rc;
}

/* `reference` NULL: none is dropped; "*": all are. */
static int store_collect_locked(struct store *s, struct store_tmp *t, const char *reference, bool dry,
				struct store_garbage *ret, struct sm_err *e)
{
	json_t *refs;
	int rc = store_read_refs(s, &refs, e);

	if (rc)
		return rc;
	if (reference && !strcmp(reference, "*"))
		json_array_clear(json_object_get(refs, "refs"));
	else if (reference && !store_drop_ref(refs, reference, NULL))
		rc = err_set(e, ENOENT, "image %s: not in the store", reference);
	if (!rc)
		rc = store_collect(s, t, refs, dry, ret, e);
	json_decref(refs);
	return rc;
}

static int store_collect_now(struct store *s, const char *reference, bool dry, struct store_garbage *ret,
			     struct sm_err *e)
{
	struct store_tmp t = STORE_TMP_INIT;
	int rc = store_tmp_open(s, &t, e);

	if (rc)
		return rc;
	rc = store_lock(s, e);
	if (!rc) {
		rc = store_collect_locked(s, &t, reference, dry, ret, e);
		store_unlock(s);
	}
	store_tmp_close(s, &t);
	return rc;
}

int store_remove(struct store *s, const char *reference, uint64_t *ret_freed, struct sm_err *e)
{
	struct store_garbage sum;
	int rc = store_collect_now(s, reference, false, &sum, e);

	if (!rc)
		*ret_freed = sum.bytes;
	return rc;
}

int store_prune(struct store *s, bool all, bool dry, struct store_garbage *ret, struct sm_err *e)
{
	return store_collect_now(s, all ? "*" : NULL, dry, ret, e);
}
