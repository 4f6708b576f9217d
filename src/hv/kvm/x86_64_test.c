/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small real code on KVM: long mode, ports, MMIO, exceptions, a second CPU, a timer, and
 * all of it saved, destroyed, loaded and continued. Skipped where KVM cannot run Linux.
 */
#include "hv/hv.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "arch/x86_64/layout.h"
#include "hv/kvm/kvm.h"
#include "util/num.h"

#define CODE_GPA 0x100000ULL
#define AP_GPA 0x8000ULL
#define RAM_LEN 0x400000ULL
#define MMIO_GPA X86_VIRTIO_BASE
#define VCPUS_MAX 4

/* What the guests write to and read from. */
#define PORT_OUT 0x10
#define PORT_IN 0x11
#define PORT_TICK 0x12
#define PORT_AP 0x13
#define PORT_BAD 0x1f

/*
 * Positions in guest memory: 0x2000 IDT, 0x3000 the IDT's pointer, 0x4000 ticks of the
 * timer, 0x4008 + 8 * n rounds of CPU n.
 */
__asm__(".pushsection .rodata\n"
	".code64\n"
	/* Entries of the IDT: %rbx vector, %rax handler. */
	".macro gate vector handler\n"
	"	lea	\\handler(%rip), %rax\n"
	"	mov	$0x2000 + 16 * \\vector, %rdi\n"
	"	mov	%ax, (%rdi)\n"
	"	movw	$0x10, 2(%rdi)\n"
	"	movw	$0x8e00, 4(%rdi)\n"
	"	shr	$16, %rax\n"
	"	mov	%ax, 6(%rdi)\n"
	"	movl	$0, 8(%rdi)\n"
	".endm\n"
	".macro load_idt\n"
	"	movw	$0xfff, 0x3000\n"
	"	movq	$0x2000, 0x3002\n"
	"	lidt	0x3000\n"
	".endm\n"

	/* ---- ports, MMIO, an exception ---- */
	".globl guest_basic, guest_basic_end\n"
	"guest_basic:\n"
	"	mov	%esi, %eax\n" /* the boot argument */
	"	out	%eax, $0x10\n"
	"	in	$0x11, %al\n"
	"	out	%al, $0x10\n"
	"	lea	text(%rip), %rsi\n"
	"	mov	$5, %ecx\n"
	"	mov	$0x10, %edx\n"
	"	rep outsb\n"
	"	mov	$0x5000, %edi\n"
	"	mov	$3, %ecx\n"
	"	mov	$0x11, %edx\n"
	"	rep insb\n"
	"	mov	0x5000, %eax\n"
	"	out	%eax, $0x10\n"
	"	mov	$0xd0000000, %ebx\n"
	"	movl	$0x12345678, 4(%rbx)\n"
	"	movb	$0x9a, 9(%rbx)\n"
	"	mov	0x10(%rbx), %eax\n"
	"	out	%eax, $0x10\n"
	"	gate	3 on_breakpoint\n"
	"	load_idt\n"
	"	mov	$7, %ecx\n"
	"	int3\n"
	"	mov	%ecx, %eax\n"
	"	out	%al, $0x10\n"
	"	lidt	nothing(%rip)\n"
	"	ud2\n" /* ends in a triple fault */
	"on_breakpoint:\n"
	"	add	$1, %ecx\n"
	"	iretq\n"
	"text:	.ascii \"hello\"\n"
	"nothing: .quad 0, 0\n"
	"guest_basic_end:\n"

	/* ---- timer, SSE and all CPUs at work; never ends ---- */
	".globl guest_work, guest_work_end\n"
	"guest_work:\n"
	"	gate	0x40 on_timer\n"
	"	load_idt\n"
	"	mov	$0xfee00000, %r15d\n"
	"	movl	$0x1ff, 0xf0(%r15)\n"	 /* LAPIC on */
	"	movl	$0xb, 0x3e0(%r15)\n"	 /* divide by 1 */
	"	movl	$0x20040, 0x320(%r15)\n" /* periodic, vector 0x40 */
	"	movl	$10000000, 0x380(%r15)\n"
	/* INIT and two SIPIs to everyone else, vector 8: 0x8000 */
	"	movl	$0xc4500, 0x300(%r15)\n"
	"	movl	$0xc4608, 0x300(%r15)\n"
	"	movl	$0xc4608, 0x300(%r15)\n"
	"	mov	%cr4, %rax\n"
	"	or	$0x600, %eax\n" /* SSE */
	"	mov	%rax, %cr4\n"
	"	sti\n"
	"	mov	$0x1122334455667788, %rax\n"
	"	movq	%rax, %xmm7\n"
	"	mov	%rax, %r14\n"
	"	xor	%r13, %r13\n"
	"1:	add	$1, %r13\n"
	"	movq	%xmm7, %rax\n"
	"	cmp	%rax, %r14\n"
	"	jne	2f\n"
	"	add	$3, %rax\n"
	"	add	$3, %r14\n"
	"	movq	%rax, %xmm7\n"
	"	mov	%r13, 0x4008\n"
	"	test	$0xffff, %r13d\n"
	"	jnz	1b\n"
	"	mov	%r13d, %eax\n"
	"	out	%eax, $0x12\n"
	"	jmp	1b\n"
	"2:	out	%al, $0x1f\n"
	"	jmp	2b\n"
	"on_timer:\n"
	"	incq	0x4000\n"
	"	movl	$0, 0xb0(%r15)\n" /* EOI */
	"	iretq\n"
	"guest_work_end:\n"

	/* ---- another CPU, in real mode at 0800:0000 ---- */
	".globl guest_ap, guest_ap_end\n"
	".code16\n"
	"guest_ap:\n"
	"	mov	$0, %ax\n"
	"	mov	%ax, %ds\n"
	"	mov	$1, %eax\n"
	"	cpuid\n"
	"	shr	$24, %ebx\n" /* APIC id */
	"	mov	%bl, %al\n"
	"	out	%al, $0x13\n"
	"	shl	$3, %bx\n"
	"1:	incl	0x4008(%bx)\n"
	"	jmp	1b\n"
	"guest_ap_end:\n"
	".code64\n"
	".popsection\n");

