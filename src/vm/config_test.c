/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/config.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOOD                                                                                                 \
	"{\"op\":\"start\",\"memory\":134217728,\"cpus\":2,\"backend\":\"soft\",\"cmdline\":\"quiet\","      \
	"\"layers\":2,\"fds\":[\"kernel\",\"vsock\",\"dir\"]}"

static size_t open_fds(int *fds, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return nr;
}

static void a_good_message_is_taken_whole(void **state)
{
	struct vm_config c;
	int fds[5];

	(void)state;
	open_fds(fds, 5);
	assert_int_equal(vm_config_parse(GOOD, strlen(GOOD), fds, 5, &c, NULL), 0);
	assert_int_equal(c.memory, 128 << 20);
	assert_int_equal(c.cpus, 2);
	assert_true(c.kernel_fd >= 0 && c.vsock_fd >= 0 && c.run_fd >= 0);
	assert_int_equal(c.initrd_fd, -1);
	assert_int_equal(c.nr_layers, 2);
	assert_int_equal(fds[0], -1);
	assert_int_equal(vm_config_check(&c, NULL), 0);
	vm_config_fini(&c);
}

static void bad_messages_are_refused_and_close_their_descriptors(void **state)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{\"op\":\"stop\"}",
		"{\"op\":\"start\",\"memory\":-1,\"cpus\":1,\"backend\":\"soft\",\"cmdline\":\"\",\"fds\":[]}",
		"{\"op\":\"start\",\"memory\":1,\"cpus\":99999999999,\"backend\":\"soft\",\"cmdline\":\"\",\"fds\":[]}",
		"{\"op\":\"start\",\"memory\":1,\"cpus\":1,\"backend\":\"softsoftsoftsoftsoft\",\"cmdline\":\"\",\"fds\":[]}",
		"{\"op\":\"start\",\"memory\":1,\"cpus\":1,\"backend\":\"soft\",\"cmdline\":\"\",\"fds\":[\"door\"]}",
		"{\"op\":\"start\",\"memory\":1,\"cpus\":1,\"backend\":\"soft\",\"cmdline\":\"\",\"fds\":[\"kernel\",\"kernel\"]}",
		"{\"op\":\"start\",\"memory\":1,\"cpus\":1,\"backend\":\"soft\",\"cmdline\":\"\",\"fds\":[1,2]}",
		"{\"op\":\"start\",\"memory\":1,\"cpus\":1,\"backend\":\"soft\",\"cmdline\":\"\",\"fds\":[\"kernel\",\"initrd\",\"log\"]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct vm_config c;
		int fds[2];

		open_fds(fds, 2);
		assert_true(vm_config_parse(bad[i], strlen(bad[i]), fds, 2, &c, NULL) < 0);
		assert_int_equal(fds[0], -1);
		assert_int_equal(fds[1], -1);
	}
}

static void numbers_out_of_range_are_refused(void **state)
{
	struct vm_config c;
	struct sm_err e;

	(void)state;
	vm_config_init(&c);
	strcpy(c.backend, "soft");
	c.kernel_fd = c.vsock_fd = c.run_fd = 0;
	c.memory = SM_MEMORY_MIN;
	c.cpus = 1;
	assert_int_equal(vm_config_check(&c, &e), 0);
	c.cpus = 999;
	assert_int_equal(vm_config_check(&c, &e), -EINVAL);
	c.cpus = 0;
	assert_int_equal(vm_config_check(&c, &e), -EINVAL);
	c.cpus = 1;
	c.memory = 1 << 20;
	assert_int_equal(vm_config_check(&c, &e), -EINVAL);
	c.memory = SM_MEMORY_MIN + 4096;
	assert_int_equal(vm_config_check(&c, &e), -EINVAL);
}

static void layers_have_a_ceiling(void **state)
{
	struct vm_config c;
	int fds[60];

	(void)state;
	vm_config_init(&c);
	for (int i = 0; i < 2; i++)
		assert_int_equal(vm_config_add_layers(&c, fds, open_fds(fds, 60), NULL), 0);
	assert_int_equal(vm_config_add_layers(&c, fds, open_fds(fds, 9), NULL), -EINVAL);
	assert_int_equal(c.nr_layers, VM_LAYERS_MAX);
	assert_int_equal(fds[8], -1);
	vm_config_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_message_is_taken_whole),
		cmocka_unit_test(bad_messages_are_refused_and_close_their_descriptors),
		cmocka_unit_test(numbers_out_of_range_are_refused),
		cmocka_unit_test(layers_have_a_ceiling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
