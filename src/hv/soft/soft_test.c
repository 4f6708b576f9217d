/* SPDX-License-Identifier: Apache-2.0 */
/* vCPUs as the VM runner sees them: small guests, run on the real core. */
#include "hv/soft/test_rig.h"

#include <errno.h>
#include <time.h>

#define UART 0x09000000ULL
#define ENTRY2 (RIG_RAM + 0x1000)

static const uint32_t mmio_guest[] = {
	0xd2a12000, /* mov x0, #0x9000000 */
	0xb9400001, /* ldr w1, [x0] */
	0xb9000401, /* str w1, [x0, #4] */
	0x79400402, /* ldrh w2, [x0, #2] */
	0x39001c02, /* strb w2, [x0, #7] */
	0xd2b08000, /* mov x0, #0x84000000 */
	0xf2800100, /* movk x0, #8: SYSTEM_OFF */
	0xd4000002, /* hvc #0 */
	0x14000000, /* b . */
};

static const uint32_t gic_guest[] = {
	0xd2a10000, /* mov x0, #0x8000000 */
	0xb9400401, /* ldr w1, [x0, #4]: GICD_TYPER */
	0xd2a12000, /* mov x0, #0x9000000 */
	0xb9000001, /* str w1, [x0] */
	0x14000000, /* b . */
};

static const uint32_t timer_guest[] = {
	0xd2a00121, /* mov x1, #0x90000: 9.4 ms */
	0xd51be301, /* msr cntv_tval_el0, x1 */
	0xd2800021, /* mov x1, #1 */
	0xd51be321, /* msr cntv_ctl_el0, x1 */
	0xd503207f, /* wfi */
	0xd53be322, /* mrs x2, cntv_ctl_el0 */
	0x3617ffc2, /* tbz w2, #2, wfi */
	0xd2b08000, /* mov x0, #0x84000000 */
	0xf2800120, /* movk x0, #9: SYSTEM_RESET */
	0xd4000002, /* hvc #0 */
};

static const uint32_t suspend_guest[] = {
	0xd2a00121, /* mov x1, #0x90000: 9.4 ms */
	0xd51be301, /* msr cntv_tval_el0, x1 */
	0xd2800021, /* mov x1, #1 */
	0xd51be321, /* msr cntv_ctl_el0, x1 */
	0xd2b88000, /* mov x0, #0xc4000000 */
	0xf2800020, /* movk x0, #1: CPU_SUSPEND */
	0xd4000002, /* hvc #0 */
	0xd2a12009, /* mov x9, #0x9000000 */
	0xf9000120, /* str x0, [x9] */
	0x14000000, /* b . */
};

static const uint32_t idle_guest[] = {
	0xd503207f, /* wfi */
	0x17ffffff, /* b .-4 */
};

static const uint32_t spin_guest[] = {
	0x14000000, /* b . */
};

static const uint32_t cpu_on_guest[] = {
	0xd2b88000, /* mov x0, #0xc4000000 */
	0xf2800060, /* movk x0, #3: CPU_ON */
	0xd2800021, /* mov x1, #1 */
	0xd2b00002, /* mov x2, #0x80000000 */
	0xf2820002, /* movk x2, #0x1000 */
	0xd28ab543, /* mov x3, #0x55aa */
	0xd4000002, /* hvc #0 */
	0xd2a12009, /* mov x9, #0x9000000 */
	0xf9000120, /* str x0, [x9] */
	0xd503207f, /* wfi */
	0x17ffffff, /* b .-4 */
};

static const uint32_t second_guest[] = {
	0xd2a12009, /* mov x9, #0x9000000 */
	0xf9000520, /* str x0, [x9, #8] */
	0xd53800a1, /* mrs x1, mpidr_el1 */
	0xb9001121, /* str w1, [x9, #16] */
	0xd2b08000, /* mov x0, #0x84000000 */
	0xf2800040, /* movk x0, #2: CPU_OFF */
	0xd4000002, /* hvc #0 */
};

static const uint32_t count_guest[] = {
	0x91000421, /* add x1, x1, #1 */
	0xf9000001, /* str x1, [x0] */
	0x17fffffe, /* b .-8 */
};

struct machine {
	struct rig r;
	void *vcpu[2];
	uint32_t nr;
};

#define PUT(m, gpa, guest) assert_true(gmem_write(&(m)->r.gm, gpa, guest, sizeof(guest)))