extern const char guest_basic[], guest_basic_end[], guest_work[], guest_work_end[];
extern const char guest_ap[], guest_ap_end[];

struct rig {
	struct gmem gm;
	struct hv_vm *vm;
	struct hv_vcpu *vcpu[VCPUS_MAX];
	pthread_t thread[VCPUS_MAX];
	uint32_t nr;
	bool stop;	   /* atomic */
	uint32_t ticks;	   /* atomic: writes to PORT_TICK */
	uint32_t aps;	   /* atomic: bits of CPUs that came up */
	uint32_t failures; /* atomic */
};

static bool kvm_works(void)
{
	struct sm_err e;

	if (!hv_kvm_ops.probe(&e))
		return true;
	print_message("%s\n", e.text);
	return false;
}

static void put64(struct rig *m, uint64_t gpa, uint64_t v)
{
	assert_true(gmem_write(&m->gm, gpa, &v, sizeof(v)));
}

/* All of 4 GiB on itself in pages of 2 MiB. */
static void rig_tables(struct rig *m)
{
	put64(m, X86_GDT_GPA + X86_BOOT_CS, 0x00af9b000000ffff);
	put64(m, X86_GDT_GPA + X86_BOOT_DS, 0x00cf93000000ffff);
	put64(m, X86_PML4_GPA, (X86_PML4_GPA + 0x1000) | 3);
	for (uint64_t i = 0; i < 4; i++)
		put64(m, X86_PML4_GPA + 0x1000 + i * 8, (X86_PML4_GPA + 0x2000 + i * 0x1000) | 3);
	for (uint64_t i = 0; i < 2048; i++)
		put64(m, X86_PML4_GPA + 0x2000 + i * 8, i << 21 | 0x83);
}

