/* SPDX-License-Identifier: Apache-2.0 */
#include "image/erofs-read.h"
#include "image/erofs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "image/inflate.h"
#include "image/tar.h"
#include "oci/blob.h"
#include "util/fd.h"

static const uint8_t uuid[16] = "0123456789abcde";

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(fd_pwrite_full(fd, data, len, 0), 0);
	return fd;
}

/* One ustar header for `name`, checksummed, followed by nothing. */
static void header(uint8_t block[512], const char *name, char type, unsigned size)
{
	unsigned sum = 0;

	memset(block, 0, 512);
	strcpy((char *)block, name);
	strcpy((char *)block + 100, "0000644");
	strcpy((char *)block + 108, "0000000");
	strcpy((char *)block + 116, "0000000");
	sprintf((char *)block + 124, "%011o", size);
	strcpy((char *)block + 136, "00000000000");
	memset(block + 148, ' ', 8);
	block[156] = (uint8_t)type;
	strcpy((char *)block + 257, "ustar");
	block[263] = block[264] = '0';
	for (int i = 0; i < 512; i++)
		sum += block[i];
	sprintf((char *)block + 148, "%06o", sum);
}

static int convert(const uint8_t *tar, size_t len, int *ret_fd, struct sm_err *e)
{
	struct blob *b;
	int rc, out = memory_file("", 0);

	assert_int_equal(blob_open_fd(memory_file(tar, len), "tar", &b, NULL), 0);
	rc = tar_to_erofs(b, out, uuid, e);
	blob_close(b);
	*ret_fd = out;
	return rc;
}

static void same_archive_gives_same_bytes(void **state)
{
	uint8_t tar[4096] = { 0 }, one[32768], two[32768];
	int a, b;

	(void)state;
	header(tar, "dir/", '5', 0);
	header(tar + 512, "dir/file", '0', 5);
	memcpy(tar + 1024, "hello", 6);
	assert_int_equal(convert(tar, sizeof(tar), &a, NULL), 0);
	assert_int_equal(convert(tar, sizeof(tar), &b, NULL), 0);
	assert_int_equal(fd_pread_full(a, one, sizeof(one), 0), 3 * EROFS_BLOCK);
	assert_int_equal(fd_pread_full(b, two, sizeof(two), 0), 3 * EROFS_BLOCK);
	assert_memory_equal(one, two, 3 * EROFS_BLOCK);
	assert_memory_equal(one + 4096, "hello", 6);
	assert_memory_equal(one + 1024 + 48, uuid, 16);
	close(a);
	close(b);
}

static void empty_archive_is_an_empty_root(void **state)
{
	static const uint8_t tar[1024];
	struct sm_err e = { 0 };
	bool opaque = true;
	int fd;

	(void)state;
	assert_int_equal(convert(tar, sizeof(tar), &fd, &e), 0);
	assert_int_equal(erofs_root_opaque(fd, &opaque, &e), 0);
	assert_false(opaque);
	close(fd);
	assert_int_equal(convert(tar, 0, &fd, &e), 0);
	close(fd);
}

static void opaque_root_is_seen(void **state)
{
	uint8_t tar[2048] = { 0 };
	bool opaque = false;
	int fd;

	(void)state;
	header(tar, ".wh..wh..opq", '0', 0);
	assert_int_equal(convert(tar, sizeof(tar), &fd, NULL), 0);
	assert_int_equal(erofs_root_opaque(fd, &opaque, NULL), 0);
	assert_true(opaque);
	close(fd);
}

static void truncated_archive_is_refused(void **state)
{
	uint8_t tar[1024] = { 0 };
	struct sm_err e = { 0 };
	int fd;

	(void)state;
	header(tar, "file", '0', 5000);
	assert_int_equal(convert(tar, sizeof(tar), &fd, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "file"));
	close(fd);
	assert_int_equal(convert(tar, 300, &fd, &e), -EBADMSG);
	close(fd);
}

static void xattr_names_are_split(void **state)
{
	char longest[300];
	struct buf b;

	(void)state;
	buf_init(&b, EROFS_XATTRS_MAX);
	assert_true(erofs_xattr_put(&b, "user.a", "xyz", 3));
	assert_int_equal(b.len, 8);
	assert_memory_equal(b.data, "\1\1\3\0axyz", 8);
	buf_reset(&b);
	assert_true(erofs_xattr_put(&b, "system.posix_acl_access", "12", 2));
	assert_memory_equal(b.data,
			    "\0\2\2\0"
			    "12\0\0",
			    8);
	buf_reset(&b);
	assert_false(erofs_xattr_put(&b, "user.", "", 0));
	assert_false(erofs_xattr_put(&b, "system.posix_acl_accessx", "", 0));
	assert_false(erofs_xattr_put(&b, "com.apple.x", "", 0));
	assert_false(erofs_xattr_put(&b, "", "", 0));
	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "user.x", 6);
	longest[5 + 256] = 0;
	assert_false(erofs_xattr_put(&b, longest, "", 0));
	longest[5 + 255] = 0;
	assert_true(erofs_xattr_put(&b, longest, "", 0));
	buf_fini(&b);
}

