/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of EROFS (Linux: fs/erofs/erofs_fs.h) that our writer and reader share. */
#ifndef IMAGE_EROFS_FORMAT_H
#define IMAGE_EROFS_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "image/erofs.h"

#define EROFS_MAGIC 0xe0f5e1e2U
#define EROFS_BLOCK_BITS 12
#define EROFS_SUPER_OFFSET 1024
#define EROFS_VOLUME_NAME 64
#define EROFS_INODE_SIZE 64U
#define EROFS_SLOT 32U
#define EROFS_DIRENT 12U
#define EROFS_XATTR_HEADER 12U
#define EROFS_XATTR_TRUSTED 4
#define EROFS_LAYOUT_PLAIN 0U
#define EROFS_LAYOUT_INLINE 2U
/* i_format: bit 0 extended, then the layout */
#define EROFS_FORMAT(layout) (uint16_t)(1U | (layout) << 1)

static inline bool erofs_zero(const uint8_t *p, size_t len)
{
	return !*p && !memcmp(p, p + 1, len - 1);
}

#endif
