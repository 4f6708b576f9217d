/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/test_rig.h"

#include <errno.h>

static void spi_enable(const struct rig *r, uint32_t intid, bool edge)
{
	uint32_t icfgr = 0xc00 + intid / 16 * 4, bit = 2u << intid % 16 * 2;

	rig_gicd_set(r, icfgr, (rig_gicd(r, icfgr) & ~bit) | (edge ? bit : 0));
	rig_gicd_set(r, 0x100 + intid / 32 * 4, 1u << intid % 32);
}

static void spi_prio(const struct rig *r, uint32_t intid, uint8_t prio)
{
	gic_mmio_write(r->vm->gic, RIG_GICD + 0x400 + intid, 1, prio);
}

static void spi_pulse(const struct rig *r, uint32_t intid)
{
	gic_set_level(r->vm->gic, 0, intid, true);
	gic_set_level(r->vm->gic, 0, intid, false);
}

static void identifies_as_gicv3(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 18);
	assert_int_equal(rig_gicd(&r, 0xffe8) & 0xf0, 0x30);
	assert_int_equal(rig_gicd(&r, 4) & 0x1f, 3);
	assert_int_equal(rig_gicd(&r, 4) >> 19 & 0x1f, 9);
	assert_int_equal(rig_gicd(&r, 0) & 0x50, 0x50);
	for (uint32_t i = 0; i < 18; i++) {
		uint64_t typer = gic_mmio_read(r.vm->gic, RIG_GICR + 0x20000 * i + 8, 8);

		assert_int_equal(typer >> 32, i / 16 * 256 + i % 16);
		assert_int_equal(typer >> 8 & 0xffff, i);
		assert_int_equal(typer >> 4 & 1, i == 17);
		assert_int_equal(rig_gicr(&r, i, 0xffe8) & 0xf0, 0x30);
		assert_int_equal(rig_gicr(&r, i, 0x14), 6);
		rig_gicr_set(&r, i, 0x14, 0);
		assert_int_equal(rig_gicr(&r, i, 0x14), 0);
	}
	assert_true(gic_mmio_hit(r.vm->gic, RIG_GICD + 0xffff));
	assert_false(gic_mmio_hit(r.vm->gic, RIG_GICD + 0x10000));
	assert_true(gic_mmio_hit(r.vm->gic, RIG_GICR + 18 * 0x20000 - 1));
	assert_false(gic_mmio_hit(r.vm->gic, RIG_GICR + 18 * 0x20000));
	assert_int_equal(rig_sysreg(&r, 0, R_SRE), 7);
	assert_int_equal(rig_sysreg(&r, 0, R_CTLR) >> 8 & 7, 4);
	rig_fini(&r);
}

static void edge_spi_is_taken_once(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	rig_gic_on(&r);
	spi_enable(&r, 40, true);
	spi_pulse(&r, 40);
	assert_true(rig_irq(&r, 0));
	assert_false(rig_irq(&r, 1));
	assert_true(gic_irq_pending(r.vm->gic, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_HPPIR1), 40);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 40);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 1023);
	assert_int_equal(rig_gicd(&r, 0x304), 1u << 8);
	/* Again while active: pending, delivered after the end. */
	spi_pulse(&r, 40);
	assert_false(rig_irq(&r, 0));
	rig_sysreg_set(&r, 0, R_EOIR1, 40);
	assert_true(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 40);
	rig_sysreg_set(&r, 0, R_EOIR1, 40);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(rig_gicd(&r, 0x304), 0);
	rig_fini(&r);
}

static void level_spi_follows_its_line(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	spi_enable(&r, 33, false);
	gic_set_level(r.vm->gic, 0, 33, true);
	assert_true(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 33);
	rig_sysreg_set(&r, 0, R_EOIR1, 33);
	assert_true(rig_irq(&r, 0));
	gic_set_level(r.vm->gic, 0, 33, false);
	assert_false(rig_irq(&r, 0));
	/* The latch of ISPENDR is apart from the line. */
	rig_gicd_set(&r, 0x204, 2);
	assert_true(rig_irq(&r, 0));
	rig_gicd_set(&r, 0x284, 2);
	assert_false(rig_irq(&r, 0));
	gic_set_level(r.vm->gic, 0, 33, true);
	rig_gicd_set(&r, 0x284, 2);
	assert_true(rig_irq(&r, 0));
	rig_fini(&r);
}

