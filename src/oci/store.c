/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "oci/store-private.h"
#include "util/fd.h"
#include "util/num.h"

#define STORE_RECORD_MAX ((size_t)8 << 20)

/* `mkdir -p`, private to the user. */
static int store_make_path(const char *path, struct sm_err *e)
{
	char part[PATH_MAX];

	if (strlen(path) >= sizeof(part))
		return err_errno(e, ENAMETOOLONG, "store %.100s...", path);
	strcpy(part, path);
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = 0;
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_errno(e, errno, "store: cannot create %s", part);
		*p = c;
		if (!c)
			return 0;
	}
}

static int store_check_version(struct store *s, struct sm_err *e)
{
	char *text;
	uint64_t v;
	size_t len;
	int rc = fd_read_file(s->fd, "version", 64, &text, &len, NULL);

	if (rc == -ENOENT)
		return rc;
	if (rc)
		return err_errno(e, -rc, "store %s: version", s->path);
	text[strcspn(text, "\n")] = 0;
	if (!num_parse_u64(text, UINT32_MAX, &v) || !v)
		rc = err_set(e, EBADMSG, "store %s: the file 'version' is damaged", s->path);
	else if (v > STORE_VERSION)
		rc = err_set(e, ENOTSUP,
			     "store %s: made by a newer supermachine (format %u, this one knows %d); "
			     "upgrade, or set SUPERMACHINE_HOME to another place",
			     s->path, (unsigned)v, STORE_VERSION);
	free(text);
	return rc;
}

static int store_open_dir(struct store *s, bool create, struct sm_err *e)
{
	int rc;

	if (create) {
		rc = store_make_path(s->path, e);
		if (rc)
			return rc;
	}
	s->fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->fd < 0)
		return err_errno(e, errno, "store %s", s->path);
	rc = store_check_version(s, e);
	if (rc == -ENOENT)
		rc = create ? store_init(s, e) : err_errno(e, ENOENT, "store %s", s->path);
	return rc;
}

int store_open(const char *home, bool create, struct store **ret, struct sm_err *e)
{
	struct store *s = calloc(1, sizeof(*s));
	int rc;

	if (!s)
		return err_errno(e, ENOMEM, "store %s", home);
	s->fd = s->lock_fd = -1;
	if ((size_t)snprintf(s->path, sizeof(s->path), "%s/store", home) >= sizeof(s->path))
		rc = err_errno(e, ENAMETOOLONG, "store %.100s...", home);
	else
		rc = store_open_dir(s, create, e);
	if (rc) {
		store_close(s);
		return rc;
	}
	*ret = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	fd_close(&s->lock_fd);
	fd_close(&s->fd);
	free(s);
}

int store_fd(const struct store *s)
{
	return s->fd;
}

int store_read_json(struct store *s, const char *path, json_t **ret, struct sm_err *e)
{
	char *text;
	size_t len;
	json_t *v;
	int rc = fd_read_file(s->fd, path, STORE_RECORD_MAX * 2, &text, &len, e);

	if (rc)
		return rc == -ENOENT ? rc : err_prefix(e, "store %s", s->path);
	v = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	free(text);
	if (!json_is_object(v)) {
		json_decref(v);
		return err_set(e, EBADMSG, "store %s: the file '%s' is damaged", s->path, path);
	}
	*ret = v;
	return 0;
}

static bool store_ref_ok(const json_t *v)
{
	const char *digest = json_string_value(json_object_get(v, "digest"));

	return json_is_string(json_object_get(v, "reference")) &&
	       json_is_string(json_object_get(v, "platform")) && digest && digest_ok(digest);
}

int store_read_refs(struct store *s, json_t **ret, struct sm_err *e)
{
	json_t *refs = NULL, *list;
	int rc = store_read_json(s, "refs.json", &refs, e);

	if (rc == -ENOENT) {
		refs = json_pack("{s:i,s:[]}", "version", STORE_VERSION, "refs");
		if (!refs)
			return err_errno(e, ENOMEM, "store %s", s->path);
		*ret = refs;
		return 0;
	}
	if (rc)
		return rc;
	list = json_object_get(refs, "refs");
	rc = json_is_array(list) ? 0 : -EBADMSG;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!store_ref_ok(json_array_get(list, i)))
			rc = -EBADMSG;
	if (rc) {
		json_decref(refs);
		return err_set(e, EBADMSG, "store %s: the file 'refs.json' is damaged", s->path);
	}
	*ret = refs;
	return 0;
}

int store_read_record(struct store *s, const char *digest, struct image_record **ret, struct sm_err *e)
{
	char path[RECORD_LAYER_PATH_MAX];
	json_t *json = NULL;
	int rc;

	snprintf(path, sizeof(path), "images/%.64s.json", digest_hex(digest));
	rc = store_read_json(s, path, &json, e);
	return rc ? rc : record_create(json, path, ret, e);
}

