/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread per VM that tells running vCPUs that a timer deadline passed, by
 * CPU_PEND_TIMER. A sleeping vCPU withdraws its deadline and waits for it by itself, so
 * an idle VM never wakes this thread.
 */
#ifndef HV_SOFT_DEADLINE_H
#define HV_SOFT_DEADLINE_H

#include <stdint.h>

#include "util/err.h"

#define DEADLINE_NONE UINT64_MAX

struct deadlines;
struct soft_vm;

/* Nanoseconds of CLOCK_MONOTONIC, the clock of all deadlines. */
uint64_t deadline_now(void);

int deadline_create(struct soft_vm *vm, struct deadlines **ret, struct sm_err *e);
/* Before the vCPUs' memory goes. NULL is accepted. */
void deadline_destroy(struct deadlines *d);
/* Replaces the deadline of vCPU `index`, absolute; DEADLINE_NONE withdraws it. Any thread. */
void deadline_set(struct deadlines *d, uint32_t index, uint64_t ns);

#endif
