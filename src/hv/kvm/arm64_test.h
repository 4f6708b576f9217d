/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guests and a rig for the tests of arm64 state: the MMU, virtual timers through the
 * VGICv3, SGIs between CPUs. The guest itself checks what must not change.
 */
#ifndef HV_KVM_ARM64_TEST_H
#define HV_KVM_ARM64_TEST_H

#include "hv/hv.h"

#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <time.h>
#include <cmocka.h>

#include "arch/arm64/layout.h"

#define RAM_LEN 0x400000ULL
#define TABLE_GPA (ARM64_RAM_BASE + 0x3000)
#define CPU_GPA(n) (ARM64_RAM_BASE + 0x4000 + (n)*64ULL)
#define VCPUS_MAX 4

/* What the guests write to and read from: ticks per CPU, and complaints (their number and, from bit 4 on, a
 * detail). */
#define DEV_TICK(n) (ARM64_PL011_BASE + (n)*8ULL)
#define DEV_BAD (ARM64_PL011_BASE + 0xff8)

/* A CPU's record in guest memory. */
enum { CPU_ROUNDS = 0, CPU_TIMER = 8, CPU_SGIS = 16, CPU_TIME = 32 };

__asm__(".pushsection .rodata\n"
	".balign 8\n"
	/* ---- device accesses, one by one ---- */
	".globl guest_basic, guest_basic_end\n"
	"guest_basic:\n"
	"	mov	x9, #0x9000000\n"
	"	str	x0, [x9]\n" /* the boot argument */
	"	ldr	w1, [x9, #4]\n"
	"	add	w1, w1, #1\n"
	"	strh	w1, [x9, #8]\n"
	"	ldrb	w2, [x9, #7]\n"
	"	str	x2, [x9, #16]\n"
	"	hvc	#0\n" /* no such call: answers -1 */
	"	str	x0, [x9]\n"
	"	mov	x0, #0x84000000\n"
	"	movk	x0, #8\n" /* SYSTEM_OFF */
	"	hvc	#0\n"
	"guest_basic_end:\n"

	/*
	 * ---- all CPUs at work; never ends ----
	 * x0 at the start: index, number of CPUs << 8. x19 index, x20 number, x21 rounds,
	 * x22 timer period, x24 what v7 has, x25 device, x26 SGIs sent, x27 the next CPU's
	 * record, x28 the own one; x29 and x30 belong to the handler.
	 */
	".balign 2048\n"
	".globl guest_work, guest_work_end\n"
	"guest_work:\n"
	"	and	x19, x0, #0xff\n"
	"	lsr	x20, x0, #8\n"
	"	adr	x1, vectors\n"
	"	msr	vbar_el1, x1\n"
	"	mov	x25, #0x9000000\n"
	/* MMU: 39 bits, blocks of 1 GiB */
	"	mov	x1, #0x80000000\n"
	"	orr	x1, x1, #0x3000\n"
	"	msr	ttbr0_el1, x1\n"
	"	mov	x1, #0xff\n"
	"	msr	mair_el1, x1\n"
	"	mov	x1, #0x3519\n" /* T0SZ 25, write-back, inner shareable */
	"	movk	x1, #0x80, lsl #16\n"
	"	movk	x1, #2, lsl #32\n"
	"	msr	tcr_el1, x1\n"
	"	isb\n"
	"	tlbi	vmalle1\n"
	"	dsb	sy\n"
	"	isb\n"
	"	mrs	x1, sctlr_el1\n"
	"	mov	x2, #0x1005\n" /* M, C, I */
	"	orr	x1, x1, x2\n"
	"	msr	sctlr_el1, x1\n"
	"	isb\n"
	"	mov	x1, #0x300000\n"
	"	msr	cpacr_el1, x1\n"
	"	isb\n"
	"	mov	x1, #0x80000000\n"
	"	orr	x1, x1, #0x4000\n"
	"	add	x28, x1, x19, lsl #6\n"
	"	add	x2, x19, #1\n"
	"	cmp	x2, x20\n"
	"	csel	x2, xzr, x2, eq\n"
	"	add	x27, x1, x2, lsl #6\n"
	"	mov	x23, #1\n"
	"	lsl	x23, x23, x2\n" /* ICC_SGI1R: SGI 0 to the next */
	/* GIC: group 1, SGI 0 and the virtual timer */
	"	mov	x1, #0x8000000\n"
	"	mov	w2, #0x12\n"
	"	str	w2, [x1]\n"
	"	mov	x3, #0xa0000\n"
	"	add	x1, x1, x3\n"
	"	add	x1, x1, x19, lsl #17\n"
	"	str	wzr, [x1, #0x14]\n" /* WAKER */
	"	add	x1, x1, #0x10, lsl #12\n"
	"	mov	w2, #-1\n"
	"	str	w2, [x1, #0x80]\n"
	"	mov	w2, #1\n"
	"	movk	w2, #0x800, lsl #16\n"
	"	str	w2, [x1, #0x100]\n"
	"	mov	x1, #1\n"
	"	msr	S3_0_C12_C12_5, x1\n" /* SRE */
	"	isb\n"
	"	mov	x2, #0xf0\n"
	"	msr	S3_0_C4_C6_0, x2\n"   /* PMR */
	"	msr	S3_0_C12_C12_7, x1\n" /* IGRPEN1 */
	"	isb\n"
	/* the other CPUs */
	"	cbnz	x19, 2f\n"
	"	mov	x21, #1\n"
	"1:	cmp	x21, x20\n"
	"	b.hs	2f\n"
	"	mov	x0, #0xc4000000\n"
	"	movk	x0, #3\n" /* CPU_ON */
	"	mov	x1, x21\n"
	"	adr	x2, guest_work\n"
	"	orr	x3, x21, x20, lsl #8\n"
	"	hvc	#0\n"
	"	mov	x1, x0\n"
	"	mov	x0, #1\n"
	"	cbnz	x1, bad\n"
	"	add	x21, x21, #1\n"
	"	b	1b\n"
	"2:	mrs	x22, cntfrq_el0\n"
	"	lsr	x22, x22, #8\n"
	"	msr	cntv_tval_el0, x22\n"
	"	mov	x1, #1\n"
	"	msr	cntv_ctl_el0, x1\n"
	"	mov	x21, #0\n"
	"	mov	x24, #0x1234\n"
	"	mov	v7.d[1], x24\n"
	"	mov	x26, #0\n"
	"	msr	daifclr, #2\n"
	"3:	mov	x0, #2\n"
	"	ldr	x1, [x28]\n" /* memory and registers agree */
	"	subs	x1, x1, x21\n"
	"	b.ne	bad\n"
	"	mov	x0, #3\n"
	"	mov	x1, v7.d[1]\n"
	"	subs	x1, x1, x24\n"
	"	b.ne	bad\n"
	"	add	x24, x24, #3\n"
	"	mov	v7.d[1], x24\n"
	/* The next CPU's time is not ahead of ours: one counter for all. */
	"	ldr	x2, [x27, #32]\n"
	"	dmb	ish\n"
	"	isb\n"
	"	mrs	x3, cntvct_el0\n"
	"	mov	x0, #4\n"
	"	subs	x1, x3, x2\n"
	"	b.lo	bad\n"
	"	str	x3, [x28, #32]\n"
	/* It has taken every SGI once: send one more. */
	"	mov	x0, #5\n"
	"	ldr	x1, [x27, #16]\n"
	"	subs	x1, x1, x26\n"
	"	b.hi	bad\n"
	"	b.ne	4f\n"
	"	add	x26, x26, #1\n"
	"	dsb	sy\n"
	"	msr	S3_0_C12_C11_5, x23\n"
	"	isb\n"
	"4:	add	x21, x21, #1\n"
	"	str	x21, [x28]\n"
	"	tst	x21, #0xfff\n"
	"	b.ne	3b\n"
	"	str	x21, [x25, x19, lsl #3]\n"
	"	b	3b\n"
	/* x0: which check; x1: by how much it failed */
	"bad:	add	x0, x0, x1, lsl #4\n"
	"	str	x0, [x25, #0xff8]\n"
	"	b	.\n"
	".balign 2048\n"
	"vectors:\n"
	".balign 512\n"
	"	nop\n"
	".balign 512\n" /* 0x200: exceptions */
	"	mov	x25, #0x9000000\n"
	"	mov	x0, #6\n"
	"	mrs	x1, esr_el1\n"
	"	b	bad\n"
	".balign 128\n" /* 0x280: interrupts */
	"	mrs	x29, S3_0_C12_C12_0\n"
	"	cmp	x29, #27\n"
	"	b.eq	5f\n"
	"	cmp	x29, #1023\n"
	"	b.eq	7f\n"
	"	cbnz	x29, 8f\n"
	"	ldr	x30, [x28, #16]\n"
	"	add	x30, x30, #1\n"
	"	str	x30, [x28, #16]\n"
	"	b	6f\n"
	"5:	ldr	x30, [x28, #8]\n"
	"	add	x30, x30, #1\n"
	"	str	x30, [x28, #8]\n"
	"	msr	cntv_tval_el0, x22\n"
	"	isb\n"
	"6:	msr	S3_0_C12_C12_1, x29\n" /* EOI */
	"	isb\n"
	"7:	eret\n"
	"8:	mov	x0, #7\n"
	"	mov	x1, x29\n"
	"	b	bad\n"
	"guest_work_end:\n"
	".popsection\n");

