/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/deadline.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "hv/soft/soft.h"

struct deadlines {
	struct soft_vm *vm;
	pthread_t thread;
	pthread_mutex_t lock; /* stands alone: neither taken under another nor above one */
	pthread_cond_t wake;
	uint64_t at[HV_VCPUS_MAX]; /* absolute nanoseconds */
	uint64_t sleeps_until;	   /* 0 while it is awake */
	bool stop;
};

/* syscalls vcpu: clock_gettime futex */
uint64_t deadline_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Tells every vCPU whose time has come; the earliest of the others. */
static uint64_t deadline_fire(struct deadlines *d, uint64_t now)
{
	uint64_t next = DEADLINE_NONE;

	for (uint32_t i = 0; i < d->vm->nr_vcpus; i++) {
		if (d->at[i] <= now) {
			d->at[i] = DEADLINE_NONE;
			cpu_pend(d->vm->cpus[i], CPU_PEND_TIMER);
		} else if (d->at[i] < next) {
			next = d->at[i];
		}
	}
	return next;
}

static void *deadline_thread(void *opaque)
{
	struct deadlines *d = opaque;

	pthread_mutex_lock(&d->lock);
	while (!d->stop) {
		uint64_t next = deadline_fire(d, deadline_now());
		struct timespec ts = { .tv_sec = (time_t)(next / 1000000000u),
				       .tv_nsec = (long)(next % 1000000000u) };

		d->sleeps_until = next;
		if (next == DEADLINE_NONE)
			pthread_cond_wait(&d->wake, &d->lock);
		else
			pthread_cond_timedwait(&d->wake, &d->lock, &ts);
		d->sleeps_until = 0;
	}
	pthread_mutex_unlock(&d->lock);
	return NULL;
}

int deadline_create(struct soft_vm *vm, struct deadlines **ret, struct sm_err *e)
{
	struct deadlines *d = calloc(1, sizeof(*d));
	pthread_condattr_t attr;
	sigset_t all, old;
	int r;

	if (!d)
		return err_errno(e, ENOMEM, "timer thread");
	d->vm = vm;
	for (uint32_t i = 0; i < HV_VCPUS_MAX; i++)
		d->at[i] = DEADLINE_NONE;
	pthread_mutex_init(&d->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&d->wake, &attr);
	pthread_condattr_destroy(&attr);
	/* Signals are the program's business, not this thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&d->thread, NULL, deadline_thread, d);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (r) {
		pthread_cond_destroy(&d->wake);
		pthread_mutex_destroy(&d->lock);
		free(d);
		return err_errno(e, r, "timer thread");
	}
	*ret = d;
	return 0;
}

void deadline_destroy(struct deadlines *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
	pthread_join(d->thread, NULL);
	pthread_cond_destroy(&d->wake);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void deadline_set(struct deadlines *d, uint32_t index, uint64_t ns)
{
	pthread_mutex_lock(&d->lock);
	d->at[index] = ns;
	if (ns < d->sleeps_until)
		pthread_cond_signal(&d->wake);
	pthread_mutex_unlock(&d->lock);
}
