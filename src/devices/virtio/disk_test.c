/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/virtio/gpt.h"
#include "util/bytes.h"
#include "util/num.h"

#define MIB (1u << 20)

static int layer_file(size_t len, uint8_t seed)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);
	uint8_t *p = malloc(len + 1);

	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)(seed + i * 13 + i / 512);
	assert_int_equal(write(fd, p, len), len);
	free(p);
	return fd;
}

static struct disk *open_layers(const size_t *lens, uint32_t nr)
{
	int fds[DISK_LAYERS_MAX];
	struct disk *d;

	for (uint32_t i = 0; i < nr; i++)
		fds[i] = layer_file(lens[i], (uint8_t)(i + 1));
	assert_int_equal(disk_layers_open(fds, nr, &d, NULL), 0);
	return d;
}

static void disk_read(struct disk *d, uint64_t off, void *dst, size_t len)
{
	struct iovec iov = { dst, len };

	assert_int_equal(d->ops->preadv(d, &iov, 1, off), 0);
}

static void check_header(struct disk *d, uint64_t lba, uint64_t other, uint64_t entries)
{
	uint8_t h[512], *table = malloc(GPT_ENTRIES * 128);
	uint32_t crc;

	disk_read(d, lba * 512, h, sizeof(h));
	assert_memory_equal(h, "EFI PART", 8);
	crc = le32_get(h + 16);
	le32_put(h + 16, 0);
	assert_int_equal(gpt_crc32(h, 92), crc);
	assert_int_equal(le64_get(h + 24), lba);
	assert_int_equal(le64_get(h + 32), other);
	assert_int_equal(le64_get(h + 72), entries);
	disk_read(d, entries * 512, table, GPT_ENTRIES * 128);
	assert_int_equal(gpt_crc32(table, GPT_ENTRIES * 128), le32_get(h + 88));
	free(table);
}

static void crc32_is_the_common_one(void **state)
{
	(void)state;
	assert_int_equal(gpt_crc32("123456789", 9), 0xcbf43926);
}

static void layers_disk_has_a_valid_table(void **state)
{
	static const size_t lens[] = { 4096, MIB + 512, 777 };
	struct disk *d = open_layers(lens, 3);
	uint64_t sectors = d->ops->size(d) / 512;
	uint8_t mbr[512], entry[3][128];

	(void)state;
	disk_read(d, 0, mbr, sizeof(mbr));
	assert_int_equal(mbr[450], 0xee);
	assert_int_equal(le32_get(mbr + 454), 1);
	assert_int_equal(le32_get(mbr + 458), sectors - 1);
	assert_int_equal(le16_get(mbr + 510), 0xaa55);
	check_header(d, 1, sectors - 1, 2);
	check_header(d, sectors - 1, 1, sectors - 33);
	disk_read(d, 1024, entry, sizeof(entry));
	for (int i = 0; i < 3; i++) {
		uint64_t first = le64_get(entry[i] + 32), last = le64_get(entry[i] + 40);

		assert_int_equal(first % (MIB / 512), 0);
		assert_int_equal(last - first + 1, num_align_up(lens[i], 512) / 512);
		assert_true(!i || first > le64_get(entry[i - 1] + 40));
		assert_int_equal(le64_get(entry[i] + 48), 1ull << 60);
		for (int j = 0; j < i; j++)
			assert_memory_not_equal(entry[i] + 16, entry[j] + 16, 16);
	}
	disk_close(d);
}

