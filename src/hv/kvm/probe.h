/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an architecture knows of the probe's guest: its code reports numbered steps to the
 * host, and the one after the last that came is what this KVM cannot do.
 */
#ifndef HV_KVM_PROBE_H
#define HV_KVM_PROBE_H

#include <linux/kvm.h>
#include <stdint.h>

#include "util/err.h"

#define PROBE_STEPS 4 /* started; in its exception; back from it; vector registers */
#define PROBE_LEN 0x8000

struct probe {
	int sys, vm, vcpu;
	uint8_t *mem; /* the guest's, PROBE_LEN bytes at probe_arch_gpa */
	struct kvm_run *run;
	size_t run_len;
};

extern const uint64_t probe_arch_gpa;
/* What the guest does between its reports: [n] comes after step n. */
extern const char *const probe_arch_work[PROBE_STEPS];
/* What turns this architecture's KVM on. */
extern const char probe_arch_hint[];

/* The argument of KVM_CREATE_VM. */
unsigned long probe_arch_vm_type(int sys);
/* The VM exists, nothing in it: what a machine needs besides. */
int probe_arch_check(const struct probe *p, struct sm_err *e);
/* Memory and vCPU exist: the guest's code, tables and registers. */
int probe_arch_start(const struct probe *p, struct sm_err *e);
/* The step that this exit reports, or 0. */
unsigned int probe_arch_step(const struct kvm_run *run);

#endif
