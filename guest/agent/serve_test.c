/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent's service and the host's client of it, without a VM: the agent's own code is
 * PID 1 of fresh namespaces here, with this machine's root file system as the only layer,
 * and gets its connections by SCM_RIGHTS instead of vsock. Needs root.
 */
#include "guest/agent/serve.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include <time.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/loop.h"
#include "guest/frame.h"
#include "util/fd.h"
#include "util/num.h"
#include "vm/agent.h"

/* ---- the agent ---- */

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

static int setup(void **state)
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

static int teardown(void **state)
{
	struct fixture *f = *state;

	close(f->ctl);
	waitpid(f->pid, NULL, 0);
	free(f);
	return 0;
}

static int dial_as(void **state, char kind)
{
	struct fixture *f = *state;
	int sp[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp), 0);
	assert_int_equal(fd_send_msg(f->ctl, &kind, 1, &sp[1], 1), 0);
	close(sp[1]);
	return sp[0];
}

static int dial(void **state)
{
	return dial_as(state, 's');
}

/* ---- running commands ---- */

struct run {
	struct agent_exec_options o;
	const char *in; /* NULL: no stdin */
	size_t in_len, out_size;
	char *out, *err; /* out: out_size bytes at most, or 64 KiB */
	size_t out_len, err_len;
	struct agent_exec_result res;
};

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

static void run(void **state, struct run *r)
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
	if (agent_exec_start(dial(state), &r->o, &x, &e) || agent_exec_wait(x, &r->res, &e))
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

static void run_free(struct run *r)
{
	free(r->out);
	free(r->err);
}

static const char *const *shell(const char *script)
{
	static const char *argv[4];

	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = script;
	return argv;
}

static void expect(void **state, const char *script, int status, const char *out)
{
	struct run r = { .o.argv = shell(script) };

	run(state, &r);
	assert_string_equal(r.out, out);
	assert_int_equal(r.res.status, status);
	run_free(&r);
}

/* A container whose PID 1 stays. */
static struct agent_exec *start_idle(void **state)
{
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct agent_exec_options o = { .argv = argv, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1 };
	struct agent_exec *x;
	struct sm_err e = { 0 };

	if (agent_exec_start(dial(state), &o, &x, &e))
		fail_msg("%s", e.text);
	return x;
}

/* ---- tests ---- */

static void exec_returns_output_and_status(void **state)
{
	struct run r = { .o.argv = shell("echo out; echo err >&2; exit 3") };

	run(state, &r);
	assert_string_equal(r.out, "out\n");
	assert_string_equal(r.err, "err\n");
	assert_int_equal(r.res.status, 3);
	assert_string_equal(r.res.reason, "");
	assert_true(r.res.peak_rss > 4096);
	run_free(&r);
}

static void command_is_pid_1_of_own_namespaces(void **state)
{
	expect(state, "echo $$ $(hostname) $HOSTNAME", 0, "1 testvm testvm\n");
}

static void container_can_start_again(void **state)
{
	expect(state, "echo a > /a; exit 1", 1, "");
	expect(state, "cat /a", 0, "a\n");
}

static void unknown_command_is_127(void **state)
{
	static const char *const argv[] = { "no-such-command", NULL };
	struct run r = { .o.argv = argv };

	run(state, &r);
	assert_int_equal(r.res.status, 127);
	assert_true(r.res.not_started);
	assert_string_equal(r.res.reason, "exec \"no-such-command\": executable file not found in $PATH");
	run_free(&r);
}

static void directory_as_command_is_126(void **state)
{
	static const char *const argv[] = { "/etc", NULL };
	struct run r = { .o.argv = argv };

	run(state, &r);
	assert_int_equal(r.res.status, 126);
	assert_string_equal(r.res.reason, "exec \"/etc\": Is a directory");
	run_free(&r);
}

static void signal_death_is_128_plus_n(void **state)
{
	struct agent_exec *idle = start_idle(state);

	expect(state, "kill -TERM $$", 128 + SIGTERM, "");
	agent_exec_destroy(idle);
}

