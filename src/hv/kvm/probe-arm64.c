/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's guest at EL1 with its MMU off: vectors for BRK, and MMIO writes. */
#include "hv/kvm/probe.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#define RAM 0x80000000
#define MMIO 0x09000000

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define REPORT(step) "	mov	w0, #" #step "\n	str	w0, [x1]\n"

#pragma GCC visibility push(hidden) /* one object's own: not through the GOT */
extern const uint8_t probe_arm64_code[], probe_arm64_end[];
#pragma GCC visibility pop

/* It is copied to RAM. The vectors are at its 0x800; theirs for EL1 itself at 0x200. */
__asm__(".pushsection .rodata\n"
	"	.balign	4096\n"
	"probe_arm64_code:\n"
	"	mov	x1, #" TEXT(MMIO) "\n" REPORT(
		1) "	adr	x2, probe_arm64_code + 0x800\n"
		   "	msr	vbar_el1, x2\n"
		   "	isb\n"
		   "	brk	#0\n" REPORT(3) "	mov	x2, #3 << 20\n" /* CPACR_EL1.FPEN */
						"	msr	cpacr_el1, x2\n"
						"	isb\n"
						"	movi	v0.16b, #0\n" REPORT(
							4) "	b	.\n"
							   "	.org	probe_arm64_code + 0xa00\n" REPORT(
								   2) "	mrs	x3, elr_el1\n"
								      "	add	x3, x3, #4\n"
								      "	msr	elr_el1, x3\n"
								      "	eret\n"
								      "probe_arm64_end:\n"
								      ".popsection\n");

const uint64_t probe_arch_gpa = RAM;
const char *const probe_arch_work[PROBE_STEPS] = { "at its first instruction", "at its first exception (BRK)",
						   "when returning from an exception (ERET)",
						   "at its first SIMD instruction" };
const char probe_arch_hint[] = "the kernel must have been started at EL2, in a VM with nested virtualization";

/* 40 bits are the default; smaller CPUs refuse it. */
unsigned long probe_arch_vm_type(int sys)
{
	int limit = ioctl(sys, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return limit > 0 && limit < 40 ? (unsigned long)limit : 0;
}

int probe_arch_check(const struct probe *p, struct sm_err *e)
{
	struct kvm_create_device gic = { .type = KVM_DEV_TYPE_ARM_VGIC_V3, .flags = KVM_CREATE_DEVICE_TEST };

	if (ioctl(p->vm, KVM_CREATE_DEVICE, &gic) < 0)
		return err_errno(e, errno,
				 "/dev/kvm: no GICv3; a host with an interrupt controller "
				 "of that kind is needed");
	return 0;
}

int probe_arch_start(const struct probe *p, struct sm_err *e)
{
	uint64_t pc = RAM;
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc),
		.addr = (uintptr_t)&pc,
	};
	struct kvm_vcpu_init init;

	memcpy(p->mem, probe_arm64_code, (size_t)(probe_arm64_end - probe_arm64_code));
	if (ioctl(p->vm, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return err_errno(e, errno, "/dev/kvm: KVM_ARM_PREFERRED_TARGET");
	init.features[0] |= 1U << KVM_ARM_VCPU_PSCI_0_2;
	if (ioctl(p->vcpu, KVM_ARM_VCPU_INIT, &init) < 0)
		return err_errno(e, errno, "/dev/kvm: KVM_ARM_VCPU_INIT");
	if (ioctl(p->vcpu, KVM_SET_ONE_REG, &reg) < 0)
		return err_errno(e, errno, "/dev/kvm: KVM_SET_ONE_REG");
	return 0;
}

unsigned int probe_arch_step(const struct kvm_run *run)
{
	if (run->exit_reason != KVM_EXIT_MMIO || !run->mmio.is_write || run->mmio.phys_addr != MMIO ||
	    run->mmio.len != 4)
		return 0;
	return run->mmio.data[0];
}
