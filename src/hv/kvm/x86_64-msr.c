/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/kvm/x86_64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/num.h"

#define LIST_MAX 1024

struct msr_range {
	uint32_t first, last;
};

/* Intel SDM volume 4, AMD APM volume 2 appendix A; KVM's own in its MSR documentation. */
static const struct msr_range msrs_added[] = {
	{ 0x200, 0x20f },				      /* variable MTRRs */
	{ 0x250, 0x250 },				      /* fixed MTRRs */
	{ 0x258, 0x259 }, { 0x268, 0x26f }, { 0x2ff, 0x2ff }, /* MTRR default type */
};

/* In KVM's list, but of features no guest is offered, or saved in a place of their own. */
static const struct msr_range msrs_dropped[] = {
	{ 0x10, 0x12 },	  /* TSC; the old names of the kvm-clock's */
	{ 0x34, 0x34 },	  /* SMM */
	{ 0x3a, 0x3a },	  /* enables VMX, SGX and LMCE */
	{ 0x9e, 0x9e },	  /* SMM */
	{ 0xc1, 0xd2 },	  /* performance counters */
	{ 0x179, 0x17b }, /* machine checks */
	{ 0x186, 0x197 }, /* performance counters */
	{ 0x1c4, 0x1c5 }, /* XFD */
	{ 0x309, 0x30f }, /* performance counters */
	{ 0x329, 0x329 },
	{ 0x345, 0x345 },
	{ 0x38d, 0x390 },
	{ 0x3f1, 0x3f7 },
	{ 0x480, 0x4d2 },	    /* VMX; performance counters, machine checks */
	{ 0x560, 0x587 },	    /* processor trace */
	{ 0x600, 0x600 },	    /* debug store */
	{ 0x6a0, 0x6a8 },	    /* CET */
	{ 0x6e0, 0x6e0 },	    /* TSC_DEADLINE: after the LAPIC */
	{ 0xd90, 0xd90 },	    /* MPX */
	{ 0x1200, 0x14cf },	    /* last branch records */
	{ 0x40000000, 0x400001ff }, /* Hyper-V */
	{ 0xc0000300, 0xc0000303 }, /* performance counters */
	{ 0xc0010000, 0xc0010007 },
	{ 0xc0010114, 0xc0010117 }, /* SVM */
	{ 0xc0010200, 0xc001020f }, /* performance counters */
};

static bool msr_in(const struct msr_range *r, size_t nr, uint32_t index)
{
	for (size_t i = 0; i < nr; i++)
		if (index >= r[i].first && index <= r[i].last)
			return true;
	return false;
}

static int msr_ioctl(struct kvm_vcpu *c, unsigned long request, struct x86_msrs *m)
{
	int r;

	do
		r = ioctl(c->fd, request, m);
	while (r < 0 && errno == EINTR);
	return r;
}

/* KVM lists MSRs that cannot be read with this CPUID: those are no state. */
static void msrs_add(struct kvm_vcpu *c, uint32_t index)
{
	struct kvm_arch_vm *a = c->vm->arch;
	struct x86_msrs one = { .nr = 1 };

	one.entries[0].index = index;
	if (a->nr_msrs < X86_MSRS_MAX && msr_ioctl(c, KVM_GET_MSRS, &one) == 1)
		a->msrs[a->nr_msrs++] = index;
}

static int msrs_list(struct kvm_vcpu *c, struct sm_err *e)
{
	struct kvm_arch_vm *a = c->vm->arch;
	struct kvm_msr_list *l;
	int r;

	if (a->msrs)
		return 0;
	l = calloc(1, sizeof(*l) + LIST_MAX * sizeof(l->indices[0]));
	a->msrs = calloc(X86_MSRS_MAX, sizeof(*a->msrs));
	if (!l || !a->msrs) {
		free(l);
		return err_errno(e, ENOMEM, "list of MSRs");
	}
	l->nmsrs = LIST_MAX;
	r = kvm_ioctl(c->vm->sys_fd, KVM_GET_MSR_INDEX_LIST, l, "list the MSRs", e);
	for (uint32_t i = 0; r >= 0 && i < l->nmsrs; i++)
		if (!msr_in(msrs_dropped, NUM_COUNTOF(msrs_dropped), l->indices[i]) &&
		    !msr_in(msrs_added, NUM_COUNTOF(msrs_added), l->indices[i]))
			msrs_add(c, l->indices[i]);
	for (size_t i = 0; r >= 0 && i < NUM_COUNTOF(msrs_added); i++)
		for (uint32_t index = msrs_added[i].first; index <= msrs_added[i].last; index++)
			msrs_add(c, index);
	free(l);
	return r < 0 ? r : 0;
}

int x86_msrs_get(struct kvm_vcpu *c, struct x86_msrs *ret, struct sm_err *e)
{
	const struct kvm_arch_vm *a = c->vm->arch;
	int r = msrs_list(c, e);

	if (r < 0)
		return r;
	memset(ret, 0, sizeof(*ret));
	ret->nr = a->nr_msrs;
	for (uint32_t i = 0; i < a->nr_msrs; i++)
		ret->entries[i].index = a->msrs[i];
	r = msr_ioctl(c, KVM_GET_MSRS, ret);
	if (r < 0)
		return err_errno(e, errno, "KVM: vCPU %u: read MSRs", c->index);
	if ((uint32_t)r < ret->nr)
		return err_set(e, EIO, "KVM: vCPU %u: MSR 0x%x cannot be read", c->index,
			       ret->entries[r].index);
	return 0;
}

static bool msr_is_state(const struct kvm_arch_vm *a, uint32_t index)
{
	for (uint32_t i = 0; i < a->nr_msrs; i++)
		if (a->msrs[i] == index)
			return true;
	return false;
}

int x86_msrs_set(struct kvm_vcpu *c, struct x86_msrs *m, struct sm_err *e)
{
	int r = msrs_list(c, e);

	for (uint32_t i = 0; i < m->nr && r >= 0; i++)
		if (!msr_is_state(c->vm->arch, m->entries[i].index))
			r = err_set(e, ENOTSUP, "vCPU %u: this host's KVM has no MSR 0x%x", c->index,
				    m->entries[i].index);
	if (r < 0)
		return r;
	r = msr_ioctl(c, KVM_SET_MSRS, m);
	if (r < 0)
		return err_errno(e, errno, "KVM: vCPU %u: write MSRs", c->index);
	if ((uint32_t)r < m->nr)
		return err_set(e, EINVAL, "KVM: vCPU %u: MSR 0x%x does not take 0x%llx", c->index,
			       m->entries[r].index, (unsigned long long)m->entries[r].data);
	return 0;
}

int x86_msr_get(struct kvm_vcpu *c, uint32_t index, uint64_t *ret, struct sm_err *e)
{
	struct x86_msrs one = { .nr = 1 };
	int r;

	one.entries[0].index = index;
	r = msr_ioctl(c, KVM_GET_MSRS, &one);
	if (r != 1)
		return err_errno(e, r < 0 ? errno : EIO, "KVM: vCPU %u: read MSR 0x%x", c->index, index);
	*ret = one.entries[0].data;
	return 0;
}

int x86_msr_set(struct kvm_vcpu *c, uint32_t index, uint64_t value, struct sm_err *e)
{
	struct x86_msrs one = { .nr = 1 };
	int r;

	one.entries[0].index = index;
	one.entries[0].data = value;
	r = msr_ioctl(c, KVM_SET_MSRS, &one);
	if (r != 1)
		return err_errno(e, r < 0 ? errno : EINVAL, "KVM: vCPU %u: write MSR 0x%x", c->index, index);
	return 0;
}
