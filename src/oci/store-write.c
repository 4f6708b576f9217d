/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/store-private.h"
#include "util/fd.h"

static int store_sync_dir(struct store *s, const char *path)
{
	FD_CLEANUP int fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int store_lock(struct store *s, struct sm_err *e)
{
	FD_CLEANUP int fd = openat(s->fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	int rc;

	if (fd < 0)
		return err_errno(e, errno, "store %s: lock", s->path);
	do
		rc = flock(fd, LOCK_EX);
	while (rc < 0 && errno == EINTR);
	if (rc < 0)
		return err_errno(e, errno, "store %s: lock", s->path);
	s->lock_fd = fd_steal(&fd);
	return 0;
}

void store_unlock(struct store *s)
{
	fd_close(&s->lock_fd);
}

/* The version file comes last: with it the folders are there. */
static int store_init_locked(struct store *s)
{
	static const char *const dirs[] = { "blobs", "blobs/sha256", "layers", "images", "templates", "tmp" };
	FD_CLEANUP int fd = -1;
	char text[16];
	int rc;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		if (mkdirat(s->fd, dirs[i], 0700) < 0 && errno != EEXIST)
			return -errno;
	if (!faccessat(s->fd, "version", F_OK, 0))
		return 0;
	fd = openat(s->fd, "version.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	snprintf(text, sizeof(text), "%d\n", STORE_VERSION);
	rc = fd_write_full(fd, text, strlen(text));
	if (rc)
		return rc;
	if (fsync(fd) < 0 || renameat(s->fd, "version.new", s->fd, "version") < 0 || fsync(s->fd) < 0)
		return -errno;
	return 0;
}

int store_init(struct store *s, struct sm_err *e)
{
	int rc = store_lock(s, e);

	if (rc)
		return rc;
	rc = store_init_locked(s);
	store_unlock(s);
	return rc ? err_errno(e, -rc, "store %s", s->path) : 0;
}

/* Removes the files of a directory (writers make no deeper ones) and the directory. */
static void store_remove_dir(struct store *s, const char *path)
{
	int fd = openat(s->fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(d)))
		unlinkat(dirfd(d), de->d_name, 0);
	closedir(d);
	unlinkat(s->fd, path, AT_REMOVEDIR);
}

/* The owner of a directory in tmp/ holds its flock, and a lock dies with its owner. */
static void store_sweep_tmp(struct store *s)
{
	int fd = openat(s->fd, "tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *de;

	if (!d) {
		fd_close(&fd);
		return;
	}
	while ((de = readdir(d))) {
		FD_CLEANUP int own = -1;
		char path[300];

		if (de->d_name[0] == '.')
			continue;
		own = openat(dirfd(d), de->d_name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
		if (own < 0 || flock(own, LOCK_EX | LOCK_NB) < 0)
			continue;
		snprintf(path, sizeof(path), "tmp/%s", de->d_name);
		store_remove_dir(s, path);
	}
	closedir(d);
}

static int store_tmp_make(struct store *s, struct store_tmp *t)
{
	uint64_t id;

	if (getrandom(&id, sizeof(id), 0) != sizeof(id))
		return -EIO;
	snprintf(t->name, sizeof(t->name), "tmp/%012llx", (unsigned long long)(id >> 16));
	if (mkdirat(s->fd, t->name, 0700) < 0)
		return -errno;
	t->fd = openat(s->fd, t->name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (t->fd < 0 || flock(t->fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	return 0;
}

int store_tmp_open(struct store *s, struct store_tmp *ret, struct sm_err *e)
{
	struct store_tmp t = STORE_TMP_INIT;
	int rc = store_lock(s, e);

	if (rc)
		return rc;
	store_sweep_tmp(s);
	rc = store_tmp_make(s, &t);
	store_unlock(s);
	if (rc) {
		store_tmp_close(s, &t);
		return err_errno(e, -rc, "store %s: tmp", s->path);
	}
	*ret = t;
	return 0;
}

void store_tmp_close(struct store *s, struct store_tmp *t)
{
	if (t->fd >= 0)
		store_remove_dir(s, t->name);
	fd_close(&t->fd);
}

int store_tmp_file(struct store_tmp *t, const char *name, int *ret_fd, struct sm_err *e)
{
	int fd = openat(t->fd, name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return err_errno(e, errno, "store: %s/%s", t->name, name);
	*ret_fd = fd;
	return 0;
}

int store_publish(struct store *s, struct store_tmp *t, const char *name, const char *path, struct sm_err *e)
{
	char dir[RECORD_LAYER_PATH_MAX];
	const char *slash = strrchr(path, '/');
	int rc;

	if (renameat(t->fd, name, s->fd, path) < 0)
		return err_errno(e, errno, "store %s: %s", s->path, path);
	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	rc = store_sync_dir(s, dir);
	return rc ? err_errno(e, -rc, "store %s: %s", s->path, dir) : 0;
}

int store_write(struct store *s, struct store_tmp *t, const char *path, const void *data, size_t len,
		struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	int rc = store_tmp_file(t, "new", &fd, e);

	if (rc)
		return rc;
	rc = fd_write_full(fd, data, len);
	if (!rc && fsync(fd) < 0)
		rc = -errno;
	if (rc)
		return err_errno(e, -rc, "store %s: %s", s->path, path);
	return store_publish(s, t, "new", path, e);
}

int store_write_refs(struct store *s, struct store_tmp *t, const json_t *refs, struct sm_err *e)
{
	char *text = json_dumps(refs, JSON_INDENT(1));
	int rc;

	if (!text)
		return err_errno(e, ENOMEM, "store %s: refs.json", s->path);
	rc = store_write(s, t, "refs.json", text, strlen(text), e);
	free(text);
	return rc;
}

size_t store_drop_ref(json_t *refs, const char *reference, const char *platform)
{
	json_t *list = json_object_get(refs, "refs");
	size_t nr = 0;

	for (size_t i = json_array_size(list); i-- > 0;) {
		const json_t *v = json_array_get(list, i);

		if (strcmp(json_string_value(json_object_get(v, "reference")), reference) ||
		    (platform && strcmp(json_string_value(json_object_get(v, "platform")), platform)))
			continue;
		json_array_remove(list, i);
		nr++;
	}
	return nr;
}

static int store_tag_locked(struct store *s, struct store_tmp *t, const char *from, const char *to,
			    struct sm_err *e)
{
	json_t *refs, *list, *add = NULL;
	int rc = store_read_refs(s, &refs, e);

	if (rc)
		return rc;
	list = json_object_get(refs, "refs");
	add = json_array();
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *copy, *v = json_array_get(list, i);

		if (strcmp(json_string_value(json_object_get(v, "reference")), from))
			continue;
		copy = json_copy(v);
		if (json_object_set_new(copy, "reference", json_string(to)) ||
		    json_array_append_new(add, copy)) {
			rc = err_errno(e, ENOMEM, "store %s: refs.json", s->path);
			break;
		}
	}
	if (!rc && !json_array_size(add))
		rc = err_set(e, ENOENT, "image %s: not in the store", from);
	if (!rc && strcmp(from, to)) {
		store_drop_ref(refs, to, NULL);
		rc = json_array_extend(list, add) ? err_errno(e, ENOMEM, "store %s: refs.json", s->path)
						  : store_write_refs(s, t, refs, e);
	}
	json_decref(add);
	json_decref(refs);
	return rc;
}

int store_tag(struct store *s, const char *from, const char *to, struct sm_err *e)
{
	struct store_tmp t = STORE_TMP_INIT;
	int rc = store_tmp_open(s, &t, e);

	if (rc)
		return rc;
	rc = store_lock(s, e);
	if (!rc) {
		rc = store_tag_locked(s, &t, from, to, e);
		store_unlock(s);
	}
	store_tmp_close(s, &t);
	return rc;
}

int store_set_ref(struct store *s, struct store_tmp *t, const char *reference, const char *platform,
		  const char *digest, struct sm_err *e)
{
	json_t *refs;
	int rc = store_read_refs(s, &refs, e);

	if (rc)
		return rc;
	store_drop_ref(refs, reference, platform);
	if (json_array_append_new(json_object_get(refs, "refs"),
				  json_pack("{s:s,s:s,s:s}", "reference", reference, "platform", platform,
					    "digest", digest)))
		rc = err_errno(e, ENOMEM, "store %s: refs.json", s->path);
	else
		rc = store_write_refs(s, t, refs, e);
	json_decref(refs);
	return rc;
}
