/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arm64/boot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/bytes.h"

#define MIB (1ULL << 20)
#define KERNEL_LEN 20000u

/* A kernel's header, and the defects the zoo gives it. */
struct header {
	uint64_t text_offset, image_size, flags;
	uint32_t magic;
};

/* Properties are only 4-byte aligned. */
static uint64_t u64_at(const void *p)
{
	fdt64_t be;

	memcpy(&be, p, sizeof(be));
	return fdt64_to_cpu(be);
}

static const struct header good = { 0, MIB, 0xa, 0x644d5241 };

static int file_of(const void *data, size_t len)
{
	int fd = memfd_create("boot-test", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	return fd;
}

static int kernel_of(const struct header *h)
{
	static uint8_t image[KERNEL_LEN];

	for (size_t i = 0; i < sizeof(image); i++)
		image[i] = (uint8_t)(i * 7);
	memset(image, 0, 64);
	le64_put(image + 8, h->text_offset);
	le64_put(image + 16, h->image_size);
	le64_put(image + 24, h->flags);
	le32_put(image + 56, h->magic);
	return file_of(image, sizeof(image));
}

struct rig {
	struct gmem gm;
	struct arm64_machine m;
	struct sm_err e;
	struct hv_boot boot;
};

static void rig_init(struct rig *r, uint64_t ram)
{
	memset(r, 0, sizeof(*r));
	gmem_init(&r->gm);
	assert_int_equal(gmem_add_anon(&r->gm, ARM64_RAM_BASE, ram, NULL), 0);
	r->m = (struct arm64_machine){ .nr_vcpus = 2, .ram_size = ram, .cmdline = "quiet" };
}

/* Takes both descriptors. */
static int rig_load(struct rig *r, int kernel, int initrd)
{
	int ret = arm64_boot_load(&r->gm, kernel, initrd, &r->m, &r->boot, &r->e);

	close(kernel);
	if (initrd >= 0)
		close(initrd);
	return ret;
}

static void everything_is_in_its_place(void **state)
{
	static const char initrd[5000] = "an initrd";
	const uint8_t *fdt;
	const void *p;
	uint64_t gpa;
	struct rig r;
	int node;

	(void)state;
	rig_init(&r, 64 * MIB);
	assert_int_equal(rig_load(&r, kernel_of(&good), file_of(initrd, sizeof(initrd))), 0);
	assert_int_equal(r.boot.pc, ARM64_RAM_BASE);
	assert_int_equal(r.boot.arg, ARM64_RAM_BASE + 62 * MIB);
	assert_int_equal(le32_get(gmem_slice(&r.gm, r.boot.pc + 56, 4)), good.magic);
	assert_int_equal(*gmem_slice(&r.gm, r.boot.pc + KERNEL_LEN - 1, 1), (uint8_t)((KERNEL_LEN - 1) * 7));
	fdt = gmem_slice(&r.gm, r.boot.arg, ARM64_FDT_MAX);
	assert_int_equal(fdt_check_full(fdt, fdt_totalsize(fdt)), 0);
	node = fdt_path_offset(fdt, "/chosen");
	p = fdt_getprop(fdt, node, "linux,initrd-start", NULL);
	gpa = u64_at(p);
	assert_int_equal(gpa % GMEM_PAGE, 0);
	assert_true(gpa + sizeof(initrd) <= r.boot.arg);
	assert_memory_equal(gmem_slice(&r.gm, gpa, sizeof(initrd)), initrd, sizeof(initrd));
	p = fdt_getprop(fdt, node, "linux,initrd-end", NULL);
	assert_int_equal(u64_at(p) - gpa, sizeof(initrd));
	gmem_fini(&r.gm);
}

static void text_offset_is_honoured(void **state)
{
	struct header h = good;
	struct rig r;

	(void)state;
	h.text_offset = 0x80000;
	rig_init(&r, 64 * MIB);
	assert_int_equal(rig_load(&r, kernel_of(&h), -1), 0);
	assert_int_equal(r.boot.pc, ARM64_RAM_BASE + 0x80000);
	gmem_fini(&r.gm);
}

static void empty_initrd_is_none(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 64 * MIB);
	assert_int_equal(rig_load(&r, kernel_of(&good), file_of("", 0)), 0);
	gmem_fini(&r.gm);
}

