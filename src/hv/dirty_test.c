/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dirty log through the seam, on `soft` and, where it runs, on `kvm`. The guest reads
 * addresses from a device and stores to each.
 */
#include "hv/hv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "arch/arm64/layout.h"
#include "arch/x86_64/layout.h"

#define RAM_LEN 0x400000ull
#define PAGES (RAM_LEN / GMEM_PAGE)
#define FIRST 256u /* the pages below are the code's and the walker's, which sets bits in tables */

static const uint32_t arm64_code[] = {
	0xd2a12009, /* mov x9, #0x9000000 */
	0xf9400121, /* ldr x1, [x9] */
	0xf9000021, /* str x1, [x1] */
	0x17fffffe, /* b .-8 */
};

static const uint8_t x86_code[] = {
	0xbb, 0x00, 0x00, 0x00, 0xd0, /* mov $0xd0000000, %ebx */
	0x48, 0x8b, 0x03,	      /* mov (%rbx), %rax */
	0x48, 0x89, 0x00,	      /* mov %rax, (%rax) */
	0xeb, 0xf8,		      /* jmp .-6 */
};

struct rig {
	struct gmem gm;
	struct hv_vm *vm;
	struct hv_vcpu *vcpu;
	struct hv_exit exit; /* stands at the guest's next question */
	uint64_t ram;
	uint64_t log[PAGES / 64];
};

static void put64(struct rig *m, uint64_t gpa, uint64_t v)
{
	assert_true(gmem_write(&m->gm, gpa, &v, sizeof(v)));
}

/* The first GiB and the fourth on themselves, in pages of 2 MiB. */
static void x86_tables(struct rig *m)
{
	put64(m, X86_GDT_GPA + X86_BOOT_CS, 0x00af9b000000ffff);
	put64(m, X86_GDT_GPA + X86_BOOT_DS, 0x00cf93000000ffff);
	put64(m, X86_PML4_GPA, (X86_PML4_GPA + 0x1000) | 3);
	for (uint64_t gib = 0; gib < 4; gib += 3) {
		uint64_t table = X86_PML4_GPA + 0x2000 + gib * 0x1000;

		put64(m, X86_PML4_GPA + 0x1000 + gib * 8, table | 3);
		for (uint64_t i = 0; i < 512; i++)
			put64(m, table + i * 8, (gib << 30 | i << 21) | 0x83);
	}
}

static void rig_run(struct rig *m)
{
	struct sm_err e = { 0 };

	if (hv_vcpu_run(m->vcpu, &m->exit, &e) < 0)
		fail_msg("%s", e.text);
	if (m->exit.reason == HV_EXIT_FAULT)
		fail_msg("%s", m->exit.text);
	assert_int_equal(m->exit.reason, HV_EXIT_MMIO);
	assert_false(m->exit.is_write);
}

