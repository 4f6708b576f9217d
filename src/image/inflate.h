/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompression of layers: gzip of one or more members, zstd of one or more frames, or
 * nothing, told by the first bytes. What comes out is bounded by what went in, so that a
 * small blob cannot keep us busy for days.
 */
#ifndef IMAGE_INFLATE_H
#define IMAGE_INFLATE_H

#include "oci/blob.h"

/* gzip reaches 1:1032 at best; zstd has no bound of its own. */
#define INFLATE_RATIO 1100
#define INFLATE_FREE ((uint64_t)4 << 30)
#define INFLATE_MAX ((uint64_t)1 << 40)

/* Takes `inner`, also when it fails. `what` must outlive the blob. */
int inflate_open(struct blob *inner, const char *what, struct blob **ret, struct sm_err *e);

#endif
