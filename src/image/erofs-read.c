/* SPDX-License-Identifier: Apache-2.0 */
#include "image/erofs-read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/erofs-format.h"
#include "util/crc32c.h"
#include "util/fd.h"
#include "util/num.h"

#define EROFS_DIR_MAX ((uint64_t)1 << 30)

static int erofs_damaged(struct sm_err *e)
{
	return err_set(e, EBADMSG, "a layer in the store is no EROFS image, or damaged");
}

static int erofs_read_at(const struct erofs_image *m, void *buf, size_t len, uint64_t at, struct sm_err *e)
{
	return fd_pread_full(m->fd, buf, len, at) == (ssize_t)len ? 0 : erofs_damaged(e);
}

int erofs_open(int fd, struct erofs_image *ret, struct sm_err *e)
{
	struct erofs_image m = { .fd = fd };
	uint8_t block[EROFS_BLOCK], *p = block + EROFS_SUPER_OFFSET;
	uint32_t sum;
	struct stat st;

	if (fd_stat(fd, &st) || erofs_read_at(&m, block, sizeof(block), 0, e) || le32_get(p) != EROFS_MAGIC)
		return erofs_damaged(e);
	sum = le32_get(p + 4);
	le32_put(p + 4, 0);
	m.root = le16_get(p + 14);
	m.inodes = le64_get(p + 16);
	m.blocks = le32_get(p + 36);
	m.meta = le32_get(p + 40) * (uint64_t)EROFS_BLOCK;
	memcpy(m.sum, p + EROFS_VOLUME_NAME, EROFS_SUM_LEN);
	if (sum != crc32c_add(CRC32C_INIT, p, EROFS_BLOCK - EROFS_SUPER_OFFSET) ||
	    p[12] != EROFS_BLOCK_BITS || (uint64_t)st.st_size != m.blocks * EROFS_BLOCK)
		return erofs_damaged(e);
	*ret = m;
	return 0;
}

int erofs_load_inode(const struct erofs_image *m, uint64_t nid, struct erofs_inode *ret, struct sm_err *e)
{
	uint64_t at = m->meta + nid * EROFS_SLOT, whole;
	struct erofs_inode i = { .nid = nid };
	uint8_t p[EROFS_INODE_SIZE];
	uint16_t format, xattrs;

	if (nid > m->blocks * (EROFS_BLOCK / EROFS_SLOT) || erofs_read_at(m, p, sizeof(p), at, e))
		return erofs_damaged(e);
	format = le16_get(p);
	xattrs = le16_get(p + 2);
	i.mode = le16_get(p + 4);
	i.size = le64_get(p + 8);
	i.at = le32_get(p + 16) * (uint64_t)EROFS_BLOCK;
	i.uid = le32_get(p + 24);
	i.gid = le32_get(p + 28);
	i.mtime = (int64_t)le64_get(p + 32);
	i.mtime_nsec = le32_get(p + 40);
	at += EROFS_INODE_SIZE;
	if (xattrs) {
		i.xattrs = at + EROFS_XATTR_HEADER;
		i.xattrs_len = (xattrs - 1U) * 4;
		at = i.xattrs + i.xattrs_len;
	}
	if (format == EROFS_FORMAT(EROFS_LAYOUT_INLINE)) {
		i.tail = at;
		i.tail_len = (uint32_t)(i.size % EROFS_BLOCK);
	} else if (format != EROFS_FORMAT(EROFS_LAYOUT_PLAIN)) {
		return erofs_damaged(e);
	}
	whole = i.size - i.tail_len;
	if ((S_ISREG(i.mode) || S_ISDIR(i.mode)) &&
	    !num_range_ok(i.at, num_align_up(whole, EROFS_BLOCK), m->blocks * EROFS_BLOCK))
		return erofs_damaged(e);
	*ret = i;
	return 0;
}

static unsigned erofs_mark(const uint8_t *name, size_t len)
{
	if (len == strlen(EROFS_OPAQUE) && !memcmp(name, EROFS_OPAQUE, len))
		return EROFS_MARK_OPAQUE;
	return len == strlen(EROFS_IMPLIED) && !memcmp(name, EROFS_IMPLIED, len) ? EROFS_MARK_IMPLIED : 0;
}

static unsigned erofs_cut_marks(struct buf *b)
{
	static const char own[] = "overlay.";
	unsigned marks = 0;
	size_t at = 0;

	while (b->len - at >= 4) {
		const uint8_t *p = b->data + at;
		size_t name_len = p[0], len = num_align_up(4 + name_len + le16_get(p + 2), 4);

		if (len > b->len - at)
			break;
		if (p[1] != EROFS_XATTR_TRUSTED || name_len < strlen(own) ||
		    memcmp(p + 4, own, strlen(own))) {
			at += len;
			continue;
		}
		marks |= erofs_mark(p + 4, name_len);
		memmove(b->data + at, b->data + at + len, b->len - at - len);
		b->len -= len;
	}
	return marks;
}

int erofs_load_xattrs(const struct erofs_image *m, const struct erofs_inode *i, struct buf *ret,
		      unsigned *ret_marks, struct sm_err *e)
{
	int rc = 0;
	void *p;

	buf_reset(ret);
	if (i->xattrs_len) {
		p = buf_grow(ret, i->xattrs_len);
		rc = p ? erofs_read_at(m, p, i->xattrs_len, i->xattrs, e) : err_errno(e, ENOMEM, "layer");
	}
	if (!rc)
		*ret_marks = erofs_cut_marks(ret);
	return rc;
}