static void priority_mask_holds_back(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	spi_enable(&r, 40, true);
	rig_sysreg_set(&r, 0, R_PMR, 0xa0);
	spi_pulse(&r, 40);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 1023);
	assert_int_equal(rig_sysreg(&r, 0, R_HPPIR1), 40);
	rig_sysreg_set(&r, 0, R_PMR, 0xa8);
	assert_true(rig_irq(&r, 0));
	/* Only the implemented bits are kept. */
	rig_sysreg_set(&r, 0, R_PMR, 0xff);
	assert_int_equal(rig_sysreg(&r, 0, R_PMR), 0xf8);
	spi_prio(&r, 40, 0x47);
	assert_int_equal(rig_gicd(&r, 0x428) & 0xff, 0x40);
	rig_fini(&r);
}

static void higher_priority_preempts(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	for (uint32_t i = 40; i < 44; i++)
		spi_enable(&r, i, true);
	spi_prio(&r, 40, 0x80);
	spi_prio(&r, 41, 0x80);
	spi_prio(&r, 42, 0x40);
	spi_pulse(&r, 41);
	spi_pulse(&r, 40);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 40); /* the lower INTID of equals */
	assert_int_equal(rig_sysreg(&r, 0, R_RPR), 0x80);
	assert_false(rig_irq(&r, 0));
	spi_pulse(&r, 42);
	assert_true(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 42);
	assert_int_equal(rig_sysreg(&r, 0, R_RPR), 0x40);
	assert_int_equal(rig_sysreg(&r, 0, R_AP1R0), 1u << 8 | 1u << 16);
	rig_sysreg_set(&r, 0, R_EOIR1, 42);
	assert_int_equal(rig_sysreg(&r, 0, R_RPR), 0x80);
	assert_false(rig_irq(&r, 0));
	rig_sysreg_set(&r, 0, R_EOIR1, 40);
	assert_int_equal(rig_sysreg(&r, 0, R_RPR), 0xff);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 41);
	rig_fini(&r);
}

static void binary_point_limits_preemption(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	rig_sysreg_set(&r, 0, R_BPR1, 0);
	assert_int_equal(rig_sysreg(&r, 0, R_BPR1), 3);
	rig_sysreg_set(&r, 0, R_BPR1, 7); /* one bit of group priority */
	spi_enable(&r, 40, true);
	spi_enable(&r, 41, true);
	spi_prio(&r, 40, 0x60);
	spi_prio(&r, 41, 0x10);
	spi_pulse(&r, 40);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 40);
	spi_pulse(&r, 41);
	assert_false(rig_irq(&r, 0));
	rig_sysreg_set(&r, 0, R_BPR1, 5);
	assert_true(rig_gicd(&r, 0x204) & 1u << 9);
	rig_sysreg_set(&r, 0, R_EOIR1, 40);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 41);
	/* CBPR: group 1 goes by BPR0, and sees it one higher. */
	rig_sysreg_set(&r, 0, R_CTLR, 1);
	rig_sysreg_set(&r, 0, R_BPR0, 4);
	assert_int_equal(rig_sysreg(&r, 0, R_BPR1), 5);
	rig_sysreg_set(&r, 0, R_BPR1, 7);
	rig_sysreg_set(&r, 0, R_CTLR, 0);
	assert_int_equal(rig_sysreg(&r, 0, R_BPR1), 5);
	rig_fini(&r);
}

static void eoimode_splits_drop_and_deactivation(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	spi_enable(&r, 40, true);
	rig_sysreg_set(&r, 0, R_CTLR, 2);
	assert_int_equal(rig_sysreg(&r, 0, R_CTLR) & 3, 2);
	spi_pulse(&r, 40);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 40);
	rig_sysreg_set(&r, 0, R_EOIR1, 40);
	assert_int_equal(rig_sysreg(&r, 0, R_RPR), 0xff);
	assert_int_equal(rig_gicd(&r, 0x304), 1u << 8);
	spi_pulse(&r, 40);
	assert_false(rig_irq(&r, 0));
	rig_sysreg_set(&r, 0, R_DIR, 40);
	assert_int_equal(rig_gicd(&r, 0x304), 0);
	assert_true(rig_irq(&r, 0));
	/* With EOImode 0, DIR is ignored. */
	rig_sysreg_set(&r, 0, R_CTLR, 0);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 40);
	rig_sysreg_set(&r, 0, R_DIR, 40);
	assert_int_equal(rig_gicd(&r, 0x304), 1u << 8);
	rig_fini(&r);
}

