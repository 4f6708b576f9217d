/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPU interface as system registers (IHI 0069, 12.2): Non-secure EL1 of a PE without
 * EL2 and EL3.
 */
#include "hv/soft/gic.h"

#include <string.h>

#include "hv/soft/gic_impl.h"
#include "hv/soft/soft.h"

#define ICC(crm, op2) GIC_SYSREG(3, 0, 12, crm, op2)

enum {
	ICC_PMR_EL1 = GIC_SYSREG(3, 0, 4, 6, 0),
	ICC_IAR0_EL1 = ICC(8, 0),
	ICC_EOIR0_EL1 = ICC(8, 1),
	ICC_HPPIR0_EL1 = ICC(8, 2),
	ICC_BPR0_EL1 = ICC(8, 3),
	ICC_AP0R0_EL1 = ICC(8, 4),
	ICC_AP1R0_EL1 = ICC(9, 0),
	ICC_DIR_EL1 = ICC(11, 1),
	ICC_RPR_EL1 = ICC(11, 3),
	ICC_SGI1R_EL1 = ICC(11, 5),
	ICC_ASGI1R_EL1 = ICC(11, 6),
	ICC_SGI0R_EL1 = ICC(11, 7),
	ICC_IAR1_EL1 = ICC(12, 0),
	ICC_EOIR1_EL1 = ICC(12, 1),
	ICC_HPPIR1_EL1 = ICC(12, 2),
	ICC_BPR1_EL1 = ICC(12, 3),
	ICC_CTLR_EL1 = ICC(12, 4),
	ICC_SRE_EL1 = ICC(12, 5),
	ICC_IGRPEN0_EL1 = ICC(12, 6),
	ICC_IGRPEN1_EL1 = ICC(12, 7),
};

#define ICC_CTLR_CBPR 1u
#define ICC_CTLR_EOIMODE 2u
#define ICC_CTLR_PRIBITS ((GIC_PRIO_BITS - 1u) << 8)
/* SRE, and FIQ/IRQ bypass disabled; all RAO/WI. */
#define ICC_SRE_ALL 7u
#define ICC_SGIR_IRM (1ULL << 40)

void gic_cpuif_reset(struct gic_cpu *cc)
{
	cc->pmr = 0;
	for (uint32_t i = 0; i < 2; i++) {
		cc->bpr[i] = ICC_BPR_MIN(i);
		cc->apr[i] = 0;
		cc->enable[i] = false;
	}
	cc->eoimode = false;
	cc->cbpr = false;
}

static uint32_t iar_read(struct gic *g, uint32_t cpu, uint32_t group)
{
	struct gic_cpu *cc = &g->s.cpus[cpu];
	struct gic_best best = gic_best_pending(&g->s, cpu);
	struct gic_bank *b;
	uint32_t bit;

	if (best.group != group || !gic_preempts(cc, &best))
		return GIC_INTID_NONE;
	b = gic_bank_at(&g->s, cpu, best.intid / 32);
	bit = 1u << best.intid % 32;
	b->active |= bit;
	b->latch &= ~bit;
	cc->apr[group] |= 1u << (best.prio & gic_prio_field(cc, group)) / (1u << (8 - GIC_PRIO_BITS));
	gic_update(g, cpu);
	return best.intid;
}

static uint32_t hppir_read(const struct gic *g, uint32_t cpu, uint32_t group)
{
	struct gic_best best = gic_best_pending(&g->s, cpu);

	return best.group == group ? best.intid : GIC_INTID_NONE;
}

/* The active state of an SPI is shared: whoever deactivates it may be somebody else's target. */
static void deactivate(struct gic *g, uint32_t cpu, uint32_t intid)
{
	struct gic_bank *b = intid < GIC_NR_INTIDS ? gic_bank_at(&g->s, cpu, intid / 32) : NULL;

	if (!b)
		return;
	b->active &= ~(1u << intid % 32);
	if (intid >= 32) {
		uint32_t target = gic_affinity_cpu(g, g->s.route[intid - 32]);

		if (target != cpu && target != GIC_CPU_NONE)
			gic_update(g, target);
	}
	gic_update(g, cpu);
}

static void eoir_write(struct gic *g, uint32_t cpu, uint32_t group, uint32_t intid)
{
	struct gic_cpu *cc = &g->s.cpus[cpu];
	uint32_t all = cc->apr[0] | cc->apr[1];

	if (intid >= GIC_NR_INTIDS)
		return;
	/* Only the highest active priority drops, and only for its own group. */
	if (!(cc->apr[group] & (all & -all)))
		return;
	cc->apr[group] &= cc->apr[group] - 1;
	if (cc->eoimode)
		gic_update(g, cpu);
	else
		deactivate(g, cpu, intid);
}

static uint32_t bpr_read(const struct gic_cpu *cc, uint32_t group)
{
	if (group && cc->cbpr)
		return cc->bpr[0] < 7 ? cc->bpr[0] + 1u : 7;
	return cc->bpr[group];
}

static void bpr_write(struct gic_cpu *cc, uint32_t group, uint32_t v)
{
	v &= 7;
	if (group && cc->cbpr)
		return;
	cc->bpr[group] = (uint8_t)(v < ICC_BPR_MIN(group) ? ICC_BPR_MIN(group) : v);
}

static void sgi_pend(struct gic *g, uint32_t cpu, uint32_t intid, bool any_group)
{
	struct gic_bank *b = &g->s.cpus[cpu].priv;

	if (!any_group && b->group >> intid & 1)
		return;
	b->latch |= 1u << intid;
	gic_update(g, cpu);
}

