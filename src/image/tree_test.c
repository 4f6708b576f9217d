/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

static struct tree *tree;
static char scratch[TREE_PATH_MAX];

static int set_up(void **state)
{
	(void)state;
	return tree_create(&tree, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	tree_destroy(tree);
	return 0;
}

static struct tree_place place_of(const char *path)
{
	struct tree_place p;
	struct sm_err e = { 0 };

	if (tree_resolve(tree, path, scratch, &p, &e))
		fail_msg("%s: %s", path, e.text);
	return p;
}

static struct tree_inode *put(const char *path, uint32_t mode)
{
	struct tree_place p = place_of(path);
	struct tree_inode *i;

	if (S_ISDIR(mode)) {
		assert_int_equal(tree_put_dir(tree, &p, &i, NULL), 0);
		return i;
	}
	i = tree_new_inode(tree, mode);
	assert_int_equal(tree_link(tree, &p, i, NULL), 0);
	return i;
}

static struct tree_inode *put_link(const char *path, const char *target)
{
	struct tree_inode *i = put(path, S_IFLNK);

	i->target = target;
	return i;
}

static void whiteout(const char *path)
{
	struct tree_place p = place_of(path);

	assert_int_equal(tree_whiteout(tree, &p, NULL), 0);
}

/* What is at `path`, links not followed; NULL for nothing. Makes no directories. */
static struct tree_inode *at(const char *path)
{
	struct tree_inode *i = tree_root(tree);

	while (*path && i) {
		size_t len = strcspn(path, "/");
		struct tree_entry *d = tree_lookup(tree, i, path, len);

		i = d ? d->inode : NULL;
		path += len + !!path[len];
	}
	return i;
}

static void paths_are_cleaned(void **state)
{
	static const char *const same[] = { "a/b",   "/a/b",	 "./a/b", "a//b",
					    "a/./b", "a/x/../b", "a/b/",  "//a/b/." };

	(void)state;
	put("a", S_IFDIR);
	put("a/b", S_IFREG);
	for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++) {
		struct tree_place p = place_of(same[i]);

		assert_ptr_equal(p.dir, at("a"));
		assert_string_equal(p.name, "b");
	}
	assert_int_equal(place_of("./").name_len, 0);
	assert_int_equal(place_of("/").name_len, 0);
	assert_int_equal(place_of("a/..").name_len, 0);
}

static void path_above_the_root_is_refused(void **state)
{
	static const char *const bad[] = { "..", "../a", "/..", "a/../..", "./../a", "a/b/../../../c" };
	struct tree_place p;
	struct sm_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(tree_resolve(tree, bad[i], scratch, &p, &e), -EPERM);
	assert_null(tree_root(tree)->children);
}

static void links_lead_inside_the_tree_only(void **state)
{
	(void)state;
	put_link("up", "../../..");
	put_link("abs", "/d/e");
	put_link("chain", "abs");
	put("up/x", S_IFREG);
	assert_non_null(at("x"));
	put("chain/y", S_IFREG);
	assert_non_null(at("d/e/y"));
	assert_true(at("d")->implied);
	/* The last name is not followed. */
	put("abs", S_IFREG);
	assert_true(S_ISREG(at("abs")->mode));
}

static void link_loops_end(void **state)
{
	struct tree_place p;
	struct sm_err e;

	(void)state;
	put_link("a", "b");
	put_link("b", "a/c");
	assert_int_equal(tree_resolve(tree, "a/x", scratch, &p, &e), -ELOOP);
	put_link("self", "self");
	assert_int_equal(tree_resolve(tree, "self/x", scratch, &p, &e), -ELOOP);
}

static void long_names_are_refused(void **state)
{
	char path[2 * TREE_PATH_MAX];
	struct tree_place p;
	struct sm_err e;

	(void)state;
	memset(path, 'n', sizeof(path));
	path[255] = 0;
	assert_int_equal(tree_resolve(tree, path, scratch, &p, &e), 0);
	path[255] = 'n';
	path[256] = 0;
	assert_int_equal(tree_resolve(tree, path, scratch, &p, &e), -ENAMETOOLONG);
	for (size_t i = 0; i < sizeof(path); i++)
		path[i] = i % 2 ? '/' : 'd';
	path[sizeof(path) - 1] = 0;
	assert_int_equal(tree_resolve(tree, path, scratch, &p, &e), -ENAMETOOLONG);
}

