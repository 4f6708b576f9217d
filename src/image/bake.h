/* SPDX-License-Identifier: Apache-2.0 */
/* One layer from its blob, whatever its compression, to an EROFS image in the making. */
#ifndef IMAGE_BAKE_H
#define IMAGE_BAKE_H

#include "oci/blob.h"

struct bake {
	const char *digest;  /* of the blob */
	uint64_t size;	     /* of the blob */
	const char *diff_id; /* of the archive in it */
	blob_progress_fn *progress;
	void *progress_opaque;
};

/*
 * Takes `raw`. `fd` is an empty file. Digest, size and diff id are those of the bytes that
 * went into the image, or it fails with EBADMSG.
 */
int bake_layer(struct blob *raw, const struct bake *b, int fd, struct sm_err *e);

/* The first 16 bytes of a diff id, marked as a UUID of version 8 (RFC 9562 5.8). */
void bake_uuid(const char *diff_id, uint8_t ret[16]);

#endif
