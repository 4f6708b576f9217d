/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/gic.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/soft/gic_impl.h"
#include "hv/soft/soft.h"

#define GIC_STATE_VERSION 1

uint64_t gic_affinity(uint32_t index)
{
	return (uint64_t)(index >> 4) << 8 | (index & 15);
}

uint32_t gic_affinity_cpu(const struct gic *g, uint64_t affinity)
{
	uint32_t aff0 = affinity & 0xff;
	uint32_t index = (uint32_t)(affinity >> 8 & 0xff) << 4 | aff0;

	if (affinity & ~0xffffULL || aff0 > 15 || index >= g->nr_cpus)
		return GIC_CPU_NONE;
	return index;
}

struct gic_bank *gic_bank_at(struct gic_state *s, uint32_t cpu, uint32_t word)
{
	if (!word)
		return &s->cpus[cpu].priv;
	return word <= GIC_NR_SPI_BANKS ? &s->spi[word - 1] : NULL;
}

uint32_t gic_bank_pending(const struct gic_bank *b)
{
	return b->latch | (b->level & ~b->edge);
}

static void bank_find_best(const struct gic_bank *b, uint32_t ready, uint32_t first, struct gic_best *best)
{
	for (; ready; ready &= ready - 1) {
		uint32_t bit = (uint32_t)__builtin_ctz(ready);

		if (b->prio[bit] >= best->prio && best->intid != GIC_INTID_NONE)
			continue;
		best->intid = first + bit;
		best->prio = b->prio[bit];
		best->group = b->group >> bit & 1;
	}
}

struct gic_best gic_best_pending(const struct gic_state *s, uint32_t cpu)
{
	const struct gic_cpu *cc = &s->cpus[cpu];
	struct gic_best best = { GIC_INTID_NONE, GIC_PRIO_IDLE, 0 };
	uint32_t on0 = s->enable & GICD_CTLR_GRP(0) && cc->enable[0] ? ~0u : 0;
	uint32_t on1 = s->enable & GICD_CTLR_GRP(1) && cc->enable[1] ? ~0u : 0;

	for (uint32_t word = 0; word <= GIC_NR_SPI_BANKS; word++) {
		const struct gic_bank *b = word ? &s->spi[word - 1] : &cc->priv;
		uint32_t ready = gic_bank_pending(b) & b->enable & ~b->active;

		ready &= (on0 & ~b->group) | (on1 & b->group);
		if (word)
			ready &= cc->spi_mine[word - 1];
		bank_find_best(b, ready, word * 32, &best);
	}
	return best;
}

/* IHI 0069, 4.8.2 and 4.8.6: BPR0 = n leaves [7:n+1], the Non-secure BPR1 = n leaves [7:n]. */
uint32_t gic_prio_field(const struct gic_cpu *cc, uint32_t group)
{
	if (!group || cc->cbpr)
		return 0xff & ~0u << (cc->bpr[0] + 1);
	return 0xff & ~0u << cc->bpr[1];
}

uint32_t gic_running_prio(const struct gic_cpu *cc)
{
	uint32_t apr = cc->apr[0] | cc->apr[1];

	return apr ? (uint32_t)__builtin_ctz(apr) << (8 - GIC_PRIO_BITS) : GIC_PRIO_IDLE;
}

bool gic_preempts(const struct gic_cpu *cc, const struct gic_best *best)
{
	return best->intid != GIC_INTID_NONE && best->prio < cc->pmr &&
	       (best->prio & gic_prio_field(cc, best->group)) < gic_running_prio(cc);
}

/*
 * Group 0 would be an FIQ, which the core does not have: such an interrupt can be read
 * from ICC_IAR0_EL1, but never interrupts.
 */
static void gic_drive(struct gic *g, uint32_t cpu, bool force)
{
	struct gic_cpu *cc = &g->s.cpus[cpu];
	struct gic_best best = gic_best_pending(&g->s, cpu);
	bool out = best.group == 1 && gic_preempts(cc, &best);
	struct cpu *c = g->vm->cpus[cpu];

	if (!c || (out == cc->irq_out && !force))
		return;
	__atomic_store_n(&cc->irq_out, out, __ATOMIC_RELAXED);
	if (out) {
		cpu_pend(c, CPU_PEND_IRQ);
		soft_wake(c);
	} else {
		__atomic_fetch_and(&c->pending, ~(uint32_t)CPU_PEND_IRQ, __ATOMIC_SEQ_CST);
	}
}

