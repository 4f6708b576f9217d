/* SPDX-License-Identifier: Apache-2.0 */
/* The system registers (DDI 0487, D19): what there is, and what accesses do. */
#include "hv/soft/cpu/sysreg.h"

#include <string.h>

#include "hv/soft/cpu/fp.h"
#include "util/num.h"

#define KEY GIC_SYSREG

/* ---- reads and writes that do more than load and store ---- */

static uint64_t read_mpidr(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return cpu_mpidr(c->index);
}

static uint64_t read_sp_el0(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return c->core->sp[0];
}

static void write_sp_el0(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->core->sp[0] = v;
}

static uint64_t read_pstate(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)key;
	return c->core->pstate & s->value;
}

static void write_daif(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->core->pstate = (c->core->pstate & ~(uint32_t)PSTATE_DAIF) | ((uint32_t)v & PSTATE_DAIF);
	core_update_mask(c);
}

static void write_pstate(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	uint32_t mask = (uint32_t)s->value;

	(void)key;
	core_set_mode(c, c->el, (c->core->pstate & ~mask) | ((uint32_t)v & mask));
}

static uint64_t read_current_el(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return c->el << 2;
}

static uint64_t read_nzcv(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return c->nzcv & PSTATE_NZCV;
}

static void write_nzcv(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->nzcv = (uint32_t)v & PSTATE_NZCV;
}

static uint64_t read_fpcr(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return fp_get_fpcr(c);
}

static void write_fpcr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	fp_set_fpcr(c, v);
}

static uint64_t read_fpsr(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return fp_get_fpsr(c);
}

static void write_fpsr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	fp_set_fpsr(c, v);
}

static void write_sctlr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	uint64_t *r = &c->core->r.sctlr, old = *r;

	(void)s, (void)key;
	*r = (v & SCTLR_WRITABLE) | SCTLR_RES1;
	if ((*r ^ old) & (SCTLR_M | SCTLR_A | SCTLR_WXN))
		tlb_flush_all(c);
}

static void write_tcr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	if (v == c->core->r.tcr)
		return;
	c->core->r.tcr = v;
	tlb_flush_all(c);
	tlb_set_asid(c);
}

/* A new table under the same ASID needs a TLBI of the guest's (D8.14). */
static void write_ttbr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s;
	*(key & 1 << 0 ? &c->core->r.ttbr1 : &c->core->r.ttbr0) = v & ~1ull;
	tlb_set_asid(c);
}

static void write_mair(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	if (v == c->core->r.mair)
		return;
	c->core->r.mair = v;
	tlb_flush_all(c);
}

/* Blocks are decoded for FP on or off. */
static void write_cpacr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	v &= 3u << 20;
	if (v == c->core->r.cpacr)
		return;
	c->core->r.cpacr = v;
	tlb_renew_tags(c);
}

static uint64_t read_ccsidr(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	/* L1, data or instruction: 128 sets, 4 ways, lines of 64 bytes. */
	return c->core->r.csselr < 2 ? 127u << 13 | 3u << 3 | 2u : 0;
}

static uint64_t read_isr(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return __atomic_load_n(&c->pending, __ATOMIC_SEQ_CST) & CPU_PEND_IRQ ? PSTATE_I : 0;
}

static uint64_t read_oslsr(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return 1u << 3 | (uint32_t)c->core->r.oslock << 1;
}

static void write_oslar(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->core->r.oslock = v & 1;
}

/* DBGBVR, DBGBCR, DBGWVR, DBGWCR <n>: n is CRm, which is op2. */
static uint64_t *debug_reg(struct cpu *c, uint32_t key)
{
	struct cpu_sysregs *r = &c->core->r;
	uint64_t *const bank[] = { r->dbgbvr, r->dbgbcr, r->dbgwvr, r->dbgwcr };

	return &bank[(key & 7) - 4][(key >> 3 & 15) % CPU_DBG_PAIRS];
}

