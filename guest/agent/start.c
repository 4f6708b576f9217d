/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/session-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "guest/agent/child.h"
#include "guest/agent/container.h"
#include "guest/agent/text.h"

uint64_t session_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Parsing is in place and once: the child runs on what is parsed here. */
static struct frame_exec parsed;

bool session_parse(struct session *s)
{
	static uint8_t copy[SMP_PAYLOAD_MAX];
	struct frame f = s->frame;

	memcpy(copy, s->request, f.len);
	f.data = copy;
	if (!frame_get_exec(&f, &parsed))
		return false;
	/* Known before the start, as frames for the session may follow at once. */
	s->timeout_ms = parsed.timeout_ms;
	s->in.tty = parsed.flags & SMP_EXEC_TTY;
	s->in.type = parsed.flags & SMP_EXEC_STDIN ? SMP_STDIN : 0;
	s->out.type = SMP_STDOUT;
	s->err.type = SMP_STDERR;
	return true;
}

/* ---- events of the child ---- */

static void on_source(struct session *s, struct source *src)
{
	source_read(src, s->conn ? &s->conn->out : NULL, s->id);
}

static void on_out(void *owner, uint32_t events)
{
	struct session *s = owner;

	(void)events;
	on_source(s, &s->out);
}

static void on_err(void *owner, uint32_t events)
{
	struct session *s = owner;

	(void)events;
	on_source(s, &s->err);
}

static void on_in(void *owner, uint32_t events)
{
	struct session *s = owner;

	(void)events;
	sink_write(&s->in, s->conn ? &s->conn->out : NULL, s->id);
}

static void on_timer(void *owner, uint32_t events)
{
	struct session *s = owner;
	int dir;

	(void)events;
	loop_close(&s->timer);
	if (s->reaped)
		return;
	s->exit_flags |= SMP_EXIT_TIMEOUT;
	kill(-s->pid, SIGKILL);
	kill(s->pid, SIGKILL);
	dir = s->has_cgroup ? container_open_cgroup(s->serial) : -1;
	if (dir >= 0) {
		int fd = openat(dir, "cgroup.kill", O_WRONLY | O_CLOEXEC);

		if (fd >= 0 && write(fd, "1", 1) < 0)
			text_log("cgroup.kill: ", text_errno(errno), NULL);
		if (fd >= 0)
			close(fd);
		close(dir);
	}
}

static void arm_timer(struct session *s)
{
	struct itimerspec t = { .it_value = { .tv_sec = s->timeout_ms / 1000,
					      .tv_nsec = (long)(s->timeout_ms % 1000) * 1000000 } };

	if (!s->timeout_ms)
		return;
	s->timer = (struct watch){ .fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
				   .fn = on_timer,
				   .owner = s };
	if (s->timer.fd >= 0)
		timerfd_settime(s->timer.fd, 0, &t, NULL);
	loop_watch(&s->timer, EPOLLIN);
}

static void take_tty(struct session *s, int master)
{
	if (s->out.w.fd >= 0 || !s->in.tty) {
		close(master);
		return;
	}
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	s->out.w = (struct watch){ .fd = master, .fn = on_out, .owner = s };
	s->out.ended = false;
	/* Twice, since epoll knows a descriptor only once. */
	if (s->in.type)
		s->in.w = (struct watch){ .fd = fcntl(master, F_DUPFD_CLOEXEC, 0), .fn = on_in, .owner = s };
}

static void on_message(struct session *s, const struct child_msg *m, int fd)
{
	switch (m->kind) {
	case CHILD_PID:
		s->child_pid = m->value;
		break;
	case CHILD_TTY:
		if (fd >= 0)
			take_tty(s, fd);
		return;
	case CHILD_FAILED:
	case CHILD_DONE:
		s->failed = m->kind == CHILD_FAILED;
		s->done = !s->failed;
		s->fail_value = m->value;
		memcpy(s->text, m->text, sizeof(s->text));
		s->text[sizeof(s->text) - 1] = 0;
		break;
	default:
		break;
	}
	if (fd >= 0)
		close(fd);
}

static void on_started(struct session *s)
{
	if (s->failed || s->is_file)
		return;
	if (s->is_first)
		container_started();
	s->started = true;
	s->started_ns = session_now();
	arm_timer(s);
	if (!s->conn)
		return;
	frame_begin(&s->conn->out, SMP_STARTED, s->id);
	frame_put_u32(&s->conn->out, s->child_pid);
	frame_end(&s->conn->out);
}

