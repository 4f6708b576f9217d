/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. A vCPU's thread sits in soft_vcpu_run(): it executes until the core
 * has an exit to report, sleeps when the guest idles, and waits while it is powered off.
 * Everything that others want from it is a bit in cpu.pending; a sleeping thread is woken
 * by soft_wake() after the bit was set. `waiting` and `pending` are the two sides of one
 * handshake (each side writes its own, then reads the other's, all sequentially
 * consistent), so that the common case, waking somebody who runs, takes no lock.
 */
#include "hv/soft/soft.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SOFT_STATE_VERSION 1
#define SOFT_GPA_BITS 40

static struct soft_vcpu *vcpu_of(const struct cpu *c)
{
	return &c->vm->vcpus[c->index];
}

static uint32_t vcpu_pending(const struct cpu *c)
{
	return __atomic_load_n(&c->pending, __ATOMIC_SEQ_CST);
}

static void vcpu_unpend(struct cpu *c, uint32_t bits)
{
	__atomic_fetch_and(&c->pending, ~bits, __ATOMIC_SEQ_CST);
}

/* ---- sleeping ---- */

void soft_wake(struct cpu *c)
{
	struct soft_vcpu *v = vcpu_of(c);

	if (!__atomic_load_n(&v->waiting, __ATOMIC_SEQ_CST))
		return;
	pthread_mutex_lock(&v->lock);
	pthread_cond_signal(&v->wake);
	pthread_mutex_unlock(&v->lock);
}

/* With v->lock held; DEADLINE_NONE waits for a signal only. */
static void vcpu_wait(struct soft_vcpu *v, uint64_t until_ns)
{
	struct timespec ts = { .tv_sec = (time_t)(until_ns / 1000000000u),
			       .tv_nsec = (long)(until_ns % 1000000000u) };

	if (until_ns == DEADLINE_NONE)
		pthread_cond_wait(&v->wake, &v->lock);
	else
		pthread_cond_timedwait(&v->wake, &v->lock, &ts);
}

void soft_idle(struct cpu *c, bool event)
{
	const uint32_t wakes = event ? ~0u : ~(uint32_t)CPU_PEND_EVENT;
	struct soft_vcpu *v = vcpu_of(c);
	uint64_t left = timer_next_ns(c), stream = event ? timer_event_ns(c) : UINT64_MAX;
	uint64_t until;

	if (stream < left)
		left = stream;
	until = left == UINT64_MAX ? DEADLINE_NONE : deadline_now() + left;

	if (left && !(vcpu_pending(c) & wakes)) {
		deadline_set(c->vm->deadlines, c->index, DEADLINE_NONE);
		pthread_mutex_lock(&v->lock);
		__atomic_store_n(&v->waiting, 1, __ATOMIC_SEQ_CST);
		while (!(vcpu_pending(c) & wakes) && deadline_now() < until)
			vcpu_wait(v, until);
		__atomic_store_n(&v->waiting, 0, __ATOMIC_SEQ_CST);
		pthread_mutex_unlock(&v->lock);
	}
	timer_update(c);
}

/* ---- power ---- */

bool soft_power_on(struct soft_vm *vm, uint32_t index, uint64_t entry, uint64_t context,
		   enum soft_power *ret_was)
{
	struct soft_vcpu *v = &vm->vcpus[index];
	enum soft_power was;

	pthread_mutex_lock(&v->lock);
	was = v->power;
	if (was == SOFT_OFF) {
		v->power = SOFT_ON_PENDING;
		v->entry = entry;
		v->context = context;
		pthread_cond_signal(&v->wake);
	}
	pthread_mutex_unlock(&v->lock);
	*ret_was = was;
	return was == SOFT_OFF;
}

void soft_power_off(struct cpu *c)
{
	struct soft_vcpu *v = vcpu_of(c);

	pthread_mutex_lock(&v->lock);
	v->power = SOFT_OFF;
	pthread_mutex_unlock(&v->lock);
}

enum soft_power soft_power_state(struct soft_vm *vm, uint32_t index)
{
	struct soft_vcpu *v = &vm->vcpus[index];
	enum soft_power power;

	pthread_mutex_lock(&v->lock);
	power = v->power;
	pthread_mutex_unlock(&v->lock);
	return power;
}