static void sgi_reaches_its_list(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 20);
	rig_gic_on(&r);
	/* Aff1 0, CPUs 1, 3 and (absent bits aside) 15 */
	rig_sysreg_set(&r, 0, R_SGI1R, 5u << 24 | 1u << 1 | 1u << 3 | 1u << 15);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(rig_irq(&r, i), i == 1 || i == 3 || i == 15);
	assert_int_equal(rig_sysreg(&r, 3, R_IAR1), 5);
	rig_sysreg_set(&r, 3, R_EOIR1, 5);
	assert_false(rig_irq(&r, 3));
	assert_true(rig_irq(&r, 15));
	/* Aff1 1 has CPUs 16..19 only. */
	rig_sysreg_set(&r, 0, R_SGI1R, 6u << 24 | 1u << 16 | 0xfff4);
	assert_true(rig_irq(&r, 18));
	assert_false(rig_irq(&r, 16));
	assert_int_equal(rig_sysreg(&r, 18, R_IAR1), 6);
	/* Nobody has Aff2 1 or Aff3 1. */
	rig_sysreg_set(&r, 0, R_SGI1R, 7ULL << 24 | 1ULL << 32 | 1);
	rig_sysreg_set(&r, 0, R_SGI1R, 7ULL << 24 | 1ULL << 48 | 1);
	assert_false(rig_irq(&r, 0));
	/* To itself, and to all but itself. */
	rig_sysreg_set(&r, 2, R_SGI1R, 4);
	assert_int_equal(rig_sysreg(&r, 2, R_IAR1), 0);
	rig_sysreg_set(&r, 2, R_EOIR1, 0);
	rig_sysreg_set(&r, 2, R_SGI1R, 9ULL << 24 | 1ULL << 40);
	for (uint32_t i = 0; i < 20; i++)
		assert_int_equal(rig_gicr(&r, i, 0x10200) >> 9 & 1, i != 2);
	rig_fini(&r);
}

static void disabled_group_is_silent(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 1);
	rig_gic_on(&r);
	spi_enable(&r, 40, true);
	rig_gicd_set(&r, 0, 0);
	spi_pulse(&r, 40);
	assert_false(rig_irq(&r, 0));
	rig_gicd_set(&r, 0, 2);
	assert_true(rig_irq(&r, 0));
	rig_sysreg_set(&r, 0, R_IGRPEN1, 0);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 1023);
	/* In group 0 it is no IRQ, but IAR0 takes it. */
	rig_gicd_set(&r, 0x84, 0);
	rig_gicd_set(&r, 0, 3);
	rig_sysreg_set(&r, 0, R_IGRPEN0, 1);
	rig_sysreg_set(&r, 0, R_IGRPEN1, 1);
	assert_false(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 1023);
	assert_int_equal(rig_sysreg(&r, 0, R_IAR0), 40);
	/* SGI0R makes no SGIs of group 1. */
	rig_sysreg_set(&r, 0, R_SGI0R, 3u << 24 | 1);
	assert_int_equal(rig_gicr(&r, 0, 0x10200), 0);
	rig_fini(&r);
}

static void ppis_are_private(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	rig_gic_on(&r);
	gic_set_level(r.vm->gic, 1, 27, true);
	assert_false(rig_irq(&r, 0));
	assert_true(rig_irq(&r, 1));
	assert_int_equal(rig_sysreg(&r, 1, R_IAR1), 27);
	gic_set_level(r.vm->gic, 1, 27, false);
	rig_sysreg_set(&r, 1, R_EOIR1, 27);
	assert_false(rig_irq(&r, 1));
	/* The distributor's words for INTIDs 0 to 31 are RAZ/WI. */
	rig_gicd_set(&r, 0x200, ~0u);
	assert_int_equal(rig_gicd(&r, 0x200) | rig_gicd(&r, 0x100) | rig_gicd(&r, 0x400), 0);
	/* SGIs are edge-triggered whatever is written. */
	rig_gicr_set(&r, 0, 0x10c00, 0);
	assert_int_equal(rig_gicr(&r, 0, 0x10c00), 0xaaaaaaaa);
	rig_fini(&r);
}

static void spi_goes_where_it_is_routed(void **state)
{
	struct rig r;

	(void)state;
	rig_init(&r, 18);
	rig_gic_on(&r);
	spi_enable(&r, 127, true);
	gic_mmio_write(r.vm->gic, RIG_GICD + 0x6000 + 8 * 127, 8, 0x101);
	assert_int_equal(gic_mmio_read(r.vm->gic, RIG_GICD + 0x6000 + 8 * 127, 8), 0x101);
	spi_pulse(&r, 127);
	for (uint32_t i = 0; i < 18; i++)
		assert_int_equal(rig_irq(&r, i), i == 17);
	rig_gicd_set(&r, 0x6000 + 8 * 127, 2);
	assert_true(rig_irq(&r, 2));
	assert_false(rig_irq(&r, 17));
	/* Nowhere: it stays pending. */
	rig_gicd_set(&r, 0x6000 + 8 * 127 + 4, 1);
	assert_false(rig_irq(&r, 2));
	rig_gicd_set(&r, 0x6000 + 8 * 127, 18);
	rig_gicd_set(&r, 0x6000 + 8 * 127 + 4, 0);
	for (uint32_t i = 0; i < 18; i++)
		assert_false(rig_irq(&r, i));
	rig_gicd_set(&r, 0x6000 + 8 * 127, 0);
	assert_true(rig_irq(&r, 0));
	rig_fini(&r);
}

