/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/loop.h"
#include "guest/agent/serve.h"
#include "util/fd.h"

static struct watch control = { .fd = -1 }, children = { .fd = -1 };

static void on_control(void *owner, uint32_t events)
{
	char byte;
	size_t nr = 0;
	int fd = -1;
	ssize_t n = fd_recv_msg(control.fd, &byte, 1, &fd, 1, &nr);

	(void)owner;
	(void)events;
	if (n <= 0)
		_exit(0); /* the test is over, and with PID 1 everything in here */
	if (nr && byte == 'h')
		hello_add(fd);
	else if (nr)
		serve_add(fd);
}

static void on_children(void *owner, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)owner;
	(void)events;
	while (read(children.fd, &si, sizeof(si)) > 0)
		;
	serve_reap();
}

static void must(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(1);
}

static void agent_main(int ctl) __attribute__((noreturn));

static void agent_main(int ctl)
{
	static const struct container_place place = { .root = "/mnt/m", .etc = "/mnt/etc" };
	sigset_t set;

	must(!mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private mounts");
	must(!mount("proc", "/proc", "proc", 0, NULL), "proc");
	must(!mount("tmpfs", "/mnt", "tmpfs", 0, NULL), "tmpfs");
	mkdir("/mnt/etc", 0755);
	mkdir("/mnt/u", 0755);
	mkdir("/mnt/w", 0755);
	mkdir("/mnt/m", 0755);
	must(!mount("overlay", "/mnt/m", "overlay", 0, "lowerdir=/,upperdir=/mnt/u,workdir=/mnt/w"),
	     "overlay");
	must(!unshare(CLONE_NEWUTS), "uts namespace");
	must(!container_init(&place) && !loop_init(), "init");
	container_set_hostname("testvm");
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	children = (struct watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .fn = on_children };
	control = (struct watch){ .fd = ctl, .fn = on_control };
	loop_watch(&children, EPOLLIN);
	loop_watch(&control, EPOLLIN);
	for (;;) {
		serve_settle();
		loop_step();
	}
}

struct fixture {
	int ctl;
	pid_t pid;
};

int fixture_skip(void)
{
	puts("1..0 # SKIP needs root");
	return 77;
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int sp[2];

	socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sp);
	f->pid = fork();
	if (!f->pid) {
		close(sp[0]);
		must(!unshare(CLONE_NEWNS | CLONE_NEWPID), "namespaces");
		pid_t pid = fork();
		if (!pid)
			agent_main(sp[1]);
		waitpid(pid, NULL, 0);
		_exit(0);
	}
	close(sp[1]);
	f->ctl = sp[0];
	*state = f;
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	close(f->ctl);
	waitpid(f->pid, NULL, 0);
	free(f);
	return 0;
}

int fixture_dial(void **state, char kind)
{
	struct fixture *f = *state;
	int sp[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp), 0);
	assert_int_equal(fd_send_msg(f->ctl, &kind, 1, &sp[1], 1), 0);
	close(sp[1]);
	return sp[0];
}

/* ---- running commands ---- */

struct pump {
	pthread_t thread;
	int fd;
	char *data;
	size_t len, size;
};

static void *pump_in(void *opaque)
{
	struct pump *p = opaque;

	fd_write_full(p->fd, p->data, p->len);
	close(p->fd);
	return NULL;
}

static void *pump_out(void *opaque)
{
	struct pump *p = opaque;
	ssize_t n = fd_read_full(p->fd, p->data, p->size - 1);

	p->len = n > 0 ? (size_t)n : 0;
	p->data[p->len] = 0;
	close(p->fd);
	return NULL;
}

static int pump_start(struct pump *p, bool in)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	p->fd = fds[in];
	assert_int_equal(pthread_create(&p->thread, NULL, in ? pump_in : pump_out, p), 0);
	return fds[!in];
}

void run_command(void **state, struct run *r)
{
	struct pump in = { .data = (char *)(uintptr_t)r->in, .len = r->in_len };
	struct pump out = { .size = r->out_size ? r->out_size : 65536 }, err = { .size = 65536 };
	struct agent_exec *x;
	struct sm_err e = { 0 };

	r->out = out.data = malloc(out.size);
	r->err = err.data = malloc(err.size);
	r->o.stdin_fd = r->in ? pump_start(&in, true) : -1;
	r->o.stdout_fd = pump_start(&out, false);
	r->o.stderr_fd = pump_start(&err, false);
	if (agent_exec_start(fixture_dial(state, 's'), &r->o, &x, &e) || agent_exec_wait(x, &r->res, &e))
		fail_msg("%s", e.text);
	agent_exec_destroy(x);
	close(r->o.stdout_fd);
	close(r->o.stderr_fd);
	if (r->in) {
		close(r->o.stdin_fd);
		pthread_join(in.thread, NULL);
	}
	pthread_join(out.thread, NULL);
	pthread_join(err.thread, NULL);
	r->out_len = out.len;
	r->err_len = err.len;
}

void run_free(struct run *r)
{
	free(r->out);
	free(r->err);
}

const char *const *run_shell(const char *script)
{
	static const char *argv[4];

	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = script;
	return argv;
}

void run_expect(void **state, const char *script, int status, const char *out)
{
	struct run r = { .o.argv = run_shell(script) };

	run_command(state, &r);
	assert_string_equal(r.out, out);
	assert_int_equal(r.res.status, status);
	run_free(&r);
}

struct agent_exec *run_idle(void **state)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct agent_exec_options o = { .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
	struct agent_exec *x;
	struct sm_err e = { 0 };

	if (agent_exec_start(fixture_dial(state, 's'), &o, &x, &e))
		fail_msg("%s", e.text);
	return x;
}