static void vcpu_reset(struct cpu *c, uint64_t pc, uint64_t x0)
{
	cpu_reset(c, pc, x0);
	timer_reset(&c->timer);
	timer_update(c);
	gic_reset_cpu(c->vm->gic, c->index);
}

/* Waits while the vCPU is off and brings it up when it was turned on. False: kicked instead. */
static bool vcpu_powered(struct cpu *c)
{
	struct soft_vcpu *v = vcpu_of(c);
	uint64_t entry, context;
	bool reset;

	pthread_mutex_lock(&v->lock);
	if (v->power == SOFT_OFF) {
		__atomic_store_n(&v->waiting, 1, __ATOMIC_SEQ_CST);
		while (v->power == SOFT_OFF && !(vcpu_pending(c) & CPU_PEND_KICK))
			vcpu_wait(v, DEADLINE_NONE);
		__atomic_store_n(&v->waiting, 0, __ATOMIC_SEQ_CST);
	}
	if (v->power == SOFT_OFF) {
		pthread_mutex_unlock(&v->lock);
		return false;
	}
	reset = v->power == SOFT_ON_PENDING;
	v->power = SOFT_ON;
	entry = v->entry;
	context = v->context;
	pthread_mutex_unlock(&v->lock);
	if (reset)
		vcpu_reset(c, entry, context);
	return true;
}

/* ---- hv_ops: vCPUs ---- */

static int soft_vcpu_create(void *opaque, uint32_t index, void **ret, struct sm_err *e)
{
	struct soft_vm *vm = opaque;
	int r = cpu_create(vm, index, &vm->cpus[index], e);

	if (r < 0)
		return r;
	vm->vcpus[index].power = SOFT_OFF;
	timer_reset(&vm->cpus[index]->timer);
	*ret = vm->cpus[index];
	return 0;
}

static void soft_vcpu_destroy(void *vcpu)
{
	struct cpu *c = vcpu;

	/* No deadline may find it any more. */
	deadline_set(c->vm->deadlines, c->index, DEADLINE_NONE);
	c->vm->cpus[c->index] = NULL;
	cpu_destroy(c);
}

static int soft_vcpu_boot(void *vcpu, const struct hv_boot *boot, struct sm_err *e)
{
	struct cpu *c = vcpu;
	struct soft_vcpu *v = vcpu_of(c);

	if (!gmem_find(c->vm->gm, boot->pc, 4))
		return err_set(e, EINVAL, "entry point 0x%llx: not in guest memory",
			       (unsigned long long)boot->pc);
	pthread_mutex_lock(&v->lock);
	v->power = SOFT_ON;
	pthread_mutex_unlock(&v->lock);
	vcpu_reset(c, boot->pc, boot->arg);
	return 0;
}

/* Exits that are nobody else's business: suspending, and accesses to the GIC. The guest goes on. */
static bool vcpu_serve(struct cpu *c)
{
	struct soft_vcpu *v = vcpu_of(c);
	struct hv_exit *x = &c->exit;

	if (v->suspend) {
		v->suspend = false;
		soft_idle(c, false);
		return true;
	}
	if (x->reason != HV_EXIT_MMIO)
		return false;
	/* The core hands over whole registers. */
	if (x->is_write && x->len < 8)
		x->data &= (1ULL << 8 * x->len) - 1;
	if (!gic_mmio_hit(c->vm->gic, x->addr))
		return false;
	if (x->is_write)
		gic_mmio_write(c->vm->gic, x->addr, x->len, x->data);
	else
		x->data = gic_mmio_read(c->vm->gic, x->addr, x->len);
	cpu_complete_mmio(c);
	return true;
}

static int soft_vcpu_run(void *vcpu, struct hv_exit *exit, struct sm_err *e)
{
	struct cpu *c = vcpu;
	struct soft_vcpu *v = vcpu_of(c);

	(void)e;
	if (v->mmio_open) {
		v->mmio_open = false;
		c->exit.data = exit->data;
		cpu_complete_mmio(c);
	}
	for (;;) {
		uint32_t pending = vcpu_pending(c);

		if (pending & CPU_PEND_EXIT) {
			vcpu_unpend(c, CPU_PEND_EXIT);
			if (vcpu_serve(c))
				continue;
			*exit = c->exit;
			v->mmio_open = c->exit.reason == HV_EXIT_MMIO;
			return 0;
		}
		if (pending & CPU_PEND_KICK) {
			vcpu_unpend(c, CPU_PEND_KICK);
			*exit = (struct hv_exit){ .reason = HV_EXIT_KICKED };
			return 0;
		}
		if (vcpu_powered(c) && !cpu_execute(c))
			soft_idle(c, c->waits_event);
	}
}