void gic_update(struct gic *g, uint32_t cpu)
{
	gic_drive(g, cpu, false);
}

void gic_update_all(struct gic *g)
{
	for (uint32_t i = 0; i < g->nr_cpus; i++)
		gic_drive(g, i, false);
}

void gic_refresh_cpu(struct gic *g, uint32_t cpu)
{
	assert(cpu < g->nr_cpus);
	pthread_mutex_lock(&g->lock);
	gic_drive(g, cpu, true);
	pthread_mutex_unlock(&g->lock);
}

void gic_route(const struct gic *g, struct gic_state *s, uint32_t n)
{
	uint32_t target = gic_affinity_cpu(g, s->route[n]);
	uint32_t bit = 1u << n % 32;

	for (uint32_t i = 0; i < g->nr_cpus; i++) {
		if (i == target)
			s->cpus[i].spi_mine[n / 32] |= bit;
		else
			s->cpus[i].spi_mine[n / 32] &= ~bit;
	}
}

void gic_set_level(struct gic *g, uint32_t cpu, uint32_t intid, bool level)
{
	uint32_t bit = 1u << intid % 32;
	struct gic_bank *b;

	assert(intid >= 16 && intid < GIC_NR_INTIDS && cpu < g->nr_cpus);
	pthread_mutex_lock(&g->lock);
	b = gic_bank_at(&g->s, cpu, intid / 32);
	if (!(b->level & bit) != level) {
		pthread_mutex_unlock(&g->lock);
		return;
	}
	b->level ^= bit;
	if (level && b->edge & bit)
		b->latch |= bit;
	if (intid >= 32)
		cpu = gic_affinity_cpu(g, g->s.route[intid - 32]);
	if (cpu != GIC_CPU_NONE)
		gic_update(g, cpu);
	pthread_mutex_unlock(&g->lock);
}

bool gic_irq_pending(struct gic *g, uint32_t cpu)
{
	return __atomic_load_n(&g->s.cpus[cpu].irq_out, __ATOMIC_RELAXED);
}

void gic_reset_cpu(struct gic *g, uint32_t cpu)
{
	assert(cpu < g->nr_cpus);
	pthread_mutex_lock(&g->lock);
	gic_cpuif_reset(&g->s.cpus[cpu]);
	gic_drive(g, cpu, true);
	pthread_mutex_unlock(&g->lock);
}

int gic_create(struct soft_vm *vm, struct gic **ret, struct sm_err *e)
{
	struct gic *g = calloc(1, sizeof(*g));

	if (!g)
		return err_errno(e, ENOMEM, "interrupt controller");
	g->vm = vm;
	g->gicd_base = vm->gicd_base;
	g->gicr_base = vm->gicr_base;
	g->nr_cpus = vm->nr_vcpus;
	pthread_mutex_init(&g->lock, NULL);
	for (uint32_t i = 0; i < g->nr_cpus; i++) {
		g->s.cpus[i].priv.edge = GIC_SGI_EDGE;
		g->s.cpus[i].waker = 6; /* ProcessorSleep and ChildrenAsleep */
		gic_cpuif_reset(&g->s.cpus[i]);
	}
	for (uint32_t n = 0; n < GIC_NR_SPIS; n++)
		gic_route(g, &g->s, n);
	*ret = g;
	return 0;
}