static uint64_t read_debug(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s;
	return *debug_reg(c, key);
}

/* Addresses are of words, of the 49 bits there are. The TLB and the jump cache know what is watched. */
static void write_debug(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	bool is_address = !(key & 1);

	(void)s;
	*debug_reg(c, key) = is_address ? (uint64_t)((int64_t)(v << 15) >> 15) & ~3ull : v;
	tlb_flush_all(c);
}

static void write_mdscr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	uint64_t old = c->core->r.mdscr;

	(void)s, (void)key;
	c->core->r.mdscr = v;
	if ((old ^ v) & MDSCR_MDE)
		tlb_flush_all(c);
}

static void write_vbar(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->core->r.vbar = v & ~0x7ffull;
}

static void write_osdlr(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->core->r.osdlr = v & 1;
}

/* ---- generic timer ---- */

enum { CNT_PCTEN = 1, CNT_VCTEN = 2, CNT_VTEN = 1 << 8, CNT_PTEN = 1 << 9 };

static uint64_t read_count(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return timer_count(c);
}

static uint64_t read_cntfrq(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)c, (void)s, (void)key;
	return TIMER_HZ;
}

static uint64_t read_cntkctl(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s, (void)key;
	return c->timer.cntkctl;
}

static void write_cntkctl(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s, (void)key;
	c->timer.cntkctl = (uint32_t)v & 0x3ff;
}

/* CNTP is CRm 2, CNTV 3; op2 0 TVAL, 1 CTL, 2 CVAL against timer.h's 0 TVAL, 1 CVAL, 2 CTL. */
static int timer_which(uint32_t key)
{
	return (key >> 3 & 15) == 3 ? TIMER_VIRT : TIMER_PHYS;
}

static int timer_reg(uint32_t key)
{
	static const int reg[] = { 0, 2, 1 };

	return reg[key & 3];
}

static uint64_t read_timer(struct cpu *c, const struct sysreg *s, uint32_t key)
{
	(void)s;
	return timer_read(c, timer_which(key), timer_reg(key));
}

static void write_timer(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v)
{
	(void)s;
	timer_write(c, timer_which(key), timer_reg(key), v);
}

/* ---- traps of EL0 ---- */

static bool trap_cntkctl(const struct cpu *c, const struct sysreg *s, bool write)
{
	(void)write;
	return !(c->timer.cntkctl & s->value);
}

/* SCTLR_EL1.TSCXT forbids; UMA and UCT allow. */
static bool trap_sctlr(const struct cpu *c, const struct sysreg *s, bool write)
{
	(void)write;
	if (s->offset == offsetof(struct cpu_sysregs, scxtnum_el0))
		return c->core->r.sctlr & SCTLR_TSCXT;
	return !(c->core->r.sctlr & (s->value == PSTATE_DAIF ? SCTLR_UMA : SCTLR_UCT));
}

static bool trap_always(const struct cpu *c, const struct sysreg *s, bool write)
{
	(void)c, (void)s, (void)write;
	return true;
}

/* ---- the table ---- */

#define STORE(op0, op1, crn, crm, op2, flags, field)                                                         \
	{                                                                                                    \
		KEY(op0, op1, crn, crm, op2), flags, offsetof(struct cpu_sysregs, field), 0, NULL, NULL,     \
			NULL                                                                                 \
	}
#define STORE_FN(op0, op1, crn, crm, op2, flags, field, write)                                               \
	{                                                                                                    \
		KEY(op0, op1, crn, crm, op2), flags, offsetof(struct cpu_sysregs, field), 0, NULL, write,    \
			NULL                                                                                 \
	}
#define CONST(op0, op1, crn, crm, op2, value)                                                                \
	{                                                                                                    \
		KEY(op0, op1, crn, crm, op2), SYSREG_R1, SYSREG_CONST, value, NULL, NULL, NULL               \
	}