static void unknown_registers_are_refused(void **state)
{
	struct rig r;
	uint64_t v;

	(void)state;
	rig_init(&r, 1);
	/* With 5 priority bits there is one active priorities register per group. */
	assert_false(gic_sysreg_read(r.vm->gic, 0, RIG_ICC(8, 5), &v));
	assert_false(gic_sysreg_write(r.vm->gic, 0, RIG_ICC(9, 1), 0));
	assert_false(gic_sysreg_read(r.vm->gic, 0, RIG_ICC(12, 1), &v)); /* EOIR1 is write-only */
	assert_false(gic_sysreg_write(r.vm->gic, 0, RIG_ICC(12, 0), 0)); /* IAR1 is read-only */
	rig_fini(&r);
}

static void state_survives_a_round_trip(void **state)
{
	struct buf first, second;
	struct rig a, b;
	struct cursor in;

	(void)state;
	rig_init(&a, 3);
	rig_gic_on(&a);
	spi_enable(&a, 40, true);
	spi_enable(&a, 33, false);
	gic_mmio_write(a.vm->gic, RIG_GICD + 0x6000 + 8 * 33, 8, 2);
	spi_pulse(&a, 40);
	assert_int_equal(rig_sysreg(&a, 0, R_IAR1), 40);
	gic_set_level(a.vm->gic, 0, 33, true);
	rig_sysreg_set(&a, 0, R_SGI1R, 3u << 24 | 2);
	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	assert_int_equal(gic_save(a.vm->gic, &first, NULL), 0);
	rig_init(&b, 3);
	in = cursor_of(first.data, first.len);
	assert_int_equal(gic_load(b.vm->gic, &in, NULL), 0);
	assert_true(cursor_done(&in));
	assert_int_equal(gic_save(b.vm->gic, &second, NULL), 0);
	assert_int_equal(first.len, second.len);
	assert_memory_equal(first.data, second.data, first.len);
	assert_false(rig_irq(&b, 0));
	assert_true(rig_irq(&b, 1));
	assert_true(rig_irq(&b, 2));
	assert_int_equal(rig_sysreg(&b, 2, R_IAR1), 33);
	spi_pulse(&b, 40);
	assert_false(rig_irq(&b, 0));
	rig_sysreg_set(&b, 0, R_EOIR1, 40);
	assert_int_equal(rig_sysreg(&b, 0, R_IAR1), 40);
	buf_fini(&first);
	buf_fini(&second);
	rig_fini(&a);
	rig_fini(&b);
}

static void broken_state_is_refused(void **state)
{
	struct buf good;
	struct cursor in;
	struct sm_err e;
	struct rig r, two;

	(void)state;
	rig_init(&r, 1);
	rig_init(&two, 2);
	buf_init(&good, 1 << 20);
	assert_int_equal(gic_save(r.vm->gic, &good, NULL), 0);
	in = cursor_of(good.data, good.len);
	assert_int_equal(gic_load(two.vm->gic, &in, &e), -EINVAL);
	for (size_t len = 0; len < good.len; len++) {
		in = cursor_of(good.data, len);
		assert_int_equal(gic_load(r.vm->gic, &in, &e), -EINVAL);
	}
	/* Any byte may be anything: it loads or is refused, and what loads is used safely. */
	for (size_t i = 0; i < good.len; i++) {
		uint8_t old = good.data[i];

		good.data[i] = 0xff;
		in = cursor_of(good.data, good.len);
		if (!gic_load(r.vm->gic, &in, &e))
			rig_sysreg(&r, 0, R_IAR1);
		good.data[i] = old;
	}
	buf_fini(&good);
	rig_fini(&r);
	rig_fini(&two);
}

/* xorshift64: the traffic is the same every time. */
static uint64_t next_random(uint64_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	*s ^= *s << 17;
	return *s;
}

