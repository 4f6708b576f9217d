/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/kvm/arm64.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/fd.h"

#define CORE_REG(name) (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))
/* EL1h, all interrupts masked: Documentation/arm64/booting.rst. */
#define BOOT_PSTATE 0x3c5u

int kvm_arm64_get_reg(const struct kvm_vcpu *c, uint64_t id, void *ret, struct sm_err *e)
{
	struct kvm_one_reg r = { .id = id, .addr = (uint64_t)(uintptr_t)ret };

	if (ioctl(c->fd, KVM_GET_ONE_REG, &r) < 0)
		return err_errno(e, errno, "KVM: vCPU %u: read register 0x%llx", c->index,
				 (unsigned long long)id);
	return 0;
}

int kvm_arm64_set_reg(const struct kvm_vcpu *c, uint64_t id, const void *value, struct sm_err *e)
{
	struct kvm_one_reg r = { .id = id, .addr = (uint64_t)(uintptr_t)value };

	if (ioctl(c->fd, KVM_SET_ONE_REG, &r) < 0)
		return err_errno(e, errno, "KVM: vCPU %u: write register 0x%llx", c->index,
				 (unsigned long long)id);
	return 0;
}

int kvm_arch_vm_type(int sys_fd, unsigned long *ret_type, uint8_t *ret_gpa_bits, struct sm_err *e)
{
	int bits = ioctl(sys_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	(void)e;
	/* A kernel that cannot be asked has 40 bits, type 0. */
	if (bits > 48)
		bits = 48;
	*ret_gpa_bits = bits > 0 ? (uint8_t)bits : 40;
	*ret_type = bits > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned long)bits) : 0;
	return 0;
}

int kvm_arch_vm_create(struct kvm_vm *vm, struct sm_err *e)
{
	vm->arch = calloc(1, sizeof(*vm->arch));
	if (!vm->arch)
		return err_errno(e, ENOMEM, "virtual machine");
	vm->arch->vgic_fd = -1;
	return kvm_vgic_create(vm, e);
}

void kvm_arch_vm_destroy(struct kvm_vm *vm)
{
	if (!vm->arch)
		return;
	fd_close(&vm->arch->vgic_fd);
	free(vm->arch);
	vm->arch = NULL;
}

int kvm_arch_vm_ready(struct kvm_vm *vm, struct sm_err *e)
{
	return kvm_vgic_ready(vm, e);
}

/* What the host offers and a guest may use. Both pointer authentication features or none: KVM insists. */
static void vcpu_features(struct kvm_vcpu *c, struct kvm_vcpu_init *init)
{
	bool pac = kvm_has(c->vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) > 0 &&
		   kvm_has(c->vm, KVM_CAP_ARM_PTRAUTH_GENERIC) > 0;

	memset(init->features, 0, sizeof(init->features));
	init->features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (c->index)
		init->features[0] |= 1u << KVM_ARM_VCPU_POWER_OFF;
	if (pac)
		init->features[0] |= 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;
	c->arch->sve = kvm_has(c->vm, KVM_CAP_ARM_SVE) > 0;
	if (c->arch->sve)
		init->features[0] |= 1u << KVM_ARM_VCPU_SVE;
}

int kvm_arch_vcpu_create(struct kvm_vcpu *c, struct sm_err *e)
{
	struct kvm_vcpu_init init;
	int sve = KVM_ARM_VCPU_SVE, r;

	c->arch = calloc(1, sizeof(*c->arch));
	if (!c->arch)
		return err_errno(e, ENOMEM, "vCPU %u", c->index);
	r = kvm_ioctl(c->vm->fd, KVM_ARM_PREFERRED_TARGET, &init, "ask for the CPU model", e);
	if (r < 0)
		return r;
	vcpu_features(c, &init);
	r = kvm_ioctl(c->fd, KVM_ARM_VCPU_INIT, &init, "initialise a vCPU", e);
	if (r >= 0 && c->arch->sve)
		r = kvm_ioctl(c->fd, KVM_ARM_VCPU_FINALIZE, &sve, "settle the vCPU's SVE", e);
	return r < 0 ? r : 0;
}

void kvm_arch_vcpu_destroy(struct kvm_vcpu *c)
{
	free(c->arch);
	c->arch = NULL;
}

int kvm_arch_vcpu_boot(struct kvm_vcpu *c, const struct hv_boot *boot, struct sm_err *e)
{
	uint64_t pstate = BOOT_PSTATE;
	int r = kvm_arm64_set_reg(c, CORE_REG(regs.pstate), &pstate, e);

	if (!r)
		r = kvm_arm64_set_reg(c, CORE_REG(regs.regs[0]), &boot->arg, e);
	return r ? r : kvm_arm64_set_reg(c, CORE_REG(regs.pc), &boot->pc, e);
}

/* KVM_IRQ_LINE takes a type and the INTID; an irqfd's default route takes INTID - 32. */
uint32_t kvm_arch_irq_line(uint32_t irq)
{
	return (uint32_t)KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | irq;
}

uint32_t kvm_arch_irq_gsi(uint32_t irq)
{
	return irq - 32;
}

bool kvm_arch_exit(struct kvm_vcpu *c, struct hv_exit *x)
{
	if (c->run->exit_reason != KVM_EXIT_ARM_NISV)
		return false;
	x->reason = HV_EXIT_FAULT;
	snprintf(x->text, sizeof(x->text), "vCPU %u: an access to 0x%llx by an instruction KVM cannot decode",
		 c->index, (unsigned long long)c->run->arm_nisv.fault_ipa);
	return true;
}

void kvm_arch_describe(struct kvm_vcpu *c, char *ret, size_t max)
{
	uint64_t pc = 0, pstate = 0, sp = 0, lr = 0, esr = 0;

	kvm_arm64_get_reg(c, CORE_REG(regs.pc), &pc, NULL);
	kvm_arm64_get_reg(c, CORE_REG(regs.pstate), &pstate, NULL);
	kvm_arm64_get_reg(c, CORE_REG(sp_el1), &sp, NULL);
	kvm_arm64_get_reg(c, CORE_REG(regs.regs[30]), &lr, NULL);
	kvm_arm64_get_reg(c, ARM64_SYS_REG(3, 0, 5, 2, 0), &esr, NULL);
	snprintf(ret, max, "pc %llx lr %llx sp_el1 %llx pstate %llx esr %llx", (unsigned long long)pc,
		 (unsigned long long)lr, (unsigned long long)sp, (unsigned long long)pstate,
		 (unsigned long long)esr);
}

int kvm_arch_vm_save(struct kvm_vm *vm, struct buf *out, struct sm_err *e)
{
	return kvm_vgic_save(vm, out, e);
}

int kvm_arch_vm_load(struct kvm_vm *vm, struct cursor *in, struct sm_err *e)
{
	return kvm_vgic_load(vm, in, e);
}
