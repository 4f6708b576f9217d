/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of bytes that is pulled: a download, a file, or a filter around another one.
 * A read gives at least one byte, 0 at the end, or -errno with a sentence; after an error
 * only closing is allowed. A filter owns the stream it was made around.
 */
#ifndef OCI_BLOB_H
#define OCI_BLOB_H

#include <stdint.h>
#include <sys/types.h>

#include "oci/digest.h"
#include "util/err.h"

struct blob;

struct blob_ops {
	ssize_t (*read)(struct blob *b, void *buf, size_t len, struct sm_err *e);
	void (*close)(struct blob *b);
};

struct blob {
	const struct blob_ops *ops;
};

static inline ssize_t blob_read(struct blob *b, void *buf, size_t len, struct sm_err *e)
{
	return b->ops->read(b, buf, len, e);
}

/* NULL is accepted. */
void blob_close(struct blob *b);
void blob_closep(struct blob **b);
#define BLOB_CLEANUP __attribute__((cleanup(blob_closep)))

/* To the end, in malloc'd memory with a NUL behind; EFBIG above `max`. */
int blob_read_all(struct blob *b, size_t max, const char *what, char **ret, size_t *ret_len,
		  struct sm_err *e);

/* Takes `fd`. */
int blob_open_fd(int fd, const char *what, struct blob **ret, struct sm_err *e);

/* Called for each piece that passed, with the sum so far. */
typedef void blob_progress_fn(void *opaque, uint64_t done);

struct blob_verify {
	const char *what;   /* for sentences; must outlive the blob */
	const char *digest; /* likewise */
	uint64_t size;	    /* not a byte more is read */
	blob_progress_fn *progress;
	void *progress_opaque;
};
/* Takes `inner`, also when it fails. The end is only reported once size and digest are right (EBADMSG). */
int blob_open_verify(struct blob *inner, const struct blob_verify *v, struct blob **ret, struct sm_err *e);

/* SHA-256 of what passes. Takes `inner`, also when it fails. */
int blob_open_hash(struct blob *inner, struct blob **ret, struct sm_err *e);
/* After the end: "sha256:..." */
void blob_hash_final(struct blob *b, char ret[DIGEST_SIZE]);

/* Of a piece of memory; ENOMEM. */
int digest_of(const void *data, size_t len, char ret[DIGEST_SIZE], struct sm_err *e);

#endif
