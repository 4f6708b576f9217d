/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation (format: Linux Documentation/filesystems/erofs.rst, fs/erofs/erofs_fs.h).
 *
 *   block 0          superblock at byte 1024; its volume name is a checksum of the rest
 *   blocks 1..       contents of files, in the order of the archive, each from a block boundary
 *   then             whole blocks of directories
 *   then             inodes, the root first: its number has 16 bits
 *
 * An inode is 64 bytes, its xattrs behind it, then the last part of a directory or a link's
 * target ("inline"), which may not cross a block. An inode's number (nid) is its place in
 * units of 32 bytes. Two passes over the tree, breadth first: one gives every inode its
 * place, for directories hold numbers; the other writes.
 */
#include "image/erofs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "image/erofs-format.h"
#include "image/erofs-sum.h"
#include "util/crc32c.h"
#include "util/fd.h"
#include "util/num.h"

#define EROFS_COMPAT_SB_CHKSUM 1U
#define EROFS_COMPAT_MTIME 2U
/* A nid of 0 would be an inode number of 0, which readdir(3) drops. */
#define EROFS_META_START 64U
#define EROFS_META_BUFFER (64 * EROFS_BLOCK)

void erofs_init(struct erofs *w, int fd)
{
	*w = (struct erofs){ .fd = fd, .next = 1 };
}

static int erofs_take(struct erofs *w, uint64_t blocks, uint64_t *ret, struct sm_err *e)
{
	if (blocks > UINT32_MAX - 1 - w->next)
		return err_set(e, EFBIG, "the layer is larger than an EROFS image can be (16 TiB)");
	*ret = w->next;
	w->next += blocks;
	return 0;
}

int erofs_data_reserve(struct erofs *w, uint64_t size, uint64_t *ret_block, struct sm_err *e)
{
	return erofs_take(w, size / EROFS_BLOCK + !!(size % EROFS_BLOCK), ret_block, e);
}

int erofs_data_write(struct erofs *w, uint64_t block, uint64_t off, const void *data, size_t len,
		     struct sm_err *e)
{
	const uint8_t *p = data;
	uint64_t at = block * EROFS_BLOCK + off;

	while (len) {
		size_t n = num_min(len, 16 * EROFS_BLOCK);
		int rc = erofs_zero(p, n) ? 0 : fd_pwrite_full(w->fd, p, n, at);

		if (rc)
			return err_errno(e, -rc, "writing the layer");
		p += n;
		at += n;
		len -= n;
	}
	return 0;
}

/* ---- extended attributes ---- */

bool erofs_xattr_put(struct buf *b, const char *name, const void *value, size_t len)
{
	static const struct {
		const char *prefix;
		uint8_t index;
		bool whole; /* the name is nothing but the prefix */
	} kinds[] = {
		{ "user.", 1, false },
		{ "system.posix_acl_access", 2, true },
		{ "system.posix_acl_default", 3, true },
		{ "trusted.", EROFS_XATTR_TRUSTED, false },
		{ "security.", 6, false },
	};
	static const uint8_t zeros[4];

	for (size_t i = 0; i < NUM_COUNTOF(kinds); i++) {
		size_t n = strlen(kinds[i].prefix), rest;

		if (strncmp(name, kinds[i].prefix, n))
			continue;
		rest = strlen(name + n);
		if (kinds[i].whole ? rest : (!rest || rest > 255))
			return false;
		if (len > UINT16_MAX || b->len + 4 + rest + len + 4 > EROFS_XATTRS_MAX)
			return false;
		buf_put_u8(b, (uint8_t)rest);
		buf_put_u8(b, kinds[i].index);
		buf_put_u16(b, (uint16_t)len);
		buf_put(b, name + n, rest);
		buf_put(b, value, len);
		buf_put(b, zeros, -(rest + len) & 3);
		return !b->broken;
	}
	return false;
}

