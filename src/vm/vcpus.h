/* SPDX-License-Identifier: Apache-2.0 */
/* One thread per vCPU: run, turn the exit into a bus access, run again. */
#ifndef VM_VCPUS_H
#define VM_VCPUS_H

#include "bus/bus.h"
#include "hv/hv.h"

struct vcpus;

/* How the guest's life ended, told once, on a vCPU's thread. `text` is for `fault` only. */
typedef void vcpus_end_fn(void *opaque, enum hv_exit_reason reason, const char *text);

/* Creates the vCPUs of `vm` (not their threads). `vm` and the buses outlive them. */
int vcpus_create(struct hv_vm *vm, uint32_t nr, const struct bus *mmio, const struct bus *ports,
		 vcpus_end_fn *end, void *opaque, struct vcpus **ret, struct sm_err *e);
/* Stops the threads first. NULL is accepted. */
void vcpus_destroy(struct vcpus *v);
struct hv_vcpu *vcpus_get(struct vcpus *v, uint32_t index);
/* Starts the threads; each calls `enter` first (its jail), and none runs guest code before all have. */
int vcpus_start(struct vcpus *v, int (*enter)(struct sm_err *e), struct sm_err *e);
/* All vCPUs out of guest code when it returns; only from outside their threads. */
void vcpus_stop(struct vcpus *v);
/* By reason, so far; what the backend handles by itself does not come up here. */
void vcpus_exits(const struct vcpus *v, uint64_t ret[HV_EXIT_REASONS]);

#endif
