/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "image/erofs.h"
#include "image/tree.h"
#include "util/num.h"

#define TAR_BUFFER ((size_t)1 << 18)
#define TAR_XATTRS_MAX 128
#define TAR_WHITEOUT ".wh."
#define TAR_WHITEOUT_META ".wh..wh."
#define TAR_OPAQUE ".wh..wh..opq"

struct tar {
	struct blob *in;
	struct erofs image;
	struct tree *tree;
	struct archive *archive;
	struct archive_entry *entry;
	int failed; /* reading `in` did, and `error` says why */
	struct sm_err error;
	struct buf xattrs;
	char scratch[TREE_PATH_MAX], link_scratch[TREE_PATH_MAX];
	char buffer[TAR_BUFFER];
};

static la_ssize_t tar_read(struct archive *a, void *opaque, const void **ret)
{
	struct tar *t = opaque;
	ssize_t n = blob_read(t->in, t->buffer, sizeof(t->buffer), &t->error);

	*ret = t->buffer;
	if (n < 0) {
		t->failed = (int)n;
		archive_set_error(a, EIO, "read");
		return -1;
	}
	return n;
}

/* What libarchive complains about, unless it was the stream below. */
static int tar_error(const struct tar *t, const char *what, struct sm_err *e)
{
	const char *why = archive_error_string(t->archive);

	if (t->failed) {
		if (e)
			*e = t->error;
		return t->failed;
	}
	return err_set(e, EBADMSG, "%s%.150s", what, why ? why : "not a tar archive");
}

/* ---- one entry's attributes ---- */

/* Overlayfs's own names would let an archive speak for us. */
static bool tar_xattr_wanted(const char *name)
{
	return strncmp(name, "trusted.overlay.", 16) && strncmp(name, "user.overlay.", 13);
}

/* The last of the same name wins: some writers store each twice, in two dialects. */
static int tar_xattrs(struct tar *t, struct tree_inode *i, struct sm_err *e)
{
	struct {
		const char *name;
		const void *value;
		size_t len;
	} list[TAR_XATTRS_MAX], x;
	size_t nr = 0, k;

	archive_entry_xattr_reset(t->entry);
	while (archive_entry_xattr_next(t->entry, &x.name, &x.value, &x.len) == ARCHIVE_OK) {
		if (!x.name || !tar_xattr_wanted(x.name))
			continue;
		for (k = 0; k < nr && strcmp(list[k].name, x.name); k++)
			continue;
		if (k == TAR_XATTRS_MAX)
			return err_set(e, E2BIG, "more than %d extended attributes", TAR_XATTRS_MAX);
		list[k] = x;
		nr += k == nr;
	}
	buf_reset(&t->xattrs);
	for (k = 0; k < nr; k++)
		erofs_xattr_put(&t->xattrs, list[k].name, list[k].value, list[k].len);
	i->xattr_len = (uint32_t)t->xattrs.len;
	i->xattrs = NULL;
	if (t->xattrs.len) {
		void *p = tree_alloc(t->tree, t->xattrs.len);

		if (!p)
			return err_set(e, E2BIG, "the archive's extended attributes need too much memory");
		i->xattrs = memcpy(p, t->xattrs.data, t->xattrs.len);
	}
	return 0;
}

static int tar_attributes(struct tar *t, struct tree_inode *i, struct sm_err *e)
{
	la_int64_t uid = archive_entry_uid(t->entry), gid = archive_entry_gid(t->entry);
	long nsec = archive_entry_mtime_nsec(t->entry);

	if (uid < 0 || uid >= UINT32_MAX || gid < 0 || gid >= UINT32_MAX)
		return err_set(e, EBADMSG, "the owner %lld:%lld is out of range", (long long)uid,
			       (long long)gid);
	i->uid = (uint32_t)uid;
	i->gid = (uint32_t)gid;
	i->mode = (i->mode & S_IFMT) | (archive_entry_perm(t->entry) & 07777);
	i->mtime = archive_entry_mtime(t->entry);
	i->mtime_nsec = nsec >= 0 && nsec < 1000000000 ? (uint32_t)nsec : 0;
	return tar_xattrs(t, i, e);
}

