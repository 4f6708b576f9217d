/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small real code on KVM, saved, destroyed, loaded and continued. Skipped where KVM
 * cannot run Linux.
 */
#include "hv/kvm/arm64_test.h"

static void guest_uses_devices_and_psci(void **state)
{
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	struct sm_err e = { 0 };
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	expect(&m, &x, ARM64_PL011_BASE, 8, true, 0x100);
	expect(&m, &x, ARM64_PL011_BASE + 4, 4, false, 0xcafe);
	expect(&m, &x, ARM64_PL011_BASE + 8, 2, true, 0xcaff);
	expect(&m, &x, ARM64_PL011_BASE + 7, 1, false, 0x80);
	expect(&m, &x, ARM64_PL011_BASE + 16, 8, true, 0x80);
	expect(&m, &x, ARM64_PL011_BASE, 8, true, (uint64_t)-1);
	assert_int_equal(hv_vcpu_run(m.vcpu[0], &x, &e), 0);
	assert_int_equal(x.reason, HV_EXIT_SHUTDOWN);
	rig_fini(&m);
}

/* Ends the open access and nothing more. */
static void finish_access(struct rig *m, struct hv_exit *x)
{
	struct sm_err e = { 0 };

	hv_vcpu_kick(m->vcpu[0]);
	assert_int_equal(hv_vcpu_run(m->vcpu[0], x, &e), 0);
	assert_int_equal(x->reason, HV_EXIT_KICKED);
}

/* Every access is refused while it is open; between any two the guest moves to another VM. */
static void access_must_end_before_a_save(void **state)
{
	static const struct {
		uint32_t off;
		uint8_t len;
		bool is_write;
		uint64_t data;
	} row[] = {
		{ 0, 8, true, 0x100 }, { 4, 4, false, 0xcafe }, { 8, 2, true, 0xcaff },
		{ 7, 1, false, 0x80 }, { 16, 8, true, 0x80 },	{ 0, 8, true, (uint64_t)-1 },
	};
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	struct sm_err e = { 0 };
	struct buf b;
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		expect(&m, &x, ARM64_PL011_BASE + row[i].off, row[i].len, row[i].is_write, row[i].data);
		buf_init(&b, 1 << 20);
		assert_int_equal(hv_vcpu_save(m.vcpu[0], &b, &e), -EBUSY);
		assert_int_equal(b.len, 0);
		finish_access(&m, &x);
		rig_save(&m, &b);
		rig_stop(&m);
		rig_start(&m, 1);
		rig_load(&m, &b);
		buf_fini(&b);
	}
	assert_int_equal(hv_vcpu_run(m.vcpu[0], &x, &e), 0);
	assert_int_equal(x.reason, HV_EXIT_SHUTDOWN);
	rig_fini(&m);
}

static void work_survives(uint32_t nr, int rounds)
{
	struct buf b;
	struct rig m;

	rig_init(&m, nr, guest_work, guest_work_end);
	rig_run(&m);
	assert_true(rig_goes_on(&m));
	for (int i = 0; i < rounds; i++) {
		/* At once, after a moment, after a while: CPUs stand anywhere. */
		nap(i % 3 * 3);
		rig_pause(&m);
		assert_int_equal(m.failures, 0);
		rig_save(&m, &b);
		rig_stop(&m);
		rig_start(&m, nr);
		rig_load(&m, &b);
		buf_fini(&b);
		rig_run(&m);
		if (i % 4 == 3)
			assert_true(rig_goes_on(&m));
	}
	assert_true(rig_goes_on(&m));
	rig_pause(&m);
	assert_int_equal(m.failures, 0);
	rig_fini(&m);
}

static void one_cpu_survives_save_and_load(void **state)
{
	(void)state;
	if (!kvm_works())
		skip();
	work_survives(1, 40);
}

static void four_cpus_survive_save_and_load(void **state)
{
	(void)state;
	if (!kvm_works())
		skip();
	work_survives(4, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_uses_devices_and_psci),
		cmocka_unit_test(access_must_end_before_a_save),
		cmocka_unit_test(one_cpu_survives_save_and_load),
		cmocka_unit_test(four_cpus_survive_save_and_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