extern const char guest_basic[], guest_basic_end[], guest_work[], guest_work_end[];

struct rig {
	struct gmem gm;
	struct hv_vm *vm;
	struct hv_vcpu *vcpu[VCPUS_MAX];
	pthread_t thread[VCPUS_MAX];
	uint32_t nr;
	bool stop;		   /* atomic */
	uint32_t ticks[VCPUS_MAX]; /* atomic: writes to DEV_TICK(n) */
	uint32_t failures;	   /* atomic */
};

static inline bool kvm_works(void)
{
	struct sm_err e;

	if (!hv_kvm_ops.probe(&e))
		return true;
	print_message("%s\n", e.text);
	return false;
}

/* The parts that KVM has; the guest's memory stays when they go. */
static inline void rig_start(struct rig *m, uint32_t nr)
{
	const struct hv_vm_config cfg = {
		.nr_vcpus = nr,
		.gicd_base = ARM64_GICD_BASE,
		.gicr_base = ARM64_GICR_BASE,
	};
	struct sm_err e = { 0 };

	m->nr = nr;
	if (hv_vm_create(&hv_kvm_ops, &cfg, &m->gm, &m->vm, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(hv_mem_map(m->vm, &m->gm.regions[0], false, &e), 0);
	for (uint32_t i = 0; i < nr; i++)
		if (hv_vcpu_create(m->vm, i, &m->vcpu[i], &e) < 0)
			fail_msg("%s", e.text);
	if (hv_vm_ready(m->vm, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void rig_stop(struct rig *m)
{
	for (uint32_t i = 0; i < m->nr; i++)
		hv_vcpu_destroy(m->vcpu[i]);
	hv_vm_destroy(m->vm);
}

static inline void rig_init(struct rig *m, uint32_t nr, const char *code, const char *end)
{
	/* Blocks of 1 GiB: device, and inner shareable memory. */
	const uint64_t table[4] = { 0x405, 0, ARM64_RAM_BASE | 0x701, 0 };
	const struct hv_boot boot = { .pc = ARM64_RAM_BASE, .arg = (uint64_t)nr << 8 };
	struct sm_err e = { 0 };

	memset(m, 0, sizeof(*m));
	gmem_init(&m->gm);
	assert_int_equal(gmem_add_anon(&m->gm, ARM64_RAM_BASE, RAM_LEN, &e), 0);
	assert_true(gmem_write(&m->gm, TABLE_GPA, table, sizeof(table)));
	assert_true((size_t)(end - code) < 0x3000);
	assert_true(gmem_write(&m->gm, ARM64_RAM_BASE, code, (size_t)(end - code)));
	rig_start(m, nr);
	if (hv_vcpu_boot(m->vcpu[0], &boot, &e) < 0)
		fail_msg("%s", e.text);
}

static inline void rig_fini(struct rig *m)
{
	rig_stop(m);
	gmem_fini(&m->gm);
}

static inline uint64_t rig_get64(struct rig *m, uint64_t gpa)
{
	uint64_t v;

	assert_true(gmem_read(&m->gm, gpa, &v, sizeof(v)));
	return v;
}

static inline void rig_save(struct rig *m, struct buf *b)
{
	struct sm_err e = { 0 };

	buf_init(b, 1 << 20);
	for (uint32_t i = 0; i < m->nr; i++)
		if (hv_vcpu_save(m->vcpu[i], b, &e) < 0)
			fail_msg("%s", e.text);
	if (hv_vm_save(m->vm, b, &e) < 0)
		fail_msg("%s", e.text);
	assert_false(b->broken);
}

static inline void rig_load(struct rig *m, const struct buf *b)
{
	struct cursor in = cursor_of(b->data, b->len);
	struct sm_err e = { 0 };

	for (uint32_t i = 0; i < m->nr; i++)
		if (hv_vcpu_load(m->vcpu[i], &in, &e) < 0)
			fail_msg("%s", e.text);
	if (hv_vm_load(m->vm, &in, &e) < 0)
		fail_msg("%s", e.text);
	assert_true(cursor_done(&in));
}

/* ---- one CPU, step by step ---- */

static inline void expect(struct rig *m, struct hv_exit *x, uint64_t addr, uint8_t len, bool is_write,
			  uint64_t data)
{
	struct sm_err e = { 0 };

	if (hv_vcpu_run(m->vcpu[0], x, &e) < 0)
		fail_msg("%s", e.text);
	if (x->reason == HV_EXIT_FAULT)
		fail_msg("%s", x->text);
	assert_int_equal(x->reason, HV_EXIT_MMIO);
	assert_int_equal(x->addr, addr);
	assert_int_equal(x->len, len);
	assert_int_equal(x->is_write, is_write);
	if (is_write)
		assert_int_equal(x->data, data);
	else
		x->data = data;
}

/* ---- all CPUs at work, on threads ---- */

struct runner {
	struct rig *m;
	uint32_t index;
};

static inline void runner_exit(struct rig *m, const struct hv_exit *x)
{
	if (x->reason == HV_EXIT_KICKED)
		return;
	if (x->reason == HV_EXIT_MMIO && x->is_write && x->addr < DEV_TICK(m->nr)) {
		__atomic_add_fetch(&m->ticks[(x->addr - ARM64_PL011_BASE) / 8], 1, __ATOMIC_RELAXED);
		return;
	}
	print_message("exit %d at 0x%llx: 0x%llx %s\n", x->reason, (unsigned long long)x->addr,
		      (unsigned long long)x->data, x->reason == HV_EXIT_FAULT ? x->text : "");
	__atomic_add_fetch(&m->failures, 1, __ATOMIC_RELAXED);
}

static inline void *runner_main(void *opaque)
{
	struct runner *r = opaque;
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	struct sm_err e;

	/* Up to a kick after the stop, so that no access is left open. */
	while (!__atomic_load_n(&r->m->stop, __ATOMIC_SEQ_CST) || x.reason != HV_EXIT_KICKED) {
		if (hv_vcpu_run(r->m->vcpu[r->index], &x, &e) < 0) {
			print_message("%s\n", e.text);
			__atomic_add_fetch(&r->m->failures, 1, __ATOMIC_RELAXED);
			break;
		}
		runner_exit(r->m, &x);
		if (x.reason == HV_EXIT_FAULT || __atomic_load_n(&r->m->failures, __ATOMIC_RELAXED))
			break;
	}
	free(r);
	return NULL;
}

static inline void rig_run(struct rig *m)
{
	m->stop = false;
	for (uint32_t i = 0; i < m->nr; i++) {
		struct runner *r = calloc(1, sizeof(*r));

		assert_non_null(r);
		*r = (struct runner){ m, i };
		assert_int_equal(pthread_create(&m->thread[i], NULL, runner_main, r), 0);
	}
}

static inline void rig_pause(struct rig *m)
{
	__atomic_store_n(&m->stop, true, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < m->nr; i++)
		hv_vcpu_kick(m->vcpu[i]);
	for (uint32_t i = 0; i < m->nr; i++)
		pthread_join(m->thread[i], NULL);
}

static inline void nap(long ms)
{
	const struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* What of CPU n must move on. */
static inline void rig_counts(struct rig *m, uint32_t n, uint64_t ret[4])
{
	ret[0] = rig_get64(m, CPU_GPA(n) + CPU_ROUNDS);
	ret[1] = rig_get64(m, CPU_GPA(n) + CPU_TIMER);
	ret[2] = rig_get64(m, CPU_GPA(n) + CPU_SGIS);
	ret[3] = __atomic_load_n(&m->ticks[n], __ATOMIC_RELAXED);
}

/* Until every CPU does its rounds, ticks, gets SGIs and reaches its device again; false: not in 20 s. */
static inline bool rig_goes_on(struct rig *m)
{
	uint64_t was[VCPUS_MAX][4], now[4];

	for (uint32_t i = 0; i < m->nr; i++)
		rig_counts(m, i, was[i]);
	for (int n = 0; n < 4000 && !__atomic_load_n(&m->failures, __ATOMIC_RELAXED); n++) {
		uint32_t moved = 0;

		for (uint32_t i = 0; i < m->nr; i++) {
			rig_counts(m, i, now);
			for (uint32_t k = 0; k < 4; k++)
				moved += now[k] > was[i][k];
		}
		if (moved == 4 * m->nr)
			return true;
		nap(5);
	}
	for (uint32_t i = 0; i < m->nr; i++) {
		rig_counts(m, i, now);
		for (uint32_t k = 0; k < 4; k++)
			print_message("CPU %u count %u: %llu, now %llu\n", i, k,
				      (unsigned long long)was[i][k], (unsigned long long)now[k]);
	}
	return false;
}

#endif
