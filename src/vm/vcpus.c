/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/vcpus.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

struct vcpu {
	struct vcpus *all;
	struct hv_vcpu *hv;
	pthread_t thread;
	uint32_t index;
	uint64_t exits[HV_EXIT_REASONS]; /* relaxed atomics */
	bool started;
};

struct vcpus {
	struct hv_vm *vm;
	const struct bus *mmio, *ports;
	vcpus_end_fn *end;
	void *opaque;
	uint32_t nr;
	bool stop;  /* atomic */
	bool ended; /* atomic: `end` was called */
	int (*enter)(struct sm_err *e);
	/* The gate before the first guest instruction; guards nr_ready and failure. */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	uint32_t nr_ready;
	bool open;
	struct sm_err failure;
	struct vcpu vcpu[HV_VCPUS_MAX];
};

int vcpus_create(struct hv_vm *vm, uint32_t nr, const struct bus *mmio, const struct bus *ports,
		 vcpus_end_fn *end, void *opaque, struct vcpus **ret, struct sm_err *e)
{
	struct vcpus *v = calloc(1, sizeof(*v));

	if (!v)
		return err_errno(e, ENOMEM, "vCPUs");
	v->vm = vm;
	v->mmio = mmio;
	v->ports = ports;
	v->end = end;
	v->opaque = opaque;
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->moved, NULL);
	for (; v->nr < nr; v->nr++) {
		struct vcpu *c = &v->vcpu[v->nr];
		int r = hv_vcpu_create(vm, v->nr, &c->hv, e);

		if (r < 0) {
			vcpus_destroy(v);
			return r;
		}
		c->all = v;
		c->index = v->nr;
	}
	*ret = v;
	return 0;
}

void vcpus_destroy(struct vcpus *v)
{
	if (!v)
		return;
	vcpus_stop(v);
	while (v->nr)
		hv_vcpu_destroy(v->vcpu[--v->nr].hv);
	pthread_mutex_destroy(&v->lock);
	pthread_cond_destroy(&v->moved);
	free(v);
}

struct hv_vcpu *vcpus_get(struct vcpus *v, uint32_t index)
{
	return v->vcpu[index].hv;
}

static void vcpus_end(struct vcpus *v, enum hv_exit_reason reason, const char *text)
{
	if (!__atomic_exchange_n(&v->ended, true, __ATOMIC_ACQ_REL))
		v->end(v->opaque, reason, text);
}

static bool vcpu_access(const struct bus *bus, struct hv_exit *x)
{
	return x->is_write ? bus_write(bus, x->addr, x->len, x->data)
			   : bus_read(bus, x->addr, x->len, &x->data);
}

/* No device is there: nothing that a kernel told of its devices would do. */
static bool vcpu_stray(struct vcpu *c, struct hv_exit *x)
{
	char what[80];

	snprintf(what, sizeof(what), "%s of %u bytes at 0x%llx, where no device is",
		 x->is_write ? "write" : "read", x->len, (unsigned long long)x->addr);
	hv_vcpu_fault(c->hv, what, x);
	vcpus_end(c->all, x->reason, x->text);
	return false;
}

/* False: this vCPU runs no more. */
static bool vcpu_turn(struct vcpu *c, struct hv_exit *x)
{
	struct sm_err e;

	if (hv_vcpu_run(c->hv, x, &e) < 0) {
		vcpus_end(c->all, HV_EXIT_FAULT, e.text);
		return false;
	}
	__atomic_store_n(&c->exits[x->reason], c->exits[x->reason] + 1, __ATOMIC_RELAXED);
	switch (x->reason) {
	case HV_EXIT_MMIO:
		return vcpu_access(c->all->mmio, x) || vcpu_stray(c, x);
	case HV_EXIT_PIO:
		/* Kernels feel for ports, and an empty bus answers all ones. */
		vcpu_access(c->all->ports, x);
		return true;
	case HV_EXIT_KICKED:
	case HV_EXIT_OFF:
		return true;
	case HV_EXIT_SHUTDOWN:
	case HV_EXIT_RESET:
	case HV_EXIT_FAULT:
		vcpus_end(c->all, x->reason, x->reason == HV_EXIT_FAULT ? x->text : "");
		return false;
	}
	return false;
}

/* Waits until every thread is in its jail; false when the VM shall not run. */
static bool vcpu_pass_gate(struct vcpu *c)
{
	struct vcpus *v = c->all;
	struct sm_err e;
	int r = v->enter(&e);
	bool go;

	pthread_mutex_lock(&v->lock);
	if (r < 0)
		v->failure = e;
	v->nr_ready++;
	pthread_cond_broadcast(&v->moved);
	while (!v->open)
		pthread_cond_wait(&v->moved, &v->lock);
	go = !v->failure.code;
	pthread_mutex_unlock(&v->lock);
	return go;
}

/*
 * Not between an access and the run that ends it: that instruction could not be saved. The
 * kick of a stop comes after the flag and is sure to end a later run.
 */
static bool vcpu_shall_stop(const struct vcpu *c, const struct hv_exit *x)
{
	return x->reason != HV_EXIT_MMIO && x->reason != HV_EXIT_PIO &&
	       __atomic_load_n(&c->all->stop, __ATOMIC_ACQUIRE);
}

static void *vcpu_thread(void *opaque)
{
	struct vcpu *c = opaque;
	struct hv_exit x = { .reason = HV_EXIT_KICKED };
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", c->index);
	prctl(PR_SET_NAME, name);
	if (!vcpu_pass_gate(c))
		return NULL;
	while (!vcpu_shall_stop(c, &x) && vcpu_turn(c, &x))
		;
	return NULL;
}

int vcpus_start(struct vcpus *v, int (*enter)(struct sm_err *e), struct sm_err *e)
{
	uint32_t nr = 0;
	int err = 0;

	v->enter = enter;
	for (; nr < v->nr && !err; nr++) {
		err = pthread_create(&v->vcpu[nr].thread, NULL, vcpu_thread, &v->vcpu[nr]);
		v->vcpu[nr].started = !err;
		if (err)
			break;
	}
	pthread_mutex_lock(&v->lock);
	while (v->nr_ready < nr)
		pthread_cond_wait(&v->moved, &v->lock);
	if (err)
		err_errno(&v->failure, err, "vCPU thread");
	v->open = true;
	pthread_cond_broadcast(&v->moved);
	pthread_mutex_unlock(&v->lock);
	if (!v->failure.code)
		return 0;
	return err_set(e, v->failure.code, "%s", v->failure.text);
}

void vcpus_stop(struct vcpus *v)
{
	__atomic_store_n(&v->stop, true, __ATOMIC_RELEASE);
	for (uint32_t i = 0; i < v->nr; i++)
		if (v->vcpu[i].started)
			hv_vcpu_kick(v->vcpu[i].hv);
	for (uint32_t i = 0; i < v->nr; i++) {
		if (v->vcpu[i].started)
			pthread_join(v->vcpu[i].thread, NULL);
		v->vcpu[i].started = false;
	}
}

void vcpus_exits(const struct vcpus *v, uint64_t ret[HV_EXIT_REASONS])
{
	for (uint32_t r = 0; r < HV_EXIT_REASONS; r++) {
		ret[r] = 0;
		for (uint32_t i = 0; i < v->nr; i++)
			ret[r] += __atomic_load_n(&v->vcpu[i].exits[r], __ATOMIC_RELAXED);
	}
}
