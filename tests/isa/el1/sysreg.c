/* SPDX-License-Identifier: Apache-2.0 */
/* MRS and MSR: what can be written, what EL0 may do and with which trap, what there is at all. */
#include "el1.h"

struct reg {
	char name[12];
	uint32_t key;
};

#define SCTLR KEY(3, 0, 1, 0, 0)
#define CNTKCTL KEY(3, 0, 14, 1, 0)

/*
 * Written with all ones and zeros and read back, at EL1; what the tests need is put back. Compared are
 * the bits that ARMv8.0 defines: the judge's CPU has more.
 */
static const struct {
	char name[12];
	uint32_t key;
	uint64_t mask;
} storage[] = {
	{ "esr", KEY(3, 0, 5, 2, 0), ~0ul },
	{ "far", KEY(3, 0, 6, 0, 0), ~0ul },
	{ "elr", KEY(3, 0, 4, 0, 1), ~0ul },
	{ "sp_el0", KEY(3, 0, 4, 1, 0), ~0ul },
	{ "contextidr", KEY(3, 0, 13, 0, 1), 0xffffffff },
	{ "tpidr_el0", KEY(3, 3, 13, 0, 2), ~0ul },
	{ "ttbr1", KEY(3, 0, 2, 0, 1), ~1ul },
	{ "cntkctl", KEY(3, 0, 14, 1, 0), 0x3ff },
	{ "cntv_cval", KEY(3, 3, 14, 3, 2), ~0ul },
	{ "cntp_cval", KEY(3, 3, 14, 2, 2), ~0ul },
	{ "nzcv", KEY(3, 3, 4, 2, 0), ~0ul },
	{ "daif", KEY(3, 3, 4, 2, 1), ~0ul },
	{ "pan", KEY(3, 0, 4, 2, 3), ~0ul },
	{ "fpcr", KEY(3, 3, 4, 4, 0), 0x7c00000 },
	{ "fpsr", KEY(3, 3, 4, 4, 1), 0x800009f },
	{ "cpacr", KEY(3, 0, 1, 0, 2), 3ul << 20 },
	{ "mair", KEY(3, 0, 10, 2, 0), ~0ul },
	{ "dbgbvr0", KEY(2, 0, 0, 0, 4), 0x1fffffffffffc },
	{ "dbgwvr0", KEY(2, 0, 0, 0, 6), 0x1fffffffffffc },
	{ "actlr", KEY(3, 0, 1, 0, 1), 0 },
	{ "vbar", KEY(3, 0, 12, 0, 0), ~0x7fful },
	{ "osdlr", KEY(2, 0, 1, 3, 4), 1 },
};

/* Reads of EL0 and EL1 with the controls that trap EL0. */
static const struct reg readable[] = {
	{ "ctr", KEY(3, 3, 0, 0, 1) },	      { "dczid", KEY(3, 3, 0, 0, 7) },
	{ "midr", KEY(3, 0, 0, 0, 0) },	      { "tpidr_el0", KEY(3, 3, 13, 0, 2) },
	{ "tpidr_el1", KEY(3, 0, 13, 0, 4) }, { "nzcv", KEY(3, 3, 4, 2, 0) },
	{ "daif", KEY(3, 3, 4, 2, 1) },	      { "currentel", KEY(3, 0, 4, 2, 2) },
	{ "spsel", KEY(3, 0, 4, 2, 0) },      { "pan", KEY(3, 0, 4, 2, 3) },
	{ "ssbs", KEY(3, 3, 4, 2, 6) },	      { "fpcr", KEY(3, 3, 4, 4, 0) },
	{ "fpsr", KEY(3, 3, 4, 4, 1) },	      { "cntfrq", KEY(3, 3, 14, 0, 0) },
	{ "cntpct", KEY(3, 3, 14, 0, 1) },    { "cntvct", KEY(3, 3, 14, 0, 2) },
	{ "cntp_tval", KEY(3, 3, 14, 2, 0) }, { "cntp_ctl", KEY(3, 3, 14, 2, 1) },
	{ "cntp_cval", KEY(3, 3, 14, 2, 2) }, { "cntv_tval", KEY(3, 3, 14, 3, 0) },
	{ "cntv_ctl", KEY(3, 3, 14, 3, 1) },  { "cntv_cval", KEY(3, 3, 14, 3, 2) },
	{ "elr", KEY(3, 0, 4, 0, 1) },	      { "mdscr", KEY(2, 0, 0, 2, 2) },
	{ "mdccsr", KEY(2, 3, 0, 1, 0) },     { "icc_pmr", KEY(3, 0, 4, 6, 0) },
};

static void write_masks(void)
{
	static const uint64_t values[] = { ~0ul, 0, 0x5555555555555555 };

	for (uint32_t i = 0; i < sizeof(storage) / sizeof(storage[0]); i++) {
		/* mrs x3; msr x0; mrs x1; msr x3 */
		const uint32_t words[] = { MRS(storage[i].key, 3), MSR(storage[i].key, 0),
					   MRS(storage[i].key, 1), MSR(storage[i].key, 3) };

		for (uint32_t k = 0; k < 3; k++) {
			struct el1_run run;

			run_init(&run, AT_EL1, values[k], 0, 0, 0);
			run_words(&run, words, 4);
			put(storage[i].name);
			put_field("esr", run.esr);
			put_field("wrote", values[k]);
			put_field("read", run.x[1] & storage[i].mask);
			put_char('\n');
		}
	}
	sysreg_write(contextidr_el1, 0);
}

