/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/blob.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/num.h"

void blob_close(struct blob *b)
{
	if (b)
		b->ops->close(b);
}

void blob_closep(struct blob **b)
{
	blob_close(*b);
}

int blob_read_all(struct blob *b, size_t max, const char *what, char **ret, size_t *ret_len, struct sm_err *e)
{
	size_t len = 0, cap = 1 << 16;
	char *data = malloc(cap + 1);

	while (data) {
		ssize_t n;

		if (len == cap) {
			char *more = realloc(data, cap * 2 + 1);

			if (!more)
				break;
			data = more;
			cap *= 2;
		}
		n = blob_read(b, data + len, cap - len, e);
		if (n < 0) {
			free(data);
			return (int)n;
		}
		len += (size_t)n;
		if (len > max) {
			free(data);
			return err_set(e, EFBIG, "%s: larger than %zu bytes", what, max);
		}
		if (n)
			continue;
		data[len] = 0;
		*ret = data;
		*ret_len = len;
		return 0;
	}
	free(data);
	return err_errno(e, ENOMEM, "%s", what);
}

/* ---- a file ---- */

struct blob_file {
	struct blob blob;
	int fd;
	char what[200];
};

static ssize_t blob_file_read(struct blob *b, void *buf, size_t len, struct sm_err *e)
{
	struct blob_file *f = (struct blob_file *)b;
	ssize_t n;

	do
		n = read(f->fd, buf, len);
	while (n < 0 && errno == EINTR);
	return n < 0 ? err_errno(e, errno, "%s", f->what) : n;
}

static void blob_file_close(struct blob *b)
{
	struct blob_file *f = (struct blob_file *)b;

	fd_close(&f->fd);
	free(f);
}

int blob_open_fd(int fd, const char *what, struct blob **ret, struct sm_err *e)
{
	static const struct blob_ops ops = { blob_file_read, blob_file_close };
	struct blob_file *f = calloc(1, sizeof(*f));

	if (!f) {
		fd_close(&fd);
		return err_errno(e, ENOMEM, "%s", what);
	}
	f->blob.ops = &ops;
	f->fd = fd;
	snprintf(f->what, sizeof(f->what), "%s", what);
	*ret = &f->blob;
	return 0;
}

/* ---- SHA-256 ---- */

static void digest_format(EVP_MD_CTX *md, char ret[DIGEST_SIZE])
{
	unsigned char raw[EVP_MAX_MD_SIZE] = { 0 };

	EVP_DigestFinal_ex(md, raw, NULL);
	strcpy(ret, DIGEST_PREFIX);
	for (int i = 0; i < DIGEST_HEX_LEN / 2; i++)
		sprintf(ret + DIGEST_PREFIX_LEN + i * 2, "%02x", raw[i]);
}

static EVP_MD_CTX *digest_start(void)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	if (md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
		EVP_MD_CTX_free(md);
		md = NULL;
	}
	return md;
}

int digest_of(const void *data, size_t len, char ret[DIGEST_SIZE], struct sm_err *e)
{
	EVP_MD_CTX *md = digest_start();

	if (!md)
		return err_errno(e, ENOMEM, "SHA-256");
	EVP_DigestUpdate(md, data, len);
	digest_format(md, ret);
	EVP_MD_CTX_free(md);
	return 0;
}

struct blob_hash {
	struct blob blob;
	struct blob *inner;
	EVP_MD_CTX *md;
	struct blob_verify want; /* digest NULL: only hash */
	uint64_t done;
	bool checked;
};

static int blob_hash_check(struct blob_hash *h, struct sm_err *e)
{
	const struct blob_verify *v = &h->want;
	char digest[DIGEST_SIZE];

	if (!v->digest || h->checked)
		return 0;
	if (h->done < v->size)
		return err_set(e, EBADMSG, "%s: truncated, %" PRIu64 " of %" PRIu64 " bytes came", v->what,
			       h->done, v->size);
	digest_format(h->md, digest);
	if (strcmp(digest, v->digest))
		return err_set(e, EBADMSG, "%s: wrong digest, the bytes hash to %s", v->what, digest);
	h->checked = true;
	return 0;
}

static ssize_t blob_hash_read(struct blob *b, void *buf, size_t len, struct sm_err *e)
{
	struct blob_hash *h = (struct blob_hash *)b;
	const struct blob_verify *v = &h->want;
	char probe;
	ssize_t n;

	if (v->digest && h->done == v->size) {
		n = h->checked ? 0 : blob_read(h->inner, &probe, 1, e);
		if (n > 0)
			return err_set(e, EBADMSG, "%s: larger than the %" PRIu64 " bytes declared", v->what,
				       v->size);
		return n ? n : blob_hash_check(h, e);
	}
	n = blob_read(h->inner, buf, v->digest ? num_min(len, v->size - h->done) : len, e);
	if (n < 0)
		return n;
	if (!n)
		return blob_hash_check(h, e);
	EVP_DigestUpdate(h->md, buf, (size_t)n);
	h->done += (uint64_t)n;
	if (v->progress)
		v->progress(v->progress_opaque, h->done);
	return n;
}

static void blob_hash_close(struct blob *b)
{
	struct blob_hash *h = (struct blob_hash *)b;

	blob_close(h->inner);
	EVP_MD_CTX_free(h->md);
	free(h);
}

int blob_open_verify(struct blob *inner, const struct blob_verify *v, struct blob **ret, struct sm_err *e)
{
	static const struct blob_ops ops = { blob_hash_read, blob_hash_close };
	struct blob_hash *h = calloc(1, sizeof(*h));

	if (h)
		h->md = digest_start();
	if (!h || !h->md) {
		free(h);
		blob_close(inner);
		return err_errno(e, ENOMEM, "SHA-256");
	}
	h->blob.ops = &ops;
	h->inner = inner;
	h->want = *v;
	*ret = &h->blob;
	return 0;
}

int blob_open_hash(struct blob *inner, struct blob **ret, struct sm_err *e)
{
	return blob_open_verify(inner, &(struct blob_verify){ 0 }, ret, e);
}

void blob_hash_final(struct blob *b, char ret[DIGEST_SIZE])
{
	digest_format(((struct blob_hash *)b)->md, ret);
}
