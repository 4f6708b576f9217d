/* SPDX-License-Identifier: Apache-2.0 */
#include "util/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Exit status of a child that is confined to reading /etc: a bit per surprise. */
static int confined_child(void)
{
	struct landlock_grant etc = { .fd = open("/etc", O_PATH | O_CLOEXEC) };
	int bad = 0;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (landlock_restrict(&etc, 1, NULL) < 0)
		return 64;
	bad |= open("/etc/passwd", O_RDONLY) < 0;
	bad |= (open("/etc/supermachine-test", O_WRONLY | O_CREAT, 0600) >= 0) << 1;
	bad |= (open("/proc/self/maps", O_RDONLY) >= 0) << 2;
	bad |= (open("/usr", O_RDONLY | O_DIRECTORY) >= 0) << 3;
	return bad;
}

static void only_the_grants_are_left(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (landlock_abi() < 0)
		skip();
	pid = fork();
	if (!pid)
		_exit(confined_child());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(only_the_grants_are_left) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
