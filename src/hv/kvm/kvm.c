/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/kvm/kvm.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/num.h"

/* Makes KVM_RUN return; it has an empty handler and is blocked nowhere. */
#define KVM_KICK_SIGNAL SIGUSR1

/* syscalls: ioctl */
int kvm_ioctl(int fd, unsigned long request, void *arg, const char *what, struct sm_err *e)
{
	int r;

	do
		r = ioctl(fd, request, arg);
	while (r < 0 && errno == EINTR);
	return r < 0 ? err_errno(e, errno, "KVM: %s", what) : r;
}

int kvm_has(const struct kvm_vm *vm, long capability)
{
	int r = ioctl(vm->fd >= 0 ? vm->fd : vm->sys_fd, KVM_CHECK_EXTENSION, capability);

	return r < 0 ? 0 : r;
}

/* ---- the VM ---- */

static void kvm_vm_destroy(void *impl)
{
	struct kvm_vm *vm = impl;

	kvm_arch_vm_destroy(vm);
	fd_close(&vm->fd);
	fd_close(&vm->sys_fd);
	free(vm);
}

static int kvm_vm_open(struct kvm_vm *vm, struct sm_err *e)
{
	unsigned long type;
	uint8_t bits;
	int r;

	vm->sys_fd = vm->cfg.device_fd > 0 ? fcntl(vm->cfg.device_fd, F_DUPFD_CLOEXEC, 3)
					   : open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->sys_fd < 0)
		return err_errno(e, errno, "/dev/kvm");
	r = ioctl(vm->sys_fd, KVM_GET_API_VERSION, 0);
	if (r != KVM_API_VERSION)
		return err_set(e, ENOTSUP, "KVM: API version %d, not %d", r, KVM_API_VERSION);
	r = ioctl(vm->sys_fd, KVM_CHECK_EXTENSION, KVM_CAP_NR_MEMSLOTS);
	if (r < KVM_SLOTS_MAX)
		return err_set(e, ENOTSUP, "KVM: %d memory slots, a VM may need %d", r < 0 ? 0 : r,
			       KVM_SLOTS_MAX);
	r = kvm_arch_vm_type(vm->sys_fd, &type, &bits, e);
	if (r < 0)
		return r;
	do
		vm->fd = ioctl(vm->sys_fd, KVM_CREATE_VM, type);
	while (vm->fd < 0 && errno == EINTR);
	if (vm->fd < 0)
		return err_errno(e, errno, "KVM: create a VM");
	r = ioctl(vm->sys_fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (r < (int)sizeof(struct kvm_run))
		return err_set(e, ENOTSUP, "KVM: a vCPU's shared page has %d bytes", r);
	vm->run_size = (size_t)r;
	return kvm_arch_vm_create(vm, e);
}

static int kvm_vm_create(const struct hv_vm_config *cfg, struct gmem *gm, void **ret, struct sm_err *e)
{
	struct kvm_vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return err_errno(e, ENOMEM, "virtual machine");
	vm->sys_fd = vm->fd = -1;
	vm->gm = gm;
	vm->log = cfg->log;
	vm->cfg = *cfg;
	r = kvm_vm_open(vm, e);
	if (r < 0) {
		kvm_vm_destroy(vm);
		return r;
	}
	*ret = vm;
	return 0;
}

static void kvm_get_caps(void *impl, struct hv_caps *ret)
{
	struct kvm_vm *vm = impl;
	unsigned long type;
	struct sm_err e;

	*ret = (struct hv_caps){
		.doorbells = kvm_has(vm, KVM_CAP_IOEVENTFD) > 0,
		.irq_events = kvm_has(vm, KVM_CAP_IRQFD) > 0,
		/* Its bits are the host's pages. */
		.dirty_log = sysconf(_SC_PAGESIZE) == GMEM_PAGE,
		.gpa_bits = 32,
	};
	kvm_arch_vm_type(vm->sys_fd, &type, &ret->gpa_bits, &e);
}

