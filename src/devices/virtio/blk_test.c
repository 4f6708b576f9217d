/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/ring.h"

#define IN 0
#define OUT 1
#define FLUSH 4
#define GET_ID 8
#define DISCARD 11
#define WRITE_ZEROES 13
#define OK 0
#define IOERR 1
#define UNSUPP 2
#define NOTHING 0xee
#define SECTORS 64u

static struct ring_driver d;
static struct blk *blk;
static int file; /* the backing file, for a look behind the device */
static uint64_t header, data, status;

static void start(bool read_only)
{
	struct blk_options opt = { .read_only = read_only, .serial = "serial-of-20-bytes--and more" };
	struct virtio_config cfg;

	ring_init(&d);
	file = memfd_create("disk", MFD_CLOEXEC);
	assert_int_equal(ftruncate(file, SECTORS * 512 + 100), 0);
	assert_int_equal(disk_file_open(dup(file), read_only, &opt.disk, NULL), 0);
	cfg = ring_config(&d);
	assert_int_equal(blk_create(&cfg, &opt, &blk, NULL), 0);
	d.vd = blk_virtio(blk);
	ring_start(&d, RING_FEATURES_ALL, 64);
	header = ring_alloc(&d, 16);
	data = ring_alloc(&d, 1 << 20);
	status = ring_alloc(&d, 1);
}

static int set_up(void **state)
{
	(void)state;
	start(false);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ring_fini(&d);
	close(file);
	return 0;
}

/* `bufs` come between header and status. Returns the status byte. */
static uint8_t request_bufs(uint32_t type, uint64_t sector, const struct ring_buf *bufs, uint16_t nr,
			    uint32_t *ret_len)
{
	struct ring_buf all[32] = { { header, 16, false } };
	uint8_t raw[16] = { 0 }, s = NOTHING;

	le32_put(raw, type);
	le64_put(raw + 8, sector);
	ring_write(&d, header, raw, sizeof(raw));
	ring_write(&d, status, &s, 1);
	memcpy(all + 1, bufs, nr * sizeof(*bufs));
	all[nr + 1] = (struct ring_buf){ status, 1, true };
	ring_add(&d, 0, all, (uint16_t)(nr + 2));
	ring_kick(&d, 0);
	ring_serve(&d);
	assert_true(ring_used(&d, 0, NULL, ret_len));
	assert_false(ring_used(&d, 0, NULL, NULL));
	ring_read(&d, status, &s, 1);
	return s;
}

static uint8_t request(uint32_t type, uint64_t sector, uint32_t len, bool write)
{
	struct ring_buf buf = { data, len, write };
	uint32_t used;

	return request_bufs(type, sector, &buf, len ? 1 : 0, &used);
}

static uint8_t range_request(uint32_t type, uint64_t sector, uint32_t sectors, uint32_t flags)
{
	uint8_t raw[16];

	le64_put(raw, sector);
	le32_put(raw + 8, sectors);
	le32_put(raw + 12, flags);
	ring_write(&d, data, raw, sizeof(raw));
	return request(type, 0, sizeof(raw), false);
}

