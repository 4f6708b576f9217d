/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's service, spoken to in frames. */
#include "guest/agent/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/frame.h"
#include "util/fd.h"
#include "util/num.h"

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
	struct wire w = { .fd = fixture_dial(state, 's') };
	uint32_t exits = 0, bytes[9] = { 0 };
	struct frame f;

	for (uint32_t i = 1; i <= 8; i++)
		wire_exec(&w, i, run_shell("echo hello"));
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
	struct wire w = { .fd = fixture_dial(state, 's') };
	uint64_t bytes = 0;
	struct pollfd p = { .fd = w.fd, .events = POLLIN };
	struct frame f;

	wire_exec(&w, 1, run_shell("yes"));
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
	struct wire w = { .fd = fixture_dial(state, 's') };
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
	struct wire w = { .fd = fixture_dial(state, 's') };
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
	struct wire w = { .fd = fixture_dial(state, 's') };
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
	struct agent_exec *idle = run_idle(state);
	struct frame f;

	for (size_t i = 0; i < NUM_COUNTOF(bad); i++) {
		struct wire w = { .fd = fixture_dial(state, 's') };

		assert_int_equal(fd_write_full(w.fd, bad[i], 12), 0);
		assert_false(wire_next(&w, &f));
		wire_fini(&w);
	}
	run_expect(state, "echo fine", 0, "fine\n");
	agent_exec_destroy(idle);
}

static void lost_connection_leaves_the_process(void **state)
{
	struct agent_exec *idle = run_idle(state);
	struct wire w = { .fd = fixture_dial(state, 's') };
	struct frame f;

	wire_exec(&w, 1, run_shell("seq 1 300000 >/dev/stdout; echo survived >/survived"));
	wire_flush(&w);
	assert_true(wire_next(&w, &f));
	assert_int_equal(f.type, SMP_STARTED);
	wire_fini(&w);
	run_expect(state, "until [ -s /survived ]; do sleep 0.1; done; cat /survived", 0, "survived\n");
	agent_exec_destroy(idle);
}

static void hello_sets_the_hostname(void **state)
{
	bool refuses;
	struct agent_identity id = { .hostname = "renamed", .entropy = { 1, 2, 3 } };
	int fd = fixture_dial(state, 'h');
	struct sm_err e = { 0 };

	if (agent_hello(fd, &id, &refuses, &e))
		fail_msg("%s", e.text);
	run_expect(state, "hostname; cat /etc/hostname", 0, "renamed\nrenamed\n");
	close(fd);
}

static void sync_is_answered(void **state)
{
	int fd = fixture_dial(state, 's');

	assert_int_equal(agent_control(fd, SMP_SYNC, NULL), 0);
	close(fd);
}

static void resume_renames_and_renews(void **state)
{
	struct agent_identity id = { .hostname = "resumed", .generation = { 0xab } };
	int fd = fixture_dial(state, 's');

	assert_int_equal(agent_resume(fd, &id, NULL), 0);
	run_expect(state, "hostname; cat /proc/sys/kernel/random/boot_id", 0,
		   "resumed\nab000000-0000-4000-8000-000000000000\n");
	close(fd);
}

static void resume_that_is_cut_ends_the_connection(void **state)
{
	struct wire w = { .fd = fixture_dial(state, 's') };
	struct frame f;

	frame_begin(&w.out, SMP_RESUME, 1);
	frame_put_str(&w.out, "name");
	frame_end(&w.out);
	wire_flush(&w);
	assert_false(wire_next(&w, &f));
	wire_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(resume_renames_and_renews),
		FIXTURE_TEST(resume_that_is_cut_ends_the_connection),
		FIXTURE_TEST(one_connection_carries_many_sessions),
		FIXTURE_TEST(nothing_is_sent_without_credit),
		FIXTURE_TEST(file_is_written_read_and_described),
		FIXTURE_TEST(missing_file_is_an_error),
		FIXTURE_TEST(later_requests_answer_enosys),
		FIXTURE_TEST(broken_frame_ends_only_its_connection),
		FIXTURE_TEST(lost_connection_leaves_the_process),
		FIXTURE_TEST(hello_sets_the_hostname),
		FIXTURE_TEST(sync_is_answered),
	};

	return fixture_run(tests);
}