/* What overlayfs needs to be told, in front of the inode's own. */
static void erofs_overlay_xattrs(const struct tree_inode *i, struct buf *b)
{
	if (i->opaque)
		erofs_xattr_put(b, "trusted.overlay.opaque", "y", 1);
	/* ovl_path_check_origin_xattr(): else a directory that only one layer has lists its whiteouts */
	if (i->has_whiteouts)
		erofs_xattr_put(b, "trusted.overlay.origin", "", 0);
	/* Nothing to overlayfs, which hides the name: for parents.c. */
	if (i->implied)
		erofs_xattr_put(b, "trusted." EROFS_IMPLIED, "", 0);
}

static size_t erofs_xattr_size(const struct tree_inode *i)
{
	size_t len = i->xattr_len;

	/* header, name and value of those above, to a multiple of 4 */
	len += i->opaque ? 20 : 0;
	len += i->has_whiteouts ? 20 : 0;
	len += i->implied ? 20 : 0;
	return len ? len + EROFS_XATTR_HEADER : 0;
}

/* ---- directories ---- */

/* The names of a directory in order, "." and ".." among them. */
struct erofs_names {
	const struct tree_inode *dir;
	const struct tree_entry *child;
	unsigned dots; /* of the two, how many are behind us */
};

struct erofs_name {
	const char *name;
	size_t len;
	const struct tree_inode *inode;
};

static int erofs_name_cmp(const char *a, size_t alen, const char *b, size_t blen)
{
	int rc = memcmp(a, b, num_min(alen, blen));

	return rc ? rc : (alen > blen) - (alen < blen);
}

static struct erofs_names erofs_names_of(const struct tree_inode *dir)
{
	return (struct erofs_names){ dir, dir->children, 0 };
}

static bool erofs_names_next(struct erofs_names *it, struct erofs_name *ret)
{
	const struct tree_entry *d = it->child;

	if (it->dots < 2 && (!d || erofs_name_cmp("..", it->dots + 1, d->name, d->name_len) < 0)) {
		it->dots++;
		*ret = (struct erofs_name){ "..", it->dots, it->dots == 1 ? it->dir : it->dir->parent };
		return true;
	}
	if (!d)
		return false;
	it->child = d->next;
	*ret = (struct erofs_name){ d->name, d->name_len, d->inode };
	return true;
}

/* How many names, from `it` on, fit one block; *ret_used bytes of it. */
static size_t erofs_block_fit(struct erofs_names it, size_t *ret_used)
{
	struct erofs_name n;
	size_t nr = 0, used = 0;

	while (erofs_names_next(&it, &n) && used + EROFS_DIRENT + n.len <= EROFS_BLOCK) {
		used += EROFS_DIRENT + n.len;
		nr++;
	}
	*ret_used = used;
	return nr;
}

static uint64_t erofs_dir_size(const struct tree_inode *dir)
{
	struct erofs_names it = erofs_names_of(dir);
	struct erofs_name n;
	uint64_t size = 0;
	size_t used = 0;

	while (erofs_names_next(&it, &n)) {
		if (used + EROFS_DIRENT + n.len > EROFS_BLOCK) {
			size += EROFS_BLOCK;
			used = 0;
		}
		used += EROFS_DIRENT + n.len;
	}
	return size + used;
}

static uint8_t erofs_file_type(uint32_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return 1;
	case S_IFDIR:
		return 2;
	case S_IFCHR:
		return 3;
	case S_IFBLK:
		return 4;
	case S_IFIFO:
		return 5;
	case S_IFSOCK:
		return 6;
	case S_IFLNK:
		return 7;
	default:
		return 0;
	}
}

/* One block of a directory; returns the bytes used. */
static size_t erofs_dir_block(struct erofs_names *it, uint8_t block[EROFS_BLOCK])
{
	size_t used, nr = erofs_block_fit(*it, &used), name_off = nr * EROFS_DIRENT;
	struct erofs_name n;

	memset(block, 0, EROFS_BLOCK);
	for (size_t i = 0; i < nr; i++) {
		uint8_t *d = block + i * EROFS_DIRENT;

		erofs_names_next(it, &n);
		le64_put(d, n.inode->nid);
		le16_put(d + 8, (uint16_t)name_off);
		d[10] = erofs_file_type(n.inode->mode);
		memcpy(block + name_off, n.name, n.len);
		name_off += n.len;
	}
	return used;
}

