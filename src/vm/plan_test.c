/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static uint32_t irq_of(uint32_t slot)
{
	return 100 + slot;
}

static void slots_are_distinct_and_in_order(void **state)
{
	struct plan_slot s[PLAN_SLOTS];

	(void)state;
	plan_make(0x1000, 0x200, irq_of, s);
	for (uint32_t i = 0; i < PLAN_SLOTS; i++) {
		assert_int_equal(s[i].gpa, 0x1000 + i * 0x200);
		assert_int_equal(s[i].irq, 100 + i);
	}
}

/* Snapshots refer to devices by (type, index): a change here breaks every one of them. */
static void the_plan_is_the_documented_one(void **state)
{
	static const enum device_type order[PLAN_SLOTS] = {
		DEVICE_VSOCK, DEVICE_BLK, DEVICE_BLK, DEVICE_BLK, DEVICE_BLK,	  DEVICE_BLK,
		DEVICE_BLK,   DEVICE_FS,  DEVICE_NET, DEVICE_RNG, DEVICE_BALLOON,
	};
	struct plan_slot s[PLAN_SLOTS];

	(void)state;
	plan_make(0, 0x200, irq_of, s);
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		assert_int_equal(s[i].type, order[i]);
	assert_int_equal(s[6].index, PLAN_BLK_SPARE + PLAN_SPARE_DISKS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_are_distinct_and_in_order),
		cmocka_unit_test(the_plan_is_the_documented_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
