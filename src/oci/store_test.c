/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/store.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

#define PLATFORM "linux/arm64"

static char home[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(home, "/tmp/store_test.XXXXXX");
	return mkdtemp(home) ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct store *opened(void)
{
	struct store *s;
	struct sm_err e = { 0 };

	if (store_open(home, true, &s, &e))
		fail_msg("%s", e.text);
	return s;
}

/* "sha256:ddd..." */
static const char *digest_of_digit(char digit, char ret[DIGEST_SIZE])
{
	strcpy(ret, DIGEST_PREFIX);
	memset(ret + DIGEST_PREFIX_LEN, digit, DIGEST_HEX_LEN);
	ret[DIGEST_SIZE - 1] = 0;
	return ret;
}

static bool there(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/store/%s", home, path);
	return !access(full, F_OK);
}

static void put_layer(struct store *s, struct store_tmp *t, char digit)
{
	char digest[DIGEST_SIZE], path[RECORD_LAYER_PATH_MAX];

	record_layer_path(digest_of_digit(digit, digest), path);
	assert_int_equal(store_write(s, t, path, "layer", 5, NULL), 0);
}

/* An image whose manifest is all `digit`, its configuration all 'c', with the layers named. */
static void put_image(struct store *s, const char *reference, char digit, const char *layers)
{
	char digest[DIGEST_SIZE], id[DIGEST_SIZE], layer[DIGEST_SIZE], path[RECORD_LAYER_PATH_MAX], *text;
	struct store_tmp t = STORE_TMP_INIT;
	json_t *list = json_array(), *record;

	digest_of_digit(digit, digest);
	digest_of_digit('c', id);
	assert_int_equal(store_tmp_open(s, &t, NULL), 0);
	assert_int_equal(store_lock(s, NULL), 0);
	for (; *layers; layers++) {
		put_layer(s, &t, *layers);
		record_layer_path(digest_of_digit(*layers, layer), path);
		json_array_append_new(list,
				      json_pack("{s:s,s:s,s:i}", "diff_id", layer, "path", path, "size", 5));
	}
	record = json_pack("{s:s,s:s,s:s,s:i,s:i,s:{s:[s],s:[s]},s:o}", "digest", digest, "id", id,
			   "platform", PLATFORM, "created", 7, "size", 5, "config", "Cmd", "sh", "Env", "A=b",
			   "layers", list);
	text = json_dumps(record, 0);
	snprintf(path, sizeof(path), "images/%s.json", digest_hex(digest));
	assert_int_equal(store_write(s, &t, path, text, strlen(text), NULL), 0);
	assert_int_equal(store_set_ref(s, &t, reference, PLATFORM, digest, NULL), 0);
	store_unlock(s);
	store_tmp_close(s, &t);
	json_decref(record);
	free(text);
}

static void image_is_found_by_name_and_platform(void **state)
{
	struct store *s = opened();
	struct image_record *r;
	struct sm_err e;

	(void)state;
	put_image(s, "a:1", 'a', "12");
	assert_int_equal(store_lookup(s, "a:1", PLATFORM, &r, &e), 0);
	assert_int_equal(r->nr_layers, 2);
	assert_string_equal(r->cmd[0], "sh");
	assert_null(r->cmd[1]);
	assert_null(r->entrypoint[0]);
	assert_string_equal(r->user, "");
	assert_true(store_has_layers(s, r));
	record_destroy(r);
	assert_int_equal(store_lookup(s, "a:1", "linux/amd64", &r, &e), -ENOENT);
	assert_int_equal(store_lookup(s, "b:1", PLATFORM, &r, &e), -ENOENT);
	store_close(s);
}

static void reading_makes_nothing(void **state)
{
	struct store *s;
	struct sm_err e;

	(void)state;
	assert_int_equal(store_open(home, false, &s, &e), -ENOENT);
	assert_false(there(""));
}

static void layer_of_another_size_is_not_opened(void **state)
{
	struct store *s = opened();
	struct image_record *r;
	char path[300];
	int fd;

	(void)state;
	put_image(s, "a:1", 'a', "1");
	assert_int_equal(store_lookup(s, "a:1", PLATFORM, &r, NULL), 0);
	assert_int_equal(store_open_layer(s, &r->layers[0], &fd, NULL), 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/store/%s", home, r->layers[0].path);
	assert_int_equal(truncate(path, 3), 0);
	assert_int_equal(store_open_layer(s, &r->layers[0], &fd, NULL), -EBADMSG);
	assert_false(store_has_layers(s, r));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(store_open_layer(s, &r->layers[0], &fd, NULL), -ENOENT);
	record_destroy(r);
	store_close(s);
}

static int count_one(void *opaque, const char *reference, const struct image_record *r)
{
	char *seen = opaque;

	(void)r;
	strcat(seen, reference);
	strcat(seen, " ");
	return 0;
}

static void listing_is_newest_first(void **state)
{
	struct store *s = opened();
	char seen[100] = "";

	(void)state;
	put_image(s, "a:1", 'a', "1");
	put_image(s, "b:1", 'b', "2");
	put_image(s, "a:1", 'a', "1");
	assert_int_equal(store_list(s, count_one, seen, NULL), 0);
	assert_string_equal(seen, "a:1 b:1 ");
	store_close(s);
}

static void removing_keeps_what_is_shared(void **state)
{
	struct store *s = opened();
	char path[RECORD_LAYER_PATH_MAX], digest[DIGEST_SIZE];
	uint64_t freed;

	(void)state;
	put_image(s, "a:1", 'a', "12");
	put_image(s, "b:1", 'b', "23");
	assert_int_equal(store_remove(s, "a:1", &freed, NULL), 0);
	assert_true(freed > 0);
	record_layer_path(digest_of_digit('1', digest), path);
	assert_false(there(path));
	record_layer_path(digest_of_digit('2', digest), path);
	assert_true(there(path));
	assert_int_equal(store_remove(s, "a:1", &freed, NULL), -ENOENT);
	assert_int_equal(store_remove(s, "b:1", &freed, NULL), 0);
	assert_false(there(path));
	store_close(s);
}

static void removing_stops_at_a_damaged_record(void **state)
{
	struct store *s = opened();
	char path[RECORD_LAYER_PATH_MAX], digest[DIGEST_SIZE];
	struct store_tmp t = STORE_TMP_INIT;
	uint64_t freed;

	(void)state;
	put_image(s, "a:1", 'a', "1");
	put_image(s, "b:1", 'b', "2");
	snprintf(path, sizeof(path), "images/%s.json", digest_hex(digest_of_digit('b', digest)));
	assert_int_equal(store_tmp_open(s, &t, NULL), 0);
	assert_int_equal(store_lock(s, NULL), 0);
	assert_int_equal(store_write(s, &t, path, "{}", 2, NULL), 0);
	store_unlock(s);
	store_tmp_close(s, &t);
	assert_int_equal(store_remove(s, "a:1", &freed, NULL), -EBADMSG);
	record_layer_path(digest_of_digit('2', digest), path);
	assert_true(there(path));
	store_close(s);
}

static void prune_says_and_frees_what_nothing_reaches(void **state)
{
	struct store *s = opened();
	char path[RECORD_LAYER_PATH_MAX], digest[DIGEST_SIZE];
	struct store_garbage dry, done;

	(void)state;
	put_image(s, "a:1", 'a', "12");
	put_image(s, "b:1", 'b', "2");
	/* The name moves on: the image of before has none. */
	assert_int_equal(store_tag(s, "b:1", "a:1", NULL), 0);
	assert_int_equal(store_prune(s, false, true, &dry, NULL), 0);
	record_layer_path(digest_of_digit('1', digest), path);
	assert_true(there(path));
	assert_int_equal(store_prune(s, false, false, &done, NULL), 0);
	assert_int_equal(done.files, dry.files);
	assert_int_equal(done.bytes, dry.bytes);
	assert_true(done.files >= 2);
	assert_false(there(path));
	record_layer_path(digest_of_digit('2', digest), path);
	assert_true(there(path));
	assert_int_equal(store_prune(s, true, false, &done, NULL), 0);
	assert_false(there(path));
	store_close(s);
}

static void tag_names_what_another_does(void **state)
{
	struct store *s = opened();
	struct image_record *r;
	uint64_t freed;

	(void)state;
	put_image(s, "a:1", 'a', "1");
	assert_int_equal(store_tag(s, "none:1", "b:1", NULL), -ENOENT);
	assert_int_equal(store_tag(s, "a:1", "a:1", NULL), 0);
	assert_int_equal(store_tag(s, "a:1", "b:1", NULL), 0);
	assert_int_equal(store_remove(s, "a:1", &freed, NULL), 0);
	assert_int_equal(store_lookup(s, "b:1", PLATFORM, &r, NULL), 0);
	assert_true(store_has_layers(s, r));
	record_destroy(r);
	store_close(s);
}

/* As after an upgrade: pulling again mends it, so it must not count as damage. */
static void image_of_another_format_is_not_there(void **state)
{
	struct store *s = opened();
	char path[RECORD_LAYER_PATH_MAX], digest[DIGEST_SIZE], *text, *at;
	struct store_tmp t = STORE_TMP_INIT;
	struct image_record *r;
	size_t len;

	(void)state;
	put_image(s, "a:1", 'a', "1");
	snprintf(path, sizeof(path), "images/%s.json", digest_hex(digest_of_digit('a', digest)));
	assert_int_equal(fd_read_file(store_fd(s), path, 1 << 20, &text, &len, NULL), 0);
	at = strstr(text, "-" RECORD_LAYER_FORMAT ".erofs");
	assert_non_null(at);
	at[1] = '0';
	assert_int_equal(store_tmp_open(s, &t, NULL), 0);
	assert_int_equal(store_lock(s, NULL), 0);
	assert_int_equal(store_write(s, &t, path, text, len, NULL), 0);
	store_unlock(s);
	store_tmp_close(s, &t);
	assert_int_equal(store_lookup(s, "a:1", PLATFORM, &r, NULL), -ENOENT);
	free(text);
	store_close(s);
}

static void dead_writers_are_swept_and_live_ones_not(void **state)
{
	struct store *s = opened();
	struct store_tmp live = STORE_TMP_INIT, next = STORE_TMP_INIT;
	char left[100], *end;
	pid_t pid;

	(void)state;
	assert_int_equal(store_tmp_open(s, &live, NULL), 0);
	pid = fork();
	if (!pid) {
		struct store_tmp t = STORE_TMP_INIT;
		int fd;

		store_tmp_open(s, &t, NULL);
		store_tmp_file(&t, "half", &fd, NULL);
		end = t.name;
		/* For the parent: what stays behind. */
		snprintf(left, sizeof(left), "%s/left", home);
		if (symlink(end, left))
			_exit(1);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	snprintf(left, sizeof(left), "%s/left", home);
	{
		char name[64] = "";

		assert_true(readlink(left, name, sizeof(name) - 1) > 0);
		assert_true(there(name));
		assert_int_equal(store_tmp_open(s, &next, NULL), 0);
		assert_false(there(name));
	}
	assert_true(there(live.name));
	store_tmp_close(s, &live);
	store_tmp_close(s, &next);
	assert_false(there(next.name));
	store_close(s);
}

static void newer_or_damaged_version_is_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = { { "2\n", ENOTSUP },
		     { "", EBADMSG },
		     { "x\n", EBADMSG },
		     { "0\n", EBADMSG },
		     { "-1\n", EBADMSG } };
	struct store *s = opened();
	struct sm_err e;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = openat(store_fd(s), "version", O_WRONLY | O_TRUNC);
		struct store *other;

		assert_int_equal(fd_write_full(fd, rows[i].text, strlen(rows[i].text)), 0);
		close(fd);
		assert_int_equal(store_open(home, true, &other, &e), -rows[i].code);
	}
	store_close(s);
}

static void damaged_refs_are_an_error_not_a_crash(void **state)
{
	static const char *const rows[] = {
		"",
		"[]",
		"{}",
		"{\"refs\":[1]}",
		"{\"refs\":[{\"reference\":\"a\"}]}",
		"{\"refs\":[{\"reference\":\"a\",\"platform\":\"p\",\"digest\":\"../../x\"}]}"
	};
	struct store *s = opened();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int fd = openat(store_fd(s), "refs.json", O_WRONLY | O_TRUNC | O_CREAT, 0600);
		struct image_record *r;
		char seen[10];

		assert_int_equal(fd_write_full(fd, rows[i], strlen(rows[i])), 0);
		close(fd);
		assert_int_equal(store_lookup(s, "a", "p", &r, NULL), -EBADMSG);
		assert_int_equal(store_list(s, count_one, seen, NULL), -EBADMSG);
	}
	store_close(s);
}