struct erofs_child {
	struct tree_entry *entry;
};

static int erofs_entry_cmp(const void *a, const void *b)
{
	const struct tree_entry *x = ((const struct erofs_child *)a)->entry;
	const struct tree_entry *y = ((const struct erofs_child *)b)->entry;

	return erofs_name_cmp(x->name, x->name_len, y->name, y->name_len);
}

/* Orders the children; whiteouts of an opaque directory hide nothing and are left out. */
static int erofs_sort(struct tree_inode *dir)
{
	struct erofs_child *list = calloc((size_t)dir->nr_children + 1, sizeof(*list));
	size_t nr = 0;

	if (!list)
		return -ENOMEM;
	for (struct tree_entry *d = dir->children; d; d = d->next) {
		bool whiteout = tree_is_whiteout(d->inode);

		if (whiteout && dir->opaque)
			continue;
		dir->has_whiteouts |= whiteout;
		list[nr++].entry = d;
	}
	qsort(list, nr, sizeof(*list), erofs_entry_cmp);
	dir->children = list[0].entry;
	for (size_t i = 0; i < nr; i++)
		list[i].entry->next = list[i + 1].entry;
	free(list);
	return 0;
}

/* ---- pass one: places ---- */

struct erofs_layout {
	struct erofs *w;
	struct tree_inode *first, *last;
	uint64_t pos; /* in bytes from the start of the inodes */
	uint64_t nr;
};

/* Gives `i` a place and, for directories, blocks; the part that can be inline is. */
static int erofs_place(struct erofs_layout *l, struct tree_inode *i, struct sm_err *e)
{
	uint64_t need = EROFS_INODE_SIZE + erofs_xattr_size(i), tail = 0, room;

	if (S_ISDIR(i->mode))
		i->size = erofs_dir_size(i);
	if (S_ISDIR(i->mode) || S_ISLNK(i->mode))
		tail = i->size % EROFS_BLOCK;
	i->inlined = tail && need + tail <= EROFS_BLOCK;
	if (S_ISDIR(i->mode) || (S_ISLNK(i->mode) && !i->inlined)) {
		uint64_t bytes = i->inlined ? i->size - tail : i->size;
		int rc = erofs_data_reserve(l->w, bytes, &i->block, e);

		if (rc)
			return rc;
	}
	if (i->inlined)
		need += tail;
	room = EROFS_BLOCK - l->pos % EROFS_BLOCK;
	/* Long xattrs may cross a block; the inode and what is inline may not. */
	if (room < (need <= EROFS_BLOCK ? need : EROFS_INODE_SIZE))
		l->pos += room;
	i->nid = l->pos / EROFS_SLOT;
	l->pos = num_align_up(l->pos + need, EROFS_SLOT);
	return 0;
}

static void erofs_enqueue(struct erofs_layout *l, struct tree_inode *i)
{
	if (i->placed)
		return;
	i->placed = true;
	i->next = NULL;
	l->last->next = i;
	l->last = i;
}

static int erofs_lay_out(struct erofs_layout *l, struct tree_inode *root, struct sm_err *e)
{
	l->first = l->last = root;
	root->placed = true;
	root->next = NULL;
	for (struct tree_inode *i = root; i; i = i->next) {
		int rc = S_ISDIR(i->mode) ? erofs_sort(i) : 0;

		if (rc)
			return err_errno(e, -rc, "writing the layer");
		for (struct tree_entry *d = S_ISDIR(i->mode) ? i->children : NULL; d; d = d->next)
			erofs_enqueue(l, d->inode);
		rc = erofs_place(l, i, e);
		if (rc)
			return rc;
		l->nr++;
	}
	return 0;
}