/* The values differ between the two CPUs; only whether there is one is printed. */
static void access_all(const char *what, uint64_t spsr)
{
	for (uint32_t i = 0; i < sizeof(readable) / sizeof(readable[0]); i++) {
		const uint32_t words[] = { MRS(readable[i].key, 4), 0xd2800004 };
		struct el1_run run;

		run_init(&run, spsr, 0, 0, 0, 0);
		run_words(&run, words, 2);
		put(what);
		put_char(' ');
		run_print(readable[i].name, words[0], &run);
	}
}

static void traps_of_el0(void)
{
	uint64_t sctlr = sysreg_read(sctlr_el1);

	for (uint32_t i = 0; i < 4; i++) {
		/* UMA and UCT */
		sysreg_write(sctlr_el1,
			     (sctlr & ~(1ul << 9 | 1ul << 15)) | (i & 1ul) << 9 | (i >> 1 & 1ul) << 15);
		access_all("el0 sctlr", AT_EL0);
	}
	sysreg_write(sctlr_el1, sctlr);
	for (uint32_t bit = 0; bit < 11; bit++) {
		sysreg_write(cntkctl_el1, bit == 10 ? 0 : 1ul << bit);
		access_all("el0 cntkctl", AT_EL0);
	}
	for (uint64_t fpen = 0; fpen < 4; fpen++) {
		sysreg_write(cpacr_el1, fpen << 20);
		access_all("el0 cpacr", AT_EL0);
		access_all("el1 cpacr", AT_EL1);
		run_insn("fmov", AT_EL0, 0x1e6e1000, 0, 0);
		run_insn("fmov", AT_EL1, 0x1e6e1000, 0, 0);
		run_insn("ldr q", AT_EL0, 0x3dc00000, USER_VA, 0);
	}
	sysreg_write(cpacr_el1, 3ul << 20);
}

/* Registers of EL2, EL3, of extensions nobody has, and the reserved space: undefined. */
static void absent(void)
{
	static const uint32_t keys[] = {
		KEY(3, 4, 1, 1, 0),  KEY(3, 4, 4, 0, 1),  KEY(3, 6, 1, 1, 0),  KEY(3, 5, 1, 0, 0),
		KEY(3, 0, 1, 2, 0),  KEY(3, 0, 2, 1, 0),  KEY(3, 3, 2, 4, 0),  KEY(3, 3, 4, 2, 5),
		KEY(3, 3, 13, 0, 5), KEY(3, 3, 13, 2, 0), KEY(3, 0, 10, 4, 4), KEY(3, 0, 3, 0, 0),
		KEY(3, 2, 1, 0, 0),  KEY(3, 7, 7, 0, 0),  KEY(2, 1, 0, 0, 1),  KEY(2, 4, 0, 7, 0),
		KEY(3, 3, 14, 0, 6), KEY(3, 0, 5, 6, 0),  KEY(3, 0, 8, 0, 0),  KEY(3, 5, 12, 0, 0),
	};

	for (uint32_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		run_insn("absent", AT_EL1, MRS(keys[i], 0), 0, 0);
		run_insn("absent", AT_EL1, MSR(keys[i], 0), 0, 0);
		run_insn("absent", AT_EL0, MRS(keys[i], 0), 0, 0);
	}
	/* Read-only registers written, and identification registers that read as zero. */
	run_insn("midr written", AT_EL1, MSR(KEY(3, 0, 0, 0, 0), 0), 0, 0);
	run_insn("currentel written", AT_EL1, MSR(KEY(3, 0, 4, 2, 2), 0), 0, 0);
	run_insn("tpidrro written", AT_EL0, MSR(KEY(3, 3, 13, 0, 3), 0), 0, 0);
	run_insn("cntvct written", AT_EL1, MSR(KEY(3, 3, 14, 0, 2), 0), 0, 0);
	run_insn("oslsr written", AT_EL1, MSR(KEY(2, 0, 1, 1, 4), 0), 0, 0);
	run_insn("oslar read", AT_EL1, MRS(KEY(2, 0, 1, 0, 4), 0), 0, 0);
	for (uint32_t crm = 1; crm < 8; crm++)
		for (uint32_t op2 = 0; op2 < 8; op2++) {
			const uint32_t words[] = { MRS(KEY(3, 0, 0, crm, op2), 4), 0xd2800004 };
			struct el1_run run;

			run_init(&run, AT_EL1, 0, 0, 0, 0);
			run_words(&run, words, 2);
			run_print("id", words[0], &run);
		}
}

void test_sysreg(void)
{
	write_masks();
	traps_of_el0();
	absent();
	run_insn("sp_el0 on itself", AT_EL1T, MRS(KEY(3, 0, 4, 1, 0), 0), 0, 0);
}
