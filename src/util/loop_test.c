/* SPDX-License-Identifier: Apache-2.0 */
#include "util/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct loop *loop;
	struct loop_source *a, *b;
	int calls;
};

static void remove_both(void *opaque, uint32_t events)
{
	struct fixture *f = opaque;

	(void)events;
	f->calls++;
	loop_remove(f->a);
	loop_remove(f->b);
	loop_stop(f->loop);
}

static void a_source_may_remove_itself_and_others(void **state)
{
	struct fixture f = { 0 };
	int p[2], q[2];

	(void)state;
	assert_int_equal(pipe(p) | pipe(q), 0);
	assert_int_equal(loop_create(&f.loop, NULL), 0);
	f.a = loop_add_fd(f.loop, p[0], EPOLLIN, remove_both, &f);
	f.b = loop_add_fd(f.loop, q[0], EPOLLIN, remove_both, &f);
	assert_int_equal(write(p[1], "x", 1), 1);
	assert_int_equal(write(q[1], "x", 1), 1);
	loop_run(f.loop);
	assert_int_equal(f.calls, 1);
	loop_destroy(f.loop);
	close(p[0]), close(p[1]), close(q[0]), close(q[1]);
}

static void stop_from_timer(void *opaque)
{
	struct fixture *f = opaque;

	f->calls++;
	loop_stop(f->loop);
}

static void a_timer_fires_once(void **state)
{
	struct fixture f = { 0 };

	(void)state;
	assert_int_equal(loop_create(&f.loop, NULL), 0);
	f.a = loop_add_timer(f.loop, stop_from_timer, &f);
	loop_arm(f.a, 1000000);
	loop_run(f.loop);
	assert_int_equal(f.calls, 1);
	loop_destroy(f.loop);
}

static void *post_from_thread(void *opaque)
{
	struct fixture *f = opaque;

	assert_int_equal(loop_post(f->loop, stop_from_timer, f), 0);
	return NULL;
}

static void posts_arrive_from_other_threads(void **state)
{
	struct fixture f = { 0 };
	pthread_t t;

	(void)state;
	assert_int_equal(loop_create(&f.loop, NULL), 0);
	assert_int_equal(pthread_create(&t, NULL, post_from_thread, &f), 0);
	loop_run(f.loop);
	pthread_join(t, NULL);
	assert_int_equal(f.calls, 1);
	loop_destroy(f.loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_may_remove_itself_and_others),
		cmocka_unit_test(a_timer_fires_once),
		cmocka_unit_test(posts_arrive_from_other_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
