/* SPDX-License-Identifier: Apache-2.0 */
#include "snap/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LEN (4u << 20)
#define LOW 0x80000000ull
#define HIGH 0x100000000ull

static struct gmem gm;
static struct buf list;
static int file = -1;

static void make_memory(void)
{
	gmem_init(&gm);
	assert_int_equal(gmem_add_anon(&gm, LOW, LEN, NULL), 0);
	assert_int_equal(gmem_add_anon(&gm, HIGH, LEN, NULL), 0);
}

static int set_up(void **state)
{
	(void)state;
	make_memory();
	buf_init(&list, 1 << 20);
	file = memfd_create("memory", MFD_CLOEXEC);
	return file < 0;
}

static int tear_down(void **state)
{
	(void)state;
	gmem_fini(&gm);
	buf_fini(&list);
	close(file);
	return 0;
}

static void poke(uint64_t gpa, uint8_t v)
{
	assert_true(gmem_write(&gm, gpa, &v, 1));
}

static uint8_t peek(uint64_t gpa)
{
	uint8_t v = 0xee;

	assert_true(gmem_read(&gm, gpa, &v, 1));
	return v;
}

static void save(void)
{
	int pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	assert_true(pagemap >= 0);
	assert_int_equal(snap_memory_save(&gm, pagemap, file, &list, NULL), 0);
	close(pagemap);
}

static int map(void)
{
	struct cursor in = cursor_of(list.data, list.len);

	gmem_fini(&gm);
	make_memory();
	return snap_memory_map(&gm, file, &in, NULL);
}

static void memory_comes_back_sparse(void **state)
{
	struct stat st;

	(void)state;
	poke(LOW + 5, 1);
	poke(LOW + SNAP_HOLE_MIN, 2);	       /* near: one extent with the first */
	poke(LOW + LEN - 1, 3);		       /* far, and at the region's end */
	poke(HIGH, 4);			       /* touches it in the file, but is another extent */
	poke(HIGH + SNAP_EXTENT + 4096, 0);    /* used and zero */
	poke(HIGH + LEN / 2 + SNAP_EXTENT, 5); /* at the start of a unit */
	save();
	assert_int_equal(le32_get(list.data), 4);
	assert_int_equal(fstat(file, &st), 0);
	assert_true(st.st_blocks * 512 < LEN);
	assert_int_equal(map(), 0);
	assert_int_equal(peek(LOW + 5), 1);
	assert_int_equal(peek(LOW + SNAP_HOLE_MIN), 2);
	assert_int_equal(peek(LOW + LEN - 1), 3);
	assert_int_equal(peek(HIGH), 4);
	assert_int_equal(peek(HIGH + LEN / 2 + SNAP_EXTENT), 5);
	assert_int_equal(peek(LOW + LEN / 2), 0);
	/* Private: the file does not change, nor does another machine of it. */
	poke(HIGH, 9);
	assert_int_equal(map(), 0);
	assert_int_equal(peek(HIGH), 4);
}

static void one_extent(uint64_t off, uint64_t len)
{
	buf_reset(&list);
	buf_put_u32(&list, 1);
	buf_put_u64(&list, off);
	buf_put_u64(&list, len);
}

static void map_refuses_impossible_lists(void **state)
{
	static const uint64_t bad[][2] = {
		{ 0, 0 },
		{ 0, 4096 },
		{ 4096, SNAP_EXTENT },
		{ 0, UINT64_MAX },
		{ 0ull - SNAP_EXTENT, SNAP_EXTENT },
		{ 0, 2 * LEN },
		{ LEN - SNAP_EXTENT, 2 * SNAP_EXTENT },
		{ 2 * LEN, SNAP_EXTENT },
	};

	(void)state;
	assert_int_equal(ftruncate(file, 3 * LEN), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		one_extent(bad[i][0], bad[i][1]);
		assert_int_equal(map(), -EBADMSG);
	}
	one_extent(LEN - SNAP_EXTENT, SNAP_EXTENT);
	assert_int_equal(map(), 0);
	/* The file is shorter than the list says. */
	assert_int_equal(ftruncate(file, LEN - 1), 0);
	assert_int_equal(map(), -EBADMSG);
	le32_put(list.data, UINT32_MAX);
	assert_int_equal(map(), -EBADMSG);
	list.len = 3;
	assert_int_equal(map(), -EBADMSG);
}

static void map_refuses_overlaps(void **state)
{
	(void)state;
	assert_int_equal(ftruncate(file, 2 * LEN), 0);
	one_extent(SNAP_EXTENT, 2 * SNAP_EXTENT);
	buf_put_u64(&list, 2 * SNAP_EXTENT);
	buf_put_u64(&list, SNAP_EXTENT);
	le32_put(list.data, 2);
	assert_int_equal(map(), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(memory_comes_back_sparse, set_up, tear_down),
		cmocka_unit_test_setup_teardown(map_refuses_impossible_lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(map_refuses_overlaps, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
