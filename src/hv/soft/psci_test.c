/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/test_rig.h"

static int64_t call(const struct rig *r, uint32_t cpu, uint64_t id, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct cpu *c = r->vm->cpus[cpu];

	c->x[0] = id;
	c->x[1] = a1;
	c->x[2] = a2;
	c->x[3] = a3;
	psci_call(c);
	assert_int_equal(c->x[1], a1);
	assert_int_equal(c->x[2], a2);
	assert_int_equal(c->x[3], a3);
	return (int64_t)c->x[0];
}

static bool exits_with(const struct rig *r, uint32_t cpu, enum hv_exit_reason reason)
{
	const struct cpu *c = r->vm->cpus[cpu];

	return c->pending & CPU_PEND_EXIT && c->exit.reason == reason;
}

static void versions_and_features(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	assert_int_equal(call(&r, 0, 0x84000000, 0, 0, 0), 0x10000);
	assert_int_equal(call(&r, 0, 0x80000000, 0, 0, 0), 0x10001);
	assert_int_equal(call(&r, 0, 0x84000006, 0, 0, 0), 2);
	assert_int_equal(call(&r, 0, 0x8400000a, 0x80000000, 0, 0), 0);
	assert_int_equal(call(&r, 0, 0x8400000a, 0xc4000003, 0, 0), 0);
	assert_int_equal(call(&r, 0, 0x8400000a, 0xffffffff84000003, 0, 0), 0);
	assert_int_equal(call(&r, 0, 0x8400000a, 0xc4000002, 0, 0), -1);
	assert_int_equal(call(&r, 0, 0x8400000a, 0x84000005, 0, 0), -1);
	/* No work-around has to be called. */
	assert_int_equal(call(&r, 0, 0x80000001, 0x80008000, 0, 0), -1);
	assert_int_equal(call(&r, 0, 0x80000001, 0x80003fff, 0, 0), -1);
	assert_int_equal(call(&r, 0, 0x80000001, 0x80000001, 0, 0), 0);
	rig_fini(&r);
}

static void unknown_functions_are_not_supported(void **state)
{
	static const uint64_t ids[] = { 0,	    1,		0x84000050, 0x8600ff01, 0xc4000000,
					0xffffffff, 0x84000007, 0xc4000012, 0x84000005 };
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(call(&r, 0, ids[i], 1, 2, 3), -1);
	assert_int_equal(r.vm->cpus[0]->pending, 0);
	rig_fini(&r);
}

static void cpu_on_goes_through_its_states(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 18);
	assert_int_equal(call(&r, 0, 0xc4000004, 0x101, 0, 0), 1);
	assert_int_equal(call(&r, 0, 0xc4000003, 0x101, RIG_RAM + 0x40, 0x1234567890), 0);
	assert_int_equal(r.vm->vcpus[17].power, SOFT_ON_PENDING);
	assert_int_equal(r.vm->vcpus[17].entry, RIG_RAM + 0x40);
	assert_int_equal(r.vm->vcpus[17].context, 0x1234567890);
	assert_int_equal(call(&r, 0, 0xc4000003, 0x101, RIG_RAM, 0), -5);
	assert_int_equal(call(&r, 0, 0x84000004, 0x101, 0, 0), 2);
	r.vm->vcpus[17].power = SOFT_ON;
	assert_int_equal(call(&r, 0, 0xc4000003, 0x101, RIG_RAM, 0), -4);
	assert_int_equal(call(&r, 0, 0x84000004, 0x101, 0, 0), 0);
	assert_int_equal(call(&r, 17, 0x84000002, 0, 0, 0), 0);
	assert_true(exits_with(&r, 17, HV_EXIT_OFF));
	assert_int_equal(call(&r, 0, 0xc4000004, 0x101, 0, 0), 1);
	rig_fini(&r);
}

static void cpu_on_checks_its_arguments(void **state)
{
	/* Affinities nobody has; reserved bits are no affinity either. */
	static const uint64_t wrong[] = { 2,	      16,	  0x100,      0x10000,	 1ULL << 24,
					  1ULL << 31, 1ULL << 32, 1ULL << 40, UINT64_MAX };
	static const uint64_t entries[] = {
		0, RIG_RAM - 4, RIG_RAM + 2, RIG_RAM + 0x100000, UINT64_MAX - 3, UINT64_MAX
	};
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(call(&r, 0, 0xc4000003, wrong[i], RIG_RAM, 0), -2);
		assert_int_equal(call(&r, 0, 0xc4000004, wrong[i], 0, 0), -2);
	}
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
		assert_int_equal(call(&r, 0, 0xc4000003, 1, entries[i], 0), -9);
	assert_int_equal(call(&r, 0, 0xc4000004, 1, 1, 0), -2);
	assert_int_equal(r.vm->vcpus[1].power, SOFT_OFF);
	rig_fini(&r);
}

static void smc32_arguments_are_32_bits(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	assert_int_equal(call(&r, 0, 0xdead000084000003, 0xffffffff00000001, 0xabcd000080000000,
			      0xff00000007),
			 0);
	assert_int_equal(r.vm->vcpus[1].entry, RIG_RAM);
	assert_int_equal(r.vm->vcpus[1].context, 7);
	rig_fini(&r);
}

static void system_calls_leave_the_guest(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	call(&r, 0, 0x84000008, 0, 0, 0);
	assert_true(exits_with(&r, 0, HV_EXIT_SHUTDOWN));
	call(&r, 1, 0x84000009, 0, 0, 0);
	assert_true(exits_with(&r, 1, HV_EXIT_RESET));
	rig_fini(&r);
}

static void suspend_leaves_the_core_to_sleep(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	assert_int_equal(call(&r, 0, 0xc4000001, 0, 0, 0), 0);
	assert_true(r.vm->vcpus[0].suspend);
	assert_int_equal(r.vm->cpus[0]->pending, CPU_PEND_EXIT);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(versions_and_features),
		cmocka_unit_test(unknown_functions_are_not_supported),
		cmocka_unit_test(cpu_on_goes_through_its_states),
		cmocka_unit_test(cpu_on_checks_its_arguments),
		cmocka_unit_test(smc32_arguments_are_32_bits),
		cmocka_unit_test(system_calls_leave_the_guest),
		cmocka_unit_test(suspend_leaves_the_core_to_sleep),
	};

	return cmocka_run_group_tests_name("psci", tests, NULL, NULL);
}