static void large_output_is_complete(void **state)
{
	struct run r = { .o.argv = shell("seq 1 1500000"), .out_size = 16 << 20 };
	char want[16];
	const char *p;

	run(state, &r);
	assert_int_equal(r.out_len, 10888896);
	p = r.out;
	for (int i = 1; i <= 1500000; i++) {
		int n = snprintf(want, sizeof(want), "%d\n", i);

		if (memcmp(p, want, (size_t)n))
			fail_msg("line %d is wrong", i);
		p += n;
	}
	run_free(&r);
}

static void stdin_comes_back_unchanged(void **state)
{
	size_t len = 8 << 20;
	char *data = malloc(len);
	struct run r = { .o.argv = shell("cat"), .in = data, .in_len = len, .out_size = len + 100 };

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	run(state, &r);
	assert_int_equal(r.out_len, len);
	assert_memory_equal(r.out, data, len);
	run_free(&r);
	free(data);
}

static void unread_stdin_does_not_hold_the_exit(void **state)
{
	size_t len = 2 << 20;
	char *data = calloc(1, len);
	struct run r = { .o.argv = shell("exec <&-; echo done"), .in = data, .in_len = len };

	/* The writer of our own pipe ends by SIGPIPE otherwise. */
	signal(SIGPIPE, SIG_IGN);
	run(state, &r);
	assert_string_equal(r.out, "done\n");
	run_free(&r);
	free(data);
}

static void without_stdin_it_is_dev_null(void **state)
{
	expect(state, "readlink /proc/self/fd/0; cat", 0, "/dev/null\n");
}

static void closed_stdout_ends_the_writer(void **state)
{
	struct agent_exec *idle = start_idle(state);
	static const char *const argv[] = { "yes", NULL };
	struct agent_exec_options o = { .argv = argv, .stdin_fd = -1, .stderr_fd = -1 };
	struct agent_exec_result res;
	struct agent_exec *x;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	o.stdout_fd = p[1];
	assert_int_equal(agent_exec_start(dial(state), &o, &x, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGPIPE);
	agent_exec_destroy(x);
	agent_exec_destroy(idle);
	close(p[1]);
}

static void grandchild_with_the_pipe_does_not_hold_the_exit(void **state)
{
	struct agent_exec *idle = start_idle(state);
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	expect(state, "sleep 60 & echo x", 0, "x\n");
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < 20);
	agent_exec_destroy(idle);
}

static void second_session_joins_the_container(void **state)
{
	struct agent_exec *idle = start_idle(state);

	expect(state, "cat /proc/1/comm; ls /proc/1/ns >/dev/null && echo same", 0, "sleep\nsame\n");
	agent_exec_destroy(idle);
}