static void broken_headers_are_refused(void **state)
{
	static const struct {
		struct header h;
		int code;
		const char *says;
	} zoo[] = {
		{ { 0, MIB, 0xa, 0 }, ENOEXEC, "not an arm64 Linux image" },
		{ { 0, MIB, 0xa, 0x5247644d }, ENOEXEC, "not an arm64 Linux image" },
		{ { 0, MIB, 0xb, 0x644d5241 }, ENOEXEC, "big-endian" },
		{ { 0, MIB, 4, 0x644d5241 }, ENOEXEC, "16 KiB" },
		{ { 0, MIB, 6, 0x644d5241 }, ENOEXEC, "64 KiB" },
		{ { 0, 0, 0xa, 0x644d5241 }, ENOEXEC, "no image size" },
		{ { 0x200000, MIB, 0xa, 0x644d5241 }, ENOEXEC, "text offset" },
		{ { UINT64_MAX, MIB, 0xa, 0x644d5241 }, ENOEXEC, "text offset" },
		{ { 0x80001, MIB, 0xa, 0x644d5241 }, ENOEXEC, "text offset" },
		{ { 0, 62 * MIB + 1, 0xa, 0x644d5241 }, ENOSPC, "do not fit" },
		{ { 0, UINT64_MAX, 0xa, 0x644d5241 }, ENOSPC, "do not fit" },
		{ { 0, UINT64_MAX - ARM64_RAM_BASE, 0xa, 0x644d5241 }, ENOSPC, "do not fit" },
	};
	struct rig r;

	(void)state;
	rig_init(&r, 64 * MIB);
	for (size_t i = 0; i < sizeof(zoo) / sizeof(zoo[0]); i++) {
		assert_int_equal(rig_load(&r, kernel_of(&zoo[i].h), -1), -zoo[i].code);
		assert_non_null(strstr(r.e.text, zoo[i].says));
		assert_null(strchr(r.e.text, '\n'));
	}
	assert_int_equal(r.boot.pc, 0);
	gmem_fini(&r.gm);
}

static void other_files_are_named(void **state)
{
	static const struct {
		const char *begin, *says;
	} zoo[] = {
		{ "\x1f\x8b\x08", "gzip" },
		{ "\x28\xb5\x2f\xfd", "zstd" },
		{ "\x7f"
		  "ELF",
		  "ELF" },
		{ "#!/bin/sh\n", "ARM\\x64" },
	};
	struct rig r;

	(void)state;
	rig_init(&r, 64 * MIB);
	for (size_t i = 0; i < sizeof(zoo) / sizeof(zoo[0]); i++) {
		char data[4096] = "";

		strcpy(data, zoo[i].begin);
		assert_int_equal(rig_load(&r, file_of(data, sizeof(data)), -1), -ENOEXEC);
		assert_non_null(strstr(r.e.text, zoo[i].says));
	}
	gmem_fini(&r.gm);
}

static void short_files_are_refused(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 64 * MIB);
	for (size_t len = 0; len < 64; len++) {
		uint8_t data[64] = { 0 };

		le32_put(data + 56, good.magic);
		assert_int_equal(rig_load(&r, file_of(data, len), -1), -ENOEXEC);
	}
	assert_int_equal(rig_load(&r, open("/dev/zero", O_RDONLY | O_CLOEXEC), -1), -EINVAL);
	assert_int_equal(rig_load(&r, open("/", O_RDONLY | O_CLOEXEC), -1), -EINVAL);
	gmem_fini(&r.gm);
}

static void initrd_must_fit(void **state)
{
	int fd = memfd_create("initrd", MFD_CLOEXEC);
	struct rig r;

	(void)state;
	rig_init(&r, 64 * MIB);
	assert_int_equal(ftruncate(fd, 61 * MIB + 1), 0);
	assert_int_equal(rig_load(&r, kernel_of(&good), dup(fd)), -ENOSPC);
	assert_int_equal(ftruncate(fd, 1LL << 50), 0);
	assert_int_equal(rig_load(&r, kernel_of(&good), dup(fd)), -ENOSPC);
	assert_int_equal(ftruncate(fd, 61 * MIB), 0);
	assert_int_equal(rig_load(&r, kernel_of(&good), fd), 0);
	gmem_fini(&r.gm);
}

/* Whatever a header says, what is loaded lies in RAM or the file is refused. */
static void random_headers_never_escape(void **state)
{
	uint64_t seed = 88172645463325252;
	struct rig r;

	(void)state;
	rig_init(&r, 16 * MIB);
	for (int i = 0; i < 2000; i++) {
		uint64_t v[3];
		struct header h;

		for (int k = 0; k < 3; k++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			v[k] = seed >> (seed >> 58);
		}
		h = (struct header){ i & 1 ? v[0] : v[0] & 0x1ff000, v[1], i & 2 ? v[2] : 2, good.magic };
		if (rig_load(&r, kernel_of(&h), -1) < 0)
			continue;
		assert_non_null(gmem_find(&r.gm, r.boot.pc, KERNEL_LEN));
		assert_true(r.boot.pc + KERNEL_LEN <= r.boot.arg);
	}
	gmem_fini(&r.gm);
}

static void tiny_memory_is_refused(void **state)
{
	struct rig r;

	(void)state;
	for (uint64_t ram = MIB; ram <= 3 * MIB; ram += MIB / 2) {
		rig_init(&r, ram);
		assert_int_equal(rig_load(&r, kernel_of(&good), -1), ram < 3 * MIB ? -ENOSPC : 0);
		gmem_fini(&r.gm);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_in_its_place),
		cmocka_unit_test(text_offset_is_honoured),
		cmocka_unit_test(empty_initrd_is_none),
		cmocka_unit_test(broken_headers_are_refused),
		cmocka_unit_test(other_files_are_named),
		cmocka_unit_test(short_files_are_refused),
		cmocka_unit_test(initrd_must_fit),
		cmocka_unit_test(tiny_memory_is_refused),
		cmocka_unit_test(random_headers_never_escape),
	};

	return cmocka_run_group_tests_name("arm64_boot", tests, NULL, NULL);
}
