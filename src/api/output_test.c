/* SPDX-License-Identifier: Apache-2.0 */
#include "api/output.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

struct fixture {
	char path[40];
	int dir_fd;
	char text[4096]; /* what was read, stream 2 in upper case letters before each piece */
	size_t len;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->path, "/tmp/output_test.XXXXXX");
	f->dir_fd = mkdtemp(f->path) ? open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	*state = f;
	return f->dir_fd < 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	unlinkat(f->dir_fd, "output.log", 0);
	unlinkat(f->dir_fd, "output.log.1", 0);
	close(f->dir_fd);
	rmdir(f->path);
	free(f);
	return 0;
}

static int take(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len)
{
	struct fixture *f = opaque;

	assert_true(time_ns > 0);
	if (stream == 2)
		f->text[f->len++] = '!';
	if (len < sizeof(f->text) - f->len) {
		memcpy(f->text + f->len, data, len);
		f->len += len;
	}
	f->text[f->len] = 0;
	return 0;
}

static bool never(void *opaque)
{
	(void)opaque;
	return false;
}

static const char *read_back(struct fixture *f, int64_t tail)
{
	const struct output_reader r = {
		.dir_fd = f->dir_fd, .tail = tail, .goes_on = never, .fn = take, .opaque = f
	};

	f->len = f->text[0] = 0;
	assert_int_equal(output_read(&r, NULL), 0);
	return f->text;
}

static void bytes_come_back_by_stream(void **state)
{
	struct fixture *f = *state;
	struct output_log l;

	assert_int_equal(output_init(&l, f->dir_fd, OUTPUT_FILE_MAX, NULL), 0);
	output_append(&l, 1, "a\0b", 3);
	output_append(&l, 2, "oops\n", 5);
	output_fini(&l);
	read_back(f, -1);
	assert_int_equal(f->len, 9);
	assert_memory_equal(f->text, "a\0b!oops\n", 9);
}

static void tail_counts_lines_over_pieces(void **state)
{
	struct fixture *f = *state;
	struct output_log l;

	assert_int_equal(output_init(&l, f->dir_fd, OUTPUT_FILE_MAX, NULL), 0);
	output_append(&l, 1, "one\ntw", 6);
	output_append(&l, 1, "o\nthree", 7);
	output_fini(&l);
	assert_string_equal(read_back(f, 1), "three");
	assert_string_equal(read_back(f, 2), "two\nthree");
	assert_string_equal(read_back(f, 0), "");
	assert_string_equal(read_back(f, 9), "one\ntwo\nthree");
}

static void rotation_keeps_the_newest(void **state)
{
	struct fixture *f = *state;
	struct output_log l;
	char line[20];
	struct stat st;

	assert_int_equal(output_init(&l, f->dir_fd, 100, NULL), 0);
	for (int i = 0; i < 50; i++)
		output_append(&l, 1, line, (size_t)snprintf(line, sizeof(line), "line %d\n", i));
	output_fini(&l);
	assert_string_equal(read_back(f, 3), "line 47\nline 48\nline 49\n");
	assert_int_equal(fstatat(f->dir_fd, "output.log.1", &st, 0), 0);
	assert_true(st.st_size < 200);
}

static void torn_record_ends_the_file(void **state)
{
	struct fixture *f = *state;
	struct output_log l;
	struct stat st;

	assert_int_equal(output_init(&l, f->dir_fd, OUTPUT_FILE_MAX, NULL), 0);
	output_append(&l, 1, "whole\n", 6);
	output_append(&l, 1, "torn\n", 5);
	assert_int_equal(fstat(l.fd, &st), 0);
	assert_int_equal(ftruncate(l.fd, st.st_size - 2), 0);
	output_fini(&l);
	assert_string_equal(read_back(f, -1), "whole\n");
}

static void follow_ends_with_the_owner_and_reads_all(void **state)
{
	struct fixture *f = *state;
	struct output_log l;
	const struct output_reader r = {
		.dir_fd = f->dir_fd, .tail = -1, .follow = true, .goes_on = never, .fn = take, .opaque = f
	};

	assert_int_equal(output_init(&l, f->dir_fd, OUTPUT_FILE_MAX, NULL), 0);
	output_append(&l, 1, "last words\n", 11);
	output_fini(&l);
	assert_int_equal(output_read(&r, NULL), 0);
	assert_string_equal(f->text, "last words\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bytes_come_back_by_stream, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tail_counts_lines_over_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rotation_keeps_the_newest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(torn_record_ends_the_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(follow_ends_with_the_owner_and_reads_all, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
