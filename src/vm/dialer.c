/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/dialer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/fd.h"
#include "vm/jail.h"

/* A port nobody serves must fail at once, a full backlog must not block the guest's other connections. */
static int dialer_connect(uint32_t port)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	snprintf(sa.sun_path, sizeof(sa.sun_path), "vsock_%u", port);
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
		int err = errno;

		close(fd);
		return -err;
	}
	return fd;
}

static void dialer_serve(int sock)
{
	for (;;) {
		uint32_t port;
		ssize_t n = read(sock, &port, sizeof(port));
		int32_t answer;

		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof(port))
			return;
		int fd = dialer_connect(port);

		answer = fd < 0 ? fd : 0;
		if (fd_send_msg(sock, &answer, sizeof(answer), &fd, fd >= 0) < 0)
			return;
		fd_close(&fd);
	}
}

int dialer_start(int dir_fd, int *ret_fd, struct sm_err *e)
{
	int sv[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "vsock dialer");
	pid = fork();
	if (pid < 0) {
		int err = errno;

		close(sv[0]);
		close(sv[1]);
		return err_errno(e, err, "vsock dialer");
	}
	if (!pid) {
		prctl(PR_SET_NAME, "sm-dialer");
		if (fchdir(dir_fd) < 0 || jail_keep_only(&sv[1], 1, NULL) < 0 ||
		    jail_enter(JAIL_DIALER, NULL) < 0)
			_exit(1);
		dialer_serve(sv[1]);
		_exit(0);
	}
	close(sv[1]);
	*ret_fd = sv[0];
	return 0;
}

int dialer_dial(int fd, uint32_t port)
{
	int32_t answer;
	size_t nr = 0;
	int got = -1;
	ssize_t n;

	if (fd_send_msg(fd, &port, sizeof(port), NULL, 0) < 0)
		return -ECONNREFUSED;
	n = fd_recv_msg(fd, &answer, sizeof(answer), &got, 1, &nr);
	if (n != sizeof(answer))
		return -ECONNREFUSED;
	return nr ? got : answer ? answer : -ECONNREFUSED;
}
