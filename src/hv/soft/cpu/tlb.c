/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Contexts of the software TLB and their invalidation.
 *
 * A broadcast puts its request into the others' inboxes; DSB waits until each has served
 * it or is not executing (it serves its inbox before it enters again). Whoever waits goes
 * on serving its own inbox, so two waiting for one another both come out.
 */
#include <sched.h>
#include <string.h>

#include "hv/soft/cpu/core.h"

#define TLBI_SPINS 200

static uint32_t set_bit(uint64_t va)
{
	return (uint32_t)((va >> 21) ^ (va >> 29) ^ (va >> 40)) & 255;
}

void tlb_note(uint64_t set[4], uint64_t va)
{
	uint32_t bit = set_bit(va);

	set[bit / 64] |= 1ull << bit % 64;
}

static bool noted(const uint64_t set[4], uint64_t va)
{
	uint32_t bit = set_bit(va);

	return set[bit / 64] >> bit % 64 & 1;
}

static void entry_clear(struct tlb_entry *t)
{
	t->tag_read = t->tag_write = TLB_NO_TAG;
}

static void context_flush(struct tlb_context *t)
{
	memset(t->entries, 0xff, sizeof(t->entries));
	memset(t->blocks, 0, sizeof(t->blocks));
	t->huge = t->not_global = false;
}

static void fetch_flush(struct cpu *c, struct fetch_context *f)
{
	memset(f->entries, 0xff, sizeof(f->entries));
	memset(f->pages, 0, sizeof(f->pages));
	f->huge = f->not_global = false;
	f->tag = ++c->core->last_tag;
}

static void use_tag(struct cpu *c)
{
	struct cpu_core *core = c->core;

	c->jump_tag = core->fetch[c->el ? FETCH_EL1 : FETCH_EL0 + core->el0].tag;
}

void tlb_renew_tags(struct cpu *c)
{
	for (uint32_t i = 0; i < FETCH_COUNT; i++)
		c->core->fetch[i].tag = ++c->core->last_tag;
	use_tag(c);
}

void tlb_flush_all(struct cpu *c)
{
	for (uint32_t i = 0; i < CTX_COUNT; i++)
		context_flush(&c->core->tlb[i]);
	for (uint32_t i = 0; i < FETCH_COUNT; i++)
		fetch_flush(c, &c->core->fetch[i]);
	use_tag(c);
}

void cpu_forget_writes(struct cpu *c)
{
	for (uint32_t i = 0; i < CTX_COUNT; i++)
		for (uint32_t k = 0; k < TLB_SIZE; k++)
			c->core->tlb[i].entries[k].tag_write = TLB_NO_TAG;
}

/* EL1's contexts are not kept by ASID: what is not global goes. */
static void flush_el1_not_global(struct cpu *c)
{
	for (uint32_t i = CTX_EL1; i <= CTX_EL1_PAN; i++)
		if (c->core->tlb[i].not_global)
			context_flush(&c->core->tlb[i]);
	if (c->core->fetch[FETCH_EL1].not_global)
		fetch_flush(c, &c->core->fetch[FETCH_EL1]);
}

static void flush_asid(struct cpu *c, uint64_t asid)
{
	struct cpu_core *core = c->core;

	for (uint32_t i = 0; i < EL0_CONTEXTS; i++)
		if (core->el0_asid[i] == asid) {
			context_flush(&core->tlb[CTX_EL0 + i]);
			fetch_flush(c, &core->fetch[FETCH_EL0 + i]);
		}
	flush_el1_not_global(c);
	use_tag(c);
}

/* Pages cut from one larger descriptor go together. */
static void flush_around(struct tlb_context *t, uint64_t va)
{
	for (uint32_t i = 0; i < TLB_SIZE; i++) {
		struct tlb_entry *e = &t->entries[i];
		uint64_t tag = e->tag_read != TLB_NO_TAG ? e->tag_read : e->tag_write;

		if (tag != TLB_NO_TAG && !((tag ^ va) >> e->size_log2))
			entry_clear(e);
	}
}

