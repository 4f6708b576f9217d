/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an image comes from: manifests by name, blobs by digest. A source serves one
 * reference; blobs may be opened from several threads at once, the rest from one.
 */
#ifndef OCI_SOURCE_H
#define OCI_SOURCE_H

#include <stdatomic.h>

#include "oci/blob.h"
#include "oci/manifest.h"
#include "oci/reference.h"

struct source;

struct source_ops {
	/* The manifest named by the reference (want NULL), or of a digest. Not verified. */
	int (*manifest)(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e);
	/* Not verified. */
	int (*blob)(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e);
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
	const struct reference *reference;
	const atomic_bool *cancel; /* once set, reads end with ECANCELED */
};

/* All of it must outlive the source. */
struct spool;
struct source_options {
	const struct reference *reference;
	const atomic_bool *cancel;
	int tmp;	     /* directory for the files of an archive */
	struct spool *spool; /* the archive, where it is unpacked already; else NULL */
};
int source_open(const struct source_options *o, struct source **ret, struct sm_err *e);
void source_close(struct source *s);
void source_closep(struct source **s);
#define SOURCE_CLEANUP __attribute__((cleanup(source_closep)))

/*
 * Whole, in malloc'd memory; verified against `want`, or against the reference's digest when
 * NULL and it has one. *ret_digest is what the bytes hash to.
 */
int source_read_manifest(struct source *s, const struct descriptor *want, char **ret, size_t *ret_len,
			 char ret_digest[DIGEST_SIZE], struct sm_err *e);
int source_read_config(struct source *s, const struct descriptor *want, char **ret, size_t *ret_len,
		       struct sm_err *e);
/* For bake_layer(), which verifies. */
int source_open_blob(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e);

int registry_open(const struct reference *r, const atomic_bool *cancel, struct source **ret,
		  struct sm_err *e);
int archive_open_oci(const struct source_options *o, struct source **ret, struct sm_err *e);
int archive_open_docker(const struct source_options *o, struct source **ret, struct sm_err *e);
/* "name:tag" of every image in what `docker save` wrote, as a list. */
int docker_archive_names(const struct spool *s, const char *what, json_t **ret, struct sm_err *e);
/* The reference's archive file, unpacked. */
int archive_spool(const struct source_options *o, struct spool **ret, struct sm_err *e);

#endif
