/* SPDX-License-Identifier: Apache-2.0 */
#include "image/parents.h"

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

#include "image/erofs-read.h"
#include "image/erofs.h"
#include "util/fd.h"

static const uint8_t uuid[16] = "0123456789abcde";

static int memory_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* A layer with "d/f"; an entry for "d" gives it the mode, 0 leaves it out. */
static int layer(uint32_t mode)
{
	char scratch[TREE_PATH_MAX];
	struct tree_place p;
	struct tree_inode *i;
	struct tree *t;
	struct erofs w;
	int fd = memory_file();

	assert_int_equal(tree_create(&t, NULL), 0);
	assert_int_equal(tree_resolve(t, "d/f", scratch, &p, NULL), 0);
	assert_int_equal(tree_link(t, &p, tree_new_inode(t, S_IFREG | 0644), NULL), 0);
	if (mode) {
		assert_int_equal(tree_resolve(t, "d", scratch, &p, NULL), 0);
		assert_int_equal(tree_put_dir(t, &p, &i, NULL), 0);
		i->mode = S_IFDIR | mode;
		i->uid = 70000;
		i->implied = false;
	}
	erofs_init(&w, fd);
	assert_int_equal(erofs_finish(&w, t, uuid, NULL), 0);
	tree_destroy(t);
	return fd;
}

static int make(int lower, int upper, int *ret_fd, bool *ret_made)
{
	int fds[2] = { lower, upper };

	*ret_fd = memory_file();
	return parents_make(fds, 2, *ret_fd, uuid, ret_made, NULL);
}

static void unnamed_directory_is_taken_from_below(void **state)
{
	int lower = layer(0710), upper = layer(0), fd;
	struct erofs_dirent entry;
	struct erofs_image m;
	struct erofs_inode i;
	struct erofs_dir d;
	bool made;

	(void)state;
	assert_int_equal(make(lower, upper, &fd, &made), 0);
	assert_true(made);
	assert_int_equal(erofs_open(fd, &m, NULL), 0);
	assert_int_equal(erofs_load_inode(&m, m.root, &i, NULL), 0);
	assert_int_equal(erofs_dir_load(&m, &i, &d, NULL), 0);
	assert_int_equal(erofs_dir_next(&d, &entry, NULL), 1);
	assert_int_equal(entry.name_len, 1);
	assert_int_equal(*entry.name, 'd');
	assert_int_equal(erofs_load_inode(&m, entry.nid, &i, NULL), 0);
	assert_int_equal(i.mode, S_IFDIR | 0710);
	assert_int_equal(i.uid, 70000);
	assert_int_equal(erofs_dir_next(&d, &entry, NULL), 0);
	erofs_dir_fini(&d);
	close(fd);
	close(lower);
	close(upper);
}

static void nothing_is_made_where_all_is_named(void **state)
{
	int lower = layer(0700), upper = layer(0755), none = layer(0), fd;
	bool made = true;

	(void)state;
	assert_int_equal(make(lower, upper, &fd, &made), 0);
	assert_false(made);
	close(fd);
	/* Where nobody names it, there is nothing to take. */
	assert_int_equal(make(none, none, &fd, &made), 0);
	assert_false(made);
	close(fd);
	/* The lower one's does not matter. */
	assert_int_equal(make(none, upper, &fd, &made), 0);
	assert_false(made);
	close(fd);
	close(lower);
	close(upper);
	close(none);
}

/* Whatever byte of the directories is another: an error or some tree, in bounds. */
static void damaged_layer_is_survived(void **state)
{
	int lower = layer(0700), upper = layer(0), fd;
	struct stat st;
	bool made;

	(void)state;
	assert_int_equal(fstat(upper, &st), 0);
	for (off_t at = EROFS_BLOCK; at < st.st_size; at++) {
		uint8_t was, is;

		assert_int_equal(pread(upper, &was, 1, at), 1);
		is = was ^ 0xff;
		assert_int_equal(pwrite(upper, &is, 1, at), 1);
		make(lower, upper, &fd, &made);
		close(fd);
		assert_int_equal(pwrite(upper, &was, 1, at), 1);
	}
	assert_int_equal(pwrite(upper, "x", 1, 1024 + 48), 1);
	assert_int_equal(make(lower, upper, &fd, &made), -EBADMSG);
	close(fd);
	assert_int_equal(ftruncate(upper, 100), 0);
	assert_int_equal(make(lower, upper, &fd, &made), -EBADMSG);
	close(fd);
	close(lower);
	close(upper);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unnamed_directory_is_taken_from_below),
		cmocka_unit_test(nothing_is_made_where_all_is_named),
		cmocka_unit_test(damaged_layer_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
