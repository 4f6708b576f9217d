/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/kvm/x86_64.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "util/num.h"

#define ALL 0xffffffffu
#define INTEL 0x756e6547u /* "Genu" */
#define AMD 0x68747541u

static void add(struct x86_cpuid *c, uint32_t leaf, uint32_t sub, uint32_t eax, uint32_t ebx, uint32_t ecx,
		uint32_t edx)
{
	c->entries[c->nr++] = (struct kvm_cpuid_entry2){
		.function = leaf, .index = sub, .eax = eax, .ebx = ebx, .ecx = ecx, .edx = edx
	};
}

/* A host that can do everything. */
static struct x86_cpuid *host_of(uint32_t vendor)
{
	static struct x86_cpuid c;

	memset(&c, 0, sizeof(c));
	add(&c, 0, 0, 0x20, vendor, 0, 0);
	add(&c, 1, 0, 0x906ea, 0x77445500, ALL, ALL);
	add(&c, 4, 0, 0xfc004121, 1, 2, 3); /* L1 data, shared by two threads */
	add(&c, 4, 1, 0xfc03c163, 1, 2, 3); /* L3 */
	add(&c, 4, 2, 0, 0, 0, 0);
	add(&c, 5, 0, ALL, ALL, ALL, ALL);
	add(&c, 6, 0, ALL, ALL, ALL, ALL);
	add(&c, 7, 0, 2, ALL, ALL, ALL);
	add(&c, 7, 1, ALL, ALL, ALL, ALL);
	add(&c, 0xa, 0, ALL, ALL, ALL, ALL);
	add(&c, 0xb, 0, 1, 2, 0x100, 99);
	add(&c, 0xd, 0, 0x602e7, 11008, 11008, 0);
	add(&c, 0xd, 1, 0x1f, 2568, 0x1800, 0);
	add(&c, 0xd, 2, 256, 576, 0, 0);
	add(&c, 0xd, 9, 8, 2688, 0, 0);
	add(&c, 0xd, 18, 8192, 2816, 6, 0);
	add(&c, 0x14, 0, ALL, ALL, ALL, ALL);
	add(&c, 0x1f, 0, 1, 2, 0x100, 99);
	add(&c, 0x40000000, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d);
	add(&c, 0x40000001, 0, ALL, 0, 0, 0);
	add(&c, 0x80000000, 0, 0x80000022, vendor, 0, 0);
	add(&c, 0x80000001, 0, 0, 0, ALL, ALL);
	add(&c, 0x80000008, 0, 0x3030, 0, 0x7fff, 0);
	add(&c, 0x8000000a, 0, ALL, ALL, ALL, ALL);
	add(&c, 0x8000001d, 3, 0x3c163, 1, 2, 3);
	add(&c, 0x8000001e, 0, 77, 77, 77, 77);
	return &c;
}

static const struct kvm_cpuid_entry2 *leaf(const struct x86_cpuid *c, uint32_t number, uint32_t sub)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, number, sub);

	assert_non_null(e);
	return e;
}

static const struct x86_cpuid *made(uint32_t vendor, uint32_t index, uint32_t nr)
{
	static struct x86_cpuid c;
	struct sm_err e;

	assert_int_equal(x86_cpuid_make(host_of(vendor), index, nr, true, &c, &e), 0);
	return &c;
}

static void features_that_are_not_saved_are_hidden(void **state)
{
	static const uint32_t gone[] = { 0x5, 0xa, 0x14, 0x1f, 0x8000000a };
	const struct x86_cpuid *c = made(INTEL, 0, 1);

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(gone); i++)
		assert_null(x86_cpuid_find(c, gone[i], 0));
	assert_false(leaf(c, 1, 0)->ecx & 1u << 5);	      /* VMX */
	assert_false(leaf(c, 7, 0)->ebx & 1u << 2);	      /* SGX */
	assert_false(leaf(c, 7, 0)->edx & 1u << 24);	      /* AMX-TILE */
	assert_false(leaf(c, 0x80000001, 0)->ecx & 1u << 2);  /* SVM */
	assert_false(leaf(c, 0x40000001, 0)->eax & 1u << 17); /* MIGRATION_CONTROL */
	assert_true(leaf(c, 7, 0)->ebx & 1u << 5);	      /* AVX2 stays */
}

static void xsave_area_fits_what_is_saved(void **state)
{
	const struct x86_cpuid *c = made(INTEL, 0, 1);

	(void)state;
	assert_int_equal(leaf(c, 0xd, 0)->eax, 0x2e7);
	assert_int_equal(leaf(c, 0xd, 0)->ecx, 2696);
	assert_int_equal(leaf(c, 0xd, 1)->eax, 0xf);
	assert_int_equal(leaf(c, 0xd, 1)->ecx, 0);
	assert_null(x86_cpuid_find(c, 0xd, 18));
}