static void too_large_a_file_is_refused(void **state)
{
	struct sm_err e = { 0 };
	struct erofs w;
	uint64_t block;

	(void)state;
	erofs_init(&w, -1);
	assert_int_equal(erofs_data_reserve(&w, UINT64_MAX, &block, &e), -EFBIG);
	assert_int_equal(erofs_data_reserve(&w, (uint64_t)8 << 40, &block, &e), 0);
	assert_int_equal(block, 1);
	assert_int_equal(erofs_data_reserve(&w, (uint64_t)8 << 40, &block, &e), -EFBIG);
}

/* ---- decompression ---- */

static int inflated(const void *data, size_t len, char **ret, size_t *ret_len)
{
	struct blob *b, *in;
	struct sm_err e = { 0 };
	int rc;

	assert_int_equal(blob_open_fd(memory_file(data, len), "blob", &b, NULL), 0);
	assert_int_equal(inflate_open(b, "blob", &in, NULL), 0);
	rc = blob_read_all(in, 1 << 20, "blob", ret, ret_len, &e);
	blob_close(in);
	return rc;
}

static const uint8_t gzip_hi[] = { 0x1f, 0x8b, 8, 0,	0,    0,    0,	  0, 2, 3, 0xcb,
				   0xc8, 4,    0, 0xac, 0x2a, 0x93, 0xd8, 2, 0, 0, 0 };

static void gzip_members_are_joined(void **state)
{
	uint8_t twice[2 * sizeof(gzip_hi)];
	char *text;
	size_t len;

	(void)state;
	memcpy(twice, gzip_hi, sizeof(gzip_hi));
	memcpy(twice + sizeof(gzip_hi), gzip_hi, sizeof(gzip_hi));
	assert_int_equal(inflated(twice, sizeof(twice), &text, &len), 0);
	assert_int_equal(len, 4);
	assert_string_equal(text, "hihi");
	free(text);
}

static void plain_bytes_pass(void **state)
{
	char *text;
	size_t len;

	(void)state;
	assert_int_equal(inflated("abc", 3, &text, &len), 0);
	assert_string_equal(text, "abc");
	free(text);
	assert_int_equal(inflated("", 0, &text, &len), 0);
	assert_int_equal(len, 0);
	free(text);
}

static void every_truncation_is_refused(void **state)
{
	char *text;
	size_t len;

	(void)state;
	for (size_t n = 2; n < sizeof(gzip_hi); n++)
		assert_int_equal(inflated(gzip_hi, n, &text, &len), -EBADMSG);
}

static void garbage_behind_a_member_is_refused(void **state)
{
	uint8_t more[sizeof(gzip_hi) + 3];
	char *text;
	size_t len;

	(void)state;
	memcpy(more, gzip_hi, sizeof(gzip_hi));
	memset(more + sizeof(gzip_hi), 'x', 3);
	assert_int_equal(inflated(more, sizeof(more), &text, &len), -EBADMSG);
}

static void verified_blob_refuses_other_bytes(void **state)
{
	static const struct {
		uint64_t size;
		const char *digest;
		int want;
	} rows[] = {
		{ 3, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", 0 },
		{ 3, "sha256:0a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", -EBADMSG },
		{ 2, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", -EBADMSG },
		{ 4, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", -EBADMSG },
		{ 0, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct blob_verify v = { .what = "x", .digest = rows[i].digest, .size = rows[i].size };
		struct blob *b, *in;
		struct sm_err e = { 0 };
		char *text = NULL;
		size_t len;

		assert_int_equal(blob_open_fd(memory_file("abc", 3), "x", &b, NULL), 0);
		assert_int_equal(blob_open_verify(b, &v, &in, NULL), 0);
		assert_int_equal(blob_read_all(in, 100, "x", &text, &len, &e), rows[i].want);
		blob_close(in);
		if (!rows[i].want)
			free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same_archive_gives_same_bytes),
		cmocka_unit_test(empty_archive_is_an_empty_root),
		cmocka_unit_test(opaque_root_is_seen),
		cmocka_unit_test(truncated_archive_is_refused),
		cmocka_unit_test(xattr_names_are_split),
		cmocka_unit_test(too_large_a_file_is_refused),
		cmocka_unit_test(gzip_members_are_joined),
		cmocka_unit_test(plain_bytes_pass),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(garbage_behind_a_member_is_refused),
		cmocka_unit_test(verified_blob_refuses_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