static int kvm_set_slot(struct kvm_vm *vm, uint32_t slot, const struct gmem_region *r, uint64_t len,
			uint32_t flags, struct sm_err *e)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = r->gpa,
		.memory_size = len,
		.userspace_addr = (uint64_t)(uintptr_t)r->hva,
	};
	int err = kvm_ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region, "map guest memory", e);

	if (err < 0)
		return err;
	vm->slots[slot].gpa = r->gpa;
	vm->slots[slot].len = len;
	vm->slots[slot].flags = flags;
	return 0;
}

static int kvm_mem_map(void *impl, const struct gmem_region *r, bool read_only, struct sm_err *e)
{
	struct kvm_vm *vm = impl;

	for (uint32_t i = 0; i < KVM_SLOTS_MAX; i++)
		if (!vm->slots[i].len)
			return kvm_set_slot(vm, i, r, r->len, read_only ? KVM_MEM_READONLY : 0, e);
	return err_set(e, ENOSPC, "KVM: more than %d memory regions", KVM_SLOTS_MAX);
}

/* The slot of a region that is mapped, or -errno. */
static int kvm_slot(const struct kvm_vm *vm, const struct gmem_region *r, struct sm_err *e)
{
	for (int i = 0; i < KVM_SLOTS_MAX; i++)
		if (vm->slots[i].len == r->len && vm->slots[i].gpa == r->gpa)
			return i;
	return err_set(e, ENOENT, "KVM: no memory is mapped at 0x%llx", (unsigned long long)r->gpa);
}

static int kvm_mem_unmap(void *impl, const struct gmem_region *r, struct sm_err *e)
{
	int slot = kvm_slot(impl, r, e);

	return slot < 0 ? slot : kvm_set_slot(impl, (uint32_t)slot, r, 0, 0, e);
}

/* ---- the dirty log: the kernel's, a bitmap per slot ---- */

static int kvm_dirty_switch(struct kvm_vm *vm, bool on, struct sm_err *e)
{
	int err = 0;

	for (uint32_t i = 0; i < vm->gm->nr_regions && !err; i++) {
		const struct gmem_region *r = &vm->gm->regions[i];
		int slot = kvm_slot(vm, r, NULL);

		if (slot >= 0 && !(vm->slots[slot].flags & KVM_MEM_READONLY))
			err = kvm_set_slot(vm, (uint32_t)slot, r, r->len, on ? KVM_MEM_LOG_DIRTY_PAGES : 0,
					   e);
	}
	return err;
}

static void kvm_dirty_stop(void *impl)
{
	struct kvm_vm *vm = impl;
	struct sm_err e;

	if (kvm_dirty_switch(vm, false, &e) < 0)
		log_msg(vm->log, SM_LOG_ERROR, "kvm", "stop the dirty log: %s", e.text);
}

static int kvm_dirty_start(void *impl, struct sm_err *e)
{
	int r = kvm_dirty_switch(impl, true, e);

	if (r < 0)
		kvm_dirty_stop(impl);
	return r;
}

static int kvm_dirty_fetch(void *impl, const struct gmem_region *r, uint64_t *bitmap, struct sm_err *e)
{
	struct kvm_vm *vm = impl;
	struct kvm_dirty_log log = { 0 };
	int slot = kvm_slot(vm, r, e), err;
	uint64_t *bits;

	if (slot < 0)
		return slot;
	if (!(vm->slots[slot].flags & KVM_MEM_LOG_DIRTY_PAGES))
		return 0;
	bits = calloc(gmem_dirty_words(r), sizeof(*bits));
	if (!bits)
		return err_errno(e, ENOMEM, "dirty log");
	log.slot = (uint32_t)slot;
	log.dirty_bitmap = bits;
	err = kvm_ioctl(vm->fd, KVM_GET_DIRTY_LOG, &log, "fetch the dirty log", e);
	for (size_t i = 0; err >= 0 && i < gmem_dirty_words(r); i++)
		bitmap[i] |= bits[i];
	free(bits);
	return err < 0 ? err : 0;
}

static int kvm_vm_ready(void *impl, struct sm_err *e)
{
	return kvm_arch_vm_ready(impl, e);
}