static void sparse_copy_is_equal_and_sparse(void **state)
{
	char path[100], a[4], b[4];
	struct stat st;
	int src, dst;

	(void)state;
	snprintf(path, sizeof(path), "%s/src", home);
	src = open(path, O_RDWR | O_CREAT, 0600);
	snprintf(path, sizeof(path), "%s/dst", home);
	dst = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(ftruncate(src, (off_t)16 << 30), 0);
	assert_int_equal(fd_pwrite_full(src, "one", 4, 0), 0);
	assert_int_equal(fd_pwrite_full(src, "two", 4, (15ULL << 30) + 70000), 0);
	assert_int_equal(store_copy_sparse(src, dst, NULL), 0);
	assert_int_equal(fstat(dst, &st), 0);
	assert_int_equal(st.st_size, (off_t)16 << 30);
	assert_true(st.st_blocks * 512 < 1 << 20);
	assert_int_equal(fd_pread_full(dst, a, 4, 0), 4);
	assert_int_equal(fd_pread_full(dst, b, 4, (15ULL << 30) + 70000), 4);
	assert_string_equal(a, "one");
	assert_string_equal(b, "two");
	close(src);
	close(dst);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(image_is_found_by_name_and_platform),
		TEST(reading_makes_nothing),
		TEST(layer_of_another_size_is_not_opened),
		TEST(listing_is_newest_first),
		TEST(removing_keeps_what_is_shared),
		TEST(removing_stops_at_a_damaged_record),
		TEST(prune_says_and_frees_what_nothing_reaches),
		TEST(tag_names_what_another_does),
		TEST(image_of_another_format_is_not_there),
		TEST(dead_writers_are_swept_and_live_ones_not),
		TEST(newer_or_damaged_version_is_refused),
		TEST(damaged_refs_are_an_error_not_a_crash),
		TEST(sparse_copy_is_equal_and_sparse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
