/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's guest in long mode: identity pages, a GDT for iretq, an IDT for #BP. */
#include "hv/kvm/probe.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

/* Guest physical addresses; the memory begins at 0. */
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000
#define IDT 0x4000
#define GDT 0x4800
#define CODE 0x5000
#define STACK_END 0x8000

#define PORT 0x10
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define VECTOR_BP 3

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define REPORT(step) "	movb	$" #step ", %al\n	outb	%al, $" TEXT(PORT) "\n"

#pragma GCC visibility push(hidden) /* one object's own: not through the GOT */
extern const uint8_t probe_x86_code[], probe_x86_bp[], probe_x86_end[];
#pragma GCC visibility pop

/* It is copied to CODE, so it names addresses relative to itself only. */
__asm__(".pushsection .rodata\n"
	"probe_x86_code:\n" REPORT(
		1) "	lidt	probe_x86_idtr(%rip)\n"
		   "	int3\n" REPORT(
			   3) "	movd	%eax, %xmm0\n"
			      "	pxor	%xmm0, %xmm0\n" REPORT(
				      4) "	hlt\n"
					 "probe_x86_bp:\n" REPORT(
						 2) "	iretq\n"
						    "probe_x86_idtr:\n"
						    "	.short	16 * (" TEXT(
							    VECTOR_BP) " + 1) - 1\n"
								       "	.quad	" TEXT(
									       IDT) "\n"
										    "probe_x86_end:\n"
										    ".popsection\n");

const uint64_t probe_arch_gpa = 0;
const char *const probe_arch_work[PROBE_STEPS] = { "at its first instruction", "at its first exception (#BP)",
						   "when returning from an exception (iretq)",
						   "at its first SSE instruction" };
const char probe_arch_hint[] = "load kvm_intel or kvm_amd, and turn on virtualization in the firmware or "
			       "nested virtualization (vmx, svm) in the host above";

unsigned long probe_arch_vm_type(int sys)
{
	(void)sys;
	return 0;
}

int probe_arch_check(const struct probe *p, struct sm_err *e)
{
	if (ioctl(p->sys, KVM_CHECK_EXTENSION, KVM_CAP_IRQCHIP) <= 0)
		return err_set(e, ENOTSUP, "/dev/kvm: no interrupt controller in the kernel; %s",
			       probe_arch_hint);
	return 0;
}

static void probe_x86_put(const struct probe *p, uint64_t gpa, uint64_t value)
{
	memcpy(p->mem + gpa, &value, sizeof(value));
}

static void probe_x86_fill(const struct probe *p)
{
	uint64_t bp = CODE + (uint64_t)(probe_x86_bp - probe_x86_code);

	/* Present, writable; the last with the page size bit: 2 MiB. SDM 3A, 4.5. */
	probe_x86_put(p, PML4, PDPT | 3);
	probe_x86_put(p, PDPT, PD | 3);
	probe_x86_put(p, PD, 0x83);
	/* A flat 64-bit code and a data segment. */
	probe_x86_put(p, GDT + SEL_CODE, 0x00af9b000000ffffULL);
	probe_x86_put(p, GDT + SEL_DATA, 0x00cf93000000ffffULL);
	/* A present interrupt gate; its target's bits 16 and up are 0. SDM 3A, 6.14.1. */
	probe_x86_put(p, IDT + 16 * VECTOR_BP, bp | SEL_CODE << 16 | 0x8eULL << 40);
	memcpy(p->mem + CODE, probe_x86_code, (size_t)(probe_x86_end - probe_x86_code));
}

int probe_arch_start(const struct probe *p, struct sm_err *e)
{
	const struct kvm_segment code = {
		.limit = ~0U, .selector = SEL_CODE, .type = 0xb, .present = 1, .s = 1, .l = 1, .g = 1
	};
	const struct kvm_segment data = {
		.limit = ~0U, .selector = SEL_DATA, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1
	};
	const struct kvm_segment task = { .limit = 0x67, .type = 0xb, .present = 1 };
	struct kvm_regs regs = { .rip = CODE, .rsp = STACK_END, .rflags = 2 };
	struct kvm_sregs s;

	probe_x86_fill(p);
	if (ioctl(p->vcpu, KVM_GET_SREGS, &s) < 0)
		return err_errno(e, errno, "/dev/kvm: KVM_GET_SREGS");
	s.cr0 = 0x80000033; /* PG, NE, ET, MP, PE */
	s.cr3 = PML4;
	s.cr4 = 0x620;	/* OSXMMEXCPT, OSFXSR, PAE */
	s.efer = 0x500; /* LMA, LME */
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.tr = task;
	s.gdt.base = GDT;
	s.gdt.limit = 3 * 8 - 1;
	s.idt.base = 0;
	s.idt.limit = 0;
	if (ioctl(p->vcpu, KVM_SET_SREGS, &s) < 0)
		return err_errno(e, errno, "KVM here knows no long mode (KVM_SET_SREGS); %s",
				 probe_arch_hint);
	if (ioctl(p->vcpu, KVM_SET_REGS, &regs) < 0)
		return err_errno(e, errno, "/dev/kvm: KVM_SET_REGS");
	return 0;
}

unsigned int probe_arch_step(const struct kvm_run *run)
{
	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_OUT || run->io.port != PORT)
		return 0;
	return ((const uint8_t *)run)[run->io.data_offset];
}