static void end_of_pid_1_ends_the_others(void **state)
{
	struct agent_exec *first = start_idle(state), *second = start_idle(state);
	struct agent_exec_result res;

	assert_int_equal(agent_exec_signal(first, SIGKILL, NULL), 0);
	assert_int_equal(agent_exec_wait(first, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGKILL);
	assert_int_equal(agent_exec_wait(second, &res, NULL), 0);
	agent_exec_destroy(first);
	agent_exec_destroy(second);
}

static void timeout_kills(void **state)
{
	struct run r = { .o.argv = shell("sleep 100"), .o.timeout_ms = 200 };

	run(state, &r);
	assert_int_equal(r.res.status, 128 + SIGKILL);
	assert_true(r.res.timed_out);
	run_free(&r);
}

static void reaper_passes_status_and_signals(void **state)
{
	struct run r = { .o.argv = shell("echo $$; (sleep 0.1 &) ; exit 7"), .o.init = true };
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct agent_exec_options o = {
		.argv = argv, .init = true, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
	};
	struct agent_exec_result res;
	struct agent_exec *x;

	run(state, &r);
	assert_string_equal(r.out, "2\n");
	assert_int_equal(r.res.status, 7);
	run_free(&r);
	assert_int_equal(agent_exec_start(dial(state), &o, &x, NULL), 0);
	usleep(300000);
	assert_int_equal(agent_exec_signal(x, SIGTERM, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGTERM);
	agent_exec_destroy(x);
}

static void terminal_has_size_and_is_controlling(void **state)
{
	struct run r = { .o.argv = shell("stty size; tty; echo $TERM; test -t 2 && : >/dev/tty && echo yes"),
			 .o.tty = true,
			 .o.rows = 31,
			 .o.cols = 99 };

	run(state, &r);
	assert_string_equal(r.out, "31 99\r\n/dev/pts/0\r\nxterm\r\nyes\r\n");
	assert_int_equal(r.res.status, 0);
	run_free(&r);
}

static void terminal_input_is_echoed_and_ends(void **state)
{
	struct run r = { .o.argv = shell("read x; echo got $x"), .o.tty = true, .in = "abc\n", .in_len = 4 };

	run(state, &r);
	assert_string_equal(r.out, "abc\r\ngot abc\r\n");
	run_free(&r);
}

static void terminal_output_is_complete(void **state)
{
	struct agent_exec *idle = start_idle(state);

	for (int i = 0; i < 5; i++) {
		struct run r = { .o.argv = shell("seq 1 20000; sleep 60 &"),
				 .o.tty = true,
				 .out_size = 1 << 20 };

		run(state, &r);
		assert_int_equal(r.out_len, 108894 + 20000);
		run_free(&r);
	}
	agent_exec_destroy(idle);
}

static void winsize_arrives(void **state)
{
	static const char script[] = "trap 'stty size; exit 0' WINCH; echo go; while :; do sleep 0.05; done";
	struct agent_exec_options o = { .argv = shell(script), .tty = true, .stdin_fd = -1, .stderr_fd = -1 };
	struct agent_exec_result res;
	struct agent_exec *x;
	char out[100] = "";
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	o.stdout_fd = p[1];
	assert_int_equal(agent_exec_start(dial(state), &o, &x, NULL), 0);
	usleep(500000);
	assert_int_equal(agent_exec_winsize(x, 11, 22, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	close(p[1]);
	assert_true(fd_read_full(p[0], out, sizeof(out) - 1) > 0);
	assert_string_equal(out, "go\r\n11 22\r\n");
	close(p[0]);
	agent_exec_destroy(x);
}

static void user_and_directory_are_honoured(void **state)
{
	struct run r = { .o.argv = shell("id -u; id -g; pwd; echo $HOME; echo x >/dev/stdout"),
			 .o.user = "daemon",
			 .o.cwd = "/new/dir" };

	run(state, &r);
	assert_string_equal(r.out, "1\n1\n/new/dir\n/usr/sbin\nx\n");
	run_free(&r);
	r = (struct run){ .o.argv = shell("id -u; id -g"), .o.user = "4711:12" };
	run(state, &r);
	assert_string_equal(r.out, "4711\n12\n");
	run_free(&r);
	r = (struct run){ .o.argv = shell("true"), .o.user = "nosuchuser" };
	run(state, &r);
	assert_int_equal(r.res.status, 126);
	assert_string_equal(r.res.reason,
			    "unable to find user nosuchuser: no matching entries in passwd file");
	run_free(&r);
}

static void devices_and_mounts_are_there(void **state)
{
	expect(state,
	       "echo x >/dev/null && head -c 4 /dev/zero | wc -c && ls /dev/pts /dev/shm /dev/mqueue >/dev/null &&"
	       "cat /etc/hostname && grep -c localhost /etc/hosts && ls /sys/class >/dev/null &&"
	       "[ -L /dev/stdout ] && [ ! -e /mnt/m ]",
	       0, "4\ntestvm\n2\n");
}

/* ---- frames by hand ---- */

struct wire {
	int fd;
	struct frame_input in;
	struct frame_output out;
};

static void wire_flush(struct wire *w)
{
	while (frame_output_len(&w->out))
		assert_int_equal(frame_output_flush(&w->out, w->fd), 0);
}

/* False at the end of the connection. */
static bool wire_next(struct wire *w, struct frame *f)
{
	while (!frame_input_next(&w->in, f)) {
		struct pollfd p = { .fd = w->fd, .events = POLLIN };
		ssize_t n;

		assert_int_equal(poll(&p, 1, 20000), 1);
		n = frame_input_fill(&w->in, w->fd);
		if (n <= 0 && n != -EAGAIN)
			return false;
	}
	return true;
}

static void wire_fini(struct wire *w)
{
	close(w->fd);
	frame_input_fini(&w->in);
	frame_output_fini(&w->out);
}

static void wire_exec(struct wire *w, uint32_t stream, const char *const *argv)
{
	frame_begin(&w->out, SMP_EXEC, stream);
	frame_put_u32(&w->out, 0);
	frame_put_list(&w->out, argv);
	frame_put_list(&w->out, NULL);
	frame_put_str(&w->out, "");
	frame_put_str(&w->out, "");
	frame_put_u16(&w->out, 0);
	frame_put_u16(&w->out, 0);
	frame_put_u32(&w->out, 0);
	frame_end(&w->out);
}

static void one_connection_carries_many_sessions(void **state)
{
	struct wire w = { .fd = dial(state) };
	uint32_t exits = 0, bytes[9] = { 0 };
	struct frame f;

	for (uint32_t i = 1; i <= 8; i++)
		wire_exec(&w, i, shell("echo hello"));
	wire_flush(&w);
	while (exits < 8 && wire_next(&w, &f)) {
		assert_in_range(f.stream, 1, 8);
		if (f.type == SMP_STDOUT)
			bytes[f.stream] += f.len;
		exits += f.type == SMP_EXIT;
	}
	assert_int_equal(exits, 8);
	/* The first is the container: when it ended, others may have been killed. */
	assert_int_equal(bytes[1], 6);
	wire_fini(&w);
}

static void nothing_is_sent_without_credit(void **state)
{
	struct wire w = { .fd = dial(state) };
	uint64_t bytes = 0;
	struct pollfd p = { .fd = w.fd, .events = POLLIN };
	struct frame f;

	wire_exec(&w, 1, shell("yes"));
	wire_flush(&w);
	while (poll(&p, 1, 700) > 0) {
		assert_true(frame_input_fill(&w.in, w.fd) > 0);
		while (frame_input_next(&w.in, &f) > 0)
			bytes += f.type == SMP_STDOUT ? f.len : 0;
	}
	assert_int_equal(bytes, SMP_WINDOW);
	wire_fini(&w);
}

static void file_is_written_read_and_described(void **state)
{
	struct wire w = { .fd = dial(state) };
	struct frame_reader r;
	struct frame f;

	frame_begin(&w.out, SMP_FILE_WRITE, 1);
	frame_put_str(&w.out, "/tmp/../file-test");
	frame_put_u32(&w.out, 0640);
	frame_put_u32(&w.out, 5);
	frame_put_u32(&w.out, 6);
	frame_end(&w.out);
	frame_send(&w.out, SMP_DATA, 1, "hello world", 11);
	frame_send(&w.out, SMP_DATA, 1, NULL, 0);
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_OK);

	frame_begin(&w.out, SMP_STAT, 2);
	frame_put_str(&w.out, "/file-test");
	frame_end(&w.out);
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_OK);
	r = frame_reader_of(&f);
	assert_int_equal(frame_get_u32(&r), S_IFREG | 0640);
	assert_int_equal(frame_get_u32(&r), 5);
	assert_int_equal(frame_get_u32(&r), 6);
	assert_int_equal(frame_get_u64(&r), 11);
	assert_true(frame_reader_done(&r));

	frame_begin(&w.out, SMP_FILE_READ, 3);
	frame_put_str(&w.out, "/file-test");
	frame_put_u64(&w.out, 6);
	frame_put_u64(&w.out, 3);
	frame_end(&w.out);
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_DATA);
	assert_int_equal(f.len, 3);
	assert_memory_equal(f.data, "wor", 3);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.len, 0);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_OK);
	wire_fini(&w);
}