/* The parts that KVM has; the guest's memory stays when they go. */
static void rig_start(struct rig *m, uint32_t nr)
{
	const struct hv_vm_config cfg = { .nr_vcpus = nr };
	struct sm_err e = { 0 };

	m->nr = nr;
	if (hv_vm_create(&hv_kvm_ops, &cfg, &m->gm, &m->vm, &e) < 0)
		fail_msg("%s", e.text);
	for (uint32_t i = 0; i < m->gm.nr_regions; i++)
		assert_int_equal(hv_mem_map(m->vm, &m->gm.regions[i], false, &e), 0);
	for (uint32_t i = 0; i < nr; i++)
		if (hv_vcpu_create(m->vm, i, &m->vcpu[i], &e) < 0)
			fail_msg("%s", e.text);
	assert_int_equal(hv_vm_ready(m->vm, &e), 0);
}

static void rig_stop(struct rig *m)
{
	for (uint32_t i = 0; i < m->nr; i++)
		hv_vcpu_destroy(m->vcpu[i]);
	hv_vm_destroy(m->vm);
}

static void rig_init(struct rig *m, uint32_t nr, const char *code, const char *end)
{
	const struct hv_boot boot = { .pc = CODE_GPA, .arg = 0xabcd };
	struct sm_err e = { 0 };

	memset(m, 0, sizeof(*m));
	gmem_init(&m->gm);
	assert_int_equal(gmem_add_anon(&m->gm, 0, RAM_LEN, &e), 0);
	rig_tables(m);
	assert_true(gmem_write(&m->gm, CODE_GPA, code, (size_t)(end - code)));
	assert_true(gmem_write(&m->gm, AP_GPA, guest_ap, (size_t)(guest_ap_end - guest_ap)));
	rig_start(m, nr);
	if (hv_vcpu_boot(m->vcpu[0], &boot, &e) < 0)
		fail_msg("%s", e.text);
}

static void rig_fini(struct rig *m)
{
	rig_stop(m);
	gmem_fini(&m->gm);
}

static uint64_t rig_get64(struct rig *m, uint64_t gpa)
{
	uint64_t v;

	assert_true(gmem_read(&m->gm, gpa, &v, sizeof(v)));
	return v;
}

/* ---- one CPU, step by step ---- */

static void expect(struct rig *m, struct hv_exit *x, enum hv_exit_reason reason, uint64_t addr, uint8_t len,
		   bool is_write, uint64_t data)
{
	struct sm_err e = { 0 };

	if (hv_vcpu_run(m->vcpu[0], x, &e) < 0)
		fail_msg("%s", e.text);
	if (x->reason == HV_EXIT_FAULT)
		fail_msg("%s", x->text);
	assert_int_equal(x->reason, reason);
	assert_int_equal(x->addr, addr);
	assert_int_equal(x->len, len);
	assert_int_equal(x->is_write, is_write);
	if (is_write)
		assert_int_equal(x->data, data);
	else
		x->data = data;
}

static void guest_uses_ports_memory_and_exceptions(void **state)
{
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	struct sm_err e = { 0 };
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 4, true, 0xabcd);
	expect(&m, &x, HV_EXIT_PIO, PORT_IN, 1, false, 0x5a);
	expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 1, true, 0x5a);
	for (int i = 0; i < 5; i++)
		expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 1, true, (uint64_t) "hello"[i]);
	for (int i = 0; i < 3; i++)
		expect(&m, &x, HV_EXIT_PIO, PORT_IN, 1, false, (uint64_t)(0x11 + i));
	expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 4, true, 0x131211);
	expect(&m, &x, HV_EXIT_MMIO, MMIO_GPA + 4, 4, true, 0x12345678);
	expect(&m, &x, HV_EXIT_MMIO, MMIO_GPA + 9, 1, true, 0x9a);
	expect(&m, &x, HV_EXIT_MMIO, MMIO_GPA + 0x10, 4, false, 0xcafef00d);
	expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 4, true, 0xcafef00d);
	expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 1, true, 8);
	assert_int_equal(hv_vcpu_run(m.vcpu[0], &x, &e), 0);
	assert_int_equal(x.reason, HV_EXIT_FAULT);
	assert_non_null(strstr(x.text, "triple fault"));
	assert_non_null(strstr(x.text, "rip"));
	rig_fini(&m);
}

