/* SPDX-License-Identifier: Apache-2.0 */
/* The client's connections against an agent made by hand. */
#include "vm/agent_test.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

struct greeting {
	int fd, r;
	struct sm_err err;
};

static void *hello_main(void *opaque)
{
	static const struct agent_identity id = { .hostname = "h", .realtime_ns = 5, .entropy = { 9 } };
	struct greeting *g = opaque;
	bool refuses;

	g->r = agent_hello(g->fd, &id, &refuses, &g->err);
	return NULL;
}

static void hello_waits_until_it_is_applied(void **state)
{
	struct greeting g;
	struct frame_reader rd;
	struct frame f;
	struct peer p;
	pthread_t t;
	uint32_t len;

	(void)state;
	g.fd = peer_open(&p);
	assert_int_equal(pthread_create(&t, NULL, hello_main, &g), 0);
	frame_begin(&p.out, SMP_HELLO, 0);
	frame_put_u32(&p.out, 1);
	frame_put_str(&p.out, "boot-id");
	frame_put_u32(&p.out, 0);
	frame_end(&p.out);
	peer_flush(&p);
	f = peer_next(&p);
	assert_int_equal(f.type, SMP_HELLO_OK);
	rd = frame_reader_of(&f);
	assert_int_equal(frame_get_u32(&rd), SMP_VERSION);
	assert_string_equal(frame_get_str(&rd), "h");
	assert_int_equal(frame_get_u64(&rd), 5);
	assert_int_equal(frame_get_blob(&rd, &len)[0], 9);
	assert_int_equal(len, AGENT_ENTROPY_LEN);
	assert_true(frame_reader_done(&rd));
	frame_send(&p.out, SMP_OK, 0, NULL, 0);
	peer_flush(&p);
	pthread_join(t, NULL);
	assert_int_equal(g.r, 0);
	peer_close(&p);
	close(g.fd);
}

static void broken_hello_is_refused(void **state)
{
	struct greeting g = { 0 };
	struct peer p;

	(void)state;
	g.fd = peer_open(&p);
	frame_send(&p.out, SMP_HELLO, 0, "\1\0\0", 3);
	peer_flush(&p);
	hello_main(&g);
	assert_int_equal(g.r, -EPROTO);
	peer_close(&p);
	close(g.fd);
}

static int connect_with(const char *answer)
{
	char line[20] = "", rest[8] = "";
	struct peer p;
	int fd = peer_open(&p), r;

	assert_int_equal(fd_write_full(p.fd, answer, strlen(answer)), 0);
	shutdown(p.fd, SHUT_WR);
	r = agent_connect(fd, NULL);
	assert_int_equal(fd_read_full(p.fd, line, 13), 13);
	assert_string_equal(line, "CONNECT 1028\n");
	/* Nothing after the answer's line was taken. */
	if (!r)
		assert_int_equal(fd_read_full(fd, rest, sizeof(rest)), 3);
	peer_close(&p);
	close(fd);
	return r;
}

static void connect_takes_just_the_answer(void **state)
{
	(void)state;
	assert_int_equal(connect_with("OK 1073741824\nabc"), 0);
	assert_int_equal(connect_with(""), -ECONNREFUSED);
	assert_int_equal(connect_with("OK 1"), -ECONNREFUSED);
	assert_int_equal(connect_with("NO\n"), -EPROTO);
	assert_int_equal(connect_with("OK 11111111111111111111111111111111111111\n"), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello_waits_until_it_is_applied),
		cmocka_unit_test(broken_hello_is_refused),
		cmocka_unit_test(connect_takes_just_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
