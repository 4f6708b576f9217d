/* SPDX-License-Identifier: Apache-2.0 */
#include "image/erofs-sum.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "image/erofs-format.h"
#include "util/fd.h"
#include "util/num.h"

#define EROFS_SUM_BLOCKS 64U

static void erofs_sum_block(EVP_MD_CTX *md, uint64_t number, const uint8_t *block)
{
	uint8_t n[8];

	if (erofs_zero(block, EROFS_BLOCK))
		return;
	le64_put(n, number);
	EVP_DigestUpdate(md, n, sizeof(n));
	EVP_DigestUpdate(md, block, EROFS_BLOCK);
}

/* Blocks from `at` to `end`; a last one that is cut short counts as zero. */
static int erofs_sum_extent(EVP_MD_CTX *md, int fd, uint8_t *buf, uint64_t at, uint64_t end)
{
	while (at < end) {
		uint64_t want = num_min(end - at, EROFS_SUM_BLOCKS * EROFS_BLOCK);
		ssize_t n = fd_pread_full(fd, buf, want, at);

		if (n < 0)
			return (int)n;
		for (ssize_t i = 0; i + (ssize_t)EROFS_BLOCK <= n; i += EROFS_BLOCK)
			erofs_sum_block(md, at / EROFS_BLOCK + (uint64_t)i / EROFS_BLOCK, buf + i);
		at += want;
	}
	return 0;
}

/* Holes need not be read: where the file system knows none, they are zero blocks. */
static int erofs_sum_all(EVP_MD_CTX *md, int fd, uint8_t *buf)
{
	uint64_t at = EROFS_BLOCK;

	for (;;) {
		off_t data = lseek(fd, (off_t)at, SEEK_DATA), hole;
		uint64_t end;
		int rc;

		if (data < 0)
			return errno == ENXIO ? 0 : -errno;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0)
			return -errno;
		data -= data % EROFS_BLOCK;
		at = (uint64_t)data > at ? (uint64_t)data : at;
		end = num_align_up((uint64_t)hole, EROFS_BLOCK);
		rc = erofs_sum_extent(md, fd, buf, at, end);
		if (rc)
			return rc;
		at = end;
	}
}

int erofs_sum(int fd, char ret[EROFS_SUM_LEN + 1], struct sm_err *e)
{
	uint8_t *buf = malloc(EROFS_SUM_BLOCKS * EROFS_BLOCK), raw[EVP_MAX_MD_SIZE] = { 0 };
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	int rc = buf && md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	if (!rc)
		rc = erofs_sum_all(md, fd, buf);
	if (!rc) {
		EVP_DigestFinal_ex(md, raw, NULL);
		for (int i = 0; i < EROFS_SUM_LEN / 2; i++)
			sprintf(ret + i * 2, "%02x", raw[i]);
	}
	EVP_MD_CTX_free(md);
	free(buf);
	return rc ? err_errno(e, -rc, "layer") : 0;
}
