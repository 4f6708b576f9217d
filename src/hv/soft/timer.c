/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/timer.h"

#include <errno.h>
#include <string.h>

#include "hv/soft/soft.h"

#define TIMER_TICK_NS (1000000000u / TIMER_HZ)
/* Deadlines this far away (36 years) never come; it keeps the arithmetic from wrapping. */
#define TIMER_FAR (1ULL << 56)

enum { TIMER_TVAL, TIMER_CVAL, TIMER_CTL };
enum { CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };

static const uint32_t timer_intid[TIMER_COUNT] = { [TIMER_VIRT] = 27, [TIMER_PHYS] = 30 };

uint64_t timer_count(const struct cpu *c)
{
	return deadline_now() / TIMER_TICK_NS - c->vm->counter_offset;
}

void timer_reset(struct timer *t)
{
	memset(t, 0, sizeof(*t));
	t->next = UINT64_MAX;
}

uint64_t timer_read(struct cpu *c, int which, int reg)
{
	const struct timer *t = &c->timer;

	switch (reg) {
	case TIMER_TVAL:
		return (uint32_t)(t->t[which].cval - timer_count(c));
	case TIMER_CVAL:
		return t->t[which].cval;
	default:
		return (t->t[which].enable ? CTL_ENABLE : 0) | (t->t[which].imask ? CTL_IMASK : 0) |
		       (t->t[which].enable && timer_count(c) >= t->t[which].cval ? CTL_ISTATUS : 0);
	}
}

void timer_write(struct cpu *c, int which, int reg, uint64_t value)
{
	struct timer *t = &c->timer;

	switch (reg) {
	case TIMER_TVAL:
		t->t[which].cval = timer_count(c) + (uint64_t)(int64_t)(int32_t)value;
		break;
	case TIMER_CVAL:
		t->t[which].cval = value;
		break;
	default:
		t->t[which].enable = value & CTL_ENABLE;
		t->t[which].imask = value & CTL_IMASK;
	}
	timer_update(c);
}

void timer_update(struct cpu *c)
{
	struct timer *t = &c->timer;
	uint64_t now = timer_count(c), next = UINT64_MAX;

	for (int i = 0; i < TIMER_COUNT; i++) {
		bool on = t->t[i].enable && !t->t[i].imask, met = now >= t->t[i].cval;

		gic_set_level(c->vm->gic, c->index, timer_intid[i], on && met);
		if (on && !met && t->t[i].cval - now < TIMER_FAR && t->t[i].cval < next)
			next = t->t[i].cval;
	}
	t->next = next;
	deadline_set(c->vm->deadlines, c->index,
		     next == UINT64_MAX ? DEADLINE_NONE : (next + c->vm->counter_offset) * TIMER_TICK_NS);
}

enum { CNTKCTL_EVNTEN = 1 << 2, CNTKCTL_EVNTDIR = 1 << 3 };

/* The event stream (D11.2.4): bit EVNTI of the counter rises, or with EVNTDIR falls. */
uint64_t timer_event_ns(const struct cpu *c)
{
	uint32_t control = c->timer.cntkctl, bit = control >> 4 & 15;
	uint64_t period = 2ull << bit, phase = control & CNTKCTL_EVNTDIR ? 0 : 1ull << bit;

	if (!(control & CNTKCTL_EVNTEN))
		return UINT64_MAX;
	return (period - ((timer_count(c) - phase) & (period - 1))) * TIMER_TICK_NS;
}

uint64_t timer_next_ns(const struct cpu *c)
{
	uint64_t now = deadline_now(), at;

	if (c->timer.next == UINT64_MAX)
		return UINT64_MAX;
	at = (c->timer.next + c->vm->counter_offset) * TIMER_TICK_NS;
	return at > now ? at - now : 0;
}

void timer_save(const struct timer *t, struct buf *out)
{
	for (int i = 0; i < TIMER_COUNT; i++) {
		buf_put_u64(out, t->t[i].cval);
		buf_put_u8(out, (t->t[i].enable ? CTL_ENABLE : 0) | (t->t[i].imask ? CTL_IMASK : 0));
	}
	buf_put_u32(out, t->cntkctl);
}

int timer_load(struct timer *t, struct cursor *in, struct sm_err *e)
{
	struct timer n = { .next = UINT64_MAX };

	for (int i = 0; i < TIMER_COUNT; i++) {
		uint8_t ctl;

		n.t[i].cval = cursor_u64(in);
		ctl = cursor_u8(in);
		if (ctl & ~(CTL_ENABLE | CTL_IMASK))
			return err_set(e, EINVAL, "timer state: broken");
		n.t[i].enable = ctl & CTL_ENABLE;
		n.t[i].imask = ctl & CTL_IMASK;
	}
	n.cntkctl = cursor_u32(in);
	if (in->broken)
		return err_set(e, EINVAL, "timer state: cut short");
	*t = n;
	return 0;
}
