/* SPDX-License-Identifier: Apache-2.0 */
/* The arm64 half of the kvm backend: vCPUs in arm64.c, their registers in arm64-regs.c, the VGICv3 in
 * arm64-vgic.c. */
#ifndef HV_KVM_ARM64_H
#define HV_KVM_ARM64_H

#include "hv/kvm/kvm.h"

/* INTIDs the VGIC has: 32 private and 96 shared, as the software GIC. */
#define KVM_ARM64_NR_IRQS 128

struct kvm_arch_vm {
	int vgic_fd;
};

struct kvm_arch_vcpu {
	bool sve;
};

int kvm_arm64_get_reg(const struct kvm_vcpu *c, uint64_t id, void *ret, struct sm_err *e);
int kvm_arm64_set_reg(const struct kvm_vcpu *c, uint64_t id, const void *value, struct sm_err *e);

int kvm_vgic_create(struct kvm_vm *vm, struct sm_err *e);
int kvm_vgic_ready(struct kvm_vm *vm, struct sm_err *e);
int kvm_vgic_save(struct kvm_vm *vm, struct buf *out, struct sm_err *e);
int kvm_vgic_load(struct kvm_vm *vm, struct cursor *in, struct sm_err *e);

#endif