static void flush_va(struct cpu *c, uint64_t va)
{
	struct cpu_core *core = c->core;

	for (uint32_t i = 0; i < CTX_COUNT; i++) {
		struct tlb_context *t = &core->tlb[i];
		struct tlb_entry *e = &t->entries[(va >> 12) & (TLB_SIZE - 1)];

		if (e->tag_read == va || e->tag_write == va)
			entry_clear(e);
		if (t->huge || noted(t->blocks, va))
			flush_around(t, va);
	}
	for (uint32_t i = 0; i < FETCH_COUNT; i++)
		if (core->fetch[i].huge || noted(core->fetch[i].pages, va))
			fetch_flush(c, &core->fetch[i]);
	use_tag(c);
}

void tlb_invalidate(struct cpu *c, const struct tlbi *t)
{
	switch (t->kind) {
	case TLBI_ALL:
		tlb_flush_all(c);
		break;
	case TLBI_ASID:
		flush_asid(c, t->arg);
		break;
	case TLBI_VA:
		flush_va(c, t->arg);
		break;
	}
}

void tlb_set_asid(struct cpu *c)
{
	struct cpu_core *core = c->core;
	const struct cpu_sysregs *r = &core->r;
	uint64_t ttbr = r->tcr & TCR_A1 ? r->ttbr1 : r->ttbr0;
	uint32_t asid = (uint32_t)(ttbr >> 48) & (r->tcr & TCR_AS ? 0xffff : 0xff), i;

	if (asid == core->asid)
		return;
	core->asid = asid;
	flush_el1_not_global(c);
	for (i = 0; i < EL0_CONTEXTS && core->el0_asid[i] != asid; i++)
		;
	if (i == EL0_CONTEXTS) {
		i = core->el0_next;
		core->el0_next = (i + 1) % EL0_CONTEXTS;
		core->el0_asid[i] = asid;
		context_flush(&core->tlb[CTX_EL0 + i]);
		fetch_flush(c, &core->fetch[FETCH_EL0 + i]);
	}
	core->el0 = i;
	core_set_mode(c, c->el, core->pstate);
}

static void post(struct cpu *to, const struct tlbi *t, uint64_t *ret_ticket)
{
	struct inbox *in = &to->core->inbox;

	pthread_mutex_lock(&in->lock);
	if (in->nr < INBOX_MAX)
		in->req[in->nr++] = *t;
	else
		in->all = true;
	*ret_ticket = ++in->posted;
	pthread_mutex_unlock(&in->lock);
	cpu_pend(to, CPU_PEND_TLBI);
	/* It may sleep within PSCI CPU_SUSPEND, which counts as executing. */
	soft_wake(to);
}

void tlb_broadcast(struct cpu *c, const struct tlbi *t)
{
	struct soft_vm *vm = c->vm;

	tlb_invalidate(c, t);
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		if (vm->cpus[i] && vm->cpus[i] != c) {
			post(vm->cpus[i], t, &c->core->tlbi_ticket[i]);
			c->core->tlbi_sent = true;
		}
}

void tlb_serve(struct cpu *c)
{
	struct inbox *in = &c->core->inbox;

	__atomic_fetch_and(&c->pending, ~(uint32_t)CPU_PEND_TLBI, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&in->lock);
	if (in->all)
		tlb_flush_all(c);
	for (uint32_t i = 0; i < in->nr && !in->all; i++)
		tlb_invalidate(c, &in->req[i]);
	in->nr = 0;
	in->all = false;
	__atomic_store_n(&in->done, in->posted, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&in->lock);
}

static bool answered(const struct cpu *to, uint64_t ticket)
{
	const struct inbox *in = &to->core->inbox;

	return __atomic_load_n(&in->done, __ATOMIC_SEQ_CST) >= ticket ||
	       !__atomic_load_n(&in->running, __ATOMIC_SEQ_CST);
}

void tlb_wait(struct cpu *c)
{
	struct soft_vm *vm = c->vm;

	c->core->tlbi_sent = false;
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		const struct cpu *to = vm->cpus[i];
		uint32_t spins = 0;

		while (to && to != c && !answered(to, c->core->tlbi_ticket[i])) {
			if (__atomic_load_n(&c->pending, __ATOMIC_SEQ_CST) & CPU_PEND_TLBI)
				tlb_serve(c);
			if (++spins > TLBI_SPINS)
				sched_yield();
		}
	}
}
