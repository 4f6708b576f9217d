/* SPDX-License-Identifier: Apache-2.0 */
/* Software step, breakpoints and watchpoints, from EL0 and EL1. */
#include "el1.h"

#define MDSCR_SS 1ul
#define MDSCR_KDE (1ul << 13)
#define MDSCR_MDE (1ul << 15)

static const uint32_t program[] = {
	0xd2800020, /* mov x0, #1 */
	0x91000400, /* add x0, x0, #1 */
	0xf9400022, /* ldr x2, [x1] */
	0xf9000420, /* str x0, [x1, #8] */
	0x14000002, /* b .+8 */
	0xd2800fe0, /* mov x0, #127: jumped over */
	0xa9008022, /* stp x2, x0, [x1, #8] */
	0xd503201f, /* nop */
};
#define NR_WORDS (sizeof(program) / 4)

static void run_program(const char *name, uint64_t spsr, uint64_t pc)
{
	struct el1_run run;

	run_init(&run, spsr, 0, USER_VA + 0x100, 0, 0);
	run.pc = pc;
	run_words(&run, program, NR_WORDS);
	run_print(name, (uint32_t)pc, &run);
}

/* One step after the other, each from where the last one ended. */
static void step_through(const char *name, uint64_t spsr)
{
	struct el1_run run;

	run_init(&run, spsr | SPSR_SS, 0, USER_VA + 0x100, 0, 0);
	for (uint32_t i = 0; i < 10; i++) {
		run_words(&run, program, NR_WORDS);
		run_print(name, i, &run);
		run.pc = run.elr;
		run.spsr = run.spsr_out | SPSR_SS;
		if ((run.esr >> 26 & 63) == 0x15)
			break;
	}
}

static void software_step(void)
{
	static const uint32_t faulting[] = { 0xf9400002, 0xd61f0000, 0xd4000021, 0xd4200020, 0x00000000 };

	sysreg_write(mdscr_el1, MDSCR_SS);
	step_through("step", AT_EL0);
	step_through("step, masked", AT_EL1);
	step_through("step, not enabled", AT_EL1 & ~SPSR_D);
	/* SS clear: the exception is due at once. */
	run_program("step pending", AT_EL0, CODE_VA);
	sysreg_write(mdscr_el1, MDSCR_SS | MDSCR_KDE);
	step_through("step EL1", AT_EL1 & ~SPSR_D);
	step_through("step EL1, masked", AT_EL1);
	run_program("step pending EL1", AT_EL1 & ~SPSR_D, CODE_VA);
	for (uint32_t i = 0; i < sizeof(faulting) / 4; i++)
		run_insn("step a fault", AT_EL0 | SPSR_SS, faulting[i], 0x10, 0);
	sysreg_write(mdscr_el1, 0);
	run_program("no step", AT_EL0 | SPSR_SS, CODE_VA);
}

/* BCR: BAS all, PMC, E; linked and mismatch kinds are left out. */
#define BCR(pmc) (1ul | (uint64_t)(pmc) << 1 | 0xful << 5)

static void breakpoints(void)
{
	for (uint64_t pmc = 1; pmc < 4; pmc++)
		for (uint32_t i = 0; i < NR_WORDS; i++) {
			sysreg_write(dbgbvr0_el1, CODE_VA + i * 4);
			sysreg_write(dbgbcr0_el1, BCR(pmc));
			run_program("breakpoint EL0", AT_EL0, CODE_VA);
			run_program("breakpoint EL1", AT_EL1 & ~SPSR_D, CODE_VA);
			run_program("breakpoint masked", AT_EL1, CODE_VA);
		}
	/* The second of the two, and neither. */
	sysreg_write(dbgbcr0_el1, 0);
	sysreg_write(dbgbvr1_el1, CODE_VA + 4);
	sysreg_write(dbgbcr1_el1, BCR(3));
	run_program("breakpoint 1", AT_EL0, CODE_VA);
	sysreg_write(dbgbcr1_el1, BCR(3) & ~1ul);
	run_program("breakpoint off", AT_EL0, CODE_VA);
	sysreg_write(dbgbcr1_el1, 0);
}

/* WCR: E, PAC, LSC, BAS, MASK. */
#define WCR(lsc, bas, mask)                                                                                  \
	(1ul | 3ul << 1 | (uint64_t)(lsc) << 3 | (uint64_t)(bas) << 5 | (uint64_t)(mask) << 24)

static void watch(const char *name, uint64_t va, uint64_t wcr)
{
	static const uint32_t accesses[] = {
		0xf9400022, 0x39402022, 0xf9000422, 0xb9000822, 0xa9008022, 0xf8228022,
		0x3dc00020, 0x3d800020, 0xc85f7c22, 0x4c007020, 0xd50b7421, 0x79001c22,
	};

	for (uint32_t i = 0; i < 2 * sizeof(accesses) / 4; i++) {
		/* Each time anew: QEMU remembers of a watchpoint that it was written to. */
		sysreg_write(dbgwvr0_el1, va);
		sysreg_write(dbgwcr0_el1, wcr);
		run_insn(name, i & 1 ? AT_EL1 & ~SPSR_D : AT_EL0, accesses[i / 2], 0, USER_VA + 0x100);
		sysreg_write(dbgwcr0_el1, 0);
	}
}

static void watchpoints(void)
{
	for (uint32_t lsc = 1; lsc < 4; lsc++) {
		watch("watch 8 bytes", USER_VA + 0x100, WCR(lsc, 0xff, 0));
		watch("watch 1 byte", USER_VA + 0x108, WCR(lsc, 1 << 2, 0));
		watch("watch 4 bytes", USER_VA + 0x10c, WCR(lsc, 0xf, 0));
		watch("watch 64 bytes", USER_VA + 0x100, WCR(lsc, 0xff, 6));
		watch("watch elsewhere", USER_VA + 0x200, WCR(lsc, 0xff, 0));
	}
	watch("watch at EL1", USER_VA + 0x100, WCR(3, 0xff, 0) & ~(2ul << 1));
	watch("watch at EL0", USER_VA + 0x100, WCR(3, 0xff, 0) & ~(1ul << 1));
}

void test_debug(void)
{
	sysreg_write(oslar_el1, 0);
	software_step();
	sysreg_write(mdscr_el1, MDSCR_MDE | MDSCR_KDE);
	breakpoints();
	watchpoints();
	sysreg_write(mdscr_el1, MDSCR_MDE);
	sysreg_write(dbgbvr0_el1, CODE_VA + 4);
	sysreg_write(dbgbcr0_el1, BCR(3));
	run_program("breakpoint without KDE", AT_EL1 & ~SPSR_D, CODE_VA);
	run_program("breakpoint without KDE", AT_EL0, CODE_VA);
	sysreg_write(dbgbcr0_el1, 0);
	sysreg_write(mdscr_el1, 0);
}
