/* SPDX-License-Identifier: Apache-2.0 */
/* The client's processes against an agent made by hand. */
#include "vm/agent_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static void close_pipe(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
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
	close_pipe(out);
	close_pipe(err);
}

/* A thread in agent_exec_wait(). */
struct waiter {
	pthread_t thread;
	struct agent_exec *x;
	struct agent_exec_result result;
	struct sm_err err;
	int r;
};

static void *wait_main(void *opaque)
{
	struct waiter *w = opaque;

	w->r = agent_exec_wait(w->x, &w->result, &w->err);
	return NULL;
}

static void waiter_start(struct waiter *w, struct agent_exec *x)
{
	*w = (struct waiter){ .x = x };
	assert_int_equal(pthread_create(&w->thread, NULL, wait_main, w), 0);
}

static int waiter_join(struct waiter *w)
{
	pthread_join(w->thread, NULL);
	return w->r;
}

static void peer_flush_slowly(struct peer *p)
{
	while (!frame_output_flush(&p->out, p->fd) && frame_output_len(&p->out))
		poll(&(struct pollfd){ .fd = p->fd, .events = POLLOUT }, 1, 1000);
}

static void output_above_the_window_is_refused(void **state)
{
	static uint8_t data[SMP_WINDOW + 70000];
	struct waiter w;
	struct peer p;
	int out[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	waiter_start(&w, start(&p, -1, out[1], -1));
	/* Nobody reads, and what the pipe holds was never credited. */
	frame_send(&p.out, SMP_STDOUT, 1, data, SMP_WINDOW);
	frame_send(&p.out, SMP_STDOUT, 1, data, sizeof(data) - SMP_WINDOW);
	peer_flush_slowly(&p);
	assert_int_equal(waiter_join(&w), -EPROTO);
	agent_exec_destroy(w.x);
	peer_close(&p);
	close_pipe(out);
}

static void slow_stdout_does_not_hold_up_stderr(void **state)
{
	static uint8_t data[SMP_WINDOW];
	char text[5] = "";
	int out[2], err[2];
	struct waiter w;
	struct peer p;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(err, O_CLOEXEC), 0);
	waiter_start(&w, start(&p, -1, out[1], err[1]));
	frame_send(&p.out, SMP_STDOUT, 1, data, sizeof(data));
	frame_send(&p.out, SMP_STDERR, 1, "oops", 4);
	peer_flush_slowly(&p);
	assert_int_equal(fd_read_full(err[0], text, 4), 4);
	assert_string_equal(text, "oops");
	peer_put_exit(&p, 0, 0, "");
	peer_flush_slowly(&p);
	assert_int_equal(fd_read_full(out[0], data, sizeof(data)), sizeof(data));
	assert_int_equal(waiter_join(&w), 0);
	assert_false(fcntl(out[1], F_GETFL) & O_NONBLOCK);
	agent_exec_destroy(w.x);
	peer_close(&p);
	close_pipe(out);
	close_pipe(err);
}

/* Frames until `bytes` of stdin or its end; the bytes. */
static size_t take_stdin(struct peer *p, size_t bytes)
{
	size_t got = 0;

	while (got < bytes) {
		struct frame f = peer_next(p);

		assert_int_equal(f.type, SMP_STDIN);
		if (!f.len)
			break;
		got += f.len;
	}
	return got;
}

static void peer_put_type(struct peer *p, enum smp_type type, uint32_t bytes)
{
	frame_begin(&p->out, type, 1);
	frame_put_u16(&p->out, SMP_STDIN);
	if (type == SMP_CREDIT)
		frame_put_u32(&p->out, bytes);
	frame_end(&p->out);
}

/* A file of `len` bytes, at its start. */
static int make_input(size_t len)
{
	char path[] = "/tmp/agent-test-XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, (off_t)len), 0);
	return fd;
}

static void stdin_waits_for_credit_and_ends(void **state)
{
	int fd = make_input(SMP_WINDOW + 100);
	struct waiter w;
	struct peer p;

	(void)state;
	waiter_start(&w, start(&p, fd, -1, -1));
	assert_int_equal(take_stdin(&p, SMP_WINDOW), SMP_WINDOW);
	assert_int_equal(poll(&(struct pollfd){ .fd = p.fd, .events = POLLIN }, 1, 200), 0);
	peer_put_type(&p, SMP_CREDIT, SMP_WINDOW);
	peer_flush(&p);
	assert_int_equal(take_stdin(&p, SMP_WINDOW), 100);
	peer_put_exit(&p, 0, 0, "");
	peer_flush(&p);
	assert_int_equal(waiter_join(&w), 0);
	agent_exec_destroy(w.x);
	peer_close(&p);
	close(fd);
}

static void closed_stdin_is_read_no_more(void **state)
{
	int fd = make_input(SMP_WINDOW * 4);
	struct waiter w;
	struct peer p;

	(void)state;
	waiter_start(&w, start(&p, fd, -1, -1));
	assert_int_equal(take_stdin(&p, SMP_WINDOW), SMP_WINDOW);
	peer_put_type(&p, SMP_CLOSE, 0);
	peer_put_type(&p, SMP_CREDIT, SMP_WINDOW);
	peer_flush(&p);
	assert_int_equal(poll(&(struct pollfd){ .fd = p.fd, .events = POLLIN }, 1, 200), 0);
	peer_put_exit(&p, 9, 0, "");
	peer_flush(&p);
	assert_int_equal(waiter_join(&w), 0);
	assert_int_equal(w.result.status, 9);
	agent_exec_destroy(w.x);
	peer_close(&p);
	close(fd);
}