/* ---- one entry's contents ---- */

static int tar_contents(struct tar *t, struct tree_inode *i, struct sm_err *e)
{
	la_int64_t size = archive_entry_size_is_set(t->entry) ? archive_entry_size(t->entry) : 0;
	int rc;

	if (size < 0)
		return err_set(e, EBADMSG, "a negative size");
	i->size = (uint64_t)size;
	rc = erofs_data_reserve(&t->image, i->size, &i->block, e);
	while (!rc) {
		const void *data;
		la_int64_t off;
		size_t len;

		rc = archive_read_data_block(t->archive, &data, &len, &off);
		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return tar_error(t, "", e);
		if (off < 0 || !num_range_ok((uint64_t)off, len, i->size))
			return err_set(e, EBADMSG, "data behind its end");
		rc = len ? erofs_data_write(&t->image, i->block, (uint64_t)off, data, len, e) : 0;
	}
	return rc;
}

static int tar_target(struct tar *t, struct tree_inode *i, struct sm_err *e)
{
	const char *target = archive_entry_symlink(t->entry);
	size_t len = target ? strlen(target) : 0;
	char *copy;

	if (!len || len >= TREE_PATH_MAX)
		return err_set(e, EBADMSG, "a symbolic link with %s target", len ? "too long a" : "no");
	copy = tree_alloc(t->tree, len + 1);
	if (!copy)
		return err_set(e, E2BIG, "the archive's links need too much memory");
	i->target = memcpy(copy, target, len + 1);
	i->size = len;
	return 0;
}

/* new_encode_dev() of the kernel: 12 bits of major and 20 of minor, minor split in two. */
static int tar_device(struct tar *t, struct tree_inode *i, struct sm_err *e)
{
	uint64_t major = archive_entry_rdevmajor(t->entry), minor = archive_entry_rdevminor(t->entry);

	if (major >= 1U << 12 || minor >= 1U << 20)
		return err_set(e, EBADMSG, "device number %llu:%llu is out of range",
			       (unsigned long long)major, (unsigned long long)minor);
	i->rdev = (uint32_t)((minor & 0xff) | major << 8 | (minor & ~0xffULL) << 12);
	return 0;
}

/* ---- kinds of entries ---- */

static int tar_hardlink(struct tar *t, const struct tree_place *place, const char *target, struct sm_err *e)
{
	struct tree_place from;
	struct tree_entry *d;
	int rc = tree_resolve(t->tree, target, t->link_scratch, &from, e);

	if (rc)
		return err_prefix(e, "hard link to '%.100s'", target);
	d = from.name_len ? tree_lookup(t->tree, from.dir, from.name, from.name_len) : NULL;
	if (!d || tree_is_whiteout(d->inode))
		return err_set(e, EBADMSG, "hard link to '%.100s', which is not in this layer", target);
	if (S_ISDIR(d->inode->mode))
		return err_set(e, EBADMSG, "hard link to '%.100s', which is a directory", target);
	return tree_link(t->tree, place, d->inode, e);
}

static int tar_directory(struct tar *t, const struct tree_place *place, struct sm_err *e)
{
	struct tree_inode *i;
	int rc = tree_put_dir(t->tree, place, &i, e);

	if (rc)
		return rc;
	i->implied = false;
	return tar_attributes(t, i, e);
}

static int tar_other(struct tar *t, const struct tree_place *place, uint32_t type, struct sm_err *e)
{
	struct tree_inode *i = tree_new_inode(t->tree, type);
	int rc;

	if (!i)
		return err_set(e, E2BIG, "the layer has too many entries");
	rc = tar_attributes(t, i, e);
	if (!rc && type == S_IFREG)
		rc = tar_contents(t, i, e);
	else if (!rc && type == S_IFLNK)
		rc = tar_target(t, i, e);
	else if (!rc && (type == S_IFCHR || type == S_IFBLK))
		rc = tar_device(t, i, e);
	return rc ? rc : tree_link(t->tree, place, i, e);
}

