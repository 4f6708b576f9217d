/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/kvm/x86_64.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arch/x86_64/layout.h"

/* Three pages and one that VMX wants for real mode, where no RAM or device of ours is. */
#define TSS_GPA 0xfffbd000ULL
#define IDENTITY_MAP_GPA 0xfffbc000ULL

#define MSR_IA32_MISC_ENABLE 0x1a0u
#define MISC_ENABLE_FAST_STRING 1u
#define MSR_MTRR_DEF_TYPE 0x2ffu
#define MTRR_ON_WRITE_BACK 0x806u

#define CR0_PE (1u << 0)
#define CR0_MP (1u << 1)
#define CR0_ET (1u << 4)
#define CR0_NE (1u << 5)
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)
#define CR4_PAE (1u << 5)
#define EFER_LME (1u << 8)
#define EFER_LMA (1u << 10)

int kvm_arch_vm_type(int sys_fd, unsigned long *ret_type, uint8_t *ret_gpa_bits, struct sm_err *e)
{
	struct x86_cpuid c;
	int r = x86_cpuid_read(sys_fd, &c, e);

	if (r < 0)
		return r;
	*ret_type = 0;
	*ret_gpa_bits = x86_cpuid_gpa_bits(&c);
	return 0;
}

static int vm_require(const struct kvm_vm *vm, long capability, const char *what, struct sm_err *e)
{
	if (kvm_has(vm, capability) > 0)
		return 0;
	return err_set(e, ENOTSUP, "KVM: this host's kernel has no %s", what);
}

/* Every line goes to the IOAPIC's pin of its number and nowhere else: no guest uses the 8259s. */
static int vm_route(const struct kvm_vm *vm, struct sm_err *e)
{
	struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entries[KVM_IOAPIC_NUM_PINS];
	} r = { .head.nr = KVM_IOAPIC_NUM_PINS };
	int err;

	for (uint32_t i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		r.entries[i] = (struct kvm_irq_routing_entry){
			.gsi = i,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { .irqchip = KVM_IRQCHIP_IOAPIC, .pin = i },
		};
	err = kvm_ioctl(vm->fd, KVM_SET_GSI_ROUTING, &r, "route the interrupts", e);
	return err < 0 ? err : 0;
}

/* No counters for guests. Kernels that cannot be told so hide them by CPUID alone. */
static void vm_without_pmu(const struct kvm_vm *vm)
{
	struct kvm_enable_cap cap = { .cap = KVM_CAP_PMU_CAPABILITY, .args[0] = KVM_PMU_CAP_DISABLE };

	if (kvm_has(vm, KVM_CAP_PMU_CAPABILITY) & KVM_PMU_CAP_DISABLE)
		kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap, "hide the counters", NULL);
}

int kvm_arch_vm_create(struct kvm_vm *vm, struct sm_err *e)
{
	uint64_t map = IDENTITY_MAP_GPA;
	int r;

	vm->arch = calloc(1, sizeof(*vm->arch));
	if (!vm->arch)
		return err_errno(e, ENOMEM, "virtual machine");
	r = x86_cpuid_read(vm->sys_fd, &vm->arch->host, e);
	if (!r)
		r = vm_require(vm, KVM_CAP_IRQCHIP, "interrupt controller", e);
	if (!r)
		r = vm_require(vm, KVM_CAP_IRQ_ROUTING, "interrupt routing", e);
	if (!r)
		r = vm_require(vm, KVM_CAP_SREGS2, "KVM_GET_SREGS2 (Linux 5.14 or later is needed)", e);
	if (r < 0)
		return r;
	vm_without_pmu(vm);
	r = kvm_ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &map, "place the identity map", e);
	if (r >= 0 && ioctl(vm->fd, KVM_SET_TSS_ADDR, (unsigned long)TSS_GPA) < 0)
		r = err_errno(e, errno, "KVM: place the task state segment");
	if (r >= 0)
		r = kvm_ioctl(vm->fd, KVM_CREATE_IRQCHIP, NULL, "create the interrupt controller", e);
	return r < 0 ? r : vm_route(vm, e);
}

void kvm_arch_vm_destroy(struct kvm_vm *vm)
{
	if (!vm->arch)
		return;
	free(vm->arch->msrs);
	free(vm->arch);
	vm->arch = NULL;
}

int kvm_arch_vm_ready(struct kvm_vm *vm, struct sm_err *e)
{
	(void)vm;
	(void)e;
	return 0;
}

