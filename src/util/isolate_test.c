/* SPDX-License-Identifier: Apache-2.0 */
#include "util/isolate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct sockaddr_in loopback = { .sin_family = AF_INET };

static int listen_on_loopback(void)
{
	socklen_t len = sizeof(loopback);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	loopback.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(fd >= 0 && !bind(fd, (struct sockaddr *)&loopback, sizeof(loopback)));
	assert_true(!listen(fd, 1) && !getsockname(fd, (struct sockaddr *)&loopback, &len));
	return fd;
}

static bool connects(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && !connect(fd, (struct sockaddr *)&loopback, sizeof(loopback));

	if (fd >= 0)
		close(fd);
	return ok;
}

/* Exit status: a bit per surprise, 64 where the machine forbids it. */
static int isolated_child(int etc)
{
	struct stat st;
	int bad = 0;

	if (isolate_process(NULL) < 0)
		return 64;
	bad |= !access("/etc", F_OK) || !access("/proc", F_OK) || !access("../etc", F_OK);
	bad |= (mkdir("/x", 0700) >= 0 || open("/x", O_CREAT | O_WRONLY, 0600) >= 0) << 1;
	bad |= connects() << 2;
	/* What it held it still has. */
	bad |= (fstatat(etc, ".", &st, 0) < 0) << 3;
	return bad;
}

static void nothing_is_left_but_what_is_open(void **state)
{
	int status, listener, etc = open("/etc", O_PATH | O_CLOEXEC);
	pid_t pid;

	(void)state;
	if (isolate_probe(NULL) < 0)
		skip();
	listener = listen_on_loopback();
	assert_true(connects());
	pid = fork();
	if (!pid)
		_exit(isolated_child(etc));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	/* And only the child went. */
	assert_true(!access("/etc", F_OK) && connects());
	close(listener);
	close(etc);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(nothing_is_left_but_what_is_open) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