/* True when `place` is a whiteout or one of AUFS's files, which are nothing of ours. */
static bool tar_whiteout(struct tar *t, const struct tree_place *place, int *ret, struct sm_err *e)
{
	struct tree_place hidden = *place;
	size_t skip = strlen(TAR_WHITEOUT);

	*ret = 0;
	if (strncmp(place->name, TAR_WHITEOUT, skip))
		return false;
	if (!strcmp(place->name, TAR_OPAQUE)) {
		place->dir->opaque = true;
		return true;
	}
	if (!strncmp(place->name, TAR_WHITEOUT_META, strlen(TAR_WHITEOUT_META)))
		return true;
	hidden.name += skip;
	hidden.name_len -= skip;
	if (!hidden.name_len || !strcmp(hidden.name, ".") || !strcmp(hidden.name, ".."))
		*ret = err_set(e, EBADMSG, "a whiteout of nothing");
	else
		*ret = tree_whiteout(t->tree, &hidden, e);
	return true;
}

static int tar_entry(struct tar *t, const char *path, struct sm_err *e)
{
	const char *hardlink = archive_entry_hardlink(t->entry);
	uint32_t type = archive_entry_filetype(t->entry);
	struct tree_place place;
	int rc = tree_resolve(t->tree, path, t->scratch, &place, e);

	if (rc || tar_whiteout(t, &place, &rc, e))
		return rc;
	if (hardlink)
		return tar_hardlink(t, &place, hardlink, e);
	switch (type) {
	case S_IFDIR:
		return tar_directory(t, &place, e);
	case S_IFREG:
	case S_IFLNK:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return tar_other(t, &place, type, e);
	default:
		return err_set(e, EBADMSG, "an entry of an unknown type");
	}
}

static int tar_entries(struct tar *t, struct sm_err *e)
{
	for (;;) {
		/* ARCHIVE_WARN: names that are no text in this locale; the bytes are right. */
		int rc = archive_read_next_header(t->archive, &t->entry);
		const char *path;

		if (rc == ARCHIVE_EOF)
			return 0;
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return tar_error(t, "not a sound tar archive: ", e);
		path = archive_entry_pathname(t->entry);
		if (!path || !*path)
			return err_set(e, EBADMSG, "an entry without a name");
		rc = tar_entry(t, path, e);
		if (rc)
			return t->failed ? rc : err_prefix(e, "entry '%.120s'", path);
	}
}

/* Behind the archive's end there may be padding, which the digests cover. */
static int tar_drain(struct tar *t, struct sm_err *e)
{
	ssize_t n;

	do
		n = blob_read(t->in, t->buffer, sizeof(t->buffer), e);
	while (n > 0);
	return (int)n;
}

static int tar_run(struct tar *t, const uint8_t uuid[16], struct sm_err *e)
{
	int rc = tree_create(&t->tree, e);

	if (rc)
		return rc;
	t->archive = archive_read_new();
	if (!t->archive)
		return err_errno(e, ENOMEM, "layer");
	archive_read_support_format_tar(t->archive);
	archive_read_support_format_empty(t->archive);
	if (archive_read_open(t->archive, t, NULL, tar_read, NULL) != ARCHIVE_OK)
		return tar_error(t, "not a tar archive: ", e);
	rc = tar_entries(t, e);
	if (!rc)
		rc = tar_drain(t, e);
	return rc ? rc : erofs_finish(&t->image, t->tree, uuid, e);
}

int tar_to_erofs(struct blob *in, int fd, const uint8_t uuid[16], struct sm_err *e)
{
	struct tar *t = calloc(1, sizeof(*t));
	int rc;

	if (!t)
		return err_errno(e, ENOMEM, "layer");
	t->in = in;
	erofs_init(&t->image, fd);
	buf_init(&t->xattrs, EROFS_XATTRS_MAX);
	rc = tar_run(t, uuid, e);
	archive_read_free(t->archive);
	tree_destroy(t->tree);
	buf_fini(&t->xattrs);
	free(t);
	return rc;
}
