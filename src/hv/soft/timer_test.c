/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/test_rig.h"

#include <errno.h>
#include <time.h>

enum { TVAL, CVAL, CTL };
#define MS (TIMER_HZ / 1000)

static void sleep_ms(long ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

static uint32_t pending(const struct rig *r, uint32_t cpu)
{
	return __atomic_load_n(&r->vm->cpus[cpu]->pending, __ATOMIC_SEQ_CST);
}

/* Waits for a bit that is about to come; false after five seconds. */
static bool comes(const struct rig *r, uint32_t cpu, uint32_t bit)
{
	for (int i = 0; i < 5000; i++) {
		if (pending(r, cpu) & bit)
			return true;
		sleep_ms(1);
	}
	return false;
}

static void counter_starts_at_zero_and_runs_at_its_rate(void **state)
{
	uint64_t a, b, ns;
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	a = timer_count(r.vm->cpus[0]);
	assert_true(a < 10ULL * TIMER_HZ);
	ns = deadline_now();
	sleep_ms(20);
	b = timer_count(r.vm->cpus[0]);
	ns = deadline_now() - ns;
	assert_true(b - a >= 20 * MS - 1);
	assert_true(b - a <= ns / 16 + MS * 100);
	rig_fini(&r);
}

static void tval_is_a_signed_view_of_cval(void **state)
{
	struct cpu *c;
	struct rig r;
	uint64_t now;

	(void)state;
	rig_init(&r, 1);
	c = r.vm->cpus[0];
	now = timer_count(c);
	timer_write(c, TIMER_VIRT, TVAL, 0x7fffffff);
	assert_true(timer_read(c, TIMER_VIRT, CVAL) >= now + 0x7fffffff);
	assert_true(timer_read(c, TIMER_VIRT, TVAL) <= 0x7fffffff);
	timer_write(c, TIMER_PHYS, CVAL, 1ULL << 40);
	timer_write(c, TIMER_PHYS, TVAL, 0xdeadbeef80000000);
	assert_true(timer_read(c, TIMER_PHYS, CVAL) < 1ULL << 40 ||
		    timer_read(c, TIMER_PHYS, CVAL) > UINT64_MAX - (1ULL << 32));
	assert_true(timer_read(c, TIMER_PHYS, TVAL) <= UINT32_MAX);
	rig_fini(&r);
}

static void output_is_enable_and_not_mask_and_met(void **state)
{
	struct cpu *c;
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	c = r.vm->cpus[0];
	timer_write(c, TIMER_VIRT, CVAL, 0);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(timer_read(c, TIMER_VIRT, CTL), 0);
	timer_write(c, TIMER_VIRT, CTL, 3);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(timer_read(c, TIMER_VIRT, CTL), 7);
	timer_write(c, TIMER_VIRT, CTL, 1);
	assert_true(rig_irq(&r, 0));
	assert_int_equal(timer_next_ns(c), UINT64_MAX);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 27);
	/* A new deadline lowers the line before the end of interrupt. */
	timer_write(c, TIMER_VIRT, TVAL, 1000 * MS);
	rig_sysreg_set(&r, 0, R_EOIR1, 27);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(timer_read(c, TIMER_VIRT, CTL), 1);
	assert_true(timer_next_ns(c) <= 1000000000);
	timer_write(c, TIMER_PHYS, CTL, 1);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 30);
	rig_fini(&r);
}

static void passed_deadline_is_told(void **state)
{
	struct cpu *c;
	struct rig r;

	(void)state;
	rig_init(&r, 3);
	rig_gic_on(&r);
	c = r.vm->cpus[2];
	timer_write(c, TIMER_VIRT, CTL, 1);
	timer_write(c, TIMER_VIRT, TVAL, 500 * MS);
	timer_write(c, TIMER_VIRT, TVAL, 5 * MS); /* earlier than what is waited for */
	assert_true(comes(&r, 2, CPU_PEND_TIMER));
	assert_false(pending(&r, 0) & CPU_PEND_TIMER);
	timer_update(c);
	assert_true(rig_irq(&r, 2));
	rig_fini(&r);
}

static void withdrawn_deadline_is_not(void **state)
{
	struct cpu *c;
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	c = r.vm->cpus[0];
	timer_write(c, TIMER_VIRT, CTL, 1);
	timer_write(c, TIMER_VIRT, TVAL, 20 * MS);
	timer_write(c, TIMER_VIRT, CTL, 0);
	timer_write(r.vm->cpus[1], TIMER_PHYS, CTL, 1);
	timer_write(r.vm->cpus[1], TIMER_PHYS, TVAL, 40 * MS);
	assert_true(comes(&r, 1, CPU_PEND_TIMER));
	assert_false(pending(&r, 0) & CPU_PEND_TIMER);
	rig_fini(&r);
}

static void far_deadlines_never_come(void **state)
{
	struct cpu *c;
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	c = r.vm->cpus[0];
	timer_write(c, TIMER_VIRT, CTL, 1);
	timer_write(c, TIMER_VIRT, CVAL, UINT64_MAX);
	assert_int_equal(timer_next_ns(c), UINT64_MAX);
	timer_write(c, TIMER_VIRT, CVAL, UINT64_MAX / 2);
	assert_int_equal(timer_next_ns(c), UINT64_MAX);
	assert_int_equal(timer_read(c, TIMER_VIRT, CTL), 1);
	rig_fini(&r);
}

