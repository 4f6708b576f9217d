/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/hv.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/num.h"

struct hv_vm {
	const struct hv_ops *ops;
	void *impl;
	struct gmem *gm;
	struct hv_caps caps;
	uint32_t nr_vcpus; /* that shall exist */
	uint32_t created;  /* that do */
	bool ready;
	bool dirty_log; /* it is on */
	struct hv_vcpu *vcpus[HV_VCPUS_MAX];
};

struct hv_vcpu {
	struct hv_vm *vm;
	uint32_t index;
	void *impl;
	bool running; /* atomic; guards the rules of the header */
};

const struct hv_ops *const hv_backends[] = {
#if defined(__linux__) && (defined(__x86_64__) || defined(__aarch64__))
	&hv_kvm_ops,
#endif
	&hv_soft_ops,
	NULL,
};

const struct hv_ops *hv_backend_find(const char *name)
{
	for (size_t i = 0; hv_backends[i]; i++)
		if (!strcmp(hv_backends[i]->name, name))
			return hv_backends[i];
	return NULL;
}

static void hv_ops_assert(const struct hv_ops *o)
{
	assert(o->name && o->probe && o->vm_create && o->vm_destroy && o->get_caps);
	assert(o->mem_map && o->mem_unmap && o->vcpu_create && o->vcpu_destroy && o->vm_ready);
	assert(o->vcpu_boot && o->vcpu_run && o->vcpu_kick && o->irq_set);
	assert(o->vm_save && o->vm_load && o->vcpu_save && o->vcpu_load);
}

int hv_vm_create(const struct hv_ops *ops, const struct hv_vm_config *cfg, struct gmem *gm,
		 struct hv_vm **ret, struct sm_err *e)
{
	struct hv_vm *vm;
	int r;

	hv_ops_assert(ops);
	if (!cfg->nr_vcpus || cfg->nr_vcpus > HV_VCPUS_MAX)
		return err_set(e, EINVAL, "%u vCPUs: from 1 to %d are possible", cfg->nr_vcpus, HV_VCPUS_MAX);
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return err_errno(e, ENOMEM, "virtual machine");
	vm->ops = ops;
	vm->gm = gm;
	vm->nr_vcpus = cfg->nr_vcpus;
	r = ops->vm_create(cfg, gm, &vm->impl, e);
	if (r < 0) {
		free(vm);
		return r;
	}
	ops->get_caps(vm->impl, &vm->caps);
	assert(vm->caps.gpa_bits >= 32 && vm->caps.gpa_bits <= 52);
	assert(!vm->caps.doorbells || ops->doorbell_add);
	assert(!vm->caps.irq_events || ops->irq_event_add);
	assert(!vm->caps.dirty_log || (ops->dirty_start && ops->dirty_fetch && ops->dirty_stop));
	*ret = vm;
	return 0;
}

void hv_vm_destroy(struct hv_vm *vm)
{
	if (!vm)
		return;
	assert(!vm->created);
	if (vm->dirty_log)
		gmem_dirty_stop(vm->gm);
	vm->ops->vm_destroy(vm->impl);
	free(vm);
}

const struct hv_caps *hv_vm_caps(const struct hv_vm *vm)
{
	return &vm->caps;
}

int hv_mem_map(struct hv_vm *vm, const struct gmem_region *r, bool read_only, struct sm_err *e)
{
	assert(!vm->dirty_log && r->len && !(r->gpa % GMEM_PAGE) && !(r->len % GMEM_PAGE));
	if (!num_range_ok(r->gpa, r->len, 1ULL << vm->caps.gpa_bits))
		return err_set(e, EINVAL, "guest memory at 0x%llx: above the %u address bits of backend %s",
			       (unsigned long long)r->gpa, vm->caps.gpa_bits, vm->ops->name);
	return vm->ops->mem_map(vm->impl, r, read_only, e);
}

int hv_mem_unmap(struct hv_vm *vm, const struct gmem_region *r, struct sm_err *e)
{
	assert(!vm->dirty_log);
	return vm->ops->mem_unmap(vm->impl, r, e);
}

int hv_vm_ready(struct hv_vm *vm, struct sm_err *e)
{
	int r;

	assert(!vm->ready && vm->created == vm->nr_vcpus);
	r = vm->ops->vm_ready(vm->impl, e);
	vm->ready = !r;
	return r;
}

void hv_irq_set(struct hv_vm *vm, uint32_t irq, bool level)
{
	assert(vm->ready);
	vm->ops->irq_set(vm->impl, irq, level);
}

int hv_doorbell_add(struct hv_vm *vm, uint64_t gpa, uint32_t value, int fd, struct sm_err *e)
{
	assert(vm->caps.doorbells && fd >= 0);
	return vm->ops->doorbell_add(vm->impl, gpa, value, fd, e);
}

int hv_irq_event_add(struct hv_vm *vm, uint32_t irq, int fd, struct sm_err *e)
{
	assert(vm->caps.irq_events && fd >= 0);
	return vm->ops->irq_event_add(vm->impl, irq, fd, e);
}

int hv_vm_save(struct hv_vm *vm, struct buf *out, struct sm_err *e)
{
	assert(vm->ready);
	return vm->ops->vm_save(vm->impl, out, e);
}

