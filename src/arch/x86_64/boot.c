/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/boot.h"

#include <errno.h>
#include <string.h>

#include "arch/file.h"
#include "arch/x86_64/image.h"
#include "util/num.h"

/* Offsets in the zero page (Documentation/x86/zero-page.rst) and its setup header. */
enum {
	ZP_ACPI_RSDP = 0x070,
	ZP_E820_ENTRIES = 0x1e8,
	ZP_BOOT_FLAG = 0x1fe,
	ZP_HEADER = 0x202,
	ZP_VERSION = 0x206,
	ZP_LOADER = 0x210,
	ZP_LOADFLAGS = 0x211,
	ZP_RAMDISK = 0x218,
	ZP_RAMDISK_SIZE = 0x21c,
	ZP_CMDLINE = 0x228,
	ZP_ALIGNMENT = 0x230,
	ZP_CMDLINE_SIZE = 0x238,
	ZP_SETUP_DATA = 0x250,
	ZP_E820 = 0x2d0,
	ZP_LEN = 0x1000,
};
#define LOADED_HIGH 1u
#define SETUP_RNG_SEED 9u
#define E820_RAM 1u
#define E820_RESERVED 2u

#define PAGE_PRESENT_WRITE 3u
#define PAGE_LARGE 0x80u
#define PAGE_TABLES 6 /* PML4, PDPT, four directories: 4 GiB in 2 MiB pages */
#define ACPI_MAX ((size_t)(X86_VMGENID_GPA - X86_ACPI_GPA))

uint64_t x86_ram_low(uint64_t ram_size)
{
	return num_min(ram_size, X86_RAM_LOW_MAX);
}

static int put(struct gmem *gm, uint64_t gpa, const void *data, size_t len, struct sm_err *e)
{
	if (!gmem_write(gm, gpa, data, len))
		return err_set(e, ENOSPC, "guest memory: nothing at 0x%llx", (unsigned long long)gpa);
	return 0;
}

static int put_gdt(struct gmem *gm, struct sm_err *e)
{
	uint8_t gdt[5 * 8] = { 0 };

	le64_put(gdt + X86_BOOT_CS, 0x00af9b000000ffffULL); /* 64-bit code, ring 0 */
	le64_put(gdt + X86_BOOT_DS, 0x00cf93000000ffffULL); /* data */
	le64_put(gdt + X86_BOOT_TSS, 0x00008b000000ffffULL);
	return put(gm, X86_GDT_GPA, gdt, sizeof(gdt), e);
}

static int put_page_tables(struct gmem *gm, struct sm_err *e)
{
	uint8_t tables[PAGE_TABLES * GMEM_PAGE];

	memset(tables, 0, sizeof(tables));
	le64_put(tables, (X86_PML4_GPA + GMEM_PAGE) | PAGE_PRESENT_WRITE);
	for (uint64_t d = 0; d < 4; d++)
		le64_put(tables + GMEM_PAGE + 8 * d,
			 (X86_PML4_GPA + (2 + d) * GMEM_PAGE) | PAGE_PRESENT_WRITE);
	for (uint64_t i = 0; i < 4 * 512; i++)
		le64_put(tables + 2 * GMEM_PAGE + 8 * i, i << 21 | PAGE_LARGE | PAGE_PRESENT_WRITE);
	return put(gm, X86_PML4_GPA, tables, sizeof(tables), e);
}

static int put_acpi(struct gmem *gm, const struct x86_machine *m, struct sm_err *e)
{
	struct buf out;
	int r;

	buf_init(&out, ACPI_MAX);
	acpi_build(&out, m->nr_vcpus, m->slots, m->nr_slots);
	r = out.broken ? err_set(e, ENOSPC, "ACPI tables: too large")
		       : put(gm, X86_ACPI_GPA, out.data, out.len, e);
	buf_fini(&out);
	return r ? r : put(gm, X86_VMGENID_GPA, m->generation, 16, e);
}

/* One node of the setup_data list: next, type, length, data. */
static int put_seed(struct gmem *gm, const struct x86_machine *m, struct sm_err *e)
{
	uint8_t node[16 + X86_SEED_LEN] = { 0 };

	le32_put(node + 8, SETUP_RNG_SEED);
	le32_put(node + 12, X86_SEED_LEN);
	memcpy(node + 16, m->seed, X86_SEED_LEN);
	return put(gm, X86_SETUP_DATA_GPA, node, sizeof(node), e);
}