int kvm_arch_vcpu_create(struct kvm_vcpu *c, struct sm_err *e)
{
	bool deadline = kvm_has(c->vm, KVM_CAP_TSC_DEADLINE_TIMER) > 0;
	int r;

	c->arch = calloc(1, sizeof(*c->arch));
	if (!c->arch)
		return err_errno(e, ENOMEM, "vCPU %u", c->index);
	r = x86_cpuid_make(&c->vm->arch->host, c->index, c->vm->cfg.nr_vcpus, deadline, &c->arch->cpuid, e);
	if (!r)
		r = kvm_ioctl(c->fd, KVM_SET_CPUID2, &c->arch->cpuid, "set the vCPU's features", e);
	/* What firmware leaves on every CPU. */
	if (r >= 0)
		r = x86_msr_set(c, MSR_IA32_MISC_ENABLE, MISC_ENABLE_FAST_STRING, e);
	return r < 0 ? r : x86_msr_set(c, MSR_MTRR_DEF_TYPE, MTRR_ON_WRITE_BACK, e);
}

void kvm_arch_vcpu_destroy(struct kvm_vcpu *c)
{
	free(c->arch);
	c->arch = NULL;
}

static struct kvm_segment boot_segment(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){
		.limit = 0xffffffff,
		.selector = selector,
		.type = type,
		.present = 1,
		.s = 1,
		.db = !code,
		.l = code,
		.g = 1,
	};
}

/* Documentation/x86/boot.rst, 64-bit boot protocol: long mode, flat segments, tables in memory. */
static void boot_sregs(struct kvm_sregs *s)
{
	const struct kvm_segment data = boot_segment(X86_BOOT_DS, 3, false);

	s->cs = boot_segment(X86_BOOT_CS, 11, true);
	s->ds = s->es = s->fs = s->gs = s->ss = data;
	s->tr = (struct kvm_segment){ .limit = 0x67, .selector = X86_BOOT_TSS, .type = 11, .present = 1 };
	s->gdt = (struct kvm_dtable){ .base = X86_GDT_GPA, .limit = X86_BOOT_TSS + 15 };
	s->idt = (struct kvm_dtable){ .base = 0, .limit = 0 };
	s->cr0 = CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG;
	s->cr3 = X86_PML4_GPA;
	s->cr4 = CR4_PAE;
	s->efer = EFER_LME | EFER_LMA;
}

int kvm_arch_vcpu_boot(struct kvm_vcpu *c, const struct hv_boot *boot, struct sm_err *e)
{
	struct kvm_regs regs = {
		.rip = boot->pc,
		.rsi = boot->arg,
		.rsp = X86_BOOT_STACK_GPA,
		.rflags = 2,
	};
	struct kvm_sregs s;
	int r = kvm_ioctl(c->fd, KVM_GET_SREGS, &s, "read the system registers", e);

	if (r < 0)
		return r;
	boot_sregs(&s);
	r = kvm_ioctl(c->fd, KVM_SET_SREGS, &s, "set the system registers", e);
	if (r >= 0)
		r = kvm_ioctl(c->fd, KVM_SET_REGS, &regs, "set the registers", e);
	return r < 0 ? r : 0;
}

uint32_t kvm_arch_irq_line(uint32_t irq)
{
	return irq;
}

uint32_t kvm_arch_irq_gsi(uint32_t irq)
{
	return irq;
}

bool kvm_arch_exit(struct kvm_vcpu *c, struct hv_exit *x)
{
	if (c->run->exit_reason != KVM_EXIT_HLT)
		return false;
	/* With the kernel's LAPIC a halted vCPU waits there. */
	x->reason = HV_EXIT_FAULT;
	snprintf(x->text, sizeof(x->text), "vCPU %u: halted where nothing can wake it", c->index);
	return true;
}

#define LL(v) ((unsigned long long)(v))

void kvm_arch_describe(struct kvm_vcpu *c, char *ret, size_t max)
{
	struct kvm_sregs s = { 0 };
	struct kvm_regs r = { 0 };

	if (ioctl(c->fd, KVM_GET_REGS, &r) < 0 || ioctl(c->fd, KVM_GET_SREGS, &s) < 0) {
		snprintf(ret, max, "registers unknown");
		return;
	}
	snprintf(ret, max,
		 "rip %llx rsp %llx cr2 %llx cr3 %llx rflags %llx cr0 %llx cr4 %llx efer %llx cs %x "
		 "rax %llx rbx %llx rcx %llx rdx %llx rsi %llx rdi %llx rbp %llx r8 %llx r9 %llx r10 %llx "
		 "r11 %llx r12 %llx r13 %llx r14 %llx r15 %llx",
		 LL(r.rip), LL(r.rsp), LL(s.cr2), LL(s.cr3), LL(r.rflags), LL(s.cr0), LL(s.cr4), LL(s.efer),
		 s.cs.selector, LL(r.rax), LL(r.rbx), LL(r.rcx), LL(r.rdx), LL(r.rsi), LL(r.rdi), LL(r.rbp),
		 LL(r.r8), LL(r.r9), LL(r.r10), LL(r.r11), LL(r.r12), LL(r.r13), LL(r.r14), LL(r.r15));
}
