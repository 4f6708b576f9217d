/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Distributor (IHI 0069, 12.9) and redistributors (12.11). The registers that exist once
 * per 32 interrupts sit at the same offsets in the distributor and in each SGI frame, so
 * one pair of functions serves both.
 */
#include "hv/soft/gic.h"

#include "hv/soft/gic_impl.h"
#include "hv/soft/soft.h"

/* Product 'S', implementer 0 as in MIDR_EL1: no driver's list of errata knows it. */
#define GIC_IIDR 0x53000000u

enum {
	GICD_CTLR = 0x0,
	GICD_TYPER = 0x4,
	GICD_IIDR = 0x8,
	GICD_IROUTER = 0x6000,
	GICR_CTLR = 0x0,
	GICR_IIDR = 0x4,
	GICR_TYPER = 0x8,
	GICR_WAKER = 0x14,
	GIC_IGROUPR = 0x80,
	GIC_ISENABLER = 0x100,
	GIC_ICENABLER = 0x180,
	GIC_ISPENDR = 0x200,
	GIC_ICPENDR = 0x280,
	GIC_ISACTIVER = 0x300,
	GIC_ICACTIVER = 0x380,
	GIC_IPRIORITYR = 0x400,
	GIC_ITARGETSR = 0x800,
	GIC_ICFGR = 0xc00,
	GIC_ICFGR_END = 0xd00,
	GIC_ID = 0xffd0,
};

/* One of the 64 KiB frames: `cpu` is -1 for the distributor; `sgi` names the second of a pair. */
struct gic_frame {
	int cpu;
	bool sgi;
	uint32_t off;
};

bool gic_mmio_hit(const struct gic *g, uint64_t gpa)
{
	return gpa - g->gicd_base < GICD_SIZE || gpa - g->gicr_base < (uint64_t)GICR_STRIDE * g->nr_cpus;
}

static bool frame_of(const struct gic *g, uint64_t gpa, uint8_t len, struct gic_frame *ret)
{
	uint64_t off = gpa - g->gicd_base;

	if ((len != 1 && len != 2 && len != 4 && len != 8) || gpa % len)
		return false;
	if (off < GICD_SIZE) {
		*ret = (struct gic_frame){ -1, false, (uint32_t)off };
		return true;
	}
	off = gpa - g->gicr_base;
	if (off >= (uint64_t)GICR_STRIDE * g->nr_cpus)
		return false;
	*ret = (struct gic_frame){ (int)(off / GICR_STRIDE), off & GICR_SGI_FRAME,
				   (uint32_t)off & (GICR_SGI_FRAME - 1) };
	return true;
}

/* The bank of 32 behind a frame; NULL: RAZ/WI (word 0 of the distributor, 12.9 with ARE). */
static struct gic_bank *frame_bank(struct gic *g, const struct gic_frame *f, uint32_t word)
{
	if (f->cpu < 0)
		return word ? gic_bank_at(&g->s, 0, word) : NULL;
	return f->sgi && !word ? &g->s.cpus[f->cpu].priv : NULL;
}

static bool off_has_bank(const struct gic_frame *f)
{
	return (f->cpu < 0 || f->sgi) && f->off >= GIC_IGROUPR && f->off < GIC_ICFGR_END;
}

static bool off_is_prio(const struct gic_frame *f)
{
	return off_has_bank(f) && f->off >= GIC_IPRIORITYR && f->off < GIC_ITARGETSR;
}

/* Which word of 32 the offset speaks of. */
static uint32_t off_word(uint32_t off)
{
	if (off < GIC_IPRIORITYR)
		return (off & 0x7f) / 4;
	if (off < GIC_ICFGR)
		return (off & 0x3ff) / 32;
	return (off - GIC_ICFGR) / 8;
}

/* Sixteen 2-bit fields, bit 1 of each: edge. */
static uint32_t icfgr_expand(uint32_t edge16)
{
	uint32_t v = 0;

	for (int i = 0; i < 16; i++)
		v |= (edge16 >> i & 1) << (2 * i + 1);
	return v;
}

static uint32_t icfgr_collect(uint32_t v)
{
	uint32_t edge16 = 0;

	for (int i = 0; i < 16; i++)
		edge16 |= (v >> (2 * i + 1) & 1) << i;
	return edge16;
}

static uint32_t bank_read(const struct gic_bank *b, uint32_t off)
{
	switch (off & ~0x7fu) {
	case GIC_IGROUPR:
		return b->group;
	case GIC_ISENABLER:
	case GIC_ICENABLER:
		return b->enable;
	case GIC_ISPENDR:
	case GIC_ICPENDR:
		return gic_bank_pending(b);
	case GIC_ISACTIVER:
	case GIC_ICACTIVER:
		return b->active;
	default:
		if (off < GIC_ICFGR)
			return 0;
		return icfgr_expand(b->edge >> (off & 4 ? 16 : 0) & 0xffff);
	}
}

static void bank_write(struct gic_bank *b, uint32_t off, uint32_t v, bool private)
{
	switch (off & ~0x7fu) {
	case GIC_IGROUPR:
		b->group = v;
		break;
	case GIC_ISENABLER:
		b->enable |= v;
		break;
	case GIC_ICENABLER:
		b->enable &= ~v;
		break;
	case GIC_ISPENDR:
		b->latch |= v;
		break;
	case GIC_ICPENDR:
		b->latch &= ~v;
		break;
	case GIC_ISACTIVER:
		b->active |= v;
		break;
	case GIC_ICACTIVER:
		b->active &= ~v;
		break;
	default:
		if (off < GIC_ICFGR)
			break;
		v = icfgr_collect(v);
		b->edge = off & 4 ? (b->edge & 0xffff) | v << 16 : (b->edge & ~0xffffu) | v;
		if (private)
			b->edge |= GIC_SGI_EDGE;
	}
}