/* One packet; 0 at the end of the socket, -1 when there is none now. */
static int receive(struct session *s)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct child_msg m;
	struct iovec iov = { &m, sizeof(m) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };
	ssize_t n = recvmsg(s->status.fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fd = -1;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -1 : 0;
	if (!n)
		return 0;
	if (msg.msg_controllen && control.header.cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	if (n == sizeof(m))
		on_message(s, &m, fd);
	else if (fd >= 0)
		close(fd);
	return 1;
}

void session_read_status(struct session *s)
{
	int r;

	if (s->status.fd < 0)
		return;
	while ((r = receive(s)) > 0)
		;
	if (!r) {
		loop_close(&s->status);
		on_started(s);
	}
}

static void on_status(void *owner, uint32_t events)
{
	(void)events;
	session_read_status(owner);
}

/* Bit `sig` of a mask in /proc/PID/status. */
static bool mask_has(const char *status, const char *name, int sig)
{
	const char *p = strstr(status, name);
	uint64_t mask = 0;

	for (p = p ? p + strlen(name) : ""; *p && *p != '\n'; p++) {
		if (*p >= '0' && *p <= '9')
			mask = mask << 4 | (uint64_t)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			mask = mask << 4 | (uint64_t)(*p - 'a' + 10);
	}
	return mask >> (sig - 1) & 1;
}

/*
 * The kernel drops signals for which a PID 1 has no handler, so "sleep 1000" as a
 * container's command would outlive every polite request to end. The owner of the VM
 * asked from outside: then the signal has its ordinary effect.
 */
static bool drops_signal(pid_t pid, int sig)
{
	char path[64], number[21], status[4096];

	if (sig != SIGTERM && sig != SIGINT && sig != SIGHUP && sig != SIGQUIT)
		return false;
	text_join(path, sizeof(path), "/proc/", text_u64(number, (uint64_t)pid), "/status", NULL);
	return text_read_file(path, status, sizeof(status)) > 0 && !mask_has(status, "SigBlk:", sig) &&
	       !mask_has(status, "SigIgn:", sig) && !mask_has(status, "SigCgt:", sig);
}

void session_signal(struct session *s, int sig)
{
	int group = 0;

	if (s->reaped)
		return;
	if (s->pid < 0) { /* still waits for the container: it can only be called off */
		s->reaped = sig == SIGKILL || sig == SIGTERM || sig == SIGINT || sig == SIGHUP;
		s->wait_status = sig;
		return;
	}
	if (s->is_first && drops_signal(s->pid, sig)) {
		s->killed_by = sig;
		kill(s->pid, SIGKILL);
		return;
	}
	/* What a terminal would do: the foreground job. */
	if (s->in.tty && s->out.w.fd >= 0 && !ioctl(s->out.w.fd, TIOCGPGRP, &group) && group > 0)
		kill(-group, sig);
	else if (kill(-s->pid, sig))
		kill(s->pid, sig);
}

/* ---- starting ---- */

/* The ends of pipes the agent keeps go into the session, the child's into `fds`. */
static bool make_pipe(int *ours, int *theirs, bool child_reads)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC))
		return false;
	*ours = p[child_reads];
	*theirs = p[!child_reads];
	return !fcntl(*ours, F_SETFL, O_NONBLOCK | (child_reads ? O_WRONLY : O_RDONLY));
}

static bool make_streams(struct session *s, struct child_fds *fds)
{
	int status[2];

	if (s->in.type && !s->in.tty) {
		s->in.w = (struct watch){ .fd = -1, .fn = on_in, .owner = s };
		if (!make_pipe(&s->in.w.fd, &fds->in, true))
			return false;
	}
	if (s->out.type && !s->in.tty) {
		s->out.w = (struct watch){ .fd = -1, .fn = on_out, .owner = s };
		s->out.ended = false;
		if (!make_pipe(&s->out.w.fd, &fds->out, false))
			return false;
	}
	if (s->err.type && !s->in.tty) {
		s->err.w = (struct watch){ .fd = -1, .fn = on_err, .owner = s };
		s->err.ended = false;
		if (!make_pipe(&s->err.w.fd, &fds->err, false))
			return false;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status))
		return false;
	s->status = (struct watch){ .fd = status[0], .fn = on_status, .owner = s };
	fds->status = status[1];
	loop_watch(&s->status, EPOLLIN);
	return true;
}

static void close_child_fds(const struct child_fds *fds)
{
	if (fds->in >= 0)
		close(fds->in);
	if (fds->out >= 0)
		close(fds->out);
	if (fds->err >= 0)
		close(fds->err);
	if (fds->status >= 0)
		close(fds->status);
}

static pid_t fork_exec(struct session *s)
{
	int cgroup;
	pid_t pid;

	s->is_first = container_get_state() == CONTAINER_NONE;
	s->oom_before = container_count_oom();
	s->has_cgroup = !s->is_first && s->timeout_ms && container_get_place()->cgroup;
	cgroup = container_open_cgroup(s->has_cgroup ? s->serial : 0);
	pid = s->is_first ? container_fork_first(cgroup) : container_fork_member(cgroup);
	if (pid && cgroup >= 0)
		close(cgroup);
	return pid;
}

static void fail(struct session *s, int err, const char *what)
{
	s->failed = s->reaped = true;
	s->fail_value = s->is_file ? (uint32_t)err : 126;
	text_join(s->text, sizeof(s->text), what, text_errno(err), NULL);
	loop_close(&s->status);
}

void session_start(struct session *s)
{
	struct child_fds fds = { -1, -1, -1, -1 };
	int err;

	if (!s->is_file && container_get_state() == CONTAINER_STARTING)
		return;
	if (s->is_file)
		s->started = true;
	else
		session_parse(s);
	if (!make_streams(s, &fds)) {
		fail(s, errno, "streams: ");
		close_child_fds(&fds);
		return;
	}
	s->pid = s->is_file ? container_fork_outside() : fork_exec(s);
	err = errno;
	if (!s->pid && s->is_file)
		child_file(&s->frame, &fds);
	if (!s->pid)
		child_exec(&parsed, s->is_first, &fds);
	close_child_fds(&fds);
	free(s->request);
	s->request = NULL;
	if (s->pid < 0)
		fail(s, err, err == ESRCH ? "the container has ended: " : "fork: ");
}