static void hypervisor_and_emulated_features_are_told(void **state)
{
	struct x86_cpuid c;
	struct sm_err e;

	(void)state;
	assert_int_equal(x86_cpuid_make(host_of(AMD), 0, 1, false, &c, &e), 0);
	assert_true(leaf(&c, 1, 0)->ecx & 1u << 31);
	assert_true(leaf(&c, 1, 0)->ecx & 1u << 21);
	assert_false(leaf(&c, 1, 0)->ecx & 1u << 24);
	assert_true(leaf(made(AMD, 0, 1), 1, 0)->ecx & 1u << 24);
	assert_int_equal(leaf(&c, 6, 0)->eax, 4);
	assert_int_equal(leaf(&c, 0x40000000, 0)->ebx, 0x4b4d564b);
}

static void topology_is_a_core_per_vcpu(void **state)
{
	static const struct {
		uint32_t nr, bits;
	} rows[] = { { 1, 0 }, { 2, 1 }, { 3, 2 }, { 4, 2 }, { 32, 5 } };

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(rows); i++) {
		uint32_t nr = rows[i].nr, bits = rows[i].bits, index = nr - 1;
		const struct x86_cpuid *c = made(INTEL, index, nr);

		assert_int_equal(leaf(c, 1, 0)->ebx >> 24, index);
		assert_int_equal(leaf(c, 1, 0)->ebx >> 16 & 0xff, 1u << bits);
		assert_int_equal(leaf(c, 1, 0)->edx >> 28 & 1, nr > 1);
		assert_int_equal(leaf(c, 0xb, 0)->ebx, 1);
		assert_int_equal(leaf(c, 0xb, 1)->eax, bits);
		assert_int_equal(leaf(c, 0xb, 1)->ebx, nr);
		for (uint32_t sub = 0; sub < 3; sub++)
			assert_int_equal(leaf(c, 0xb, sub)->edx, index);
		/* The first level is a core's own, the third everybody's. */
		assert_int_equal(leaf(c, 4, 0)->eax >> 14 & 0xfff, 0);
		assert_int_equal(leaf(c, 4, 1)->eax >> 14 & 0xfff, (1u << bits) - 1);
		assert_int_equal(leaf(c, 4, 1)->eax >> 26, (1u << bits) - 1);
		c = made(AMD, index, nr);
		assert_int_equal(leaf(c, 0x80000008, 0)->ecx, (nr - 1) | bits << 12);
		assert_int_equal(leaf(c, 0x8000001e, 0)->eax, index);
		assert_int_equal(leaf(c, 0x80000001, 0)->ecx >> 1 & 1, nr > 1);
	}
}

static void address_bits_are_the_lesser_of_cpu_and_tables(void **state)
{
	static const struct {
		uint32_t eax;
		uint8_t bits;
	} rows[] = { { 0x3030, 48 }, { 0x303034, 48 }, { 0x343030, 48 }, { 0x3020, 32 }, { 0x30ff, 52 } };

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(rows); i++) {
		struct x86_cpuid c = { 0 };

		add(&c, 0x80000008, 0, rows[i].eax, 0, 0, 0);
		assert_int_equal(x86_cpuid_gpa_bits(&c), rows[i].bits);
	}
}

static void table_without_a_hypervisor_or_room_is_refused(void **state)
{
	struct x86_cpuid host = { 0 }, c;
	struct sm_err e;

	(void)state;
	assert_true(x86_cpuid_make(&host, 0, 1, true, &c, &e) < 0);
	/* Leaf 0xb has three entries of its own. */
	add(&host, 0, 0, 0x20, INTEL, 0, 0);
	add(&host, 1, 0, 0, 0, 0, 0);
	add(&host, 0x40000000, 0, 0, 0, 0, 0);
	while (host.nr < X86_CPUID_MAX - 3)
		add(&host, 0x2, host.nr, 0, 0, 0, 0);
	assert_int_equal(x86_cpuid_make(&host, 0, 1, true, &c, &e), 0);
	assert_int_equal(c.nr, X86_CPUID_MAX);
	add(&host, 0x2, host.nr, 0, 0, 0, 0);
	assert_true(x86_cpuid_make(&host, 0, 1, true, &c, &e) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(features_that_are_not_saved_are_hidden),
		cmocka_unit_test(xsave_area_fits_what_is_saved),
		cmocka_unit_test(hypervisor_and_emulated_features_are_told),
		cmocka_unit_test(topology_is_a_core_per_vcpu),
		cmocka_unit_test(address_bits_are_the_lesser_of_cpu_and_tables),
		cmocka_unit_test(table_without_a_hypervisor_or_room_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