int store_lookup(struct store *s, const char *reference, const char *platform, struct image_record **ret,
		 struct sm_err *e)
{
	json_t *refs = NULL, *list;
	int rc = store_read_refs(s, &refs, e);

	if (rc)
		return rc;
	rc = -ENOENT;
	list = json_object_get(refs, "refs");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *v = json_array_get(list, i);

		if (strcmp(json_string_value(json_object_get(v, "reference")), reference) ||
		    strcmp(json_string_value(json_object_get(v, "platform")), platform))
			continue;
		rc = store_read_record(s, json_string_value(json_object_get(v, "digest")), ret, e);
		break;
	}
	json_decref(refs);
	if (rc == -ENOENT)
		return err_set(e, ENOENT, "image %s: not in the store for %s; pull it", reference, platform);
	return rc;
}

bool store_has_layers(struct store *s, const struct image_record *r)
{
	struct stat st;

	for (size_t i = 0; i < r->nr_layers; i++)
		if (fstatat(s->fd, r->layers[i].path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode) ||
		    (uint64_t)st.st_size != r->layers[i].size)
			return false;
	return true;
}

bool store_has_blob(struct store *s, const char *digest)
{
	char path[RECORD_LAYER_PATH_MAX];

	snprintf(path, sizeof(path), "blobs/sha256/%.64s", digest_hex(digest));
	return !faccessat(s->fd, path, R_OK, AT_SYMLINK_NOFOLLOW);
}

uint64_t store_disk_usage(struct store *s, const struct image_record *r)
{
	uint64_t sum = 0;
	struct stat st;

	for (size_t i = 0; i < r->nr_layers; i++)
		if (!fstatat(s->fd, r->layers[i].path, &st, AT_SYMLINK_NOFOLLOW))
			sum += (uint64_t)st.st_blocks * 512;
	return sum;
}

int store_open_layer(struct store *s, const struct record_layer *l, int *ret_fd, struct sm_err *e)
{
	FD_CLEANUP int fd = openat(s->fd, l->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "store %s: %s", s->path, l->path);
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != l->size)
		return err_set(e, EBADMSG, "store %s: %s has another size than when it was made", s->path,
			       l->path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

int store_list(struct store *s, int (*fn)(void *opaque, const char *reference, const struct image_record *r),
	       void *opaque, struct sm_err *e)
{
	json_t *refs = NULL, *list;
	int rc = store_read_refs(s, &refs, e);

	if (rc)
		return rc;
	list = json_object_get(refs, "refs");
	for (size_t i = json_array_size(list); i-- > 0 && !rc;) {
		RECORD_CLEANUP struct image_record *r = NULL;
		const json_t *v = json_array_get(list, i);

		rc = store_read_record(s, json_string_value(json_object_get(v, "digest")), &r, e);
		/* Removed by another process since refs.json was read. */
		if (rc == -ENOENT)
			rc = 0;
		else if (!rc && fn(opaque, json_string_value(json_object_get(v, "reference")), r))
			break;
	}
	json_decref(refs);
	return rc;
}

int store_open_template(struct store *s, int *ret_fd, struct sm_err *e)
{
	int fd = openat(s->fd, STORE_TEMPLATE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return err_errno(e, errno, "store %s: %s", s->path, STORE_TEMPLATE);
	*ret_fd = fd;
	return 0;
}

static int store_copy_extent(int src, int dst, off_t off, off_t end)
{
	char chunk[1 << 16];

	while (off < end) {
		ssize_t n = fd_pread_full(src, chunk, (size_t)num_min(sizeof(chunk), (uint64_t)(end - off)),
					  (uint64_t)off);
		int rc = n > 0 ? fd_pwrite_full(dst, chunk, (size_t)n, (uint64_t)off) : n ? (int)n : -EIO;

		if (rc)
			return rc;
		off += n;
	}
	return 0;
}

int store_copy_sparse(int src, int dst, struct sm_err *e)
{
	struct stat st;
	off_t off = 0;
	int rc = 0;

	if (!ioctl(dst, FICLONE, src))
		return 0;
	if (fstat(src, &st) < 0 || ftruncate(dst, st.st_size) < 0)
		return err_errno(e, errno, "copy of a disk");
	while (!rc && (off = lseek(src, off, SEEK_DATA)) >= 0) {
		off_t end = lseek(src, off, SEEK_HOLE);

		rc = end < 0 ? -errno : store_copy_extent(src, dst, off, end);
		off = end;
	}
	if (!rc && errno != ENXIO)
		rc = -errno;
	return rc ? err_errno(e, -rc, "copy of a disk") : 0;
}