static void access_must_end_before_a_save(void **state)
{
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	struct sm_err e = { 0 };
	struct buf b;
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	buf_init(&b, 1 << 20);
	expect(&m, &x, HV_EXIT_PIO, PORT_OUT, 4, true, 0xabcd);
	assert_int_equal(hv_vcpu_save(m.vcpu[0], &b, &e), -EBUSY);
	/* A kick ends the access and nothing more. */
	hv_vcpu_kick(m.vcpu[0]);
	assert_int_equal(hv_vcpu_run(m.vcpu[0], &x, &e), 0);
	assert_int_equal(x.reason, HV_EXIT_KICKED);
	assert_int_equal(hv_vcpu_save(m.vcpu[0], &b, &e), 0);
	expect(&m, &x, HV_EXIT_PIO, PORT_IN, 1, false, 0x5a);
	buf_fini(&b);
	rig_fini(&m);
}

/* ---- all CPUs at work, on threads ---- */

struct runner {
	struct rig *m;
	uint32_t index;
};

static void runner_exit(struct rig *m, const struct hv_exit *x)
{
	if (x->reason == HV_EXIT_PIO && x->addr == PORT_TICK)
		__atomic_add_fetch(&m->ticks, 1, __ATOMIC_RELAXED);
	else if (x->reason == HV_EXIT_PIO && x->addr == PORT_AP && x->data < 32)
		__atomic_or_fetch(&m->aps, 1u << x->data, __ATOMIC_RELAXED);
	else if (x->reason != HV_EXIT_KICKED)
		__atomic_add_fetch(&m->failures, 1, __ATOMIC_RELAXED);
}

static void *runner_main(void *opaque)
{
	struct runner *r = opaque;
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	struct sm_err e;

	/* Once more after a stop, so that no access is left open. */
	for (bool last = false; !last;) {
		last = __atomic_load_n(&r->m->stop, __ATOMIC_SEQ_CST) && x.reason == HV_EXIT_KICKED;
		if (last)
			break;
		if (hv_vcpu_run(r->m->vcpu[r->index], &x, &e) < 0) {
			print_message("%s\n", e.text);
			__atomic_add_fetch(&r->m->failures, 1, __ATOMIC_RELAXED);
			break;
		}
		if (x.reason == HV_EXIT_FAULT)
			print_message("%s\n", x.text);
		runner_exit(r->m, &x);
		if (x.reason == HV_EXIT_FAULT)
			break;
	}
	free(r);
	return NULL;
}

static void rig_run(struct rig *m)
{
	m->stop = false;
	for (uint32_t i = 0; i < m->nr; i++) {
		struct runner *r = calloc(1, sizeof(*r));

		assert_non_null(r);
		*r = (struct runner){ m, i };
		assert_int_equal(pthread_create(&m->thread[i], NULL, runner_main, r), 0);
	}
}

static void rig_pause(struct rig *m)
{
	__atomic_store_n(&m->stop, true, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < m->nr; i++)
		hv_vcpu_kick(m->vcpu[i]);
	for (uint32_t i = 0; i < m->nr; i++)
		pthread_join(m->thread[i], NULL);
}

static void nap(void)
{
	const struct timespec t = { .tv_nsec = 5000000 };

	nanosleep(&t, NULL);
}