int hv_vm_load(struct hv_vm *vm, struct cursor *in, struct sm_err *e)
{
	assert(vm->ready);
	return vm->ops->vm_load(vm->impl, in, e);
}

/* Every vcpu_run has returned. */
static bool hv_is_still(const struct hv_vm *vm)
{
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i] && __atomic_load_n(&vm->vcpus[i]->running, __ATOMIC_ACQUIRE))
			return false;
	return true;
}

int hv_dirty_start(struct hv_vm *vm, struct sm_err *e)
{
	int r;

	assert(vm->ready && !vm->dirty_log && hv_is_still(vm));
	if (!vm->caps.dirty_log)
		return err_set(e, ENOTSUP, "backend %s has no dirty log", vm->ops->name);
	r = gmem_dirty_start(vm->gm, e);
	if (r < 0)
		return r;
	r = vm->ops->dirty_start(vm->impl, e);
	if (r < 0)
		gmem_dirty_stop(vm->gm);
	vm->dirty_log = !r;
	return r;
}

int hv_dirty_fetch(struct hv_vm *vm, const struct gmem_region *r, uint64_t *bitmap, struct sm_err *e)
{
	assert(vm->dirty_log && r->dirty && hv_is_still(vm));
	gmem_dirty_fetch(r, bitmap);
	return vm->ops->dirty_fetch(vm->impl, r, bitmap, e);
}

void hv_dirty_stop(struct hv_vm *vm)
{
	assert(hv_is_still(vm));
	if (!vm->dirty_log)
		return;
	vm->ops->dirty_stop(vm->impl);
	gmem_dirty_stop(vm->gm);
	vm->dirty_log = false;
}

int hv_vcpu_create(struct hv_vm *vm, uint32_t index, struct hv_vcpu **ret, struct sm_err *e)
{
	struct hv_vcpu *vcpu;
	int r;

	assert(!vm->ready && index == vm->created && index < vm->nr_vcpus);
	vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		return err_errno(e, ENOMEM, "vCPU %u", index);
	vcpu->vm = vm;
	vcpu->index = index;
	r = vm->ops->vcpu_create(vm->impl, index, &vcpu->impl, e);
	if (r < 0) {
		free(vcpu);
		return r;
	}
	vm->vcpus[index] = vcpu;
	vm->created++;
	*ret = vcpu;
	return 0;
}

void hv_vcpu_destroy(struct hv_vcpu *vcpu)
{
	if (!vcpu)
		return;
	assert(!__atomic_load_n(&vcpu->running, __ATOMIC_ACQUIRE));
	vcpu->vm->ops->vcpu_destroy(vcpu->impl);
	vcpu->vm->vcpus[vcpu->index] = NULL;
	vcpu->vm->created--;
	free(vcpu);
}

int hv_vcpu_boot(struct hv_vcpu *vcpu, const struct hv_boot *boot, struct sm_err *e)
{
	assert(vcpu->vm->ready);
	return vcpu->vm->ops->vcpu_boot(vcpu->impl, boot, e);
}

int hv_vcpu_run(struct hv_vcpu *vcpu, struct hv_exit *exit, struct sm_err *e)
{
	bool was = __atomic_exchange_n(&vcpu->running, true, __ATOMIC_ACQ_REL);
	int r;

	assert(vcpu->vm->ready && !was);
	r = vcpu->vm->ops->vcpu_run(vcpu->impl, exit, e);
	__atomic_store_n(&vcpu->running, false, __ATOMIC_RELEASE);
	if (!r && (exit->reason == HV_EXIT_MMIO || exit->reason == HV_EXIT_PIO))
		assert(exit->len == 1 || exit->len == 2 || exit->len == 4 || exit->len == 8);
	return r;
}

void hv_vcpu_kick(struct hv_vcpu *vcpu)
{
	vcpu->vm->ops->vcpu_kick(vcpu->impl);
}

int hv_vcpu_save(struct hv_vcpu *vcpu, struct buf *out, struct sm_err *e)
{
	assert(!__atomic_load_n(&vcpu->running, __ATOMIC_ACQUIRE));
	return vcpu->vm->ops->vcpu_save(vcpu->impl, out, e);
}

int hv_vcpu_load(struct hv_vcpu *vcpu, struct cursor *in, struct sm_err *e)
{
	assert(!__atomic_load_n(&vcpu->running, __ATOMIC_ACQUIRE));
	return vcpu->vm->ops->vcpu_load(vcpu->impl, in, e);
}

uint64_t hv_vcpu_instructions(const struct hv_vcpu *vcpu)
{
	const struct hv_ops *ops = vcpu->vm->ops;

	return ops->vcpu_instructions ? ops->vcpu_instructions(vcpu->impl) : 0;
}

void hv_vcpu_fault(struct hv_vcpu *vcpu, const char *what, struct hv_exit *exit)
{
	const struct hv_ops *ops = vcpu->vm->ops;

	exit->reason = HV_EXIT_FAULT;
	if (ops->vcpu_fault)
		ops->vcpu_fault(vcpu->impl, what, exit);
	else
		snprintf(exit->text, sizeof(exit->text), "vCPU %u: %s", vcpu->index, what);
}