static void missing_file_is_an_error(void **state)
{
	struct wire w = { .fd = dial(state) };
	struct frame_reader r;
	struct frame f;

	frame_begin(&w.out, SMP_STAT, 1);
	frame_put_str(&w.out, "/nothing");
	frame_end(&w.out);
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_ERROR);
	r = frame_reader_of(&f);
	assert_int_equal(frame_get_u32(&r), ENOENT);
	assert_string_equal(frame_get_str(&r), "/nothing: No such file or directory");
	wire_fini(&w);
}

static void later_requests_answer_enosys(void **state)
{
	struct wire w = { .fd = dial(state) };
	struct frame_reader r;
	struct frame f;

	frame_send(&w.out, SMP_TAR_OUT, 1, NULL, 0);
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_ERROR);
	r = frame_reader_of(&f);
	assert_int_equal(frame_get_u32(&r), ENOSYS);
	wire_fini(&w);
}

static void broken_frame_ends_only_its_connection(void **state)
{
	static const uint8_t bad[][12] = {
		{ 0, 0, 0, 0, 99 },		      /* type */
		{ 0, 0, 0x20, 0, SMP_SYNC },	      /* length */
		{ 0, 0, 0, 0, SMP_SYNC, 0, 1 },	      /* flags */
		{ 0, 0, 0, 0, SMP_EXEC, 0, 0, 0, 1 }, /* payload */
		{ 0, 0, 0, 0, SMP_EXIT, 0, 0, 0, 1 }, /* direction */
	};
	struct agent_exec *idle = start_idle(state);
	struct frame f;

	for (size_t i = 0; i < NUM_COUNTOF(bad); i++) {
		struct wire w = { .fd = dial(state) };

		assert_int_equal(fd_write_full(w.fd, bad[i], 12), 0);
		assert_false(wire_next(&w, &f));
		wire_fini(&w);
	}
	expect(state, "echo fine", 0, "fine\n");
	agent_exec_destroy(idle);
}

