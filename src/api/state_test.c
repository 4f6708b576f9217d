/* SPDX-License-Identifier: Apache-2.0 */
#include "api/state.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const argv[] = { "sh", "-c", "true", NULL };
static const char *const nothing[] = { NULL };

static json_t *sample(void)
{
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:i, s:i, s:i, s:i, s:i, s:I, s:i, s:o, "
		"s:o, s:o}",
		"name", "web", "image", "demo", "reason", "", "stop_signal", "SIGTERM", "cwd", "/", "user",
		"", "backend", "auto", "running", 1, "tty", 0, "remove", 0, "status", 3, "worker", 42,
		"stop_timeout_ms", 10000, "created", 1, "finished", 0, "memory", (json_int_t)1 << 33, "cpus",
		2, "argv", state_list(argv), "env", state_list(nothing), "labels", state_list(nothing));
}

static void saved_state_loads_the_same(void **state)
{
	char path[] = "/tmp/state_test.XXXXXX";
	int fd = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	json_t *json = sample();
	struct vm_state s;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(state_load(fd, &s, NULL), -ENOENT);
	assert_int_equal(state_save(fd, json, NULL), 0);
	json_decref(json);
	assert_int_equal(state_load(fd, &s, NULL), 0);
	assert_string_equal(s.name, "web");
	assert_string_equal(s.argv[2], "true");
	assert_null(s.argv[3]);
	assert_true(s.running);
	assert_int_equal(s.status, 3);
	assert_int_equal(s.memory, 1ULL << 33);
	state_fini(&s);
	unlinkat(fd, STATE_FILE, 0);
	close(fd);
	rmdir(path);
}

static void what_is_no_state_is_refused(void **state)
{
	static const char *const keys[] = { "name", "running", "argv", "worker" };
	struct vm_state s;

	(void)state;
	assert_int_equal(state_create(json_object(), &s, NULL), -EBADMSG);
	assert_int_equal(state_create(NULL, &s, NULL), -EBADMSG);
	for (size_t i = 0; i < 4; i++) {
		json_t *json = sample();

		json_object_set_new(json, keys[i], json_real(1));
		assert_int_equal(state_create(json, &s, NULL), -EBADMSG);
	}
}

static void owner_is_who_holds_the_lock(void **state)
{
	char path[] = "/tmp/state_test.XXXXXX";
	int fd = mkdtemp(path) ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	(void)state;
	assert_true(fd >= 0);
	assert_false(state_is_owned(fd));
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_true(state_is_owned(fd));
	flock(fd, LOCK_UN);
	assert_false(state_is_owned(fd));
	close(fd);
	rmdir(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(saved_state_loads_the_same),
		cmocka_unit_test(what_is_no_state_is_refused),
		cmocka_unit_test(owner_is_who_holds_the_lock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
