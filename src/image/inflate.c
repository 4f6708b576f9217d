/* SPDX-License-Identifier: Apache-2.0 */
#include "image/inflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "util/num.h"

#define INFLATE_IN ((size_t)1 << 17)

enum inflate_kind { INFLATE_UNKNOWN, INFLATE_PLAIN, INFLATE_GZIP, INFLATE_ZSTD };

struct inflate {
	struct blob blob;
	struct blob *inner;
	const char *what;
	enum inflate_kind kind;
	z_stream z;
	ZSTD_DStream *zstd;
	bool inside; /* of a gzip member or zstd frame */
	bool eof;    /* `inner` is at its end */
	uint64_t in, out;
	size_t pos, len; /* of what is unread in data */
	uint8_t data[INFLATE_IN];
};

/* More input behind what is there; *ret false at the end. */
static int inflate_fill(struct inflate *f, struct sm_err *e)
{
	ssize_t n;

	if (f->eof)
		return 0;
	if (f->pos == f->len)
		f->pos = f->len = 0;
	n = blob_read(f->inner, f->data + f->len, sizeof(f->data) - f->len, e);
	if (n < 0)
		return (int)n;
	f->eof = !n;
	f->len += (size_t)n;
	f->in += (uint64_t)n;
	return 0;
}

static int inflate_corrupt(const struct inflate *f, const char *why, struct sm_err *e)
{
	return err_set(e, EBADMSG, "%s: the compressed stream is damaged: %s", f->what, why);
}

/* Magic numbers: RFC 1952 2.3.1; RFC 8878 3.1.1 and 3.1.2 (skippable frames). */
static int inflate_detect(struct inflate *f, struct sm_err *e)
{
	const uint8_t *p = f->data;

	while (!f->eof && f->len < 4) {
		int rc = inflate_fill(f, e);

		if (rc)
			return rc;
	}
	f->kind = INFLATE_PLAIN;
	if (f->len >= 2 && p[0] == 0x1f && p[1] == 0x8b)
		f->kind = INFLATE_GZIP;
	else if (f->len >= 4 && ((p[0] == 0x28 && p[1] == 0xb5 && p[2] == 0x2f && p[3] == 0xfd) ||
				 ((p[0] & 0xf0) == 0x50 && p[1] == 0x2a && p[2] == 0x4d && p[3] == 0x18)))
		f->kind = INFLATE_ZSTD;
	if (f->kind == INFLATE_GZIP && inflateInit2(&f->z, 15 + 16) != Z_OK)
		return err_errno(e, ENOMEM, "%s", f->what);
	if (f->kind == INFLATE_ZSTD) {
		f->zstd = ZSTD_createDStream();
		if (!f->zstd)
			return err_errno(e, ENOMEM, "%s", f->what);
	}
	return 0;
}

/* One step of zlib; *ret_done bytes came out. */
static int inflate_step_gzip(struct inflate *f, void *buf, size_t len, size_t *ret_done, struct sm_err *e)
{
	int rc;

	f->z.next_in = f->data + f->pos;
	f->z.avail_in = (uInt)(f->len - f->pos);
	f->z.next_out = buf;
	f->z.avail_out = (uInt)num_min(len, 1U << 30);
	len = f->z.avail_out;
	if (!f->inside && inflateReset(&f->z) != Z_OK)
		return inflate_corrupt(f, "reset", e);
	f->inside = true;
	rc = inflate(&f->z, Z_NO_FLUSH);
	f->pos = f->len - f->z.avail_in;
	*ret_done = len - f->z.avail_out;
	if (rc == Z_STREAM_END)
		f->inside = false;
	else if (rc == Z_MEM_ERROR)
		return err_errno(e, ENOMEM, "%s", f->what);
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return inflate_corrupt(f, f->z.msg ? f->z.msg : "not gzip", e);
	return 0;
}

static int inflate_step_zstd(struct inflate *f, void *buf, size_t len, size_t *ret_done, struct sm_err *e)
{
	ZSTD_inBuffer in = { f->data, f->len, f->pos };
	ZSTD_outBuffer out = { buf, len, 0 };
	size_t rc = ZSTD_decompressStream(f->zstd, &out, &in);

	if (ZSTD_isError(rc))
		return inflate_corrupt(f, ZSTD_getErrorName(rc), e);
	f->pos = in.pos;
	f->inside = rc != 0;
	*ret_done = out.pos;
	return 0;
}

static int inflate_step_plain(struct inflate *f, void *buf, size_t len, size_t *ret_done)
{
	*ret_done = num_min(len, f->len - f->pos);
	memcpy(buf, f->data + f->pos, *ret_done);
	f->pos += *ret_done;
	return 0;
}

static int inflate_step(struct inflate *f, void *buf, size_t len, size_t *ret_done, struct sm_err *e)
{
	*ret_done = 0;
	switch (f->kind) {
	case INFLATE_GZIP:
		return inflate_step_gzip(f, buf, len, ret_done, e);
	case INFLATE_ZSTD:
		return inflate_step_zstd(f, buf, len, ret_done, e);
	case INFLATE_PLAIN:
	case INFLATE_UNKNOWN:
		break;
	}
	return inflate_step_plain(f, buf, len, ret_done);
}

static int inflate_account(struct inflate *f, size_t done, struct sm_err *e)
{
	f->out += done;
	if (f->out > INFLATE_MAX || f->out > INFLATE_FREE + f->in * INFLATE_RATIO)
		return err_set(e, EFBIG, "%s: %llu bytes decompress to more than %llu; refused", f->what,
			       (unsigned long long)f->in, (unsigned long long)f->out - done);
	return 0;
}

static ssize_t inflate_read(struct blob *b, void *buf, size_t len, struct sm_err *e)
{
	struct inflate *f = (struct inflate *)b;
	size_t done;
	int rc = f->kind == INFLATE_UNKNOWN ? inflate_detect(f, e) : 0;

	while (!rc) {
		size_t before = f->pos;

		if (f->pos == f->len && !f->eof) {
			rc = inflate_fill(f, e);
			if (rc)
				break;
		}
		if (f->pos == f->len && f->eof && !f->inside)
			return 0;
		rc = inflate_step(f, buf, len, &done, e);
		if (!rc && done)
			rc = inflate_account(f, done, e);
		if (!rc && done)
			return (ssize_t)done;
		if (!rc && f->eof && f->pos == f->len && f->pos == before && f->inside)
			rc = inflate_corrupt(f, "it ends early", e);
	}
	return rc;
}

static void inflate_close(struct blob *b)
{
	struct inflate *f = (struct inflate *)b;

	if (f->kind == INFLATE_GZIP)
		inflateEnd(&f->z);
	ZSTD_freeDStream(f->zstd);
	blob_close(f->inner);
	free(f);
}

int inflate_open(struct blob *inner, const char *what, struct blob **ret, struct sm_err *e)
{
	static const struct blob_ops ops = { inflate_read, inflate_close };
	struct inflate *f = calloc(1, sizeof(*f));

	if (!f) {
		blob_close(inner);
		return err_errno(e, ENOMEM, "%s", what);
	}
	f->blob.ops = &ops;
	f->inner = inner;
	f->what = what;
	*ret = &f->blob;
	return 0;
}