/* ---- pass two: bytes ---- */

struct erofs_meta {
	struct erofs *w;
	uint64_t start; /* byte of the first inode block */
	uint64_t pos;	/* from there; a multiple of the buffer's size behind us is written */
	uint64_t nr;
	size_t used;
	struct buf xattrs;
	uint8_t *data;
};

static int erofs_meta_flush(struct erofs_meta *m)
{
	int rc = fd_pwrite_full(m->w->fd, m->data, m->used, m->start + m->pos - m->used);

	m->used = 0;
	return rc;
}

static int erofs_meta_put(struct erofs_meta *m, const void *data, size_t len)
{
	const uint8_t *p = data;

	while (len) {
		size_t n = num_min(len, EROFS_META_BUFFER - m->used);

		if (p) {
			memcpy(m->data + m->used, p, n);
			p += n;
		} else {
			memset(m->data + m->used, 0, n);
		}
		m->used += n;
		m->pos += n;
		len -= n;
		if (m->used == EROFS_META_BUFFER) {
			int rc = erofs_meta_flush(m);

			if (rc)
				return rc;
		}
	}
	return 0;
}

static void erofs_inode_bytes(const struct tree_inode *i, uint64_t ino, uint8_t p[EROFS_INODE_SIZE])
{
	size_t xattrs = erofs_xattr_size(i);
	uint32_t u = (uint32_t)i->block;

	memset(p, 0, EROFS_INODE_SIZE);
	if (S_ISCHR(i->mode) || S_ISBLK(i->mode))
		u = i->rdev;
	le16_put(p, EROFS_FORMAT(i->inlined ? EROFS_LAYOUT_INLINE : EROFS_LAYOUT_PLAIN));
	le16_put(p + 2, (uint16_t)(xattrs ? (xattrs - EROFS_XATTR_HEADER) / 4 + 1 : 0));
	le16_put(p + 4, (uint16_t)i->mode);
	le64_put(p + 8, i->size);
	le32_put(p + 16, u);
	le32_put(p + 20, (uint32_t)ino);
	le32_put(p + 24, i->uid);
	le32_put(p + 28, i->gid);
	le64_put(p + 32, (uint64_t)i->mtime);
	le32_put(p + 40, i->mtime_nsec);
	le32_put(p + 44, i->nlink);
}

static int erofs_write_xattrs(struct erofs_meta *m, const struct tree_inode *i)
{
	int rc;

	if (!erofs_xattr_size(i))
		return 0;
	buf_reset(&m->xattrs);
	erofs_overlay_xattrs(i, &m->xattrs);
	rc = erofs_meta_put(m, NULL, EROFS_XATTR_HEADER);
	if (!rc)
		rc = erofs_meta_put(m, m->xattrs.data, m->xattrs.len);
	return rc ? rc : erofs_meta_put(m, i->xattrs, i->xattr_len);
}

static int erofs_write_dir(struct erofs_meta *m, const struct tree_inode *dir)
{
	uint64_t tail = dir->inlined ? dir->size % EROFS_BLOCK : 0, left = dir->size - tail;
	struct erofs_names it = erofs_names_of(dir);
	uint64_t at = dir->block * EROFS_BLOCK;
	uint8_t block[EROFS_BLOCK];

	for (; left; at += EROFS_BLOCK, left -= num_min(left, EROFS_BLOCK)) {
		int rc;

		erofs_dir_block(&it, block);
		rc = fd_pwrite_full(m->w->fd, block, EROFS_BLOCK, at);
		if (rc)
			return rc;
	}
	if (!tail)
		return 0;
	erofs_dir_block(&it, block);
	return erofs_meta_put(m, block, tail);
}