static uint32_t id_read(uint32_t off)
{
	/* PIDR4..7, PIDR0..3, CIDR0..3; PIDR2.ArchRev = 3 says GICv3. */
	static const uint8_t id[12] = { 0x04, 0, 0, 0, 0x92, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1 };

	return id[(off - GIC_ID) / 4 % 12];
}

static uint32_t dist_read(const struct gic *g, uint32_t off)
{
	uint32_t n;

	switch (off) {
	case GICD_CTLR:
		return g->s.enable | GICD_CTLR_ARE | GICD_CTLR_DS;
	case GICD_TYPER:
		/* ITLinesNumber, 10 bits of INTID, No1N */
		return (GIC_NR_INTIDS / 32 - 1) | 9u << 19 | 1u << 25;
	case GICD_IIDR:
		return GIC_IIDR;
	default:
		n = (off - GICD_IROUTER) / 8 - 32;
		if (off < GICD_IROUTER || n >= GIC_NR_SPIS)
			return 0;
		return (uint32_t)(g->s.route[n] >> (off & 4 ? 32 : 0));
	}
}

static void dist_write(struct gic *g, uint32_t off, uint32_t v)
{
	uint32_t n;

	if (off == GICD_CTLR) {
		g->s.enable = v & (GICD_CTLR_GRP(0) | GICD_CTLR_GRP(1));
		return;
	}
	n = (off - GICD_IROUTER) / 8 - 32;
	if (off < GICD_IROUTER || n >= GIC_NR_SPIS)
		return;
	if (off & 4)
		g->s.route[n] = (g->s.route[n] & UINT32_MAX) | (uint64_t)v << 32;
	else
		g->s.route[n] = (g->s.route[n] & ~(uint64_t)UINT32_MAX) | v;
	g->s.route[n] &= GICD_IROUTER_MASK;
	gic_route(g, &g->s, n);
}

static uint32_t redist_read(const struct gic *g, uint32_t cpu, uint32_t off)
{
	switch (off) {
	case GICR_IIDR:
		return GIC_IIDR;
	case GICR_TYPER: /* Processor_Number, Last */
		return cpu << 8 | (cpu + 1 == g->nr_cpus ? 1u << 4 : 0);
	case GICR_TYPER + 4:
		return (uint32_t)gic_affinity(cpu);
	case GICR_WAKER:
		return g->s.cpus[cpu].waker;
	default:
		return 0;
	}
}

static uint32_t frame_read32(struct gic *g, const struct gic_frame *f)
{
	if (f->off >= GIC_ID)
		return id_read(f->off);
	if (off_has_bank(f)) {
		const struct gic_bank *b = frame_bank(g, f, off_word(f->off));

		return b ? bank_read(b, f->off) : 0;
	}
	if (f->cpu < 0)
		return dist_read(g, f->off);
	return f->sgi ? 0 : redist_read(g, (uint32_t)f->cpu, f->off);
}

static void frame_write32(struct gic *g, const struct gic_frame *f, uint32_t v)
{
	if (off_has_bank(f)) {
		struct gic_bank *b = frame_bank(g, f, off_word(f->off));

		if (b)
			bank_write(b, f->off, v, f->cpu >= 0);
	} else if (f->cpu < 0) {
		dist_write(g, f->off, v);
	} else if (!f->sgi && f->off == GICR_WAKER) {
		/*
		 * ChildrenAsleep follows ProcessorSleep at once. A sleeping redistributor
		 * still delivers: its CPU wakes for interrupts anyway.
		 */
		g->s.cpus[f->cpu].waker = v & 2 ? 6 : 0;
	}
}

/* GICx_IPRIORITYR is byte-accessible. */
static uint8_t *prio_at(struct gic *g, const struct gic_frame *f, uint32_t i)
{
	struct gic_bank *b = frame_bank(g, f, off_word(f->off + i));

	return b ? &b->prio[(f->off + i) % 32] : NULL;
}

uint64_t gic_mmio_read(struct gic *g, uint64_t gpa, uint8_t len)
{
	struct gic_frame f;
	uint64_t v = 0;

	if (!frame_of(g, gpa, len, &f))
		return 0;
	pthread_mutex_lock(&g->lock);
	if (off_is_prio(&f)) {
		for (uint32_t i = 0; i < len; i++) {
			const uint8_t *p = prio_at(g, &f, i);

			v |= (uint64_t)(p ? *p : 0) << 8 * i;
		}
	} else if (len >= 4) {
		v = frame_read32(g, &f);
		f.off += 4;
		if (len == 8)
			v |= (uint64_t)frame_read32(g, &f) << 32;
	}
	pthread_mutex_unlock(&g->lock);
	return v;
}

void gic_mmio_write(struct gic *g, uint64_t gpa, uint8_t len, uint64_t value)
{
	struct gic_frame f;

	if (!frame_of(g, gpa, len, &f))
		return;
	pthread_mutex_lock(&g->lock);
	if (off_is_prio(&f)) {
		for (uint32_t i = 0; i < len; i++) {
			uint8_t *p = prio_at(g, &f, i);

			if (p)
				*p = (uint8_t)(value >> 8 * i) & GIC_PRIO_MASK;
		}
	} else if (len >= 4) {
		frame_write32(g, &f, (uint32_t)value);
		f.off += 4;
		if (len == 8)
			frame_write32(g, &f, (uint32_t)(value >> 32));
	}
	gic_update_all(g);
	pthread_mutex_unlock(&g->lock);
}
