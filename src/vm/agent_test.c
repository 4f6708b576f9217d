/* SPDX-License-Identifier: Apache-2.0 */
/* The client against an agent made by hand: the one at the other end of a socket pair is the test. */
#include "vm/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/frame.h"
#include "util/fd.h"

struct peer {
	int fd;
	struct frame_input in;
	struct frame_output out;
};

static int peer_open(struct peer *p)
{
	int sp[2];

	*p = (struct peer){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp), 0);
	p->fd = sp[0];
	return sp[1];
}

static void peer_close(struct peer *p)
{
	fd_close(&p->fd);
	frame_input_fini(&p->in);
	frame_output_fini(&p->out);
}

static void peer_flush(struct peer *p)
{
	assert_int_equal(frame_output_flush(&p->out, p->fd), 0);
	assert_int_equal(frame_output_len(&p->out), 0);
}

static struct frame peer_next(struct peer *p)
{
	struct frame f = { 0 };

	while (!frame_input_next(&p->in, &f)) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_true(frame_input_fill(&p->in, p->fd) > 0);
	}
	return f;
}

static void peer_put_exit(struct peer *p, uint32_t status, uint32_t flags, const char *reason)
{
	frame_begin(&p->out, SMP_EXIT, 1);
	frame_put_u32(&p->out, status);
	frame_put_u64(&p->out, 1234);
	frame_put_u64(&p->out, 5678);
	frame_put_u32(&p->out, flags);
	frame_put_str(&p->out, reason);
	frame_end(&p->out);
}

static const char *const argv_true[] = { "true", NULL };

static struct agent_exec *start(struct peer *p, int in, int out, int err)
{
	struct agent_exec_options o = {
		.argv = argv_true, .stdin_fd = in, .stdout_fd = out, .stderr_fd = err
	};
	struct agent_exec *x;

	assert_int_equal(agent_exec_start(peer_open(p), &o, &x, NULL), 0);
	assert_int_equal(peer_next(p).type, SMP_EXEC);
	return x;
}

static void request_carries_the_options(void **state)
{
	static const char *const env[] = { "A=1", NULL };
	static struct frame_exec got;
	struct agent_exec_options o = { .argv = argv_true,
					.env = env,
					.cwd = "/d",
					.user = "u",
					.tty = true,
					.rows = 3,
					.cols = 4,
					.timeout_ms = 5,
					.stdin_fd = 0,
					.stdout_fd = -1,
					.stderr_fd = -1 };
	struct agent_exec *x;
	struct peer p;
	struct frame f;

	(void)state;
	assert_int_equal(agent_exec_start(peer_open(&p), &o, &x, NULL), 0);
	f = peer_next(&p);
	assert_int_equal(f.type, SMP_EXEC);
	assert_true(frame_get_exec(&f, &got));
	assert_int_equal(got.flags, SMP_EXEC_TTY | SMP_EXEC_STDIN);
	assert_string_equal(got.argv[0], "true");
	assert_string_equal(got.env[0], "A=1");
	assert_string_equal(got.cwd, "/d");
	assert_string_equal(got.user, "u");
	assert_int_equal(got.rows, 3);
	assert_int_equal(got.cols, 4);
	assert_int_equal(got.timeout_ms, 5);
	agent_exec_destroy(x);
	assert_int_equal(peer_next(&p).type, SMP_SIGNAL);
	peer_close(&p);
}

static void exit_is_reported_whole(void **state)
{
	struct agent_exec_result r;
	struct peer p;
	struct agent_exec *x = start(&p, -1, -1, -1);

	(void)state;
	peer_put_exit(&p, 126, SMP_EXIT_NOT_STARTED | SMP_EXIT_OOM, "because");
	peer_flush(&p);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(agent_exec_wait(x, &r, NULL), 0);
		assert_int_equal(r.status, 126);
		assert_int_equal(r.duration_us, 1234);
		assert_int_equal(r.peak_rss, 5678);
		assert_true(r.not_started && r.out_of_memory && !r.timed_out);
		assert_string_equal(r.reason, "because");
	}
	assert_int_equal(agent_exec_signal(x, SIGTERM, NULL), -ESRCH);
	agent_exec_destroy(x);
	peer_close(&p);
}

static void output_is_delivered_and_credited(void **state)
{
	static uint8_t data[SMP_WINDOW / 4];
	struct agent_exec_result r;
	struct frame_reader rd;
	struct peer p;
	struct frame f;
	int out[2], err[2];
	char text[8] = "";

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	fcntl(out[1], F_SETPIPE_SZ, 1 << 20);
	struct agent_exec *x = start(&p, -1, out[1], err[1]);

	memset(data, 'x', sizeof(data));
	frame_send(&p.out, SMP_STDOUT, 1, data, sizeof(data));
	frame_send(&p.out, SMP_STDERR, 1, "oops", 4);
	frame_send(&p.out, SMP_STDOUT, 1, NULL, 0);
	peer_put_exit(&p, 0, 0, "");
	peer_flush(&p);
	assert_int_equal(agent_exec_wait(x, &r, NULL), 0);
	assert_int_equal(fd_read_full(err[0], text, 4), 4);
	assert_string_equal(text, "oops");
	assert_int_equal(fd_read_full(out[0], data, sizeof(data)), sizeof(data));
	f = peer_next(&p);
	assert_int_equal(f.type, SMP_CREDIT);
	rd = frame_reader_of(&f);
	assert_int_equal(frame_get_u16(&rd), SMP_STDOUT);
	assert_int_equal(frame_get_u32(&rd), sizeof(data));
	agent_exec_destroy(x);
	peer_close(&p);
	for (int i = 0; i < 2; i++) {
		close(out[i]);
		close(err[i]);
	}
}

static void output_above_the_window_is_refused(void **state)
{
	static uint8_t data[SMP_WINDOW + 1];
	struct agent_exec_result r;
	struct sm_err e = { 0 };
	struct peer p;
	int out[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	struct agent_exec *x = start(&p, -1, out[1], -1);

	frame_send(&p.out, SMP_STDOUT, 1, data, sizeof(data));
	while (frame_output_len(&p.out)) {
		frame_output_flush(&p.out, p.fd);
		if (frame_output_len(&p.out))
			break; /* the rest fits nowhere yet: the header alone is enough below */
	}
	shutdown(p.fd, SHUT_WR);
	assert_true(agent_exec_wait(x, &r, &e) < 0);
	agent_exec_destroy(x);
	peer_close(&p);
	close(out[0]);
	close(out[1]);
}

static void stdin_stops_at_the_window(void **state)
{
	static char data[SMP_WINDOW * 2];
	char path[] = "/tmp/agent-test-XXXXXX";
	int fd = mkstemp(path);
	struct agent_exec_result r;
	size_t got = 0;
	struct peer p;
	struct frame f;
	pthread_t t;

	(void)state;
	unlink(path);
	assert_int_equal(fd_write_full(fd, data, sizeof(data)), 0);
	lseek(fd, 0, SEEK_SET);
	struct agent_exec *x = start(&p, fd, -1, -1);
	struct {
		struct agent_exec *x;
		struct agent_exec_result *r;
	} arg = { x, &r };
	(void)arg;
	assert_int_equal(pthread_create(&t, NULL, (void *(*)(void *))(uintptr_t)NULL ?: NULL, NULL), 0);
	while (got < SMP_WINDOW) {
		f = peer_next(&p);
		assert_int_equal(f.type, SMP_STDIN);
		got += f.len;
	}
	agent_exec_destroy(x);
	peer_close(&p);
	close(fd);
}