static void soft_vcpu_kick(void *vcpu)
{
	cpu_pend(vcpu, CPU_PEND_KICK);
	soft_wake(vcpu);
}

/* The vCPU counts without atomics, for speed; a count a moment old is as good. */
__attribute__((no_sanitize("thread"))) static uint64_t soft_vcpu_instructions(void *vcpu)
{
	const struct cpu *c = vcpu;

	return __atomic_load_n(&c->icount, __ATOMIC_RELAXED);
}

static int soft_vcpu_save(void *vcpu, struct buf *out, struct sm_err *e)
{
	struct cpu *c = vcpu;
	struct soft_vcpu *v = vcpu_of(c);

	if (v->mmio_open || vcpu_pending(c) & CPU_PEND_EXIT)
		return err_set(e, EBUSY, "vCPU %u: an access to a device is not complete", c->index);
	buf_put_u32(out, SOFT_STATE_VERSION);
	pthread_mutex_lock(&v->lock);
	buf_put_u8(out, v->power);
	buf_put_u64(out, v->entry);
	buf_put_u64(out, v->context);
	pthread_mutex_unlock(&v->lock);
	timer_save(&c->timer, out);
	return cpu_save(c, out, e);
}

static int soft_vcpu_load(void *vcpu, struct cursor *in, struct sm_err *e)
{
	struct cpu *c = vcpu;
	struct soft_vcpu *v = vcpu_of(c);
	uint32_t version = cursor_u32(in);
	uint8_t power = cursor_u8(in);
	uint64_t entry = cursor_u64(in), context = cursor_u64(in);
	struct timer timer;
	int r;

	if (version != SOFT_STATE_VERSION)
		return err_set(e, EINVAL, "vCPU %u state: version %u is not known", c->index, version);
	if (in->broken || power > SOFT_ON)
		return err_set(e, EINVAL, "vCPU %u state: broken", c->index);
	r = timer_load(&timer, in, e);
	if (!r)
		r = cpu_load(c, in, e);
	if (r < 0)
		return err_prefix(e, "vCPU %u", c->index);
	c->timer = timer;
	pthread_mutex_lock(&v->lock);
	v->power = power;
	v->entry = entry;
	v->context = context;
	pthread_mutex_unlock(&v->lock);
	v->mmio_open = false;
	/* The lines follow when the counter's offset is known too, which may be loaded later. */
	cpu_pend(c, CPU_PEND_TIMER);
	gic_refresh_cpu(c->vm->gic, c->index);
	return 0;
}

/* ---- hv_ops: the VM ---- */

static int soft_probe(struct sm_err *e)
{
	(void)e;
	return 0;
}

static void vcpus_init(struct soft_vm *vm)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		pthread_mutex_init(&vm->vcpus[i].lock, NULL);
		pthread_cond_init(&vm->vcpus[i].wake, &attr);
	}
	pthread_condattr_destroy(&attr);
}

static void soft_vm_destroy(void *opaque)
{
	struct soft_vm *vm = opaque;

	deadline_destroy(vm->deadlines);
	gic_destroy(vm->gic);
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		pthread_cond_destroy(&vm->vcpus[i].wake);
		pthread_mutex_destroy(&vm->vcpus[i].lock);
	}
	free(vm);
}

