/* SPDX-License-Identifier: Apache-2.0 */
/* Commands through the host's client and the agent's service. */
#include "guest/agent/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/fd.h"

static void exec_returns_output_and_status(void **state)
{
	struct run r = { .o.argv = run_shell("echo out; echo err >&2; exit 3") };

	run_command(state, &r);
	assert_string_equal(r.out, "out\n");
	assert_string_equal(r.err, "err\n");
	assert_int_equal(r.res.status, 3);
	assert_string_equal(r.res.reason, "");
	assert_true(r.res.peak_rss > 4096);
	run_free(&r);
}

static void command_is_pid_1_of_own_namespaces(void **state)
{
	run_expect(state, "echo $$ $(hostname) $HOSTNAME", 0, "1 testvm testvm\n");
}

static void container_can_start_again(void **state)
{
	run_expect(state, "echo a > /a; exit 1", 1, "");
	run_expect(state, "cat /a", 0, "a\n");
}

static void unknown_command_is_127(void **state)
{
	static const char *const argv[] = { "no-such-command", NULL };
	struct run r = { .o.argv = argv };

	run_command(state, &r);
	assert_int_equal(r.res.status, 127);
	assert_true(r.res.not_started);
	assert_string_equal(r.res.reason, "exec \"no-such-command\": executable file not found in $PATH");
	run_free(&r);
}

static void directory_as_command_is_126(void **state)
{
	static const char *const argv[] = { "/etc", NULL };
	struct run r = { .o.argv = argv };

	run_command(state, &r);
	assert_int_equal(r.res.status, 126);
	assert_string_equal(r.res.reason, "exec \"/etc\": Is a directory");
	run_free(&r);
}

static void signal_death_is_128_plus_n(void **state)
{
	struct agent_exec *idle = run_idle(state);

	run_expect(state, "kill -TERM $$", 128 + SIGTERM, "");
	agent_exec_destroy(idle);
}