/* Until every CPU and the timer went on from what they had; false: one did not in 20 s. */
static bool rig_goes_on(struct rig *m)
{
	uint64_t was[1 + VCPUS_MAX];
	uint32_t ticks = __atomic_load_n(&m->ticks, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i <= m->nr; i++)
		was[i] = rig_get64(m, 0x4000 + i * 8);
	for (int n = 0; n < 4000; n++) {
		uint32_t moved = 0;

		for (uint32_t i = 0; i <= m->nr; i++)
			moved += rig_get64(m, 0x4000 + i * 8) != was[i];
		if (moved == m->nr + 1 && __atomic_load_n(&m->ticks, __ATOMIC_RELAXED) != ticks)
			return true;
		nap();
	}
	for (uint32_t i = 0; i <= m->nr; i++)
		print_message("counter %u: %llu, now %llu\n", i, (unsigned long long)was[i],
			      (unsigned long long)rig_get64(m, 0x4000 + i * 8));
	return false;
}

static void rig_save(struct rig *m, struct buf *b)
{
	struct sm_err e = { 0 };

	for (uint32_t i = 0; i < m->nr; i++)
		if (hv_vcpu_save(m->vcpu[i], b, &e) < 0)
			fail_msg("%s", e.text);
	if (hv_vm_save(m->vm, b, &e) < 0)
		fail_msg("%s", e.text);
	assert_false(b->broken);
}

static void rig_load(struct rig *m, const struct buf *b)
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

static void work_survives(uint32_t nr, int rounds)
{
	struct buf b;
	struct rig m;

	rig_init(&m, nr, guest_work, guest_work_end);
	rig_run(&m);
	assert_true(rig_goes_on(&m));
	assert_int_equal(m.aps, ((1u << nr) - 1) & ~1u);
	for (int i = 0; i < rounds; i++) {
		uint64_t rounds_done;

		rig_pause(&m);
		assert_int_equal(m.failures, 0);
		buf_init(&b, 1 << 20);
		rig_save(&m, &b);
		rounds_done = rig_get64(&m, 0x4008);
		rig_stop(&m);
		rig_start(&m, nr);
		rig_load(&m, &b);
		buf_fini(&b);
		rig_run(&m);
		assert_true(rig_goes_on(&m));
		/* It went on and did not begin again. */
		assert_true(rig_get64(&m, 0x4008) > rounds_done);
	}
	rig_pause(&m);
	assert_int_equal(m.failures, 0);
	rig_fini(&m);
}

static void one_cpu_survives_save_and_load(void **state)
{
	(void)state;
	if (!kvm_works())
		skip();
	work_survives(1, 5);
}

static void four_cpus_survive_save_and_load(void **state)
{
	(void)state;
	if (!kvm_works())
		skip();
	work_survives(4, 5);
}

/* No prefix of a record is taken, nor one with a bit of its head turned. */
static void load_refuses_damage(void **state)
{
	struct sm_err e = { 0 };
	struct cursor in;
	struct buf b;
	struct rig m;

	(void)state;
	if (!kvm_works())
		skip();
	rig_init(&m, 1, guest_basic, guest_basic_end);
	buf_init(&b, 1 << 20);
	assert_int_equal(hv_vcpu_save(m.vcpu[0], &b, &e), 0);
	for (size_t len = 0; len < b.len; len += 97) {
		in = cursor_of(b.data, len);
		assert_true(hv_vcpu_load(m.vcpu[0], &in, &e) < 0);
	}
	for (size_t i = 0; i < 64; i++) {
		b.data[i] ^= 1;
		in = cursor_of(b.data, b.len);
		assert_true(hv_vcpu_load(m.vcpu[0], &in, &e) < 0);
		b.data[i] ^= 1;
	}
	in = cursor_of(b.data, b.len);
	assert_int_equal(hv_vcpu_load(m.vcpu[0], &in, &e), 0);
	buf_fini(&b);
	rig_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(guest_uses_ports_memory_and_exceptions),
		cmocka_unit_test(access_must_end_before_a_save),
		cmocka_unit_test(one_cpu_survives_save_and_load),
		cmocka_unit_test(four_cpus_survive_save_and_load),
		cmocka_unit_test(load_refuses_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
