/* SPDX-License-Identifier: Apache-2.0 */
/* SYS: cache maintenance, TLB invalidation, and code that changes under our feet. */
#include "el1.h"

#define SYS(op1, crn, crm, op2) (0xd5080000u | (op1) << 16 | (crn) << 12 | (crm) << 8 | (op2) << 5)

/* All of op0 = 1 at EL0: what traps or works must be the same, the rest is undefined. */
static void space_of_el0(const char *what)
{
	for (uint32_t op1 = 0; op1 < 8; op1++)
		for (uint32_t crn = 7; crn < 9; crn++)
			for (uint32_t n = 0; n < 128; n++) {
				uint32_t insn = SYS(op1, crn, n >> 3, n & 7);
				struct el1_run run;

				/* DC CVAP is of the judge's CPU only. */
				if (insn == SYS(3, 7, 12, 1))
					continue;

				run_init(&run, AT_EL0, USER_VA + 0x40, 0, 0, 0);
				run_words(&run, &insn, 1);
				if (run.esr != 0x2000000)
					run_print(what, insn, &run);
			}
}

static void operations_of_el1(void)
{
	static const uint32_t insns[] = {
		SYS(0, 7, 1, 0),  SYS(0, 7, 5, 0),  SYS(3, 7, 5, 1),  SYS(0, 7, 6, 1),	SYS(0, 7, 6, 2),
		SYS(0, 7, 10, 2), SYS(0, 7, 14, 2), SYS(3, 7, 4, 1),  SYS(3, 7, 10, 1), SYS(3, 7, 11, 1),
		SYS(3, 7, 14, 1), SYS(0, 8, 7, 0),  SYS(0, 8, 7, 1),  SYS(0, 8, 7, 2),	SYS(0, 8, 7, 3),
		SYS(0, 8, 7, 5),  SYS(0, 8, 7, 7),  SYS(0, 8, 3, 0),  SYS(0, 8, 3, 1),	SYS(0, 8, 3, 2),
		SYS(0, 8, 3, 3),  SYS(0, 8, 3, 5),  SYS(0, 8, 3, 7),  SYS(0, 8, 7, 4),	SYS(0, 8, 7, 6),
		SYS(4, 8, 7, 0),  SYS(4, 8, 7, 4),  SYS(6, 8, 7, 0),  SYS(4, 7, 8, 0),	SYS(0, 8, 1, 0),
		SYS(0, 8, 5, 1),  SYS(0, 7, 8, 4),  SYS(4, 7, 8, 4),  SYS(6, 7, 8, 0),	SYS(0, 7, 2, 0),
		SYS(3, 7, 3, 4),  SYS(0, 9, 0, 0),  SYS(0, 11, 0, 0),
	};

	for (uint32_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
		run_insn("sys", AT_EL1, insns[i], USER_VA + 0x40, 0);
}

/* DC ZVA is a store. (Other maintenance never faults in QEMU.) */
static void zero_faults(void)
{
	for (uint32_t ap = 0; ap < 5; ap++) {
		uint64_t desc = tables_pa(test_page[0]) | PTE_NORMAL | PTE_AP(ap & 3) | PTE_PXN | PTE_UXN;

		tables_set(DATA_VA, 3, ap == 4 ? 0 : desc);
		run_insn("zero", AT_EL0, SYS(3, 7, 4, 1), DATA_VA + 0x48, 0);
		run_insn("zero", AT_EL1, SYS(3, 7, 4, 1), DATA_VA + 0x48, 0);
	}
	tables_set(DATA_VA, 3, 0);
}

static uint64_t zeroed(uint64_t at)
{
	volatile uint8_t *p = test_page[2];
	uint64_t first = 0, nr = 0;

	for (uint32_t i = 0; i < 4096; i++)
		p[i] = 0xff;
	run_insn("dc zva", AT_EL0, SYS(3, 7, 4, 1), USER_VA + at, 0);
	for (uint32_t i = 0; i < 4096; i++)
		if (!p[i] && !nr++)
			first = i;
	return first << 16 | nr;
}

/* IC IVAU and ISB make a new instruction seen, of one's own and through another address. */
static void code_changes(void)
{
	struct el1_run run;

	for (uint32_t i = 0; i < 16; i++) {
		uint32_t insn = 0xd2800000 | i << 5; /* mov x0, #i */

		run_init(&run, i & 1 ? AT_EL0 : AT_EL1, 99, 0, 0, 0);
		run_words(&run, &insn, 1);
		put_field("new code", run.x[0]);
	}
	put_char('\n');
}

/* A program that writes the instruction after its ISB, from EL1. */
static void code_changes_itself(void)
{
	static const uint32_t words[] = {
		0xb9000001, /* str w1, [x0] */
		0xd50b7b20, /* dc cvau, x0 */
		0xd5033b9f, /* dsb ish */
		0xd50b7520, /* ic ivau, x0 */
		0xd5033b9f, /* dsb ish */
		0xd5033fdf, /* isb */
		0xd2800022, /* mov x2, #1: becomes #7 */
	};
	struct el1_run run;

	tables_set(DATA_VA, 3, tables_pa(code_page) | PTE_NORMAL | PTE_AP(1) | PTE_PXN | PTE_UXN);
	for (uint32_t el = 0; el < 2; el++) {
		run_init(&run, el ? AT_EL1 : AT_EL0, DATA_VA + 24, 0xd28000e2, 0, 0);
		run_words(&run, words, 7);
		run_print("self-modifying", words[0], &run);
	}
	tables_set(DATA_VA, 3, 0);
}

void test_sysins(void)
{
	uint64_t sctlr = sysreg_read(sctlr_el1);

	for (uint32_t bits = 0; bits < 4; bits++) {
		/* DZE and UCI */
		sysreg_write(sctlr_el1, (sctlr & ~(1ul << 14 | 1ul << 26)) | (bits & 1ul) << 14 |
						(bits >> 1 & 1ul) << 26);
		space_of_el0("sys at EL0");
	}
	zero_faults();
	put_field("zeroed", zeroed(0x47));
	put_field("zeroed", zeroed(0xfff));
	put_char('\n');
	code_changes();
	code_changes_itself();
	sysreg_write(sctlr_el1, sctlr);
	operations_of_el1();
}
