/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/acpi.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const struct x86_virtio_slot slots[2] = { { 0xd0000000, 5 }, { 0xd0000200, 6 } };

static uint8_t sum(const uint8_t *p, size_t len)
{
	uint8_t s = 0;

	while (len--)
		s = (uint8_t)(s + *p++);
	return s;
}

static const uint8_t *table(const struct buf *b, uint64_t gpa)
{
	assert_in_range(gpa, X86_ACPI_GPA, X86_ACPI_GPA + b->len - 36);
	return b->data + (gpa - X86_ACPI_GPA);
}

static const uint8_t *xsdt(const struct buf *b)
{
	return table(b, le64_get(b->data + 24));
}

static void every_table_has_its_length_and_checksum(void **state)
{
	struct buf b;
	const uint8_t *x;

	(void)state;
	buf_init(&b, 1 << 16);
	acpi_build(&b, 4, slots, 2);
	assert_false(b.broken);
	assert_memory_equal(b.data, "RSD PTR ", 8);
	assert_int_equal(sum(b.data, 20), 0);
	assert_int_equal(sum(b.data, 36), 0);
	x = xsdt(&b);
	assert_memory_equal(x, "XSDT", 4);
	assert_int_equal(le32_get(x + 4), 36 + 2 * 8);
	assert_int_equal(sum(x, le32_get(x + 4)), 0);
	for (int i = 0; i < 2; i++) {
		const uint8_t *t = table(&b, le64_get(x + 36 + 8 * i));

		assert_int_equal(sum(t, le32_get(t + 4)), 0);
	}
	buf_fini(&b);
}

static void the_fadt_is_hardware_reduced_and_points_to_the_dsdt(void **state)
{
	const uint8_t *fadt, *dsdt;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 16);
	acpi_build(&b, 1, slots, 2);
	fadt = table(&b, le64_get(xsdt(&b) + 36));
	assert_memory_equal(fadt, "FACP", 4);
	assert_int_equal(le32_get(fadt + 4), 276);
	assert_true(le32_get(fadt + 112) & 1u << 20);
	dsdt = table(&b, le64_get(fadt + 140));
	assert_memory_equal(dsdt, "DSDT", 4);
	assert_int_equal(sum(dsdt, le32_get(dsdt + 4)), 0);
	buf_fini(&b);
}

static void the_madt_lists_every_cpu(void **state)
{
	const uint32_t counts[] = { 1, 2, 32 };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const uint8_t *madt;
		struct buf b;

		buf_init(&b, 1 << 16);
		acpi_build(&b, counts[i], NULL, 0);
		madt = table(&b, le64_get(xsdt(&b) + 44));
		assert_memory_equal(madt, "APIC", 4);
		assert_int_equal(le32_get(madt + 4), 44 + 8 * counts[i] + 12);
		assert_int_equal(madt[44 + 8 * (counts[i] - 1) + 3], counts[i] - 1);
		buf_fini(&b);
	}
}

/* The reference compiler disassembles the DSDT without an error. */
static void iasl_understands_the_dsdt(void **state)
{
	static const char *const vmgenid[] = {
		"\"VM_Gen_Counter\"",
		"ADDR, Package (0x02) { 0x000F0000, Zero })",
		"\"ACPI0013\"",
		"Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive, ,, ) { 0x00000017, }",
		"Notify (.*VGEN, 0x80)",
	};
	char dir[] = "/tmp/acpi-test-XXXXXX", cmd[200];
	const uint8_t *dsdt;
	struct buf b;
	int fd;

	(void)state;
	if (system("command -v iasl >/dev/null 2>&1"))
		skip();
	buf_init(&b, 1 << 16);
	acpi_build(&b, 2, slots, 2);
	dsdt = table(&b, le64_get(table(&b, le64_get(xsdt(&b) + 36)) + 140));
	assert_non_null(mkdtemp(dir));
	snprintf(cmd, sizeof(cmd), "%s/dsdt.aml", dir);
	fd = open(cmd, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, dsdt, le32_get(dsdt + 4)), le32_get(dsdt + 4));
	close(fd);
	snprintf(
		cmd, sizeof(cmd),
		"cd %s && iasl -d dsdt.aml >log 2>&1 && grep -q LNRO0005 dsdt.dsl && iasl -ve dsdt.dsl >log2 2>&1",
		dir);
	assert_int_equal(system(cmd), 0);
	/* The generation id's place, and the event device that tells of a new one. */
	for (size_t i = 0; i < sizeof(vmgenid) / sizeof(vmgenid[0]); i++) {
		snprintf(cmd, sizeof(cmd), "tr -s ' \\n' ' ' <%s/dsdt.dsl | grep -q '%s'", dir, vmgenid[i]);
		if (system(cmd))
			fail_msg("no %s in the DSDT", vmgenid[i]);
	}
	snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
	assert_int_equal(system(cmd), 0);
	buf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_has_its_length_and_checksum),
		cmocka_unit_test(the_fadt_is_hardware_reduced_and_points_to_the_dsdt),
		cmocka_unit_test(the_madt_lists_every_cpu),
		cmocka_unit_test(iasl_understands_the_dsdt),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
