/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/acpi.h"

#include <stdio.h>
#include <string.h>

#include "arch/x86_64/aml.h"

#define ACPI_RSDP_LEN 36
#define ACPI_HEADER_LEN 36
#define ACPI_FADT_LEN 276

/* FADT flags (ACPI 6.5, 5.2.9). */
#define FADT_RESET_REG_SUP (1u << 10)
#define FADT_HW_REDUCED (1u << 20)
/* Boot architecture flags: no VGA, no CMOS clock, but an i8042 for the reset. */
#define FADT_BOOT_8042 (1u << 1)
#define FADT_BOOT_NO_VGA (1u << 2)
#define FADT_BOOT_NO_RTC (1u << 5)

static uint8_t acpi_checksum(const uint8_t *p, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *p++);
	return (uint8_t)-sum;
}

static uint64_t acpi_gpa(size_t at)
{
	return X86_ACPI_GPA + at;
}

/* Aligned start of a table; length and checksum are filled at its end. */
static size_t table_begin(struct buf *out, const char *signature, uint8_t revision)
{
	size_t at;

	while (out->len % 16 && !out->broken)
		buf_put_u8(out, 0);
	at = out->len;
	buf_put(out, signature, 4);
	buf_put_u32(out, 0);
	buf_put_u8(out, revision);
	buf_put_u8(out, 0);
	buf_put(out, "SMACHN", 6);
	buf_put(out, "SMTABLES", 8);
	buf_put_u32(out, 1);
	buf_put(out, "SMCH", 4);
	buf_put_u32(out, 1);
	return at;
}

static void table_end(struct buf *out, size_t at)
{
	if (out->broken)
		return;
	le32_put(out->data + at + 4, (uint32_t)(out->len - at));
	out->data[at + 9] = acpi_checksum(out->data + at, out->len - at);
}

/* ---- DSDT ---- */

static void dsdt_virtio(struct aml *a, const struct x86_virtio_slot *slots, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		char name[5];

		snprintf(name, sizeof(name), "V%03X", (unsigned)i & 0xfff);
		aml_device(a, name);
		aml_name(a, "_HID");
		aml_string(a, "LNRO0005");
		aml_name(a, "_UID");
		aml_int(a, i);
		aml_name(a, "_CCA");
		aml_int(a, 1);
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_memory32(a, (uint32_t)slots[i].base, (uint32_t)X86_VIRTIO_STRIDE);
		aml_edge_interrupt(a, slots[i].gsi);
		aml_resources_end(a);
		aml_close(a);
	}
}

static void dsdt_com1(struct aml *a)
{
	aml_device(a, "COM1");
	aml_name(a, "_HID");
	aml_eisa_id(a, "PNP0501");
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_port(a, X86_COM1_PORT, 8);
	aml_edge_interrupt(a, X86_COM1_GSI);
	aml_resources_end(a);
	aml_close(a);
}