/*
 * ICC_SGI1R_EL1 makes SGIs of either group, the other two only of group 0. The range
 * selector is RES0 (GICD_TYPER.RSS = 0): 16 targets per Aff1.
 */
static void sgi_write(struct gic *g, uint32_t cpu, uint64_t v, bool any_group)
{
	uint32_t intid = v >> 24 & 15;
	uint64_t cluster = (v >> 48 & 0xff) << 32 | (v >> 32 & 0xff) << 16 | (v >> 16 & 0xff) << 8;
	uint32_t list = v & 0xffff;

	if (v & ICC_SGIR_IRM) {
		for (uint32_t i = 0; i < g->nr_cpus; i++)
			if (i != cpu)
				sgi_pend(g, i, intid, any_group);
		return;
	}
	for (; list; list &= list - 1) {
		uint32_t target = gic_affinity_cpu(g, cluster | (uint32_t)__builtin_ctz(list));

		if (target != GIC_CPU_NONE)
			sgi_pend(g, target, intid, any_group);
	}
}

static bool cpuif_read(struct gic *g, uint32_t cpu, uint32_t reg, uint64_t *ret)
{
	const struct gic_cpu *cc = &g->s.cpus[cpu];

	switch (reg) {
	case ICC_IAR0_EL1:
	case ICC_IAR1_EL1:
		*ret = iar_read(g, cpu, reg == ICC_IAR1_EL1);
		return true;
	case ICC_HPPIR0_EL1:
	case ICC_HPPIR1_EL1:
		*ret = hppir_read(g, cpu, reg == ICC_HPPIR1_EL1);
		return true;
	case ICC_PMR_EL1:
		*ret = cc->pmr;
		return true;
	case ICC_RPR_EL1:
		*ret = gic_running_prio(cc);
		return true;
	case ICC_BPR0_EL1:
	case ICC_BPR1_EL1:
		*ret = bpr_read(cc, reg == ICC_BPR1_EL1);
		return true;
	case ICC_AP0R0_EL1:
	case ICC_AP1R0_EL1:
		*ret = cc->apr[reg == ICC_AP1R0_EL1];
		return true;
	case ICC_CTLR_EL1:
		*ret = ICC_CTLR_PRIBITS | (cc->eoimode ? ICC_CTLR_EOIMODE : 0) |
		       (cc->cbpr ? ICC_CTLR_CBPR : 0);
		return true;
	case ICC_SRE_EL1:
		*ret = ICC_SRE_ALL;
		return true;
	case ICC_IGRPEN0_EL1:
	case ICC_IGRPEN1_EL1:
		*ret = cc->enable[reg == ICC_IGRPEN1_EL1];
		return true;
	default:
		return false;
	}
}

/* Registers that change what this CPU may be interrupted by. */
static bool cpuif_configure(struct gic_cpu *cc, uint32_t reg, uint64_t v)
{
	switch (reg) {
	case ICC_PMR_EL1:
		cc->pmr = v & GIC_PRIO_MASK;
		return true;
	case ICC_BPR0_EL1:
	case ICC_BPR1_EL1:
		bpr_write(cc, reg == ICC_BPR1_EL1, (uint32_t)v);
		return true;
	case ICC_AP0R0_EL1:
	case ICC_AP1R0_EL1:
		cc->apr[reg == ICC_AP1R0_EL1] = (uint32_t)v;
		return true;
	case ICC_CTLR_EL1:
		cc->eoimode = v & ICC_CTLR_EOIMODE;
		cc->cbpr = v & ICC_CTLR_CBPR;
		return true;
	case ICC_IGRPEN0_EL1:
	case ICC_IGRPEN1_EL1:
		cc->enable[reg == ICC_IGRPEN1_EL1] = v & 1;
		return true;
	case ICC_SRE_EL1:
		return true;
	default:
		return false;
	}
}

static bool cpuif_write(struct gic *g, uint32_t cpu, uint32_t reg, uint64_t v)
{
	switch (reg) {
	case ICC_EOIR0_EL1:
	case ICC_EOIR1_EL1:
		eoir_write(g, cpu, reg == ICC_EOIR1_EL1, v & 0xffffff);
		return true;
	case ICC_DIR_EL1:
		if (g->s.cpus[cpu].eoimode)
			deactivate(g, cpu, v & 0xffffff);
		return true;
	case ICC_SGI1R_EL1:
	case ICC_ASGI1R_EL1:
	case ICC_SGI0R_EL1:
		sgi_write(g, cpu, v, reg == ICC_SGI1R_EL1);
		return true;
	default:
		if (!cpuif_configure(&g->s.cpus[cpu], reg, v))
			return false;
		gic_update(g, cpu);
		return true;
	}
}

bool gic_sysreg_read(struct gic *g, uint32_t cpu, uint32_t reg, uint64_t *ret)
{
	bool known;

	pthread_mutex_lock(&g->lock);
	known = cpuif_read(g, cpu, reg, ret);
	pthread_mutex_unlock(&g->lock);
	return known;
}

bool gic_sysreg_write(struct gic *g, uint32_t cpu, uint32_t reg, uint64_t value)
{
	bool known;

	pthread_mutex_lock(&g->lock);
	known = cpuif_write(g, cpu, reg, value);
	pthread_mutex_unlock(&g->lock);
	return known;
}