static void gone_reader_closes_the_stream_without_sigpipe(void **state)
{
	struct waiter w;
	struct frame f;
	struct peer p;
	int out[2];

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	close(out[0]);
	waiter_start(&w, start(&p, -1, out[1], -1));
	frame_send(&p.out, SMP_STDOUT, 1, "text", 4);
	peer_flush(&p);
	f = peer_next(&p);
	assert_int_equal(f.type, SMP_CLOSE);
	frame_send(&p.out, SMP_STDOUT, 1, "more", 4);
	peer_put_exit(&p, 141, 0, "");
	peer_flush(&p);
	assert_int_equal(waiter_join(&w), 0);
	agent_exec_destroy(w.x);
	peer_close(&p);
	close(out[1]);
}

static void full_disk_is_an_error(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct waiter w;
	struct peer p;

	(void)state;
	waiter_start(&w, start(&p, -1, full, -1));
	frame_send(&p.out, SMP_STDOUT, 1, "text", 4);
	peer_put_exit(&p, 0, 0, "");
	peer_flush(&p);
	assert_int_equal(waiter_join(&w), -ENOSPC);
	agent_exec_destroy(w.x);
	peer_close(&p);
	close(full);
}

static void signals_pass_while_another_thread_waits(void **state)
{
	struct frame_reader rd;
	struct waiter w;
	struct frame f;
	struct peer p;

	(void)state;
	waiter_start(&w, start(&p, -1, -1, -1));
	assert_int_equal(agent_exec_signal(w.x, SIGTERM, NULL), 0);
	f = peer_next(&p);
	assert_int_equal(f.type, SMP_SIGNAL);
	rd = frame_reader_of(&f);
	assert_int_equal(frame_get_u32(&rd), SIGTERM);
	assert_int_equal(agent_exec_winsize(w.x, 7, 8, NULL), 0);
	f = peer_next(&p);
	assert_int_equal(f.type, SMP_WINSIZE);
	rd = frame_reader_of(&f);
	assert_int_equal(frame_get_u16(&rd), 7);
	assert_int_equal(frame_get_u16(&rd), 8);
	peer_put_exit(&p, 143, 0, "");
	peer_flush(&p);
	assert_int_equal(waiter_join(&w), 0);
	agent_exec_destroy(w.x);
	peer_close(&p);
}

static void lost_connection_is_an_error(void **state)
{
	struct waiter w;
	struct peer p;

	(void)state;
	waiter_start(&w, start(&p, -1, -1, -1));
	peer_close(&p);
	assert_int_equal(waiter_join(&w), -ECONNRESET);
	assert_int_equal(agent_exec_signal(w.x, SIGTERM, NULL), -ESRCH);
	agent_exec_destroy(w.x);
}

static void agents_error_is_passed_on(void **state)
{
	struct waiter w;
	struct peer p;

	(void)state;
	waiter_start(&w, start(&p, -1, -1, -1));
	frame_begin(&p.out, SMP_ERROR, 1);
	frame_put_u32(&p.out, EAGAIN);
	frame_put_str(&p.out, "too many sessions");
	frame_end(&p.out);
	peer_flush(&p);
	assert_int_equal(waiter_join(&w), -EAGAIN);
	assert_string_equal(w.err.text, "too many sessions");
	agent_exec_destroy(w.x);
	peer_close(&p);
}

static void frames_that_do_not_belong_are_refused(void **state)
{
	static const struct {
		enum smp_type type;
		uint32_t stream;
		const char *data;
		size_t len;
	} bad[] = {
		{ SMP_HELLO, 1, "", 0 },
		{ SMP_STDOUT, 2, "", 0 },
		{ SMP_EXIT, 1, "", 0 },
		{ SMP_ERROR, 1, "", 0 },
		{ SMP_CLOSE, 1, "", 0 },
		{ SMP_CREDIT, 1, "\x12\0\1\0\0\0", 6 }, /* more than the whole window */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct waiter w;
		struct peer p;

		waiter_start(&w, start(&p, -1, -1, -1));
		frame_send(&p.out, bad[i].type, bad[i].stream, bad[i].data, bad[i].len);
		peer_flush(&p);
		assert_int_equal(waiter_join(&w), -EPROTO);
		agent_exec_destroy(w.x);
		peer_close(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_carries_the_options),
		cmocka_unit_test(exit_is_reported_whole),
		cmocka_unit_test(output_is_delivered_and_credited),
		cmocka_unit_test(output_above_the_window_is_refused),
		cmocka_unit_test(slow_stdout_does_not_hold_up_stderr),
		cmocka_unit_test(stdin_waits_for_credit_and_ends),
		cmocka_unit_test(closed_stdin_is_read_no_more),
		cmocka_unit_test(gone_reader_closes_the_stream_without_sigpipe),
		cmocka_unit_test(full_disk_is_an_error),
		cmocka_unit_test(signals_pass_while_another_thread_waits),
		cmocka_unit_test(lost_connection_is_an_error),
		cmocka_unit_test(agents_error_is_passed_on),
		cmocka_unit_test(frames_that_do_not_belong_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