void gic_destroy(struct gic *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static void bank_save(const struct gic_bank *b, struct buf *out)
{
	buf_put_u32(out, b->group);
	buf_put_u32(out, b->enable);
	buf_put_u32(out, b->latch);
	buf_put_u32(out, b->active);
	buf_put_u32(out, b->level);
	buf_put_u32(out, b->edge);
	buf_put(out, b->prio, sizeof(b->prio));
}

static bool bank_load(struct gic_bank *b, struct cursor *in)
{
	uint8_t low = 0;

	b->group = cursor_u32(in);
	b->enable = cursor_u32(in);
	b->latch = cursor_u32(in);
	b->active = cursor_u32(in);
	b->level = cursor_u32(in);
	b->edge = cursor_u32(in);
	cursor_get(in, b->prio, sizeof(b->prio));
	for (size_t i = 0; i < sizeof(b->prio); i++)
		low |= b->prio[i] & ~GIC_PRIO_MASK;
	return !low;
}

static void cpu_state_save(const struct gic_cpu *cc, struct buf *out)
{
	bank_save(&cc->priv, out);
	buf_put_u32(out, cc->waker);
	buf_put_u8(out, cc->pmr);
	buf_put_u8(out, cc->eoimode);
	buf_put_u8(out, cc->cbpr);
	for (int i = 0; i < 2; i++) {
		buf_put_u8(out, cc->bpr[i]);
		buf_put_u32(out, cc->apr[i]);
		buf_put_u8(out, cc->enable[i]);
	}
}

static bool cpu_state_load(struct gic_cpu *cc, struct cursor *in)
{
	bool ok = bank_load(&cc->priv, in);
	uint8_t eoimode, cbpr, enable;

	cc->waker = cursor_u32(in);
	cc->pmr = cursor_u8(in);
	eoimode = cursor_u8(in);
	cbpr = cursor_u8(in);
	ok = ok && !(cc->waker & ~6u) && !(cc->pmr & ~GIC_PRIO_MASK) && eoimode <= 1 && cbpr <= 1;
	cc->eoimode = eoimode;
	cc->cbpr = cbpr;
	for (uint32_t i = 0; i < 2; i++) {
		cc->bpr[i] = cursor_u8(in);
		cc->apr[i] = cursor_u32(in);
		enable = cursor_u8(in);
		cc->enable[i] = enable;
		ok = ok && cc->bpr[i] >= ICC_BPR_MIN(i) && cc->bpr[i] <= 7 && enable <= 1;
	}
	return ok && (cc->priv.edge & GIC_SGI_EDGE) == GIC_SGI_EDGE && !(cc->priv.level & GIC_SGI_EDGE);
}

int gic_save(struct gic *g, struct buf *out, struct sm_err *e)
{
	pthread_mutex_lock(&g->lock);
	buf_put_u32(out, GIC_STATE_VERSION);
	buf_put_u32(out, g->nr_cpus);
	buf_put_u32(out, GIC_NR_SPIS);
	buf_put_u32(out, g->s.enable);
	for (uint32_t i = 0; i < GIC_NR_SPI_BANKS; i++)
		bank_save(&g->s.spi[i], out);
	for (uint32_t n = 0; n < GIC_NR_SPIS; n++)
		buf_put_u64(out, g->s.route[n]);
	for (uint32_t i = 0; i < g->nr_cpus; i++)
		cpu_state_save(&g->s.cpus[i], out);
	pthread_mutex_unlock(&g->lock);
	return out->broken ? err_set(e, ENOMEM, "interrupt controller: no room for its state") : 0;
}

static bool state_load(const struct gic *g, struct gic_state *s, struct cursor *in)
{
	bool ok = true;

	s->enable = cursor_u32(in);
	ok = !(s->enable & ~3u);
	for (uint32_t i = 0; i < GIC_NR_SPI_BANKS; i++)
		ok = bank_load(&s->spi[i], in) && ok;
	for (uint32_t n = 0; n < GIC_NR_SPIS; n++) {
		s->route[n] = cursor_u64(in);
		ok = ok && !(s->route[n] & ~GICD_IROUTER_MASK);
		gic_route(g, s, n);
	}
	for (uint32_t i = 0; i < g->nr_cpus; i++)
		ok = cpu_state_load(&s->cpus[i], in) && ok;
	return ok && !in->broken;
}

int gic_load(struct gic *g, struct cursor *in, struct sm_err *e)
{
	uint32_t version = cursor_u32(in), nr_cpus = cursor_u32(in), nr_spis = cursor_u32(in);
	struct gic_state *s;

	if (in->broken || version != GIC_STATE_VERSION)
		return err_set(e, EINVAL, "interrupt controller state: version %u is not known", version);
	if (nr_cpus != g->nr_cpus || nr_spis != GIC_NR_SPIS)
		return err_set(e, EINVAL,
			       "interrupt controller state: of %u vCPUs and %u SPIs, not %u and %u", nr_cpus,
			       nr_spis, g->nr_cpus, GIC_NR_SPIS);
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_errno(e, ENOMEM, "interrupt controller state");
	if (!state_load(g, s, in)) {
		free(s);
		return err_set(e, EINVAL, "interrupt controller state: broken");
	}
	pthread_mutex_lock(&g->lock);
	g->s = *s;
	for (uint32_t i = 0; i < g->nr_cpus; i++)
		gic_drive(g, i, true);
	pthread_mutex_unlock(&g->lock);
	free(s);
	return 0;
}
