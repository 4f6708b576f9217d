/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A layer's tar archive (old, ustar, GNU, PAX; sparse files, hard links, xattrs) into an
 * EROFS image, in one pass: contents are written as they come, names and inodes are kept.
 */
#ifndef IMAGE_TAR_H
#define IMAGE_TAR_H

#include "oci/blob.h"

/*
 * Reads `in` to its end. `fd` is an empty file that has the image, synced, on success.
 * EPERM: an entry leads out of the image; EBADMSG: not a sound archive; the sentence names
 * the entry.
 */
int tar_to_erofs(struct blob *in, int fd, const uint8_t uuid[16], struct sm_err *e);

#endif