static void large_output_is_complete(void **state)
{
	struct run r = { .o.argv = run_shell("seq 1 1500000"), .out_size = 16 << 20 };
	char want[16];
	const char *p;

	run_command(state, &r);
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
	struct run r = { .o.argv = run_shell("cat"), .in = data, .in_len = len, .out_size = len + 100 };

	for (size_t i = 0; i < len; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	run_command(state, &r);
	assert_int_equal(r.out_len, len);
	assert_memory_equal(r.out, data, len);
	run_free(&r);
	free(data);
}

static void unread_stdin_does_not_hold_the_exit(void **state)
{
	size_t len = 2 << 20;
	char *data = calloc(1, len);
	struct run r = { .o.argv = run_shell("exec <&-; echo done"), .in = data, .in_len = len };

	/* The writer of our own pipe ends by SIGPIPE otherwise. */
	signal(SIGPIPE, SIG_IGN);
	run_command(state, &r);
	assert_string_equal(r.out, "done\n");
	run_free(&r);
	free(data);
}

static void without_stdin_it_is_dev_null(void **state)
{
	run_expect(state, "readlink /proc/self/fd/0; cat", 0, "/dev/null\n");
}

static void closed_stdout_ends_the_writer(void **state)
{
	struct agent_exec *idle = run_idle(state);
	static const char *const argv[] = { "yes", NULL };
	struct agent_exec_options o = { .argv = argv, .stdin_fd = -1, .stderr_fd = -1 };
	struct agent_exec_result res;
	struct agent_exec *x;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	close(p[0]);
	o.stdout_fd = p[1];
	assert_int_equal(agent_exec_start(fixture_dial(state, 's'), &o, &x, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGPIPE);
	agent_exec_destroy(x);
	agent_exec_destroy(idle);
	close(p[1]);
}

static void grandchild_with_the_pipe_does_not_hold_the_exit(void **state)
{
	struct agent_exec *idle = run_idle(state);
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	run_expect(state, "sleep 60 & echo x", 0, "x\n");
	clock_gettime(CLOCK_MONOTONIC, &b);
	assert_true(b.tv_sec - a.tv_sec < 20);
	agent_exec_destroy(idle);
}

static void second_session_joins_the_container(void **state)
{
	struct agent_exec *idle = run_idle(state);

	run_expect(state, "cat /proc/1/comm; ls /proc/1/ns >/dev/null && echo same", 0, "sleep\nsame\n");
	agent_exec_destroy(idle);
}

static void end_of_pid_1_ends_the_others(void **state)
{
	struct agent_exec *first = run_idle(state), *second = run_idle(state);
	struct agent_exec_result res;

	assert_int_equal(agent_exec_signal(first, SIGKILL, NULL), 0);
	assert_int_equal(agent_exec_wait(first, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGKILL);
	assert_int_equal(agent_exec_wait(second, &res, NULL), 0);
	agent_exec_destroy(first);
	agent_exec_destroy(second);
}

static void pid_1_without_a_handler_ends_by_signal(void **state)
{
	struct agent_exec_result res;
	struct agent_exec *x = run_idle(state);

	usleep(300000);
	assert_int_equal(agent_exec_signal(x, SIGWINCH, NULL), 0);
	assert_int_equal(agent_exec_signal(x, SIGTERM, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGTERM);
	agent_exec_destroy(x);
}

static void pid_1_with_a_handler_decides(void **state)
{
	static const char script[] = "trap n=1 TERM; echo $$ >/pid; until [ $n ]; do sleep 0.1; done; exit 4";
	struct agent_exec_options o = {
		.argv = run_shell(script), .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
	};
	struct agent_exec_result res;
	struct agent_exec *x;

	assert_int_equal(agent_exec_start(fixture_dial(state, 's'), &o, &x, NULL), 0);
	run_expect(state, "until [ -s /pid ]; do sleep 0.1; done; cat /pid", 0, "1\n");
	assert_int_equal(agent_exec_signal(x, SIGTERM, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	assert_int_equal(res.status, 4);
	agent_exec_destroy(x);
}

static void timeout_kills(void **state)
{
	struct run r = { .o.argv = run_shell("sleep 100"), .o.timeout_ms = 200 };

	run_command(state, &r);
	assert_int_equal(r.res.status, 128 + SIGKILL);
	assert_true(r.res.timed_out);
	run_free(&r);
}

static void reaper_passes_status_and_signals(void **state)
{
	struct run r = { .o.argv = run_shell("echo $$; (sleep 0.1 &) ; exit 7"), .o.init = true };
	static const char *const argv[] = { "sleep", "1000", NULL };
	struct agent_exec_options o = {
		.argv = argv, .init = true, .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1
	};
	struct agent_exec_result res;
	struct agent_exec *x;

	run_command(state, &r);
	assert_string_equal(r.out, "2\n");
	assert_int_equal(r.res.status, 7);
	run_free(&r);
	assert_int_equal(agent_exec_start(fixture_dial(state, 's'), &o, &x, NULL), 0);
	usleep(300000);
	assert_int_equal(agent_exec_signal(x, SIGTERM, NULL), 0);
	assert_int_equal(agent_exec_wait(x, &res, NULL), 0);
	assert_int_equal(res.status, 128 + SIGTERM);
	agent_exec_destroy(x);
}

static void terminal_has_size_and_is_controlling(void **state)
{
	struct run r = { .o.argv = run_shell(
				 "stty size; tty; echo $TERM; test -t 2 && : >/dev/tty && echo yes"),
			 .o.tty = true,
			 .o.rows = 31,
			 .o.cols = 99 };

	run_command(state, &r);
	assert_string_equal(r.out, "31 99\r\n/dev/pts/0\r\nxterm\r\nyes\r\n");
	assert_int_equal(r.res.status, 0);
	run_free(&r);
}

static void terminal_input_is_echoed_and_ends(void **state)
{
	struct run r = {
		.o.argv = run_shell("read x; echo got $x"), .o.tty = true, .in = "abc\n", .in_len = 4
	};

	run_command(state, &r);
	assert_string_equal(r.out, "abc\r\ngot abc\r\n");
	run_free(&r);
}

static void terminal_output_is_complete(void **state)
{
	struct agent_exec *idle = run_idle(state);

	for (int i = 0; i < 5; i++) {
		struct run r = { .o.argv = run_shell("seq 1 20000; sleep 60 &"),
				 .o.tty = true,
				 .out_size = 1 << 20 };

		run_command(state, &r);
		assert_int_equal(r.out_len, 108894 + 20000);
		run_free(&r);
	}
	agent_exec_destroy(idle);
}

static void winsize_arrives(void **state)
{
	static const char script[] = "trap 'stty size; exit 0' WINCH; echo go; while :; do sleep 0.05; done";
	struct agent_exec_options o = {
		.argv = run_shell(script), .tty = true, .stdin_fd = -1, .stderr_fd = -1
	};
	struct agent_exec_result res;
	struct agent_exec *x;
	char out[100] = "";
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	o.stdout_fd = p[1];
	assert_int_equal(agent_exec_start(fixture_dial(state, 's'), &o, &x, NULL), 0);
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
	struct run r = { .o.argv = run_shell("id -u; id -g; pwd; echo $HOME; echo x >/dev/stdout"),
			 .o.user = "daemon",
			 .o.cwd = "/new/dir" };

	run_command(state, &r);
	assert_string_equal(r.out, "1\n1\n/new/dir\n/usr/sbin\nx\n");
	run_free(&r);
	r = (struct run){ .o.argv = run_shell("id -u; id -g"), .o.user = "4711:12" };
	run_command(state, &r);
	assert_string_equal(r.out, "4711\n12\n");
	run_free(&r);
	r = (struct run){ .o.argv = run_shell("true"), .o.user = "nosuchuser" };
	run_command(state, &r);
	assert_int_equal(r.res.status, 126);
	assert_string_equal(r.res.reason,
			    "unable to find user nosuchuser: no matching entries in passwd file");
	run_free(&r);
}

static void devices_and_mounts_are_there(void **state)
{
	run_expect(
		state,
		"echo x >/dev/null && head -c 4 /dev/zero | wc -c && ls /dev/pts /dev/shm /dev/mqueue >/dev/null &&"
		"cat /etc/hostname && grep -c localhost /etc/hosts && ls /sys/class >/dev/null &&"
		"[ -L /dev/stdout ] && [ ! -e /mnt/m ]",
		0, "4\ntestvm\n2\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(exec_returns_output_and_status),
		FIXTURE_TEST(command_is_pid_1_of_own_namespaces),
		FIXTURE_TEST(container_can_start_again),
		FIXTURE_TEST(unknown_command_is_127),
		FIXTURE_TEST(directory_as_command_is_126),
		FIXTURE_TEST(signal_death_is_128_plus_n),
		FIXTURE_TEST(large_output_is_complete),
		FIXTURE_TEST(stdin_comes_back_unchanged),
		FIXTURE_TEST(unread_stdin_does_not_hold_the_exit),
		FIXTURE_TEST(without_stdin_it_is_dev_null),
		FIXTURE_TEST(closed_stdout_ends_the_writer),
		FIXTURE_TEST(grandchild_with_the_pipe_does_not_hold_the_exit),
		FIXTURE_TEST(second_session_joins_the_container),
		FIXTURE_TEST(end_of_pid_1_ends_the_others),
		FIXTURE_TEST(pid_1_without_a_handler_ends_by_signal),
		FIXTURE_TEST(pid_1_with_a_handler_decides),
		FIXTURE_TEST(timeout_kills),
		FIXTURE_TEST(reaper_passes_status_and_signals),
		FIXTURE_TEST(terminal_has_size_and_is_controlling),
		FIXTURE_TEST(terminal_input_is_echoed_and_ends),
		FIXTURE_TEST(terminal_output_is_complete),
		FIXTURE_TEST(winsize_arrives),
		FIXTURE_TEST(user_and_directory_are_honoured),
		FIXTURE_TEST(devices_and_mounts_are_there),
	};

	return fixture_run(tests);
}
