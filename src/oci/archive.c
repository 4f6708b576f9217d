/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oci:DIR[:tag], an OCI image layout on disk (image-spec, image-layout.md), and
 * oci-archive:FILE[:tag], the same in a tar archive.
 */
#include "oci/source.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oci/spool.h"
#include "util/fd.h"

struct archive_oci {
	struct source source;
	int dir;
	struct spool *spool;   /* instead of `dir` */
	struct descriptor top; /* what the reference names */
};

/* A regular file, and links inside the layout only. */
static int archive_open_file(const struct archive_oci *a, const char *path, int *ret_fd, struct sm_err *e)
{
	struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_BENEATH };
	const char *name = a->source.reference->text;
	FD_CLEANUP int fd = -1;
	struct stat st;
	int rc;

	if (a->spool) {
		rc = spool_open(a->spool, path, ret_fd, e);
		return rc ? err_prefix(e, "image %s", name) : 0;
	}
	fd = (int)syscall(SYS_openat2, a->dir, path, &how, sizeof(how));

	if (fd < 0 && errno == ENOENT)
		return err_set(e, ENOENT, "image %s: the layout has no file %s", name, path);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "image %s: %s", name, path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EBADMSG, "image %s: %s is not a file", name, path);
	*ret_fd = fd_steal(&fd);
	return 0;
}

static int archive_blob(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e)
{
	char path[DIGEST_SIZE + 16];
	int fd = -1, rc;

	snprintf(path, sizeof(path), "blobs/sha256/%s", digest_hex(want->digest));
	rc = archive_open_file((struct archive_oci *)s, path, &fd, e);
	return rc ? rc : blob_open_fd(fd, path, ret, e);
}

static int archive_manifest(struct source *s, const struct descriptor *want, struct blob **ret,
			    struct sm_err *e)
{
	return archive_blob(s, want ? want : &((struct archive_oci *)s)->top, ret, e);
}

static void archive_close(struct source *s)
{
	struct archive_oci *a = (struct archive_oci *)s;

	fd_close(&a->dir);
	spool_destroy(a->spool);
	free(a);
}

/* Without a tag the only image, or else the one tagged "latest", is meant. */
static int archive_pick(struct archive_oci *a, const struct manifest *index, struct sm_err *e)
{
	const struct reference *r = a->source.reference;
	const char *tag = *r->tag ? r->tag : "latest";
	char have[200] = "";
	size_t len = 0;

	for (size_t i = 0; i < index->nr_items; i++) {
		const struct descriptor *d = &index->items[i];

		if (!strcmp(d->tag, tag) || (!*r->tag && index->nr_items == 1)) {
			a->top = *d;
			return 0;
		}
		if (*d->tag && len + strlen(d->tag) + 3 < sizeof(have))
			len += (size_t)snprintf(have + len, sizeof(have) - len, "%s%s", len ? ", " : "",
						d->tag);
	}
	return err_set(e, ENOENT, "image %s: the layout has no tag '%s'; it has %s", r->text, tag,
		       len ? have : "none");
}

static int archive_read_index(struct archive_oci *a, struct sm_err *e)
{
	MANIFEST_CLEANUP struct manifest *index = NULL;
	char *data, what[64] = "index.json";
	struct blob *b;
	size_t len;
	int fd = -1, rc = archive_open_file(a, "index.json", &fd, e);

	if (rc)
		return rc;
	rc = blob_open_fd(fd, what, &b, e);
	if (rc)
		return rc;
	rc = blob_read_all(b, MANIFEST_SIZE_MAX, what, &data, &len, e);
	blob_close(b);
	if (rc)
		return err_prefix(e, "image %s", a->source.reference->text);
	rc = manifest_parse(data, len, what, &index, e);
	free(data);
	if (rc)
		return err_prefix(e, "image %s", a->source.reference->text);
	if (!index->index)
		return err_set(e, EBADMSG, "image %s: index.json is no index", a->source.reference->text);
	return archive_pick(a, index, e);
}

int archive_spool(const struct source_options *o, struct spool **ret, struct sm_err *e)
{
	const struct reference *r = o->reference;
	FD_CLEANUP int fd = open(r->dir, O_RDONLY | O_CLOEXEC);
	char what[200];
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(e, errno, "image %s: %s", r->text, r->dir);
	if (S_ISDIR(st.st_mode))
		return err_errno(e, EISDIR, "image %s: %s", r->text, r->dir);
	snprintf(what, sizeof(what), "archive %.180s", r->dir);
	rc = spool_read(fd, o->tmp, what, o->cancel, ret, e);
	return rc ? err_prefix(e, "image %s", r->text) : 0;
}

int archive_open_oci(const struct source_options *o, struct source **ret, struct sm_err *e)
{
	static const struct source_ops ops = { archive_manifest, archive_blob, archive_close };
	const struct reference *r = o->reference;
	struct archive_oci *a = calloc(1, sizeof(*a));
	int rc = 0;

	if (!a)
		return err_errno(e, ENOMEM, "image %s", r->text);
	a->source = (struct source){ &ops, r, o->cancel };
	a->dir = -1;
	if (r->kind == REFERENCE_OCI_ARCHIVE) {
		rc = archive_spool(o, &a->spool, e);
	} else {
		a->dir = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (a->dir < 0)
			rc = err_errno(e, errno, "image %s: %s", r->text, r->dir);
	}
	if (!rc)
		rc = archive_read_index(a, e);
	if (rc) {
		archive_close(&a->source);
		return rc;
	}
	*ret = &a->source;
	return 0;
}
