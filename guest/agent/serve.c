/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/serve.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h> /* needs sys/socket.h */
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent/conn.h"
#include "guest/agent/control.h"
#include "guest/agent/session.h"
#include "guest/agent/text.h"

static bool on_frame(struct conn *c, const struct frame *f)
{
	switch (f->type) {
	case SMP_EXEC:
		return session_exec(c, f);
	case SMP_FILE_READ:
	case SMP_FILE_WRITE:
	case SMP_STAT:
		return session_file(c, f);
	case SMP_STDIN:
	case SMP_DATA:
	case SMP_CREDIT:
	case SMP_CLOSE:
	case SMP_SIGNAL:
	case SMP_WINSIZE:
		return session_frame(c, f);
	case SMP_SYNC:
	case SMP_DROP_CACHES:
	case SMP_STATS:
	case SMP_POWEROFF:
	case SMP_CONTAINER:
	case SMP_RESUME:
		return control_frame(c, f);
	case SMP_ATTACH:
	case SMP_SESSIONS:
	case SMP_TAR_IN:
	case SMP_TAR_OUT:
	case SMP_DIAL:
	case SMP_MOUNT:
	case SMP_NET_UP:
		conn_send_error(c, f->stream, ENOSYS, "this agent cannot do that", NULL);
		return true;
	default: /* what only the agent sends, or only the other connection carries */
		return false;
	}
}

void serve_add(int sock)
{
	conn_add(sock, on_frame, session_detach_all);
}

static struct watch listener = { .fd = -1 };

static void on_listener(void *owner, uint32_t events)
{
	struct sockaddr_vm peer = { 0 };
	socklen_t len = sizeof(peer);
	int sock = accept4(listener.fd, (struct sockaddr *)&peer, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)owner;
	(void)events;
	if (sock < 0)
		return;
	/* A process in this VM could dial too, by the loopback; it gets nothing here. */
	if (len < sizeof(peer) || peer.svm_cid != VMADDR_CID_HOST)
		close(sock);
	else
		serve_add(sock);
}

void serve_listen(void)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK,
				 .svm_port = SMP_PORT_SERVE,
				 .svm_cid = VMADDR_CID_ANY };

	listener = (struct watch){ .fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
				   .fn = on_listener };
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(listener.fd, CONN_MAX)) {
		text_log("no vsock: ", text_errno(errno), NULL);
		loop_close(&listener);
		return;
	}
	loop_watch(&listener, EPOLLIN);
}

void serve_settle(void)
{
	session_settle_all();
	conn_settle_all();
	/* Some sessions may have lost their connection, others got room to go on. */
	session_settle_all();
}

void serve_reap(void)
{
	struct rusage ru;
	pid_t pid;
	int st;

	while ((pid = wait4(-1, &st, WNOHANG, &ru)) > 0)
		session_reaped(pid, st, &ru);
}
