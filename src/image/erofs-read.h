/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads EROFS images as erofs.c writes them: uncompressed, extended inodes.
 * The file may be damaged: whatever does not fit is EBADMSG, and every loop ends.
 */
#ifndef IMAGE_EROFS_READ_H
#define IMAGE_EROFS_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "image/erofs-sum.h"
#include "util/bytes.h"
#include "util/err.h"

struct erofs_image {
	int fd; /* the caller's */
	uint64_t blocks;
	uint64_t meta;	 /* byte of inode 0 */
	uint64_t root;	 /* inode number */
	uint64_t inodes; /* as the superblock counts them */
	char sum[EROFS_SUM_LEN + 1];
};

struct erofs_inode {
	uint64_t nid, size, at; /* at: byte of the contents' whole blocks */
	uint64_t tail;		/* byte of the inline part, 0 without one */
	uint32_t tail_len;
	uint32_t mode, uid, gid, mtime_nsec;
	int64_t mtime;
	uint64_t xattrs; /* byte of the first attribute */
	uint32_t xattrs_len;
};

struct erofs_dirent {
	const char *name; /* not terminated */
	uint16_t name_len;
	uint8_t type; /* EROFS_TYPE_* */
	uint64_t nid;
};

#define EROFS_TYPE_DIR 2

int erofs_open(int fd, struct erofs_image *ret, struct sm_err *e);
int erofs_load_inode(const struct erofs_image *m, uint64_t nid, struct erofs_inode *ret, struct sm_err *e);
#define EROFS_MARK_OPAQUE 1U
#define EROFS_MARK_IMPLIED 2U
/* The inode's attributes as they lie there into `ret`, without overlayfs's own; which of those were there. */
int erofs_load_xattrs(const struct erofs_image *m, const struct erofs_inode *i, struct buf *ret,
		      unsigned *ret_marks, struct sm_err *e);

/* Does the root directory of the image `fd` hide all layers below? */
int erofs_root_opaque(int fd, bool *ret, struct sm_err *e);

/* Reads everything: structure and checksum are right, or EBADMSG says so. */
int erofs_check(int fd, struct sm_err *e);

/* A directory's bytes in memory; the names of its entries point into it. */
struct erofs_dir {
	uint8_t *data;
	uint64_t len, at; /* at: of the block being read */
	uint32_t next;	  /* entry in that block */
};
int erofs_dir_load(const struct erofs_image *m, const struct erofs_inode *i, struct erofs_dir *ret,
		   struct sm_err *e);
/* 1 and an entry, "." and ".." left out; 0 at the end. */
int erofs_dir_next(struct erofs_dir *d, struct erofs_dirent *ret, struct sm_err *e);
void erofs_dir_fini(struct erofs_dir *d);

#endif