static void blk_writes_and_reads_back(void **state)
{
	uint8_t out[2048], in[2048];
	struct ring_buf bufs[3] = { { data, 512, false },
				    { data + 4096, 1024, false },
				    { data + 9000, 512, false } };
	uint32_t used;

	(void)state;
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	ring_write(&d, data, out, 512);
	ring_write(&d, data + 4096, out + 512, 1024);
	ring_write(&d, data + 9000, out + 1536, 512);
	assert_int_equal(request_bufs(OUT, 5, bufs, 3, &used), OK);
	assert_int_equal(used, 1);
	assert_int_equal(pread(file, in, sizeof(in), 5 * 512), sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	for (int i = 0; i < 3; i++)
		bufs[i].write = true;
	bufs[1].gpa += 0x10000;
	assert_int_equal(request_bufs(IN, 5, bufs, 3, &used), OK);
	assert_int_equal(used, 2049);
	ring_read(&d, data + 4096 + 0x10000, in, 1024);
	assert_memory_equal(in, out + 512, 1024);
}

static void blk_refuses_ranges_off_the_disk(void **state)
{
	static const struct {
		uint64_t sector;
		uint32_t len;
	} rows[] = { { SECTORS, 512 },
		     { SECTORS - 1, 1024 },
		     { UINT64_MAX, 512 },
		     { UINT64_MAX / 512 + 1, 512 }, /* sector * 512 wraps to 0 */
		     { 0, 511 },
		     { 0, 1 },
		     { 0, (SECTORS + 1) * 512 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(request(IN, rows[i].sector, rows[i].len, true), IOERR);
		assert_int_equal(request(OUT, rows[i].sector, rows[i].len, false), IOERR);
	}
	assert_int_equal(request(IN, SECTORS - 1, 512, true), OK);
	assert_int_equal(range_request(DISCARD, UINT64_MAX, 1, 0), IOERR);
	assert_int_equal(range_request(DISCARD, 0, SECTORS + 1, 0), IOERR);
	assert_int_equal(range_request(WRITE_ZEROES, 1ull << 55, 8, 0), IOERR);
	assert_int_equal(range_request(WRITE_ZEROES, 0, UINT32_MAX, 0), IOERR);
}

static void blk_discards_and_zeroes(void **state)
{
	uint8_t ones[4096], in[4096], zeroes[4096] = { 0 };
	struct stat before, after;

	(void)state;
	memset(ones, 1, sizeof(ones));
	for (int i = 0; i < 4; i++)
		assert_int_equal(pwrite(file, ones, sizeof(ones), 4096 * i), sizeof(ones));
	fstat(file, &before);
	assert_int_equal(range_request(DISCARD, 0, 8, 0), OK);
	assert_int_equal(range_request(WRITE_ZEROES, 8, 8, 1), OK);
	fstat(file, &after);
	assert_true(after.st_blocks < before.st_blocks);
	assert_int_equal(range_request(WRITE_ZEROES, 17, 1, 0), OK);
	assert_int_equal(pread(file, in, 4096, 4096), 4096);
	assert_memory_equal(in, zeroes, 4096);
	assert_int_equal(pread(file, in, 4096, 8192), 4096);
	assert_memory_equal(in, ones, 512);
	assert_memory_equal(in + 512, zeroes, 512);
	assert_memory_equal(in + 1024, ones, 3072);
	assert_int_equal(range_request(DISCARD, 0, 8, 1), UNSUPP); /* unmap is not for discard */
	assert_int_equal(range_request(WRITE_ZEROES, 0, 8, 2), UNSUPP);
	assert_int_equal(range_request(WRITE_ZEROES, 0, 0, 0), OK);
	assert_int_equal(request(DISCARD, 0, 8, false), IOERR); /* half a segment */
	assert_int_equal(request(DISCARD, 0, 0, false), IOERR);
	assert_int_equal(request(DISCARD, 0, 17 * 16, false), IOERR); /* more than announced */
	assert_int_equal(request(FLUSH, 0, 0, false), OK);
}

static void blk_tells_its_serial(void **state)
{
	char id[21] = { 0 };

	(void)state;
	assert_int_equal(request(GET_ID, 0, 20, true), OK);
	ring_read(&d, data, id, 20);
	assert_string_equal(id, "serial-of-20-bytes--");
	assert_int_equal(request(GET_ID, 0, 100, true), OK);
	assert_int_equal(request(GET_ID, 0, 3, true), OK);
	assert_int_equal(request(GET_ID, 0, 0, true), OK);
}

static void blk_does_not_know_scsi(void **state)
{
	(void)state;
	assert_int_equal(request(2, 0, 512, true), UNSUPP);
	assert_int_equal(request(3, 0, 512, false), UNSUPP);
	assert_int_equal(request(UINT32_MAX, 0, 0, false), UNSUPP);
}

static void blk_read_only_is_enforced_by_the_device(void **state)
{
	uint8_t byte = 9;

	(void)state;
	tear_down(NULL);
	start(true);
	assert_int_equal(d.vd->regs ? ring_config_get(&d, 36, 4) : 1, 0); /* no discard limits */
	assert_int_equal(request(OUT, 0, 512, false), IOERR);
	assert_int_equal(range_request(DISCARD, 0, 8, 0), IOERR);
	assert_int_equal(range_request(WRITE_ZEROES, 0, 8, 0), IOERR);
	assert_int_equal(request(FLUSH, 0, 0, false), OK);
	assert_int_equal(request(IN, 0, 512, true), OK);
	assert_int_equal(pread(file, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
}

static void blk_survives_headers_that_are_too_short(void **state)
{
	struct ring_buf bufs[2] = { { header, 15, false }, { status, 1, true } };
	uint8_t s = NOTHING;
	uint32_t used = 9;

	(void)state;
	ring_write(&d, status, &s, 1);
	ring_add(&d, 0, bufs, 2);
	ring_add(&d, 0, bufs, 1);     /* nothing to write a status to */
	ring_add(&d, 0, bufs + 1, 1); /* no header at all */
	ring_kick(&d, 0);
	ring_serve(&d);
	assert_true(ring_used(&d, 0, NULL, &used));
	assert_int_equal(used, 1);
	ring_read(&d, status, &s, 1);
	assert_int_equal(s, IOERR);
	assert_true(ring_used(&d, 0, NULL, &used));
	assert_int_equal(used, 0);
	assert_true(ring_used(&d, 0, NULL, &used));
	assert_int_equal(ring_reg(&d, RING_STATUS), 15);
}

static void blk_fails_what_a_shrunken_file_cannot_give(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(file, 512), 0);
	assert_int_equal(request(IN, 0, 512, true), OK);
	assert_int_equal(request(IN, 0, 1024, true), IOERR);
	assert_int_equal(request(IN, 40, 512, true), IOERR);
}

static void spare_disk_gets_its_file_later(void **state)
{
	struct disk *disk;
	uint32_t generation;

	(void)state;
	blk_attach(blk, NULL, NULL);
	assert_int_equal(ring_config_get(&d, 0, 8), 0);
	assert_int_equal(request(IN, 0, 512, true), IOERR);
	assert_int_equal(request(OUT, 0, 512, false), IOERR);
	assert_int_equal(request(FLUSH, 0, 0, false), OK);
	generation = ring_reg(&d, 0xfc);
	ring_set(&d, 0x64, 3);
	assert_int_equal(disk_file_open(dup(file), true, &disk, NULL), 0);
	blk_attach(blk, disk, "volume");
	assert_int_equal(ring_config_get(&d, 0, 8), SECTORS);
	assert_int_equal(ring_config_get(&d, 0, 4), SECTORS);
	assert_true(ring_reg(&d, 0xfc) != generation);
	assert_int_equal(ring_reg(&d, 0x60), 2);
	assert_int_equal(request(IN, 0, 512, true), OK);
	assert_int_equal(request(OUT, 0, 512, false), IOERR); /* bound read-only */
}

static void blk_config_space_ends(void **state)
{
	(void)state;
	assert_int_equal(ring_config_get(&d, 12, 4), 254);
	assert_int_equal(ring_config_get(&d, 56, 8), 1);
	assert_int_equal(ring_config_get(&d, 60, 4), 0);
	assert_int_equal(ring_config_get(&d, 0xff, 1), 0);
	virtio_bus_ops.write(d.vd, 0x100, 8, UINT64_MAX);
	assert_int_equal(ring_config_get(&d, 0, 8), SECTORS);
}

static void blk_load_refuses_another_disk(void **state)
{
	struct cursor in;
	struct sm_err e;
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	assert_int_equal(d.vd->dev.ops->save(d.vd, &b, NULL), 0);
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), 0);
	blk_attach(blk, NULL, NULL);
	in = cursor_of(b.data, b.len);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), -EBADMSG);
	in = cursor_of(b.data, b.len - 1);
	assert_int_equal(d.vd->dev.ops->load(d.vd, &in, &e), -EBADMSG);
	buf_fini(&b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blk_writes_and_reads_back),
		T(blk_refuses_ranges_off_the_disk),
		T(blk_discards_and_zeroes),
		T(blk_tells_its_serial),
		T(blk_does_not_know_scsi),
		T(blk_read_only_is_enforced_by_the_device),
		T(blk_survives_headers_that_are_too_short),
		T(blk_fails_what_a_shrunken_file_cannot_give),
		T(spare_disk_gets_its_file_later),
		T(blk_config_space_ends),
		T(blk_load_refuses_another_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
