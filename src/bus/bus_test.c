/* SPDX-License-Identifier: Apache-2.0 */
#include "bus/bus.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static uint64_t fake_read(void *dev, uint64_t off, uint8_t len)
{
	(void)len;
	return 0xffffffffffff0000ull | *(uint8_t *)dev << 8 | off;
}

static uint64_t last_value;

static void fake_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	(void)dev;
	(void)off;
	(void)len;
	last_value = value;
}

static const struct bus_ops fake_ops = { fake_read, fake_write };

static void bus_finds_each_of_many(void **state)
{
	static uint8_t ids[BUS_RANGES_MAX];
	struct bus b = { 0 };
	struct sm_err e;
	uint64_t v;

	(void)state;
	for (uint32_t i = 0; i < BUS_RANGES_MAX; i++) {
		uint32_t k = i * 37 % BUS_RANGES_MAX; /* out of order */

		ids[k] = (uint8_t)k;
		assert_int_equal(bus_add(&b, 0x1000 + k * 0x20ull, 0x10, &fake_ops, &ids[k], &e), 0);
	}
	assert_int_equal(bus_add(&b, 0, 1, &fake_ops, ids, &e), -ENOSPC);
	for (uint32_t k = 0; k < BUS_RANGES_MAX; k++) {
		assert_true(bus_read(&b, 0x1000 + k * 0x20ull + 12, 4, &v));
		assert_int_equal(v, 0xffff0000 | k << 8 | 12);
		assert_false(bus_read(&b, 0x1010 + k * 0x20ull, 4, &v));
		assert_int_equal(v, 0xffffffff);
	}
}

static void bus_refuses_overlap_and_wrap(void **state)
{
	struct bus b = { 0 };
	struct sm_err e;

	(void)state;
	assert_int_equal(bus_add(&b, 0x1000, 0x1000, &fake_ops, NULL, &e), 0);
	assert_int_equal(bus_add(&b, 0x1fff, 1, &fake_ops, NULL, &e), -EEXIST);
	assert_int_equal(bus_add(&b, 0xfff, 2, &fake_ops, NULL, &e), -EEXIST);
	assert_int_equal(bus_add(&b, 0, 0x10000, &fake_ops, NULL, &e), -EEXIST);
	assert_int_equal(bus_add(&b, 0x2000, 0, &fake_ops, NULL, &e), -EINVAL);
	assert_int_equal(bus_add(&b, UINT64_MAX, 2, &fake_ops, NULL, &e), -EINVAL);
	assert_int_equal(bus_add(&b, 0x2000, 1, &fake_ops, NULL, &e), 0);
}

static void bus_access_lies_within_one_range(void **state)
{
	struct bus b = { 0 };
	uint8_t id = 1;
	uint64_t v;

	(void)state;
	assert_false(bus_read(&b, 0, 8, &v));
	assert_int_equal(v, UINT64_MAX);
	assert_int_equal(bus_add(&b, 0x1000, 0x10, &fake_ops, &id, NULL), 0);
	assert_false(bus_read(&b, 0x100c, 8, &v));
	assert_false(bus_write(&b, 0xffc, 8, 0));
	assert_false(bus_write(&b, UINT64_MAX, 8, 0));
	assert_true(bus_write(&b, 0x100f, 1, 0x1234));
	assert_int_equal(last_value, 0x34);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bus_finds_each_of_many),
		cmocka_unit_test(bus_refuses_overlap_and_wrap),
		cmocka_unit_test(bus_access_lies_within_one_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
