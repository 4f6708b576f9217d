/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the x86_64 half of the kvm backend share.
 *
 * Time: a VM that is loaded goes on as if no time had passed. Every vCPU's TSC is the
 * host's plus an offset; the VM's record has the host's TSC at the save, the vCPUs' their
 * offsets, and all vCPUs are moved by the same difference once both records are there.
 */
#ifndef HV_KVM_X86_64_H
#define HV_KVM_X86_64_H

#include "hv/kvm/kvm.h"

#define X86_CPUID_MAX 256
#define X86_MSRS_MAX 256

/* As KVM_GET_SUPPORTED_CPUID and KVM_SET_CPUID2 have it. */
struct x86_cpuid {
	uint32_t nr, padding;
	struct kvm_cpuid_entry2 entries[X86_CPUID_MAX];
};

/* As KVM_GET_MSRS has it. */
struct x86_msrs {
	uint32_t nr, padding;
	struct kvm_msr_entry entries[X86_MSRS_MAX];
};

struct kvm_arch_vm {
	uint32_t *msrs; /* indices that are part of a vCPU's state; NULL until first needed */
	uint32_t nr_msrs;
	bool loaded;	       /* the VM's record is, and tsc_moved is valid */
	uint64_t tsc_moved;    /* host TSC at the save minus host TSC at the load */
	struct x86_cpuid host; /* what KVM can give to guests */
};

struct kvm_arch_vcpu {
	struct x86_cpuid cpuid;
	bool loaded;	       /* the vCPU's record is; the next two are valid */
	uint64_t tsc_offset;   /* at the save */
	uint64_t tsc_deadline; /* absolute, in guest TSC; 0 is none */
};

/* What KVM on this host can give to guests. */
int x86_cpuid_read(int sys_fd, struct x86_cpuid *ret, struct sm_err *e);
const struct kvm_cpuid_entry2 *x86_cpuid_find(const struct x86_cpuid *c, uint32_t leaf, uint32_t sub);
uint8_t x86_cpuid_gpa_bits(const struct x86_cpuid *c);
/*
 * Makes of what the host has what vCPU `index` of `nr` sees: one socket with a core per
 * vCPU, no feature whose state is not saved, none that is of no use without hardware.
 */
int x86_cpuid_make(const struct x86_cpuid *host, uint32_t index, uint32_t nr, bool tsc_deadline,
		   struct x86_cpuid *ret, struct sm_err *e);

/* All MSRs of a vCPU's state but TSC and TSC_DEADLINE, which want an order of their own. */
int x86_msrs_get(struct kvm_vcpu *c, struct x86_msrs *ret, struct sm_err *e);
/* Refuses an index that x86_msrs_get would not have given. */
int x86_msrs_set(struct kvm_vcpu *c, struct x86_msrs *m, struct sm_err *e);
int x86_msr_get(struct kvm_vcpu *c, uint32_t index, uint64_t *ret, struct sm_err *e);
int x86_msr_set(struct kvm_vcpu *c, uint32_t index, uint64_t value, struct sm_err *e);

#endif
