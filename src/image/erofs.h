/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes EROFS images: uncompressed, 4 KiB blocks, extended inodes, readable by Linux 5.4
 * and later. File contents go out while they arrive (erofs_data_*), then erofs_finish()
 * lays out the tree behind them. The same calls give the same bytes.
 */
#ifndef IMAGE_EROFS_H
#define IMAGE_EROFS_H

#include <stdbool.h>
#include <stdint.h>

#include "image/tree.h"
#include "util/bytes.h"
#include "util/err.h"

#define EROFS_BLOCK 4096U
#define EROFS_XATTRS_MAX ((size_t)128 << 10)

/* What marks a directory that no entry of the archive names, behind "trusted.". */
#define EROFS_IMPLIED "overlay.implied"
#define EROFS_OPAQUE "overlay.opaque"

struct erofs {
	int fd;
	uint64_t next; /* the next free block */
};

/* `fd` is an empty file and stays the caller's. */
void erofs_init(struct erofs *w, int fd);

/* Reserves the blocks of a file of `size` bytes; EFBIG when the image gets too large. */
int erofs_data_reserve(struct erofs *w, uint64_t size, uint64_t *ret_block, struct sm_err *e);
/* Bytes of a reserved file; what is never written, and every run of zeros, is a hole. */
int erofs_data_write(struct erofs *w, uint64_t block, uint64_t off, const void *data, size_t len,
		     struct sm_err *e);

/*
 * Appends one extended attribute in the on-disk form. False when EROFS has no room or no
 * name space for it; nothing was appended then.
 */
bool erofs_xattr_put(struct buf *b, const char *name, const void *value, size_t len);

/* Writes everything else and syncs. */
int erofs_finish(struct erofs *w, struct tree *t, const uint8_t uuid[16], struct sm_err *e);

#endif
