/* SPDX-License-Identifier: Apache-2.0 */
#include "image/bake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "image/inflate.h"
#include "image/tar.h"

void bake_uuid(const char *diff_id, uint8_t ret[16])
{
	const char *hex = digest_hex(diff_id);

	for (int i = 0; i < 16; i++) {
		char pair[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		ret[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80);
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
}

/*
 * An archive that makes no sense may be the right bytes, or damaged ones: the rest of the
 * blob tells, and the digest is the better reason.
 */
static int bake_blame(struct blob *verified, int rc, struct sm_err *e)
{
	struct sm_err why;
	char skip[4096];
	ssize_t n;

	if (rc != -EBADMSG)
		return rc;
	do
		n = blob_read(verified, skip, sizeof(skip), &why);
	while (n > 0);
	if (n == -EBADMSG && e)
		*e = why;
	return rc;
}

int bake_layer(struct blob *raw, const struct bake *b, int fd, struct sm_err *e)
{
	char what[DIGEST_SIZE + 8], diff_id[DIGEST_SIZE];
	struct blob_verify v = { what, b->digest, b->size, b->progress, b->progress_opaque };
	BLOB_CLEANUP struct blob *in = NULL;
	struct blob *verified, *plain;
	uint8_t uuid[16];
	int rc;

	snprintf(what, sizeof(what), "layer %s", b->digest);
	rc = blob_open_verify(raw, &v, &verified, e);
	if (!rc)
		rc = inflate_open(verified, what, &plain, e);
	if (!rc)
		rc = blob_open_hash(plain, &in, e);
	if (rc)
		return rc;
	bake_uuid(b->diff_id, uuid);
	rc = tar_to_erofs(in, fd, uuid, e);
	rc = bake_blame(verified, rc, e);
	if (rc)
		return e && !strncmp(e->text, what, strlen(what)) ? rc : err_prefix(e, "%s", what);
	blob_hash_final(in, diff_id);
	if (strcmp(diff_id, b->diff_id))
		return err_set(e, EBADMSG, "%s: it unpacks to %s, but the configuration says %s", what,
			       diff_id, b->diff_id);
	return 0;
}