static void rig_init(struct rig *m, const struct hv_ops *ops)
{
	const struct hv_vm_config cfg = {
		.nr_vcpus = 1,
		.gicd_base = ARM64_GICD_BASE,
		.gicr_base = ARM64_GICR_BASE,
	};
	bool arm64 = ops->arch == HV_ARCH_ARM64;
	struct hv_boot boot = { 0 };
	struct sm_err e = { 0 };

	memset(m, 0, sizeof(*m));
	gmem_init(&m->gm);
	m->ram = arm64 ? ARM64_RAM_BASE : 0;
	boot.pc = m->ram + 0x80000;
	assert_int_equal(gmem_add_anon(&m->gm, m->ram, RAM_LEN, &e), 0);
	if (!arm64)
		x86_tables(m);
	assert_true(gmem_write(&m->gm, boot.pc, arm64 ? (const void *)arm64_code : x86_code,
			       arm64 ? sizeof(arm64_code) : sizeof(x86_code)));
	if (hv_vm_create(ops, &cfg, &m->gm, &m->vm, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(hv_mem_map(m->vm, &m->gm.regions[0], false, &e), 0);
	assert_int_equal(hv_vcpu_create(m->vm, 0, &m->vcpu, &e), 0);
	assert_int_equal(hv_vm_ready(m->vm, &e), 0);
	assert_int_equal(hv_vcpu_boot(m->vcpu, &boot, &e), 0);
	assert_true(hv_vm_caps(m->vm)->dirty_log);
	rig_run(m);
}

static void rig_fini(struct rig *m)
{
	hv_vcpu_destroy(m->vcpu);
	hv_vm_destroy(m->vm);
	gmem_fini(&m->gm);
}

static void guest_stores(struct rig *m, uint32_t page)
{
	uint64_t gpa = m->ram + page * (uint64_t)GMEM_PAGE + 8, v = 0;

	m->exit.data = gpa;
	rig_run(m);
	assert_true(gmem_read(&m->gm, gpa, &v, sizeof(v)));
	assert_int_equal(v, gpa);
}

static void start(struct rig *m)
{
	struct sm_err e = { 0 };

	if (hv_dirty_start(m->vm, &e) < 0)
		fail_msg("%s", e.text);
}

/* Fetches: exactly the `nr` pages are logged. */
static void expect(struct rig *m, uint32_t nr, const uint32_t *pages)
{
	struct sm_err e = { 0 };
	uint32_t found = 0;

	memset(m->log, 0, sizeof(m->log));
	if (hv_dirty_fetch(m->vm, &m->gm.regions[0], m->log, &e) < 0)
		fail_msg("%s", e.text);
	for (uint32_t i = FIRST; i < PAGES; i++)
		found += m->log[i / 64] >> i % 64 & 1;
	for (uint32_t i = 0; i < nr; i++)
		if (!(m->log[pages[i] / 64] >> pages[i] % 64 & 1))
			fail_msg("page %u is not logged", pages[i]);
	assert_int_equal(found, nr);
}

#define EXPECT(m, ...)                                                                                       \
	expect((m), sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4, (const uint32_t[]){ __VA_ARGS__ })

static void log_is_exact(const struct hv_ops *ops)
{
	struct sm_err e = { 0 };
	struct rig m;

	rig_init(&m, ops);
	guest_stores(&m, 300);
	guest_stores(&m, 290);
	start(&m);
	guest_stores(&m, 300);
	guest_stores(&m, 301);
	put64(&m, m.ram + 310 * GMEM_PAGE, 1);
	guest_stores(&m, PAGES - 1);
	EXPECT(&m, 300, 301, 310, PAGES - 1);
	expect(&m, 0, NULL);
	/* Pages that were logged before are logged again. */
	guest_stores(&m, 300);
	guest_stores(&m, 310);
	EXPECT(&m, 300, 310);
	/* What the caller had in the bitmap stays. */
	guest_stores(&m, 301);
	memset(m.log, 0, sizeof(m.log));
	m.log[400 / 64] = 1ull << 400 % 64;
	assert_int_equal(hv_dirty_fetch(m.vm, &m.gm.regions[0], m.log, &e), 0);
	assert_int_equal(m.log[400 / 64], 1ull << 400 % 64);
	assert_int_equal(m.log[301 / 64], 1ull << 301 % 64);
	hv_dirty_stop(m.vm);
	guest_stores(&m, 302);
	start(&m);
	expect(&m, 0, NULL);
	guest_stores(&m, 302);
	guest_stores(&m, 303);
	EXPECT(&m, 302, 303);
	/* Destroying ends a log. */
	rig_fini(&m);
}

static void log_is_exact_on_soft(void **state)
{
	(void)state;
	log_is_exact(&hv_soft_ops);
}

static void log_is_exact_on_kvm(void **state)
{
	const struct hv_ops *ops = hv_backend_find("kvm");
	struct sm_err e = { 0 };

	(void)state;
	if (!ops || ops->probe(&e) < 0) {
		print_message("%s\n", e.text);
		skip();
	}
	log_is_exact(ops);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(log_is_exact_on_soft),
		cmocka_unit_test(log_is_exact_on_kvm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