#define FN(op0, op1, crn, crm, op2, flags, value, read, write, trap)                                         \
	{                                                                                                    \
		KEY(op0, op1, crn, crm, op2), flags, SYSREG_CONST, value, read, write, trap                  \
	}
#define DEBUG_PAIR(n)                                                                                        \
	FN(2, 0, 0, n, 4, SYSREG_RW1 | SYSREG_RESYNC, 0, read_debug, write_debug, NULL),                     \
		FN(2, 0, 0, n, 5, SYSREG_RW1 | SYSREG_RESYNC, 0, read_debug, write_debug, NULL),             \
		FN(2, 0, 0, n, 6, SYSREG_RW1 | SYSREG_RESYNC, 0, read_debug, write_debug, NULL),             \
		FN(2, 0, 0, n, 7, SYSREG_RW1 | SYSREG_RESYNC, 0, read_debug, write_debug, NULL)
#define R1 SYSREG_R1
#define W1 SYSREG_W1
#define RW1 SYSREG_RW1
#define RW0 SYSREG_RW0
#define RESYNC SYSREG_RESYNC

#define PARANGE_40 2ull
#define ASIDBITS_16 (2ull << 4)
#define TGRAN64_NONE (15ull << 24)
/* MIDR: no implementer, architecture by ID registers. */
#define MIDR 0x000f0000ull
/* IDC, 64-byte data lines, writeback and reservation granules, PIPT, 4 KiB instruction lines. */
#define CTR (1ull << 31 | 1ull << 28 | 4ull << 24 | 4ull << 20 | 4ull << 16 | 3ull << 14 | 10ull)
/* One level, split; coherent at it (IDC: no unification level). */
#define CLIDR (1ull << 24 | 3ull)
/* EL0, EL1 in AArch64; FP, AdvSIMD; GIC registers; CSV2_3, CSV3 */
#define PFR0 (0x11ull | 1ull << 24 | 3ull << 56 | 1ull << 60)
#define PFR1_SSBS (2ull << 4)
/* Debug v8.0, two breakpoints and watchpoints, no PMU. */
#define DFR0 (6ull | 1ull << 12 | 1ull << 20)
/* AES with PMULL, SHA1, SHA256, CRC32, LSE */
#define ISAR0 (2ull << 4 | 1ull << 8 | 1ull << 12 | 1ull << 16 | 2ull << 20)
#define ISAR1_SB (1ull << 36)
#define MMFR1_PAN (1ull << 20)
#define MMFR2_E0PD (1ull << 60)