static int erofs_write_inode(struct erofs_meta *m, const struct tree_inode *i)
{
	uint8_t p[EROFS_INODE_SIZE];
	int rc = erofs_meta_put(m, NULL, i->nid * EROFS_SLOT - m->pos);

	erofs_inode_bytes(i, ++m->nr, p);
	if (!rc)
		rc = erofs_meta_put(m, p, sizeof(p));
	if (!rc)
		rc = erofs_write_xattrs(m, i);
	if (!rc && S_ISDIR(i->mode))
		rc = erofs_write_dir(m, i);
	else if (!rc && S_ISLNK(i->mode) && i->inlined)
		rc = erofs_meta_put(m, i->target, i->size);
	else if (!rc && S_ISLNK(i->mode))
		rc = fd_pwrite_full(m->w->fd, i->target, i->size, i->block * EROFS_BLOCK);
	return rc;
}

static int erofs_write_super(struct erofs *w, const struct tree_inode *root, uint64_t nr, uint64_t meta,
			     const uint8_t uuid[16], const char *sum)
{
	uint8_t block[EROFS_BLOCK] = { 0 }, *p = block + EROFS_SUPER_OFFSET;

	le32_put(p, EROFS_MAGIC);
	le32_put(p + 8, EROFS_COMPAT_SB_CHKSUM | EROFS_COMPAT_MTIME);
	p[12] = EROFS_BLOCK_BITS;
	le16_put(p + 14, (uint16_t)root->nid);
	le64_put(p + 16, nr);
	le32_put(p + 36, (uint32_t)w->next);
	le32_put(p + 40, (uint32_t)meta);
	memcpy(p + 48, uuid, 16);
	memcpy(p + EROFS_VOLUME_NAME, sum, EROFS_SUM_LEN);
	le32_put(p + 4, crc32c_add(CRC32C_INIT, p, EROFS_BLOCK - EROFS_SUPER_OFFSET));
	return fd_pwrite_full(w->fd, block, sizeof(block), 0);
}

static int erofs_write_meta(struct erofs_meta *m, const struct erofs_layout *l)
{
	int rc = erofs_meta_put(m, NULL, EROFS_META_START);

	for (const struct tree_inode *i = l->first; i && !rc; i = i->next)
		rc = erofs_write_inode(m, i);
	if (!rc)
		rc = erofs_meta_put(m, NULL, l->pos - m->pos);
	if (!rc)
		rc = erofs_meta_put(m, NULL, -m->pos & (EROFS_BLOCK - 1));
	return rc ? rc : erofs_meta_flush(m);
}

int erofs_finish(struct erofs *w, struct tree *t, const uint8_t uuid[16], struct sm_err *e)
{
	struct erofs_layout l = { .w = w, .pos = EROFS_META_START };
	struct erofs_meta m = { .w = w };
	char sum[EROFS_SUM_LEN + 1];
	uint64_t meta = 0, blocks;
	int rc = erofs_lay_out(&l, tree_root(t), e);

	if (rc)
		return rc;
	/* Readers look for an xattr header behind the last inode too. */
	l.pos += EROFS_XATTR_HEADER;
	rc = erofs_data_reserve(w, l.pos, &meta, e);
	if (rc)
		return rc;
	blocks = w->next;
	m.start = meta * EROFS_BLOCK;
	m.data = malloc(EROFS_META_BUFFER);
	buf_init(&m.xattrs, EROFS_XATTRS_MAX);
	rc = m.data ? erofs_write_meta(&m, &l) : -ENOMEM;
	buf_fini(&m.xattrs);
	free(m.data);
	if (!rc && ftruncate(w->fd, (off_t)(blocks * EROFS_BLOCK)) < 0)
		rc = -errno;
	if (rc)
		return err_errno(e, -rc, "writing the layer");
	rc = erofs_sum(w->fd, sum, e);
	if (rc)
		return rc;
	rc = erofs_write_super(w, tree_root(t), l.nr, meta, uuid, sum);
	if (!rc && fsync(w->fd) < 0)
		rc = -errno;
	return rc ? err_errno(e, -rc, "writing the layer") : 0;
}