static void lost_connection_leaves_the_process(void **state)
{
	struct agent_exec *idle = start_idle(state);
	struct wire w = { .fd = dial(state) };
	struct frame f;

	wire_exec(&w, 1, shell("seq 1 300000 >/dev/stdout; echo survived >/survived"));
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_STARTED);
	wire_fini(&w);
	expect(state, "until [ -s /survived ]; do sleep 0.1; done; cat /survived", 0, "survived\n");
	agent_exec_destroy(idle);
}

static void hello_sets_the_hostname(void **state)
{
	struct agent_identity id = { .hostname = "renamed", .entropy = { 1, 2, 3 } };
	int fd = dial_as(state, 'h');
	struct sm_err e = { 0 };

	if (agent_hello(fd, &id, &e))
		fail_msg("%s", e.text);
	expect(state, "hostname; cat /etc/hostname", 0, "renamed\nrenamed\n");
	close(fd);
}

static void sync_is_answered(void **state)
{
	int fd = dial(state);

	assert_int_equal(agent_control(fd, SMP_SYNC, NULL), 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(exec_returns_output_and_status),
		TEST(command_is_pid_1_of_own_namespaces),
		TEST(container_can_start_again),
		TEST(unknown_command_is_127),
		TEST(directory_as_command_is_126),
		TEST(signal_death_is_128_plus_n),
		TEST(large_output_is_complete),
		TEST(stdin_comes_back_unchanged),
		TEST(unread_stdin_does_not_hold_the_exit),
		TEST(without_stdin_it_is_dev_null),
		TEST(closed_stdout_ends_the_writer),
		TEST(grandchild_with_the_pipe_does_not_hold_the_exit),
		TEST(second_session_joins_the_container),
		TEST(end_of_pid_1_ends_the_others),
		TEST(timeout_kills),
		TEST(reaper_passes_status_and_signals),
		TEST(terminal_has_size_and_is_controlling),
		TEST(terminal_input_is_echoed_and_ends),
		TEST(terminal_output_is_complete),
		TEST(winsize_arrives),
		TEST(user_and_directory_are_honoured),
		TEST(devices_and_mounts_are_there),
		TEST(one_connection_carries_many_sessions),
		TEST(nothing_is_sent_without_credit),
		TEST(file_is_written_read_and_described),
		TEST(missing_file_is_an_error),
		TEST(later_requests_answer_enosys),
		TEST(broken_frame_ends_only_its_connection),
		TEST(lost_connection_leaves_the_process),
		TEST(hello_sets_the_hostname),
		TEST(sync_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