/* The VM generation id: where it is, and the event device that tells of a change. */
static void dsdt_vmgenid(struct aml *a)
{
	aml_device(a, "VGEN");
	aml_name(a, "_HID");
	aml_string(a, "SMCH0001");
	aml_name(a, "_CID");
	aml_string(a, "VM_Gen_Counter");
	aml_name(a, "_DDN");
	aml_string(a, "VM_Gen_Counter");
	aml_name(a, "ADDR");
	aml_package(a, 2);
	aml_int(a, X86_VMGENID_GPA & 0xffffffff);
	aml_int(a, X86_VMGENID_GPA >> 32);
	aml_close(a);
	aml_close(a);

	aml_device(a, "GED_");
	aml_name(a, "_HID");
	aml_string(a, "ACPI0013");
	aml_name(a, "_UID");
	aml_int(a, 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_edge_interrupt(a, X86_GED_GSI);
	aml_resources_end(a);
	aml_method(a, "_EVT", 1);
	aml_notify(a, "\\_SB_.VGEN", 0x80);
	aml_close(a);
	aml_close(a);
}

static size_t put_dsdt(struct buf *out, const struct x86_virtio_slot *slots, size_t nr_slots)
{
	size_t at = table_begin(out, "DSDT", 2);
	struct aml a = { .out = out };

	aml_scope(&a, "\\_SB_");
	dsdt_com1(&a);
	dsdt_virtio(&a, slots, nr_slots);
	dsdt_vmgenid(&a);
	aml_close(&a);
	/* Power off: type 5 into the sleep control register. */
	aml_name(&a, "\\_S5_");
	aml_package(&a, 4);
	aml_int(&a, 5);
	aml_int(&a, 0);
	aml_int(&a, 0);
	aml_int(&a, 0);
	aml_close(&a);
	table_end(out, at);
	return at;
}

/* ---- the fixed tables ---- */

/* A generic address: a byte-wide port. */
static void put_port(uint8_t *p, uint16_t port)
{
	p[0] = 1;
	p[1] = 8;
	p[2] = 0;
	p[3] = 1;
	le64_put(p + 4, port);
}

static size_t put_fadt(struct buf *out, uint64_t dsdt)
{
	size_t at = table_begin(out, "FACP", 6);
	uint8_t *body = buf_grow(out, ACPI_FADT_LEN - ACPI_HEADER_LEN), *t;

	if (!body)
		return at;
	memset(body, 0, ACPI_FADT_LEN - ACPI_HEADER_LEN);
	t = out->data + at; /* offsets as in table 5.9 */
	le32_put(t + 40, (uint32_t)dsdt);
	le16_put(t + 109, FADT_BOOT_8042 | FADT_BOOT_NO_VGA | FADT_BOOT_NO_RTC);
	le32_put(t + 112, FADT_HW_REDUCED | FADT_RESET_REG_SUP);
	put_port(t + 116, X86_I8042_PORT + 4);
	t[128] = 0xfe; /* the i8042's reset pulse */
	t[131] = 5;    /* minor version */
	le64_put(t + 140, dsdt);
	put_port(t + 244, X86_ACPI_SLEEP_PORT);
	put_port(t + 256, X86_ACPI_SLEEP_PORT + 1);
	memcpy(t + 268, "SMACHINE", 8);
	table_end(out, at);
	return at;
}

static size_t put_madt(struct buf *out, uint32_t nr_vcpus)
{
	size_t at = table_begin(out, "APIC", 5);

	buf_put_u32(out, (uint32_t)X86_LAPIC_BASE);
	buf_put_u32(out, 0); /* no 8259s */
	for (uint32_t i = 0; i < nr_vcpus; i++) {
		buf_put_u8(out, 0); /* local APIC */
		buf_put_u8(out, 8);
		buf_put_u8(out, (uint8_t)i);
		buf_put_u8(out, (uint8_t)i);
		buf_put_u32(out, 1); /* enabled */
	}
	buf_put_u8(out, 1); /* I/O APIC */
	buf_put_u8(out, 12);
	buf_put_u16(out, 0);
	buf_put_u32(out, (uint32_t)X86_IOAPIC_BASE);
	buf_put_u32(out, 0);
	table_end(out, at);
	return at;
}

static void put_rsdp(struct buf *out, uint64_t xsdt)
{
	uint8_t *p = out->data;

	memset(p, 0, ACPI_RSDP_LEN);
	memcpy(p, "RSD PTR ", 8);
	memcpy(p + 9, "SMACHN", 6);
	p[15] = 2;
	le32_put(p + 20, ACPI_RSDP_LEN);
	le64_put(p + 24, xsdt);
	p[8] = acpi_checksum(p, 20);
	p[32] = acpi_checksum(p, ACPI_RSDP_LEN);
}

void acpi_build(struct buf *out, uint32_t nr_vcpus, const struct x86_virtio_slot *slots, size_t nr_slots)
{
	uint64_t dsdt, fadt, madt;
	size_t xsdt;

	buf_grow(out, ACPI_RSDP_LEN); /* filled last */
	dsdt = acpi_gpa(put_dsdt(out, slots, nr_slots));
	fadt = acpi_gpa(put_fadt(out, dsdt));
	madt = acpi_gpa(put_madt(out, nr_vcpus));
	xsdt = table_begin(out, "XSDT", 1);
	buf_put_u64(out, fadt);
	buf_put_u64(out, madt);
	table_end(out, xsdt);
	if (!out->broken)
		put_rsdp(out, acpi_gpa(xsdt));
}