static void put_e820(uint8_t *zp, uint64_t start, uint64_t end, uint32_t type)
{
	uint8_t *p = zp + ZP_E820 + 20 * zp[ZP_E820_ENTRIES];

	if (start >= end)
		return;
	le64_put(p, start);
	le64_put(p + 8, end - start);
	le32_put(p + 16, type);
	zp[ZP_E820_ENTRIES]++;
}

static int put_zero_page(struct gmem *gm, const struct x86_machine *m, const struct x86_image *image,
			 uint64_t initrd, uint64_t initrd_len, struct sm_err *e)
{
	uint64_t low = x86_ram_low(m->ram_size);
	uint8_t zp[ZP_LEN] = { 0 };

	memcpy(zp + X86_SETUP_OFFSET, image->setup, image->setup_len);
	if (!image->setup_len) { /* an ELF file has no header of its own */
		le16_put(zp + ZP_BOOT_FLAG, 0xaa55);
		memcpy(zp + ZP_HEADER, "HdrS", 4);
		le16_put(zp + ZP_VERSION, 0x20f);
		le32_put(zp + ZP_ALIGNMENT, 0x1000000);
	}
	zp[ZP_LOADER] = 0xff;
	zp[ZP_LOADFLAGS] |= LOADED_HIGH;
	le32_put(zp + ZP_RAMDISK, (uint32_t)initrd);
	le32_put(zp + ZP_RAMDISK_SIZE, (uint32_t)initrd_len);
	le32_put(zp + ZP_CMDLINE, (uint32_t)X86_CMDLINE_GPA);
	le32_put(zp + ZP_CMDLINE_SIZE, X86_CMDLINE_MAX - 1);
	le64_put(zp + ZP_SETUP_DATA, X86_SETUP_DATA_GPA);
	le64_put(zp + ZP_ACPI_RSDP, X86_ACPI_GPA);
	put_e820(zp, 0, X86_LOW_RAM_END, E820_RAM);
	put_e820(zp, X86_LOW_RAM_END, X86_HIMEM_GPA, E820_RESERVED);
	put_e820(zp, X86_HIMEM_GPA, low, E820_RAM);
	put_e820(zp, X86_RAM_HIGH_BASE, X86_RAM_HIGH_BASE + m->ram_size - low, E820_RAM);
	return put(gm, X86_ZERO_PAGE_GPA, zp, sizeof(zp), e);
}

/* Page-aligned at the top of low memory, above the kernel. */
static int load_initrd(struct gmem *gm, int fd, const struct x86_machine *m, uint64_t kernel_end,
		       uint64_t *ret_gpa, uint64_t *ret_len, struct sm_err *e)
{
	uint64_t low = x86_ram_low(m->ram_size), len;
	int r = file_size(fd, "initrd", &len, e);

	if (r < 0)
		return r;
	if (len > low || num_align_down(low - len, GMEM_PAGE) < kernel_end)
		return err_set(e, ENOSPC,
			       "initrd: %llu KiB and the kernel do not fit into %llu MiB of guest memory",
			       (unsigned long long)len >> 10, (unsigned long long)m->ram_size >> 20);
	*ret_gpa = num_align_down(low - len, GMEM_PAGE);
	*ret_len = len;
	return file_load(gm, fd, "initrd", 0, *ret_gpa, len, e);
}

int x86_boot_load(struct gmem *gm, int kernel_fd, int initrd_fd, const struct x86_machine *m,
		  struct hv_boot *ret, struct sm_err *e)
{
	uint64_t initrd = 0, initrd_len = 0;
	struct x86_image image;
	int r;

	if (m->nr_vcpus > X86_VCPUS_MAX)
		return err_set(e, EINVAL, "%u CPUs: at most %u are possible with this backend", m->nr_vcpus,
			       X86_VCPUS_MAX);
	if (strlen(m->cmdline) >= X86_CMDLINE_MAX)
		return err_set(e, EINVAL, "kernel command line: longer than %u bytes", X86_CMDLINE_MAX - 1);
	r = x86_image_load(gm, kernel_fd, &image, e);
	if (!r && initrd_fd >= 0)
		r = load_initrd(gm, initrd_fd, m, image.end, &initrd, &initrd_len, e);
	if (!r)
		r = put(gm, X86_CMDLINE_GPA, m->cmdline, strlen(m->cmdline) + 1, e);
	if (!r)
		r = put_gdt(gm, e);
	if (!r)
		r = put_page_tables(gm, e);
	if (!r)
		r = put_acpi(gm, m, e);
	if (!r)
		r = put_seed(gm, m, e);
	if (!r)
		r = put_zero_page(gm, m, &image, initrd, initrd_len, e);
	if (!r)
		*ret = (struct hv_boot){ .pc = image.entry, .arg = X86_ZERO_PAGE_GPA };
	return r;
}