static void last_entry_wins(void **state)
{
	struct tree_inode *one = put("f", S_IFREG), *two = put("f", S_IFREG);

	(void)state;
	assert_ptr_equal(at("f"), two);
	assert_int_equal(one->nlink, 0);
	assert_int_equal(two->nlink, 1);
	assert_int_equal(tree_root(tree)->nr_children, 1);
}

static void directory_entry_keeps_its_children(void **state)
{
	struct tree_inode *d = put("d", S_IFDIR), *f = put("d/f", S_IFREG);

	(void)state;
	assert_ptr_equal(put("d", S_IFDIR), d);
	assert_ptr_equal(at("d/f"), f);
	assert_false(d->opaque);
}

static void file_in_place_of_a_tree_drops_it(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		char path[32];

		snprintf(path, sizeof(path), "d/%d/%d/x", i % 10, i);
		put(path, S_IFREG);
	}
	put("other", S_IFREG);
	put("d", S_IFREG);
	assert_true(S_ISREG(at("d")->mode));
	assert_null(at("d/1"));
	assert_int_equal(tree_root(tree)->nr_children, 2);
	assert_int_equal(tree_root(tree)->nlink, 2);
}

static void deep_tree_is_dropped(void **state)
{
	char path[TREE_PATH_MAX] = "top";

	(void)state;
	for (int k = 0; k < 2000; k++)
		strcat(path, "/d");
	put(path, S_IFREG);
	put("top/d/d/side", S_IFREG);
	put("top", S_IFREG);
	assert_true(S_ISREG(at("top")->mode));
	assert_int_equal(tree_root(tree)->nr_children, 1);
}

static void directory_after_something_else_is_opaque(void **state)
{
	(void)state;
	put("a", S_IFREG);
	assert_true(put("a", S_IFDIR)->opaque);
	whiteout("b");
	assert_true(put("b", S_IFDIR)->opaque);
	whiteout("c");
	put("c/f", S_IFREG);
	assert_true(at("c")->opaque);
	assert_false(at("c")->implied);
	assert_false(put("fresh", S_IFDIR)->opaque);
}

static void whiteout_spares_its_own_layer(void **state)
{
	struct tree_inode *f = put("f", S_IFREG);

	(void)state;
	put("d/x", S_IFREG);
	whiteout("f");
	whiteout("d");
	whiteout("gone");
	assert_ptr_equal(at("f"), f);
	assert_non_null(at("d/x"));
	assert_true(at("d")->opaque);
	assert_true(tree_is_whiteout(at("gone")));
	put("gone", S_IFREG);
	assert_false(tree_is_whiteout(at("gone")));
}

static void hard_links_share_and_survive(void **state)
{
	struct tree_inode *f = put("f", S_IFREG);
	struct tree_place p = place_of("d/g");

	(void)state;
	assert_int_equal(tree_link(tree, &p, f, NULL), 0);
	assert_int_equal(f->nlink, 2);
	p = place_of("f");
	assert_int_equal(tree_link(tree, &p, f, NULL), 0);
	assert_int_equal(f->nlink, 2);
	put("f", S_IFREG);
	assert_int_equal(f->nlink, 1);
	assert_ptr_equal(at("d/g"), f);
}

static void file_is_no_directory(void **state)
{
	struct tree_place p;
	struct sm_err e;

	(void)state;
	put("f", S_IFREG);
	assert_int_equal(tree_resolve(tree, "f/x", scratch, &p, &e), -ENOTDIR);
	p = place_of("/");
	assert_int_equal(tree_link(tree, &p, tree_new_inode(tree, S_IFREG), &e), -EBADMSG);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_cleaned),
		TEST(path_above_the_root_is_refused),
		TEST(links_lead_inside_the_tree_only),
		TEST(link_loops_end),
		TEST(long_names_are_refused),
		TEST(last_entry_wins),
		TEST(directory_entry_keeps_its_children),
		TEST(file_in_place_of_a_tree_drops_it),
		TEST(deep_tree_is_dropped),
		TEST(directory_after_something_else_is_opaque),
		TEST(whiteout_spares_its_own_layer),
		TEST(hard_links_share_and_survive),
		TEST(file_is_no_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