static void kvm_irq_set(void *impl, uint32_t irq, bool level)
{
	struct kvm_vm *vm = impl;
	struct kvm_irq_level l = { .irq = kvm_arch_irq_line(irq), .level = level };
	struct sm_err e;

	if (kvm_ioctl(vm->fd, KVM_IRQ_LINE, &l, "set an interrupt line", &e) < 0)
		log_msg(vm->log, SM_LOG_ERROR, "kvm", "interrupt %u: %s", irq, e.text);
}

static int kvm_doorbell_add(void *impl, uint64_t gpa, uint32_t value, int fd, struct sm_err *e)
{
	struct kvm_vm *vm = impl;
	struct kvm_ioeventfd io = {
		.datamatch = value,
		.addr = gpa,
		.len = 4,
		.fd = fd,
		.flags = KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	int r = kvm_ioctl(vm->fd, KVM_IOEVENTFD, &io, "add a doorbell", e);

	return r < 0 ? r : 0;
}

static int kvm_irq_event_add(void *impl, uint32_t irq, int fd, struct sm_err *e)
{
	struct kvm_vm *vm = impl;
	struct kvm_irqfd i = { .fd = (uint32_t)fd, .gsi = kvm_arch_irq_gsi(irq) };
	int r = kvm_ioctl(vm->fd, KVM_IRQFD, &i, "add an interrupt event", e);

	return r < 0 ? r : 0;
}

/* ---- vCPUs ---- */

static void kvm_vcpu_destroy(void *impl)
{
	struct kvm_vcpu *c = impl;

	kvm_arch_vcpu_destroy(c);
	if (c->run)
		munmap(c->run, c->vm->run_size);
	fd_close(&c->fd);
	c->vm->vcpus[c->index] = NULL;
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static int kvm_vcpu_open(struct kvm_vcpu *c, struct sm_err *e)
{
	struct kvm_vm *vm = c->vm;
	void *run;

	c->fd = ioctl(vm->fd, KVM_CREATE_VCPU, (unsigned long)c->index);
	if (c->fd < 0)
		return err_errno(e, errno, "KVM: create vCPU %u", c->index);
	run = mmap(NULL, vm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (run == MAP_FAILED)
		return err_errno(e, errno, "KVM: map vCPU %u", c->index);
	c->run = run;
	return kvm_arch_vcpu_create(c, e);
}

static int kvm_vcpu_create(void *impl, uint32_t index, void **ret, struct sm_err *e)
{
	struct kvm_vm *vm = impl;
	struct kvm_vcpu *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return err_errno(e, ENOMEM, "vCPU %u", index);
	c->vm = vm;
	c->index = index;
	c->fd = -1;
	pthread_mutex_init(&c->lock, NULL);
	vm->vcpus[index] = c;
	r = kvm_vcpu_open(c, e);
	if (r < 0) {
		kvm_vcpu_destroy(c);
		return r;
	}
	vm->nr_vcpus++;
	*ret = c;
	return 0;
}

static int kvm_vcpu_boot(void *impl, const struct hv_boot *boot, struct sm_err *e)
{
	return kvm_arch_vcpu_boot(impl, boot, e);
}

static void kvm_on_kick(int sig)
{
	(void)sig;
}

/* The handler is the process's: installed by every vCPU thread, always the same. */
/* syscalls vcpu: rt_sigaction */
static void kvm_take_kicks(struct kvm_vcpu *c)
{
	struct sigaction sa = { .sa_handler = kvm_on_kick };
	sigset_t set;

	sigaction(KVM_KICK_SIGNAL, &sa, NULL);
	sigemptyset(&set);
	sigaddset(&set, KVM_KICK_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	c->takes_kicks = true;
}

/* The access of the last exit that is not done yet. */
static uint8_t *kvm_pio_data(const struct kvm_vcpu *c)
{
	return (uint8_t *)c->run + c->run->io.data_offset + (size_t)c->pio_done * c->run->io.size;
}

/* A read's answer, stored by the caller in the exit it was given. */
static void kvm_answer(struct kvm_vcpu *c, const struct hv_exit *x)
{
	struct kvm_run *run = c->run;

	c->mmio_open = false;
	if (x->is_write)
		return;
	if (run->exit_reason == KVM_EXIT_MMIO)
		memcpy(run->mmio.data, &x->data, sizeof(run->mmio.data));
	else if (run->exit_reason == KVM_EXIT_IO)
		memcpy(kvm_pio_data(c), &x->data, run->io.size);
}

/* One access of the several that a string instruction makes in one exit. */
static void kvm_exit_pio(struct kvm_vcpu *c, struct hv_exit *x)
{
	const struct kvm_run *run = c->run;

	x->reason = HV_EXIT_PIO;
	x->addr = run->io.port;
	x->len = run->io.size;
	x->is_write = run->io.direction == KVM_EXIT_IO_OUT;
	x->data = 0;
	if (x->is_write)
		memcpy(&x->data, kvm_pio_data(c), run->io.size);
	c->mmio_open = true;
}

/* The next access of that exit; false: it was the last. */
static bool kvm_next_pio(struct kvm_vcpu *c, struct hv_exit *x)
{
	if (c->run->exit_reason != KVM_EXIT_IO || ++c->pio_done >= c->run->io.count)
		return false;
	kvm_exit_pio(c, x);
	return true;
}

static bool kvm_exit_mmio(struct kvm_vcpu *c, struct hv_exit *x)
{
	const struct kvm_run *run = c->run;

	x->reason = HV_EXIT_MMIO;
	x->addr = run->mmio.phys_addr;
	x->len = (uint8_t)run->mmio.len;
	x->is_write = run->mmio.is_write;
	x->data = 0;
	c->mmio_open = true;
	if (x->len != 1 && x->len != 2 && x->len != 4 && x->len != 8)
		return false;
	if (x->is_write)
		memcpy(&x->data, run->mmio.data, x->len);
	return true;
}

static void kvm_vcpu_fault(void *impl, const char *what, struct hv_exit *x)
{
	struct kvm_vcpu *c = impl;
	char regs[600], *end;

	kvm_arch_describe(c, regs, sizeof(regs));
	log_msg(c->vm->log, SM_LOG_ERROR, "kvm", "vCPU %u: %s; %s", c->index, what, regs);
	x->reason = HV_EXIT_FAULT;
	/* The sentence takes the first registers: whole ones. */
	if (strlen(regs) > 80) {
		regs[80] = 0;
		end = strrchr(regs, ' ');
		if (end)
			*end = 0;
	}
	snprintf(x->text, sizeof(x->text), "vCPU %u: %s; %.80s", c->index, what, regs);
}

static void kvm_exit_system(struct kvm_vcpu *c, struct hv_exit *x)
{
	switch (c->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		x->reason = HV_EXIT_SHUTDOWN;
		return;
	case KVM_SYSTEM_EVENT_RESET:
		x->reason = HV_EXIT_RESET;
		return;
	default:
		kvm_vcpu_fault(c, "the guest crashed", x);
	}
}

static void kvm_exit(struct kvm_vcpu *c, struct hv_exit *x)
{
	struct kvm_run *run = c->run;
	char text[60];

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		if (!kvm_exit_mmio(c, x))
			kvm_vcpu_fault(c, "an access of a size no device has", x);
		return;
	case KVM_EXIT_IO:
		c->pio_done = 0;
		kvm_exit_pio(c, x);
		return;
	case KVM_EXIT_INTR:
		x->reason = HV_EXIT_KICKED;
		return;
	case KVM_EXIT_SYSTEM_EVENT:
		kvm_exit_system(c, x);
		return;
	case KVM_EXIT_SHUTDOWN:
		kvm_vcpu_fault(c, "triple fault", x);
		return;
	case KVM_EXIT_INTERNAL_ERROR:
		snprintf(text, sizeof(text), "KVM internal error %u", run->internal.suberror);
		kvm_vcpu_fault(c, text, x);
		return;
	case KVM_EXIT_FAIL_ENTRY:
		snprintf(text, sizeof(text), "cannot enter the guest, hardware reason 0x%llx",
			 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		kvm_vcpu_fault(c, text, x);
		return;
	default:
		if (kvm_arch_exit(c, x))
			return;
		snprintf(text, sizeof(text), "unknown exit %u", run->exit_reason);
		kvm_vcpu_fault(c, text, x);
	}
}

static void kvm_enter(struct kvm_vcpu *c, bool in)
{
	pthread_mutex_lock(&c->lock);
	c->thread = pthread_self();
	c->in_run = in;
	pthread_mutex_unlock(&c->lock);
}

/* Most of these the guest can cause: on arm64 by an access to a device that KVM cannot decode. */
static void kvm_run_failed(struct kvm_vcpu *c, struct hv_exit *x, int err)
{
	char text[60];

	snprintf(text, sizeof(text), "KVM cannot run it: %s", strerrordesc_np(err));
	kvm_vcpu_fault(c, text, x);
}

static int kvm_vcpu_run(void *impl, struct hv_exit *x, struct sm_err *e)
{
	struct kvm_vcpu *c = impl;
	int r, err;

	(void)e;

	if (c->mmio_open) {
		kvm_answer(c, x);
		if (kvm_next_pio(c, x))
			return 0;
	}
	if (!c->takes_kicks || !pthread_equal(c->thread, pthread_self()))
		kvm_take_kicks(c);
	kvm_enter(c, true);
	do
		r = ioctl(c->fd, KVM_RUN, 0);
	while (r < 0 && errno == EAGAIN);
	err = r < 0 ? errno : 0;
	kvm_enter(c, false);
	if (err == EINTR) {
		__atomic_store_n(&c->run->immediate_exit, 0, __ATOMIC_RELAXED);
		x->reason = HV_EXIT_KICKED;
		return 0;
	}
	if (err)
		kvm_run_failed(c, x, err);
	else
		kvm_exit(c, x);
	return 0;
}

/* syscalls: tgkill */
/* immediate_exit makes a run that is about to start return; the signal ends one under way. */
static void kvm_vcpu_kick(void *impl)
{
	struct kvm_vcpu *c = impl;

	__atomic_store_n(&c->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&c->lock);
	if (c->in_run)
		pthread_kill(c->thread, KVM_KICK_SIGNAL);
	pthread_mutex_unlock(&c->lock);
}

/* ---- state ---- */

static int kvm_vm_save(void *impl, struct buf *out, struct sm_err *e)
{
	return kvm_arch_vm_save(impl, out, e);
}

static int kvm_vm_load(void *impl, struct cursor *in, struct sm_err *e)
{
	return kvm_arch_vm_load(impl, in, e);
}

static int kvm_vcpu_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct kvm_vcpu *c = impl;

	/* The kernel finishes an access only at the next entry. */
	if (c->mmio_open)
		return err_set(e, EBUSY, "vCPU %u: an access is not finished", c->index);
	return kvm_arch_vcpu_save(c, out, e);
}

static int kvm_vcpu_load(void *impl, struct cursor *in, struct sm_err *e)
{
	return kvm_arch_vcpu_load(impl, in, e);
}

const struct hv_ops hv_kvm_ops = {
	.name = "kvm",
#if defined(__aarch64__)
	.arch = HV_ARCH_ARM64,
#else
	.arch = HV_ARCH_X86_64,
#endif
	.probe = kvm_probe,
	.vm_create = kvm_vm_create,
	.vm_destroy = kvm_vm_destroy,
	.get_caps = kvm_get_caps,
	.mem_map = kvm_mem_map,
	.mem_unmap = kvm_mem_unmap,
	.vcpu_create = kvm_vcpu_create,
	.vcpu_destroy = kvm_vcpu_destroy,
	.vm_ready = kvm_vm_ready,
	.vcpu_boot = kvm_vcpu_boot,
	.vcpu_run = kvm_vcpu_run,
	.vcpu_kick = kvm_vcpu_kick,
	.irq_set = kvm_irq_set,
	.doorbell_add = kvm_doorbell_add,
	.irq_event_add = kvm_irq_event_add,
	.vm_save = kvm_vm_save,
	.vm_load = kvm_vm_load,
	.vcpu_save = kvm_vcpu_save,
	.vcpu_load = kvm_vcpu_load,
	.vcpu_fault = kvm_vcpu_fault,
	.dirty_start = kvm_dirty_start,
	.dirty_fetch = kvm_dirty_fetch,
	.dirty_stop = kvm_dirty_stop,
};