static const struct sysreg sysreg_rows[] = {
	/* identification */
	CONST(3, 0, 0, 0, 0, MIDR),
	FN(3, 0, 0, 0, 5, R1, 0, read_mpidr, NULL, NULL),
	CONST(3, 0, 0, 0, 6, 0), /* REVIDR */
	CONST(3, 0, 0, 4, 0, PFR0),
	CONST(3, 0, 0, 4, 1, PFR1_SSBS),
	CONST(3, 0, 0, 5, 0, DFR0),
	CONST(3, 0, 0, 6, 0, ISAR0),
	CONST(3, 0, 0, 6, 1, ISAR1_SB),
	CONST(3, 0, 0, 7, 0, PARANGE_40 | ASIDBITS_16 | TGRAN64_NONE),
	CONST(3, 0, 0, 7, 1, MMFR1_PAN),
	CONST(3, 0, 0, 7, 2, MMFR2_E0PD),
	CONST(3, 1, 0, 0, 1, CLIDR),
	CONST(3, 1, 0, 0, 7, 0), /* AIDR */
	FN(3, 1, 0, 0, 0, R1, 0, read_ccsidr, NULL, NULL),
	STORE(3, 2, 0, 0, 0, RW1, csselr),
	FN(3, 3, 0, 0, 1, R1 | SYSREG_R0, CTR, NULL, NULL, trap_sctlr),
	FN(3, 3, 0, 0, 7, R1 | SYSREG_R0, 4, NULL, NULL, NULL), /* DCZID */
	/* control of translation and exceptions */
	STORE_FN(3, 0, 1, 0, 0, RW1 | RESYNC, sctlr, write_sctlr),
	FN(3, 0, 1, 0, 1, RW1, 0, NULL, NULL, NULL), /* ACTLR */
	STORE_FN(3, 0, 1, 0, 2, RW1 | RESYNC, cpacr, write_cpacr),
	STORE_FN(3, 0, 2, 0, 0, RW1 | RESYNC, ttbr0, write_ttbr),
	STORE_FN(3, 0, 2, 0, 1, RW1 | RESYNC, ttbr1, write_ttbr),
	STORE_FN(3, 0, 2, 0, 2, RW1 | RESYNC, tcr, write_tcr),
	STORE(3, 0, 4, 0, 0, RW1, spsr),
	STORE(3, 0, 4, 0, 1, RW1, elr),
	FN(3, 0, 4, 1, 0, RW1, 0, read_sp_el0, write_sp_el0, NULL),
	STORE(3, 0, 5, 1, 0, RW1, afsr0),
	STORE(3, 0, 5, 1, 1, RW1, afsr1),
	STORE(3, 0, 5, 2, 0, RW1, esr),
	STORE(3, 0, 6, 0, 0, RW1, far),
	STORE(3, 0, 7, 4, 0, RW1, par),
	STORE_FN(3, 0, 10, 2, 0, RW1 | RESYNC, mair, write_mair),
	STORE(3, 0, 10, 3, 0, RW1, amair),
	STORE_FN(3, 0, 12, 0, 0, RW1, vbar, write_vbar),
	CONST(3, 0, 12, 0, 1, 0), /* RVBAR */
	FN(3, 0, 12, 1, 0, R1, 0, read_isr, NULL, NULL),
	STORE(3, 0, 13, 0, 1, RW1, contextidr),
	STORE(3, 0, 13, 0, 4, RW1, tpidr_el1),
	STORE(3, 0, 13, 0, 7, RW1, scxtnum_el1),
	STORE(3, 3, 13, 0, 2, RW0, tpidr_el0),
	STORE(3, 3, 13, 0, 3, RW1 | SYSREG_R0, tpidrro_el0),
	{ KEY(3, 3, 13, 0, 7), RW0, offsetof(struct cpu_sysregs, scxtnum_el0), 0, NULL, NULL, trap_sctlr },
	/* PSTATE */
	FN(3, 0, 4, 2, 0, RW1, PSTATE_SP, read_pstate, write_pstate, NULL),
	FN(3, 0, 4, 2, 2, R1, 0, read_current_el, NULL, NULL),
	FN(3, 0, 4, 2, 3, RW1, PSTATE_PAN, read_pstate, write_pstate, NULL),
	FN(3, 3, 4, 2, 0, RW0, 0, read_nzcv, write_nzcv, NULL),
	FN(3, 3, 4, 2, 1, RW0, PSTATE_DAIF, read_pstate, write_daif, trap_sctlr),
	FN(3, 3, 4, 2, 6, RW0, PSTATE_SSBS, read_pstate, write_pstate, NULL),
	FN(3, 3, 4, 4, 0, RW0 | SYSREG_FP, 0, read_fpcr, write_fpcr, NULL),
	FN(3, 3, 4, 4, 1, RW0 | SYSREG_FP, 0, read_fpsr, write_fpsr, NULL),
	/* generic timer */
	FN(3, 0, 14, 1, 0, RW1, 0, read_cntkctl, write_cntkctl, NULL),
	FN(3, 3, 14, 0, 0, R1 | SYSREG_R0 | W1, CNT_PCTEN | CNT_VCTEN, read_cntfrq, NULL, trap_cntkctl),
	FN(3, 3, 14, 0, 1, R1 | SYSREG_R0, CNT_PCTEN, read_count, NULL, trap_cntkctl),
	FN(3, 3, 14, 0, 2, R1 | SYSREG_R0, CNT_VCTEN, read_count, NULL, trap_cntkctl),
	FN(3, 3, 14, 2, 0, RW0, CNT_PTEN, read_timer, write_timer, trap_cntkctl),
	FN(3, 3, 14, 2, 1, RW0, CNT_PTEN, read_timer, write_timer, trap_cntkctl),
	FN(3, 3, 14, 2, 2, RW0, CNT_PTEN, read_timer, write_timer, trap_cntkctl),
	FN(3, 3, 14, 3, 0, RW0, CNT_VTEN, read_timer, write_timer, trap_cntkctl),
	FN(3, 3, 14, 3, 1, RW0, CNT_VTEN, read_timer, write_timer, trap_cntkctl),
	FN(3, 3, 14, 3, 2, RW0, CNT_VTEN, read_timer, write_timer, trap_cntkctl),
	/* self-hosted debug */
	STORE(2, 0, 0, 2, 0, RW1, mdccint),
	STORE_FN(2, 0, 0, 2, 2, RW1 | RESYNC, mdscr, write_mdscr),
	DEBUG_PAIR(0),
	DEBUG_PAIR(1),
	CONST(2, 0, 1, 0, 0, 0), /* MDRAR */
	FN(2, 0, 1, 0, 4, W1 | RESYNC, 0, NULL, write_oslar, NULL),
	FN(2, 0, 1, 1, 4, R1, 0, read_oslsr, NULL, NULL),
	STORE_FN(2, 0, 1, 3, 4, RW1, osdlr, write_osdlr),
	STORE(2, 0, 1, 4, 4, RW1, dbgprcr),
	FN(2, 0, 7, 8, 6, RW1, 0, NULL, NULL, NULL),		/* DBGCLAIMSET */
	FN(2, 0, 7, 9, 6, RW1, 0, NULL, NULL, NULL),		/* DBGCLAIMCLR */
	CONST(2, 0, 7, 14, 6, 0),				/* DBGAUTHSTATUS */
	FN(2, 3, 0, 1, 0, R1 | SYSREG_R0, 0, NULL, NULL, NULL), /* MDCCSR */
};