int erofs_root_opaque(int fd, bool *ret, struct sm_err *e)
{
	struct erofs_image m;
	struct erofs_inode root;
	struct buf xattrs;
	unsigned marks = 0;
	int rc = erofs_open(fd, &m, e);

	buf_init(&xattrs, EROFS_XATTRS_MAX * 2);
	if (!rc)
		rc = erofs_load_inode(&m, m.root, &root, e);
	if (!rc)
		rc = erofs_load_xattrs(&m, &root, &xattrs, &marks, e);
	buf_fini(&xattrs);
	if (!rc)
		*ret = marks & EROFS_MARK_OPAQUE;
	return rc;
}

int erofs_dir_load(const struct erofs_image *m, const struct erofs_inode *i, struct erofs_dir *ret,
		   struct sm_err *e)
{
	uint64_t whole = i->size - i->tail_len;
	struct erofs_dir d = { .len = i->size };
	int rc;

	if (!S_ISDIR(i->mode) || i->size > EROFS_DIR_MAX)
		return erofs_damaged(e);
	d.data = malloc(i->size + 1);
	if (!d.data)
		return err_errno(e, ENOMEM, "layer");
	rc = erofs_read_at(m, d.data, whole, i->at, e);
	if (!rc)
		rc = erofs_read_at(m, d.data + whole, i->tail_len, i->tail, e);
	if (rc)
		free(d.data);
	else
		*ret = d;
	return rc;
}

/* The entry `k` of the block at `p`; false when it does not fit there. */
static bool erofs_dirent_get(const uint8_t *p, size_t len, uint32_t k, struct erofs_dirent *ret)
{
	uint32_t nr = le16_get(p + 8) / EROFS_DIRENT;
	size_t from = le16_get(p + k * EROFS_DIRENT + 8), to = len;

	if (k + 1 < nr)
		to = le16_get(p + (k + 1) * EROFS_DIRENT + 8);
	if (from < (size_t)nr * EROFS_DIRENT || to > len || from >= to)
		return false;
	ret->nid = le64_get(p + k * EROFS_DIRENT);
	ret->type = p[k * EROFS_DIRENT + 10];
	ret->name = (const char *)p + from;
	/* The last name of a block is padded with zeros. */
	ret->name_len = (uint16_t)strnlen(ret->name, to - from);
	return ret->name_len > 0;
}

int erofs_dir_next(struct erofs_dir *d, struct erofs_dirent *ret, struct sm_err *e)
{
	while (d->at < d->len) {
		const uint8_t *p = d->data + d->at;
		size_t len = num_min(d->len - d->at, EROFS_BLOCK);
		uint32_t nr = len >= EROFS_DIRENT ? le16_get(p + 8) / EROFS_DIRENT : 0;

		if (!nr || (size_t)nr * EROFS_DIRENT > len)
			return erofs_damaged(e);
		if (d->next == nr) {
			d->next = 0;
			d->at += EROFS_BLOCK;
			continue;
		}
		if (!erofs_dirent_get(p, len, d->next++, ret))
			return erofs_damaged(e);
		if (ret->name[0] == '.' &&
		    (ret->name_len == 1 || (ret->name_len == 2 && ret->name[1] == '.')))
			continue;
		return 1;
	}
	return 0;
}

void erofs_dir_fini(struct erofs_dir *d)
{
	free(d->data);
	d->data = NULL;
}

/* ---- the whole image ---- */

struct erofs_todo {
	uint64_t *dirs; /* numbers of directories still to be read */
	size_t nr, cap;
	uint64_t seen; /* directories ever listed: more than there are inodes is a loop */
};

static int erofs_todo_add(struct erofs_todo *t, const struct erofs_image *m, uint64_t nid, struct sm_err *e)
{
	if (t->seen++ > m->inodes)
		return erofs_damaged(e);
	if (t->nr == t->cap) {
		size_t cap = t->cap * 2 + 64;
		uint64_t *more = realloc(t->dirs, cap * sizeof(*more));

		if (!more)
			return err_errno(e, ENOMEM, "layer");
		t->dirs = more;
		t->cap = cap;
	}
	t->dirs[t->nr++] = nid;
	return 0;
}

static int erofs_check_dir(const struct erofs_image *m, struct erofs_todo *t, uint64_t nid, struct sm_err *e)
{
	struct erofs_dirent entry;
	struct erofs_inode i;
	struct erofs_dir d;
	int rc = erofs_load_inode(m, nid, &i, e);

	if (!rc)
		rc = erofs_dir_load(m, &i, &d, e);
	if (rc)
		return rc;
	while ((rc = erofs_dir_next(&d, &entry, e)) > 0) {
		rc = entry.type == EROFS_TYPE_DIR ? erofs_todo_add(t, m, entry.nid, e)
						  : erofs_load_inode(m, entry.nid, &i, e);
		if (rc)
			break;
	}
	erofs_dir_fini(&d);
	return rc;
}

int erofs_check(int fd, struct sm_err *e)
{
	struct erofs_todo t = { 0 };
	char sum[EROFS_SUM_LEN + 1];
	struct erofs_image m;
	int rc = erofs_open(fd, &m, e);

	if (!rc)
		rc = erofs_sum(fd, sum, e);
	if (!rc && strcmp(sum, m.sum))
		rc = err_set(e, EBADMSG, "its contents have changed since it was made");
	if (!rc)
		rc = erofs_todo_add(&t, &m, m.root, e);
	while (!rc && t.nr)
		rc = erofs_check_dir(&m, &t, t.dirs[--t.nr], e);
	free(t.dirs);
	return rc;
}