/* Every read, however it lies over tables, layers and gaps, gives what a plain copy of the disk has. */
static void layers_disk_reads_alike_in_any_pieces(void **state)
{
	static const size_t lens[] = { 700, 4096, MIB, 3 };
	struct disk *d = open_layers(lens, 4);
	size_t size = d->ops->size(d);
	uint8_t *whole = malloc(size), *buf = malloc(300000);

	(void)state;
	for (size_t off = 0; off < size; off += 512)
		disk_read(d, off, whole + off, 512);
	srandom(1);
	for (int round = 0; round < 400; round++) {
		struct iovec iov[8];
		size_t off = (size_t)random() % (size / 512) * 512, at = 0;
		int nr = 0;

		if (round % 2)
			off = num_min((size_t)(round % 6 + 1) * MIB + 4096 - 512 * 20, size - 512);
		for (; nr < 8 && off + at < size; nr++) {
			size_t n = num_min((size_t)random() % 30000 + 1, size - off - at);

			iov[nr] = (struct iovec){ buf + at, n };
			at += n;
		}
		memset(buf, 0xcc, at);
		assert_int_equal(d->ops->preadv(d, iov, nr, off), 0);
		assert_memory_equal(buf, whole + off, at);
	}
	/* The rest of a last sector is zeroes. */
	assert_int_equal(whole[MIB], 1);
	assert_int_equal(whole[MIB + 699], (uint8_t)(1 + 699 * 13 + 1));
	for (size_t i = 700; i < 1024; i++)
		assert_int_equal(whole[MIB + i], 0);
	free(whole);
	free(buf);
	disk_close(d);
}

static void layers_disk_is_the_same_every_time(void **state)
{
	static const size_t lens[] = { 5000, 60000 };
	uint8_t a[GPT_HEAD_LEN], b[GPT_HEAD_LEN];
	struct disk *d = open_layers(lens, 2);

	(void)state;
	disk_read(d, 0, a, sizeof(a));
	disk_close(d);
	d = open_layers(lens, 2);
	disk_read(d, 0, b, sizeof(b));
	disk_close(d);
	assert_memory_equal(a, b, sizeof(a));
}

static void layers_disk_takes_as_many_as_fit(void **state)
{
	size_t lens[DISK_LAYERS_MAX];
	struct disk *d;
	uint8_t entry[128];
	int none[DISK_LAYERS_MAX + 1];

	(void)state;
	for (uint32_t i = 0; i < DISK_LAYERS_MAX; i++)
		lens[i] = 512 * (i + 1);
	d = open_layers(lens, DISK_LAYERS_MAX);
	assert_int_equal(d->ops->size(d), (DISK_LAYERS_MAX + 2) * (uint64_t)MIB);
	disk_read(d, 1024 + 127 * 128, entry, 128);
	assert_int_equal(le64_get(entry + 40) - le64_get(entry + 32) + 1, 128);
	disk_close(d);
	for (uint32_t i = 0; i <= DISK_LAYERS_MAX; i++)
		none[i] = -1;
	assert_int_equal(disk_layers_open(none, DISK_LAYERS_MAX + 1, &d, NULL), -E2BIG);
	assert_int_equal(disk_layers_open(none, 0, &d, NULL), 0);
	disk_close(d);
}

static void layers_disk_refuses_what_is_no_file(void **state)
{
	int empty = memfd_create("empty", MFD_CLOEXEC), dir = open("/", O_RDONLY | O_CLOEXEC);
	struct disk *d;
	struct sm_err e;

	(void)state;
	assert_int_equal(disk_layers_open(&empty, 1, &d, &e), -EINVAL);
	assert_int_equal(disk_layers_open(&dir, 1, &d, &e), -EINVAL);
	assert_int_equal(fcntl(empty, F_GETFD), -1); /* taken */
	assert_int_equal(fcntl(dir, F_GETFD), -1);
	dir = open("/", O_RDONLY | O_CLOEXEC);
	assert_int_equal(disk_file_open(dir, true, &d, &e), -EINVAL);
	assert_int_equal(fcntl(dir, F_GETFD), -1);
}

static void file_disk_ends_at_a_whole_sector(void **state)
{
	struct disk *d;

	(void)state;
	assert_int_equal(disk_file_open(layer_file(1500, 1), true, &d, NULL), 0);
	assert_int_equal(d->ops->size(d), 1024);
	assert_null(d->ops->pwritev);
	disk_close(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc32_is_the_common_one),
		cmocka_unit_test(layers_disk_has_a_valid_table),
		cmocka_unit_test(layers_disk_reads_alike_in_any_pieces),
		cmocka_unit_test(layers_disk_is_the_same_every_time),
		cmocka_unit_test(layers_disk_takes_as_many_as_fit),
		cmocka_unit_test(layers_disk_refuses_what_is_no_file),
		cmocka_unit_test(file_disk_ends_at_a_whole_sector),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