static const struct sysreg row_id_zero = CONST(3, 0, 0, 0, 0, 0);
/* The PMU is not there, but some kernels do not ask: RAZ/WI at EL1, trapped at EL0. */
static const struct sysreg row_no_pmu = FN(3, 3, 9, 12, 0, RW0, 0, NULL, NULL, trap_always);
static const struct sysreg row_gic = FN(3, 0, 12, 0, 0, RW1, 0, NULL, NULL, NULL);

bool sysreg_is_gic(const struct sysreg *s)
{
	return s == &row_gic;
}

const struct sysreg *sysreg_find(uint32_t key)
{
	uint32_t op0 = key >> 14, op1 = key >> 11 & 7, crn = key >> 7 & 15, crm = key >> 3 & 15;

	for (size_t i = 0; i < NUM_COUNTOF(sysreg_rows); i++)
		if (sysreg_rows[i].key == key)
			return &sysreg_rows[i];
	if (op0 != 3)
		return NULL;
	/* D17.3.1: the rest of the identification space reads as zero. */
	if (op1 == 0 && crn == 0 && crm >= 1 && crm <= 7)
		return &row_id_zero;
	if (op1 == 0 && ((crn == 12 && crm >= 8) || key == KEY(3, 0, 4, 6, 0)))
		return &row_gic;
	if (crn == 9 && crm >= 12 && crm <= 14 && (op1 == 3 || op1 == 0))
		return &row_no_pmu;
	if (op1 == 3 && crn == 14 && crm >= 8)
		return &row_no_pmu;
	return NULL;
}