static int soft_vm_create(const struct hv_vm_config *cfg, struct gmem *gm, void **ret, struct sm_err *e)
{
	struct soft_vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return err_errno(e, ENOMEM, "virtual machine");
	vm->gm = gm;
	vm->log = cfg->log;
	vm->nr_vcpus = cfg->nr_vcpus;
	vm->gicd_base = cfg->gicd_base;
	vm->gicr_base = cfg->gicr_base;
	vm->counter_offset = deadline_now() / (1000000000u / TIMER_HZ);
	vcpus_init(vm);
	r = gic_create(vm, &vm->gic, e);
	if (!r)
		r = deadline_create(vm, &vm->deadlines, e);
	if (r < 0) {
		soft_vm_destroy(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

static void soft_get_caps(void *vm, struct hv_caps *ret)
{
	(void)vm;
	*ret = (struct hv_caps){ .dirty_log = true, .gpa_bits = SOFT_GPA_BITS };
}

/* The core looks addresses up in `gm` itself. */
static int soft_mem_map(void *opaque, const struct gmem_region *r, bool read_only, struct sm_err *e)
{
	const struct soft_vm *vm = opaque;

	if (read_only)
		return err_set(e, ENOTSUP, "guest memory at 0x%llx: backend soft has no read-only memory",
			       (unsigned long long)r->gpa);
	if (!gmem_find(vm->gm, r->gpa, r->len))
		return err_set(e, EINVAL, "guest memory at 0x%llx: not in the map",
			       (unsigned long long)r->gpa);
	return 0;
}

static int soft_mem_unmap(void *vm, const struct gmem_region *r, struct sm_err *e)
{
	(void)vm;
	return err_set(e, ENOTSUP, "guest memory at 0x%llx: backend soft keeps it",
		       (unsigned long long)r->gpa);
}

static int soft_vm_ready(void *vm, struct sm_err *e)
{
	(void)vm, (void)e;
	return 0;
}

static void soft_irq_set(void *opaque, uint32_t irq, bool level)
{
	struct soft_vm *vm = opaque;

	assert(irq >= 32 && irq < 32 + GIC_NR_SPIS);
	gic_set_level(vm->gic, 0, irq, level);
}

static int soft_vm_save(void *opaque, struct buf *out, struct sm_err *e)
{
	struct soft_vm *vm = opaque;

	buf_put_u32(out, SOFT_STATE_VERSION);
	buf_put_u32(out, SOFT_CPU_MODEL);
	buf_put_u64(out, deadline_now() / (1000000000u / TIMER_HZ) - vm->counter_offset);
	return gic_save(vm->gic, out, e);
}

static int soft_vm_load(void *opaque, struct cursor *in, struct sm_err *e)
{
	struct soft_vm *vm = opaque;
	uint32_t version = cursor_u32(in), model = cursor_u32(in);
	uint64_t count = cursor_u64(in);
	int r;

	if (in->broken || version != SOFT_STATE_VERSION || model != SOFT_CPU_MODEL)
		return err_set(e, EINVAL, "virtual machine state: version %u, CPU model %u are not known",
			       version, model);
	r = gic_load(vm->gic, in, e);
	if (r < 0)
		return r;
	vm->counter_offset = deadline_now() / (1000000000u / TIMER_HZ) - count;
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		cpu_pend(vm->cpus[i], CPU_PEND_TIMER);
	return 0;
}

/* ---- hv_ops: the dirty log, which is gmem's: vCPUs mark a page when its write tag is given ---- */

static int soft_dirty_start(void *opaque, struct sm_err *e)
{
	struct soft_vm *vm = opaque;

	(void)e;
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		cpu_forget_writes(vm->cpus[i]);
	return 0;
}

static int soft_dirty_fetch(void *opaque, const struct gmem_region *r, uint64_t *bitmap, struct sm_err *e)
{
	(void)r, (void)bitmap;
	return soft_dirty_start(opaque, e);
}

static void soft_dirty_stop(void *vm)
{
	(void)vm;
}

const struct hv_ops hv_soft_ops = {
	.name = "soft",
	.arch = HV_ARCH_ARM64,
	.probe = soft_probe,
	.vm_create = soft_vm_create,
	.vm_destroy = soft_vm_destroy,
	.get_caps = soft_get_caps,
	.mem_map = soft_mem_map,
	.mem_unmap = soft_mem_unmap,
	.vcpu_create = soft_vcpu_create,
	.vcpu_destroy = soft_vcpu_destroy,
	.vm_ready = soft_vm_ready,
	.vcpu_boot = soft_vcpu_boot,
	.vcpu_run = soft_vcpu_run,
	.vcpu_kick = soft_vcpu_kick,
	.irq_set = soft_irq_set,
	.vm_save = soft_vm_save,
	.vm_load = soft_vm_load,
	.vcpu_save = soft_vcpu_save,
	.vcpu_load = soft_vcpu_load,
	.dirty_start = soft_dirty_start,
	.dirty_fetch = soft_dirty_fetch,
	.dirty_stop = soft_dirty_stop,
	.vcpu_instructions = soft_vcpu_instructions,
};