static void random_mmio(const struct rig *r, uint64_t *seed)
{
	static const uint8_t lens[] = { 1, 2, 4, 8, 4, 4, 3, 16 };
	uint64_t x = next_random(seed), v = next_random(seed);
	uint64_t gpa = x & 1 ? RIG_GICD + (x >> 8) % 0x10010 : RIG_GICR + (x >> 8) % (0x20000 * 3 + 16);
	uint8_t len = lens[x >> 1 & 7];

	/* Half of them near registers that do something. */
	if (x & 1 << 5)
		gpa = (x & 1 ? RIG_GICD : RIG_GICR + 0x10000) + (x >> 8) % 0xd00;
	if (x & 1 << 6)
		gpa &= ~7ULL;
	if (x & 1 << 7)
		gic_mmio_write(r->vm->gic, gpa, len, v);
	else
		gic_mmio_read(r->vm->gic, gpa, len);
}

static void random_sysreg(const struct rig *r, uint64_t *seed)
{
	uint64_t x = next_random(seed), v = next_random(seed) >> (x >> 40 & 63);
	uint32_t reg = RIG_ICC(8 + (x & 7) % 5, x >> 3 & 7), cpu = (x >> 8) % 3;

	if (!(x & 0xf0000))
		reg = R_PMR;
	if (x & 1 << 20)
		gic_sysreg_write(r->vm->gic, cpu, reg, v);
	else
		gic_sysreg_read(r->vm->gic, cpu, reg, &v);
}

static void random_traffic_is_harmless(void **state)
{
	uint64_t seed = 0x9e3779b97f4a7c15;
	struct rig r;

	(void)state;
	rig_init(&r, 3);
	rig_gic_on(&r);
	for (int i = 0; i < 200000; i++) {
		uint64_t x = next_random(&seed);

		if (x & 1)
			random_mmio(&r, &seed);
		else
			random_sysreg(&r, &seed);
		if (!(x & 0x70))
			gic_set_level(r.vm->gic, (x >> 8) % 3, 16 + (x >> 16) % 112, x >> 32 & 1);
		for (uint32_t c = 0; c < 3; c++)
			assert_int_equal(rig_irq(&r, c), gic_irq_pending(r.vm->gic, c));
	}
	rig_fini(&r);
}

#define ROUNDS 3000

struct player {
	struct rig *r;
	uint32_t cpu;
};

/* Waits for the ball as an idle guest does, and throws it to the other. */
static void *play(void *opaque)
{
	const struct player *p = opaque;
	struct rig *r = p->r;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t intid = 1023;

		while (!rig_irq(r, p->cpu))
			soft_idle(r->vm->cpus[p->cpu], false);
		gic_sysreg_read(r->vm->gic, p->cpu, R_IAR1, &intid);
		gic_sysreg_write(r->vm->gic, p->cpu, R_EOIR1, intid);
		if (intid == 5)
			gic_sysreg_write(r->vm->gic, p->cpu, R_SGI1R, 5u << 24 | 1u << !p->cpu);
	}
	return NULL;
}

static void no_wake_up_is_lost(void **state)
{
	struct player players[2];
	pthread_t threads[2];
	struct rig r;

	(void)state;
	rig_init(&r, 2);
	rig_gic_on(&r);
	for (uint32_t i = 0; i < 2; i++) {
		players[i] = (struct player){ &r, i };
		assert_int_equal(pthread_create(&threads[i], NULL, play, &players[i]), 0);
	}
	rig_sysreg_set(&r, 0, R_SGI1R, 5u << 24 | 1);
	for (uint32_t i = 0; i < 2; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_true(rig_irq(&r, 0));
	assert_int_equal(rig_sysreg(&r, 0, R_IAR1), 5);
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(identifies_as_gicv3),
		cmocka_unit_test(edge_spi_is_taken_once),
		cmocka_unit_test(level_spi_follows_its_line),
		cmocka_unit_test(priority_mask_holds_back),
		cmocka_unit_test(higher_priority_preempts),
		cmocka_unit_test(binary_point_limits_preemption),
		cmocka_unit_test(eoimode_splits_drop_and_deactivation),
		cmocka_unit_test(sgi_reaches_its_list),
		cmocka_unit_test(disabled_group_is_silent),
		cmocka_unit_test(ppis_are_private),
		cmocka_unit_test(spi_goes_where_it_is_routed),
		cmocka_unit_test(unknown_registers_are_refused),
		cmocka_unit_test(state_survives_a_round_trip),
		cmocka_unit_test(broken_state_is_refused),
		cmocka_unit_test(random_traffic_is_harmless),
		cmocka_unit_test(no_wake_up_is_lost),
	};

	return cmocka_run_group_tests_name("gic", tests, NULL, NULL);
}