static void machine_create(struct machine *m, uint32_t nr)
{
	struct hv_vm_config cfg = { .nr_vcpus = nr, .gicd_base = RIG_GICD, .gicr_base = RIG_GICR };
	struct hv_caps caps;

	memset(m, 0, sizeof(*m));
	m->nr = nr;
	gmem_init(&m->r.gm);
	assert_int_equal(gmem_add_anon(&m->r.gm, RIG_RAM, 0x100000, NULL), 0);
	assert_int_equal(hv_soft_ops.probe(NULL), 0);
	assert_int_equal(hv_soft_ops.vm_create(&cfg, &m->r.gm, &m->r.impl, NULL), 0);
	hv_soft_ops.get_caps(m->r.impl, &caps);
	assert_true(!caps.doorbells && !caps.irq_events && caps.gpa_bits == 40);
	m->r.vm = m->r.impl;
	assert_int_equal(hv_soft_ops.mem_map(m->r.impl, &m->r.gm.regions[0], false, NULL), 0);
	for (uint32_t i = 0; i < nr; i++)
		assert_int_equal(hv_soft_ops.vcpu_create(m->r.impl, i, &m->vcpu[i], NULL), 0);
	assert_int_equal(hv_soft_ops.vm_ready(m->r.impl, NULL), 0);
}

static void machine_boot(struct machine *m, uint64_t arg)
{
	struct hv_boot boot = { .pc = RIG_RAM, .arg = arg };

	assert_int_equal(hv_soft_ops.vcpu_boot(m->vcpu[0], &boot, NULL), 0);
}

static void machine_destroy(struct machine *m)
{
	for (uint32_t i = 0; i < m->nr; i++)
		hv_soft_ops.vcpu_destroy(m->vcpu[i]);
	hv_soft_ops.vm_destroy(m->r.impl);
	gmem_fini(&m->r.gm);
}

static void run(struct machine *m, uint32_t i, struct hv_exit *x)
{
	assert_int_equal(hv_soft_ops.vcpu_run(m->vcpu[i], x, NULL), 0);
}

static void expect_mmio(const struct hv_exit *x, bool is_write, uint64_t addr, uint8_t len)
{
	assert_int_equal(x->reason, HV_EXIT_MMIO);
	assert_int_equal(x->is_write, is_write);
	assert_int_equal(x->addr, addr);
	assert_int_equal(x->len, len);
}

static void mmio_is_answered_at_the_next_run(void **state)
{
	struct machine m;
	struct hv_exit x;

	(void)state;
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, mmio_guest);
	machine_boot(&m, 0);
	run(&m, 0, &x);
	expect_mmio(&x, false, UART, 4);
	x.data = 0x1234567890abcdef;
	run(&m, 0, &x);
	expect_mmio(&x, true, UART + 4, 4);
	assert_int_equal(x.data, 0x90abcdef);
	run(&m, 0, &x);
	expect_mmio(&x, false, UART + 2, 2);
	x.data = 0xaabbccdd;
	run(&m, 0, &x);
	expect_mmio(&x, true, UART + 7, 1);
	assert_int_equal(x.data, 0xdd);
	run(&m, 0, &x);
	assert_int_equal(x.reason, HV_EXIT_SHUTDOWN);
	machine_destroy(&m);
}

/* A kick between an access and its answer loses neither. */
static void kick_keeps_an_open_access(void **state)
{
	struct machine m;
	struct hv_exit x, kicked;
	struct sm_err e;
	struct buf out;

	(void)state;
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, mmio_guest);
	machine_boot(&m, 0);
	run(&m, 0, &x);
	expect_mmio(&x, false, UART, 4);
	buf_init(&out, 1 << 20);
	assert_int_equal(hv_soft_ops.vcpu_save(m.vcpu[0], &out, &e), -EBUSY);
	buf_fini(&out);
	hv_soft_ops.vcpu_kick(m.vcpu[0]);
	kicked = x;
	kicked.data = 0x77;
	run(&m, 0, &kicked);
	assert_int_equal(kicked.reason, HV_EXIT_KICKED);
	run(&m, 0, &x);
	expect_mmio(&x, true, UART + 4, 4);
	assert_int_equal(x.data, 0x77);
	machine_destroy(&m);
}

static void gic_is_served_inside(void **state)
{
	struct machine m;
	struct hv_exit x;

	(void)state;
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, gic_guest);
	machine_boot(&m, 0);
	run(&m, 0, &x);
	expect_mmio(&x, true, UART, 4);
	assert_int_equal(x.data & 0x1f, 3);
	machine_destroy(&m);
}

static void wfi_waits_for_the_timer(void **state)
{
	uint64_t start = deadline_now();
	struct machine m;
	struct hv_exit x;

	(void)state;
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, timer_guest);
	machine_boot(&m, 0);
	rig_gic_on(&m.r);
	run(&m, 0, &x);
	assert_int_equal(x.reason, HV_EXIT_RESET);
	assert_true(deadline_now() - start >= 9400000);
	machine_destroy(&m);
}

