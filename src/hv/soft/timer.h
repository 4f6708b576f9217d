/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generic timer of one vCPU: virtual (PPI 27) and physical (PPI 30) EL1 timers on a
 * counter at 1 GHz / 16 = 62.5 MHz derived from CLOCK_MONOTONIC.
 */
#ifndef HV_SOFT_TIMER_H
#define HV_SOFT_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include "util/bytes.h"
#include "util/err.h"

#define TIMER_HZ 62500000u

enum { TIMER_VIRT, TIMER_PHYS, TIMER_COUNT };

struct cpu;

struct timer {
	struct {
		uint64_t cval;
		bool enable, imask;
	} t[TIMER_COUNT];
	uint32_t cntkctl;
	uint64_t next; /* counter value of the earliest deadline, UINT64_MAX none */
};

/* Counter now; CNTVCT equals CNTPCT (offset 0, as without EL2). */
uint64_t timer_count(const struct cpu *c);
void timer_reset(struct timer *t);
/* TVAL/CVAL/CTL accesses, 0 TVAL, 1 CVAL, 2 CTL. Writes re-evaluate the lines. */
uint64_t timer_read(struct cpu *c, int which, int reg);
void timer_write(struct cpu *c, int which, int reg, uint64_t value);
/* Recomputes both outputs into the GIC and the next deadline. On the vCPU's thread. */
void timer_update(struct cpu *c);
/* Nanoseconds until the next deadline, 0 when it passed, UINT64_MAX when none. */
uint64_t timer_next_ns(const struct cpu *c);
/* Nanoseconds until the next event of its stream; UINT64_MAX: there is none. */
uint64_t timer_event_ns(const struct cpu *c);
void timer_save(const struct timer *t, struct buf *out);
int timer_load(struct timer *t, struct cursor *in, struct sm_err *e);

#endif