static void idle_sleeps_until_the_deadline(void **state)
{
	uint64_t start, took;
	struct cpu *c;
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	c = r.vm->cpus[0];
	timer_write(c, TIMER_VIRT, CTL, 1);
	start = deadline_now();
	timer_write(c, TIMER_VIRT, TVAL, 30 * MS);
	soft_idle(c, false);
	took = deadline_now() - start;
	assert_true(took >= 29000000);
	assert_true(rig_irq(&r, 0));
	/* The VM's timer thread had nothing to do with it. */
	assert_false(pending(&r, 0) & CPU_PEND_TIMER);
	rig_fini(&r);
}

static void event_stream_ends_the_sleep_for_an_event_only(void **state)
{
	uint64_t start, took;
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	/* EVNTEN, EVNTI 15: a period of 65,536 ticks, a little more than a millisecond. */
	r.vm->cpus[0]->timer.cntkctl = 1 << 2 | 15 << 4;
	assert_true(timer_event_ns(r.vm->cpus[0]) <= 65536 * 16);
	start = deadline_now();
	soft_idle(r.vm->cpus[0], true);
	took = deadline_now() - start;
	assert_true(took <= 1000000000);
	timer_write(r.vm->cpus[0], TIMER_VIRT, CTL, 1);
	timer_write(r.vm->cpus[0], TIMER_VIRT, TVAL, 10 * MS);
	start = deadline_now();
	soft_idle(r.vm->cpus[0], false);
	assert_true(deadline_now() - start >= 9000000);
	/* Off: never. */
	r.vm->cpus[0]->timer.cntkctl = 15 << 4;
	assert_int_equal(timer_event_ns(r.vm->cpus[0]), UINT64_MAX);
	rig_fini(&r);
}

static void event_ends_no_wfi(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	cpu_pend(r.vm->cpus[0], CPU_PEND_EVENT);
	soft_idle(r.vm->cpus[0], true);
	timer_write(r.vm->cpus[0], TIMER_VIRT, CTL, 1);
	timer_write(r.vm->cpus[0], TIMER_VIRT, TVAL, 10 * MS);
	soft_idle(r.vm->cpus[0], false);
	assert_true(timer_read(r.vm->cpus[0], TIMER_VIRT, CTL) & 4);
	rig_fini(&r);
}

static void *ring_later(void *opaque)
{
	struct rig *r = opaque;

	sleep_ms(10);
	gic_set_level(r->vm->gic, 0, 33, true);
	return NULL;
}

static void idle_wakes_for_an_interrupt(void **state)
{
	pthread_t thread;
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	rig_gicd_set(&r, 0x104, 2);
	assert_int_equal(pthread_create(&thread, NULL, ring_later, &r), 0);
	soft_idle(r.vm->cpus[0], false);
	assert_true(rig_irq(&r, 0));
	assert_int_equal(pthread_join(thread, NULL), 0);
	rig_fini(&r);
}

static void state_survives_a_round_trip(void **state)
{
	struct timer t;
	struct cursor in;
	struct buf out;
	struct sm_err e;

	(void)state;
	timer_reset(&t);
	t.t[TIMER_VIRT].cval = 0x123456789abcdef0;
	t.t[TIMER_VIRT].enable = true;
	t.t[TIMER_PHYS].imask = true;
	t.cntkctl = 0x302;
	buf_init(&out, 1024);
	timer_save(&t, &out);
	timer_reset(&t);
	in = cursor_of(out.data, out.len);
	assert_int_equal(timer_load(&t, &in, NULL), 0);
	assert_true(cursor_done(&in));
	assert_int_equal(t.t[TIMER_VIRT].cval, 0x123456789abcdef0);
	assert_true(t.t[TIMER_VIRT].enable && !t.t[TIMER_VIRT].imask);
	assert_true(!t.t[TIMER_PHYS].enable && t.t[TIMER_PHYS].imask);
	assert_int_equal(t.cntkctl, 0x302);
	for (size_t len = 0; len < out.len; len++) {
		in = cursor_of(out.data, len);
		assert_int_equal(timer_load(&t, &in, &e), -EINVAL);
	}
	out.data[8] = 4;
	in = cursor_of(out.data, out.len);
	assert_int_equal(timer_load(&t, &in, &e), -EINVAL);
	assert_int_equal(t.cntkctl, 0x302);
	buf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counter_starts_at_zero_and_runs_at_its_rate),
		cmocka_unit_test(tval_is_a_signed_view_of_cval),
		cmocka_unit_test(output_is_enable_and_not_mask_and_met),
		cmocka_unit_test(passed_deadline_is_told),
		cmocka_unit_test(withdrawn_deadline_is_not),
		cmocka_unit_test(far_deadlines_never_come),
		cmocka_unit_test(idle_sleeps_until_the_deadline),
		cmocka_unit_test(idle_wakes_for_an_interrupt),
		cmocka_unit_test(event_stream_ends_the_sleep_for_an_event_only),
		cmocka_unit_test(event_ends_no_wfi),
		cmocka_unit_test(state_survives_a_round_trip),
	};

	return cmocka_run_group_tests_name("timer", tests, NULL, NULL);
}