static void suspend_waits_like_wfi(void **state)
{
	uint64_t start = deadline_now();
	struct machine m;
	struct hv_exit x;

	(void)state;
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, suspend_guest);
	machine_boot(&m, 0);
	rig_gic_on(&m.r);
	run(&m, 0, &x);
	expect_mmio(&x, true, UART, 8);
	assert_int_equal(x.data, 0);
	assert_true(deadline_now() - start >= 9400000);
	machine_destroy(&m);
}

static void *kick_later(void *vcpu)
{
	struct timespec ts = { .tv_nsec = 10000000 };

	nanosleep(&ts, NULL);
	hv_soft_ops.vcpu_kick(vcpu);
	return NULL;
}

static void expect_kick(struct machine *m, uint32_t i)
{
	pthread_t thread;
	struct hv_exit x;

	assert_int_equal(pthread_create(&thread, NULL, kick_later, m->vcpu[i]), 0);
	run(m, i, &x);
	assert_int_equal(x.reason, HV_EXIT_KICKED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* Before a run it counts for the next one, once. */
	hv_soft_ops.vcpu_kick(m->vcpu[i]);
	hv_soft_ops.vcpu_kick(m->vcpu[i]);
	run(m, i, &x);
	assert_int_equal(x.reason, HV_EXIT_KICKED);
	assert_int_equal(pthread_create(&thread, NULL, kick_later, m->vcpu[i]), 0);
	run(m, i, &x);
	assert_int_equal(x.reason, HV_EXIT_KICKED);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void kick_returns_busy_idle_and_off_vcpus(void **state)
{
	struct machine m;

	(void)state;
	machine_create(&m, 2);
	PUT(&m, RIG_RAM, spin_guest);
	machine_boot(&m, 0);
	expect_kick(&m, 0);
	expect_kick(&m, 1);
	PUT(&m, RIG_RAM, idle_guest);
	machine_destroy(&m);
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, idle_guest);
	machine_boot(&m, 0);
	expect_kick(&m, 0);
	machine_destroy(&m);
}

struct second {
	struct machine *m;
	struct hv_exit x[4];
};

static void *run_second(void *opaque)
{
	struct second *s = opaque;

	for (int i = 0; i < 4; i++)
		if (hv_soft_ops.vcpu_run(s->m->vcpu[1], &s->x[i], NULL))
			break;
	return NULL;
}

static void cpu_on_starts_the_second(void **state)
{
	struct second s = { 0 };
	struct machine m;
	pthread_t thread;
	struct hv_exit x;

	(void)state;
	machine_create(&m, 2);
	PUT(&m, RIG_RAM, cpu_on_guest);
	PUT(&m, ENTRY2, second_guest);
	machine_boot(&m, 0);
	s.m = &m;
	assert_int_equal(pthread_create(&thread, NULL, run_second, &s), 0);
	run(&m, 0, &x);
	expect_mmio(&x, true, UART, 8);
	assert_int_equal(x.data, 0);
	while (soft_power_state(m.r.vm, 1) != SOFT_OFF)
		;
	hv_soft_ops.vcpu_kick(m.vcpu[1]);
	assert_int_equal(pthread_join(thread, NULL), 0);
	expect_mmio(&s.x[0], true, UART + 8, 8);
	assert_int_equal(s.x[0].data, 0x55aa);
	expect_mmio(&s.x[1], true, UART + 16, 4);
	assert_int_equal(s.x[1].data & 0xffffff, 1);
	assert_int_equal(s.x[2].reason, HV_EXIT_OFF);
	assert_int_equal(s.x[3].reason, HV_EXIT_KICKED);
	machine_destroy(&m);
}

static void bad_entry_is_refused(void **state)
{
	struct hv_boot boot = { .pc = 0x1000 };
	struct machine m;
	struct sm_err e;

	(void)state;
	machine_create(&m, 1);
	assert_int_equal(hv_soft_ops.vcpu_boot(m.vcpu[0], &boot, &e), -EINVAL);
	machine_destroy(&m);
}

static uint64_t counted(struct machine *m)
{
	uint64_t v = 0;

	assert_true(gmem_read(&m->r.gm, RIG_RAM + 0x2000, &v, sizeof(v)));
	return v;
}

static void machine_save(struct machine *m, struct buf *out)
{
	buf_init(out, 1 << 20);
	for (uint32_t i = 0; i < m->nr; i++)
		assert_int_equal(hv_soft_ops.vcpu_save(m->vcpu[i], out, NULL), 0);
	assert_int_equal(hv_soft_ops.vm_save(m->r.impl, out, NULL), 0);
}

static void saved_machine_goes_on(void **state)
{
	struct timer *t;
	struct machine m;
	struct cursor in;
	uint64_t before, counter;
	struct buf saved;

	(void)state;
	machine_create(&m, 2);
	PUT(&m, RIG_RAM, count_guest);
	machine_boot(&m, RIG_RAM + 0x2000);
	rig_gic_on(&m.r);
	expect_kick(&m, 0);
	t = &m.r.vm->cpus[0]->timer;
	t->t[TIMER_VIRT].enable = true;
	t->t[TIMER_VIRT].cval = 1;
	before = counted(&m);
	assert_true(before > 100);
	assert_true(hv_soft_ops.vcpu_instructions(m.vcpu[0]) >= 3 * before);
	machine_save(&m, &saved);
	counter = timer_count(m.r.vm->cpus[0]);
	machine_destroy(&m);

	machine_create(&m, 2);
	PUT(&m, RIG_RAM, count_guest);
	in = cursor_of(saved.data, saved.len);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(hv_soft_ops.vcpu_load(m.vcpu[i], &in, NULL), 0);
	assert_int_equal(hv_soft_ops.vm_load(m.r.impl, &in, NULL), 0);
	assert_true(cursor_done(&in));
	assert_true(timer_count(m.r.vm->cpus[0]) < counter + TIMER_HZ);
	expect_kick(&m, 0);
	expect_kick(&m, 1);
	assert_true(counted(&m) > before);
	/* The timer's line came up again by itself. */
	assert_true(rig_irq(&m.r, 0));
	buf_fini(&saved);
	machine_destroy(&m);
}

static void broken_state_is_refused(void **state)
{
	struct machine m;
	struct cursor in;
	struct sm_err e;
	struct buf saved;
	size_t vm_at;

	(void)state;
	machine_create(&m, 1);
	PUT(&m, RIG_RAM, spin_guest);
	machine_boot(&m, 0);
	machine_save(&m, &saved);
	in = cursor_of(saved.data, saved.len);
	assert_int_equal(hv_soft_ops.vcpu_load(m.vcpu[0], &in, NULL), 0);
	vm_at = saved.len - in.left;
	for (size_t len = 0; len < vm_at; len++) {
		in = cursor_of(saved.data, len);
		assert_true(hv_soft_ops.vcpu_load(m.vcpu[0], &in, &e) < 0);
	}
	for (size_t len = vm_at; len < saved.len; len++) {
		in = cursor_of(saved.data + vm_at, len - vm_at);
		assert_true(hv_soft_ops.vm_load(m.r.impl, &in, &e) < 0);
	}
	/* Whatever loads must run (or fail) without harm. */
	for (size_t i = 0; i < vm_at; i++) {
		uint8_t old = saved.data[i];
		struct hv_exit x;

		saved.data[i] ^= 0xff;
		in = cursor_of(saved.data, vm_at);
		if (!hv_soft_ops.vcpu_load(m.vcpu[0], &in, &e)) {
			hv_soft_ops.vcpu_kick(m.vcpu[0]);
			assert_int_equal(hv_soft_ops.vcpu_run(m.vcpu[0], &x, NULL), 0);
		}
		saved.data[i] = old;
	}
	buf_fini(&saved);
	machine_destroy(&m);
}

static void mapping_checks_the_region(void **state)
{
	struct gmem_region other = { .gpa = 0x10000, .len = GMEM_PAGE };
	struct machine m;
	struct sm_err e;

	(void)state;
	machine_create(&m, 1);
	assert_int_equal(hv_soft_ops.mem_map(m.r.impl, &other, false, &e), -EINVAL);
	assert_int_equal(hv_soft_ops.mem_map(m.r.impl, &m.r.gm.regions[0], true, &e), -ENOTSUP);
	machine_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mmio_is_answered_at_the_next_run),
		cmocka_unit_test(kick_keeps_an_open_access),
		cmocka_unit_test(gic_is_served_inside),
		cmocka_unit_test(wfi_waits_for_the_timer),
		cmocka_unit_test(suspend_waits_like_wfi),
		cmocka_unit_test(kick_returns_busy_idle_and_off_vcpus),
		cmocka_unit_test(cpu_on_starts_the_second),
		cmocka_unit_test(bad_entry_is_refused),
		cmocka_unit_test(saved_machine_goes_on),
		cmocka_unit_test(broken_state_is_refused),
		cmocka_unit_test(mapping_checks_the_region),
	};

	return cmocka_run_group_tests_name("soft", tests, NULL, NULL);
}
