/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. That /dev/kvm opens and makes VMs says little: some clouds give a
 * paravirtual KVM that emulates just enough for one guest of theirs. So a guest of twenty
 * instructions does here what every Linux does in its first moments: it takes an exception,
 * returns from it, and uses a vector register. Each step is reported by an access that must
 * reach us; the first that does not is the reason.
 *
 * A guest that loops instead must not hang its caller. A timer signals this very thread,
 * which blocks the signal except inside KVM_RUN (KVM_SET_SIGNAL_MASK): it ends the run and
 * stays pending for us to take, so no handler is needed and no other thread can be hit.
 */
#include "hv/kvm/kvm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hv/kvm/probe.h"
#include "util/fd.h"

#define PROBE_SECONDS 5
#define PROBE_SOFT "or use the software CPU (--backend soft)"

static int probe_open(struct sm_err *e)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return err_errno(e, errno, "/dev/kvm may not be used; join its group (kvm), %s", PROBE_SOFT);
	if (fd < 0)
		return err_errno(e, errno, "/dev/kvm cannot be opened; %s, %s", probe_arch_hint, PROBE_SOFT);
	version = ioctl(fd, KVM_GET_API_VERSION, 0);
	if (version != KVM_API_VERSION) {
		close(fd);
		return err_set(e, ENOTSUP, "/dev/kvm speaks version %d of its interface, not %d; %s", version,
			       KVM_API_VERSION, PROBE_SOFT);
	}
	return fd;
}

static int probe_failed(const char *what, struct sm_err *e)
{
	return err_errno(e, errno, "/dev/kvm: %s; %s, %s", what, probe_arch_hint, PROBE_SOFT);
}

static int probe_create(struct probe *p, struct sm_err *e)
{
	struct kvm_userspace_memory_region slot = { .guest_phys_addr = probe_arch_gpa,
						    .memory_size = PROBE_LEN };
	int r, len;

	p->sys = probe_open(e);
	if (p->sys < 0)
		return p->sys;
	p->vm = ioctl(p->sys, KVM_CREATE_VM, probe_arch_vm_type(p->sys));
	if (p->vm < 0)
		return probe_failed("no VM can be made", e);
	r = probe_arch_check(p, e);
	if (r < 0)
		return r;
	p->mem = mmap(NULL, PROBE_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p->mem == MAP_FAILED)
		return err_errno(e, errno, "memory for a test guest");
	slot.userspace_addr = (uintptr_t)p->mem;
	if (ioctl(p->vm, KVM_SET_USER_MEMORY_REGION, &slot) < 0)
		return probe_failed("a VM takes no memory", e);
	p->vcpu = ioctl(p->vm, KVM_CREATE_VCPU, 0);
	if (p->vcpu < 0)
		return probe_failed("a VM takes no vCPU", e);
	len = ioctl(p->sys, KVM_GET_VCPU_MMAP_SIZE, 0);
	p->run_len = len < (int)sizeof(*p->run) ? sizeof(*p->run) : (size_t)len;
	p->run = mmap(NULL, p->run_len, PROT_READ | PROT_WRITE, MAP_SHARED, p->vcpu, 0);
	if (p->run == MAP_FAILED)
		return probe_failed("a vCPU has no run page", e);
	return probe_arch_start(p, e);
}

/* Why the guest stopped where it should have reported. */
static int probe_stopped(const struct probe *p, unsigned int step, int error, struct sm_err *e)
{
	const struct kvm_run *run = p->run;
	char why[96];

	if (error == ETIME)
		snprintf(why, sizeof(why), "it loops");
	else if (error)
		snprintf(why, sizeof(why), "%s", strerror(error));
	else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		snprintf(why, sizeof(why), "KVM's internal error %u", run->internal.suberror);
	else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
		snprintf(why, sizeof(why), "no entry, hardware reason 0x%llx",
			 (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
	else if (run->exit_reason == KVM_EXIT_SHUTDOWN)
		snprintf(why, sizeof(why), "shut down");
	else
		snprintf(why, sizeof(why), "exit %u", run->exit_reason);
	return err_set(e, ENOTSUP, "KVM here cannot run Linux: a test guest stopped %s: %s; %s, %s",
		       probe_arch_work[step], why, probe_arch_hint, PROBE_SOFT);
}

struct probe_limit {
	timer_t timer;
	sigset_t outside; /* the caller's mask */
};

/* Takes the signal if it is there. */
static bool probe_limit_reached(void)
{
	const struct timespec now = { 0 };
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	return sigtimedwait(&alarm, NULL, &now) == SIGALRM;
}

static int probe_limit_begin(struct probe_limit *l, int vcpu, struct sm_err *e)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM };
	const struct itimerspec when = { .it_value.tv_sec = PROBE_SECONDS };
	uint32_t mask[3] = { 8 }; /* struct kvm_signal_mask: length, and the kernel's sigset */
	sigset_t alarm, inside;

	event._sigev_un._tid = gettid();
	if (timer_create(CLOCK_MONOTONIC, &event, &l->timer) < 0)
		return err_errno(e, errno, "timer for a test guest");
	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarm, &l->outside);
	inside = l->outside;
	sigdelset(&inside, SIGALRM);
	memcpy(&mask[1], &inside, 8);
	if (ioctl(vcpu, KVM_SET_SIGNAL_MASK, mask) == 0 && timer_settime(l->timer, 0, &when, NULL) == 0)
		return 0;
	err_errno(e, errno, "/dev/kvm: KVM_SET_SIGNAL_MASK");
	timer_delete(l->timer);
	pthread_sigmask(SIG_SETMASK, &l->outside, NULL);
	return e ? -e->code : -EIO;
}

static void probe_limit_end(const struct probe_limit *l)
{
	timer_delete(l->timer);
	probe_limit_reached();
	pthread_sigmask(SIG_SETMASK, &l->outside, NULL);
}

/* 0 or an errno; ETIME when the guest took too long. */
static int probe_run_once(const struct probe *p)
{
	while (ioctl(p->vcpu, KVM_RUN, 0) < 0) {
		if (errno != EINTR)
			return errno;
		if (probe_limit_reached())
			return ETIME;
	}
	return 0;
}

static int probe_run(const struct probe *p, struct sm_err *e)
{
	struct probe_limit limit;
	int r = probe_limit_begin(&limit, p->vcpu, e);

	if (r < 0)
		return r;
	for (unsigned int step = 0; !r && step < PROBE_STEPS; step++) {
		int error = probe_run_once(p);

		if (error || probe_arch_step(p->run) != step + 1)
			r = probe_stopped(p, step, error, e);
	}
	probe_limit_end(&limit);
	return r;
}

int kvm_probe(struct sm_err *e)
{
	struct probe p = { .sys = -1, .vm = -1, .vcpu = -1, .mem = MAP_FAILED, .run = MAP_FAILED };
	int r = probe_create(&p, e);

	if (!r)
		r = probe_run(&p, e);
	if (p.run != MAP_FAILED)
		munmap(p.run, p.run_len);
	fd_close(&p.vcpu);
	fd_close(&p.vm);
	if (p.mem != MAP_FAILED)
		munmap(p.mem, PROBE_LEN);
	fd_close(&p.sys);
	return r;
}
