/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int source_open(const struct source_options *o, struct source **ret, struct sm_err *e)
{
	switch (o->reference->kind) {
	case REFERENCE_OCI:
	case REFERENCE_OCI_ARCHIVE:
		return archive_open_oci(o, ret, e);
	case REFERENCE_DOCKER_ARCHIVE:
		return archive_open_docker(o, ret, e);
	case REFERENCE_REGISTRY:
		break;
	}
	return registry_open(o->reference, o->cancel, ret, e);
}

void source_close(struct source *s)
{
	if (s)
		s->ops->close(s);
}

void source_closep(struct source **s)
{
	source_close(*s);
}

/* Bytes of a known digest and size. */
static int source_read_verified(struct blob *raw, const struct descriptor *want, const char *what, char **ret,
				size_t *ret_len, struct sm_err *e)
{
	struct blob_verify v = { .what = what, .digest = want->digest, .size = want->size };
	BLOB_CLEANUP struct blob *b = NULL;
	int rc = blob_open_verify(raw, &v, &b, e);

	return rc ? rc : blob_read_all(b, want->size, what, ret, ret_len, e);
}

int source_read_manifest(struct source *s, const struct descriptor *want, char **ret, size_t *ret_len,
			 char ret_digest[DIGEST_SIZE], struct sm_err *e)
{
	const char *pinned = s->reference->digest;
	char what[DIGEST_SIZE + 16];
	struct blob *raw;
	int rc = s->ops->manifest(s, want, &raw, e);

	if (rc)
		return rc;
	if (want) {
		snprintf(what, sizeof(what), "manifest %s", want->digest);
		strcpy(ret_digest, want->digest);
		return source_read_verified(raw, want, what, ret, ret_len, e);
	}
	rc = blob_read_all(raw, MANIFEST_SIZE_MAX, "manifest", ret, ret_len, e);
	blob_close(raw);
	if (!rc)
		rc = digest_of(*ret, *ret_len, ret_digest, e);
	if (!rc && *pinned && strcmp(pinned, ret_digest)) {
		free(*ret);
		rc = err_set(e, EBADMSG, "image %s: wrong digest, the manifest hashes to %s",
			     s->reference->text, ret_digest);
	}
	return rc;
}

int source_read_config(struct source *s, const struct descriptor *want, char **ret, size_t *ret_len,
		       struct sm_err *e)
{
	char what[DIGEST_SIZE + 16];
	struct blob *raw;
	int rc = s->ops->blob(s, want, &raw, e);

	snprintf(what, sizeof(what), "configuration %s", want->digest);
	return rc ? rc : source_read_verified(raw, want, what, ret, ret_len, e);
}

int source_open_blob(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e)
{
	return s->ops->blob(s, want, ret, e);
}
