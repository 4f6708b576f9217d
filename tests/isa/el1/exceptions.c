/* SPDX-License-Identifier: Apache-2.0 */
/* Synchronous exceptions from instructions, PSTATE, PC alignment. (QEMU does not look at SP's.) */
#include "el1.h"

static const uint64_t everywhere[] = { AT_EL0, AT_EL1, AT_EL1T };

void test_exceptions(void)
{
	static const struct {
		char name[12];
		uint32_t insn;
	} insns[] = {
		{ "svc", 0xd4000001 | 0x1234 << 5 },
		{ "brk", 0xd4200000 | 0xabcd << 5 },
		{ "udf", 0x00000000 },
		{ "udf", 0x0000ffff },
		{ "sve", 0x04200000 },
		{ "unallocated", 0xffffffff },
		{ "hlt", 0xd4400000 },
		{ "dcps1", 0xd4a00001 },
		{ "eret", 0xd69f03e0 },
		{ "drps", 0xd6bf03e0 },
		{ "nop", 0xd503201f },
		{ "sevl", 0xd50320bf },
		{ "esb", 0xd503221f },
		{ "csdb", 0xd503229f },
		{ "paciasp", 0xd503233f },
		{ "bti", 0xd503245f },
		{ "clrex", 0xd5033f5f },
		{ "dsb", 0xd5033f9f },
		{ "dsb ld", 0xd5033d9f },
		{ "dmb", 0xd5033bbf },
		{ "isb", 0xd5033fdf },
		{ "pssbb", 0xd503349f },
		{ "ldraa", 0xf8200400 },
		{ "cfinv", 0xd500401f },
		{ "xaflag", 0xd500403f },
		{ "wfet", 0xd5031000 },
		{ "ld64b", 0xf83fd000 },
	};
	struct el1_run run;

	for (uint32_t el = 0; el < 2; el++)
		for (uint32_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
			if (el == 0 || insns[i].insn != 0xd69f03e0)
				run_insn(insns[i].name, everywhere[el], insns[i].insn, 0, 0);
	run_insn("hvc at EL0", AT_EL0, 0xd4000002, 0, 0);
	run_insn("smc at EL0", AT_EL0, 0xd4000003, 0, 0);
	run_insn("svc on SP_EL0", AT_EL1T, 0xd4000001 | 7 << 5, 0, 0);
	/* PC alignment: RET to an odd address. */
	for (uint32_t el = 0; el < 2; el++) {
		run_insn("br to odd", everywhere[el], 0xd61f0000, CODE_VA + 2, 0);
		run_insn("br to odd", everywhere[el], 0xd61f0000, CODE_VA + 1, 0);
	}
	/* The PC of a run may be illegal from the start, by PSTATE.IL or by a mode that is none. */
	for (uint64_t mode = 0; mode < 16; mode++) {
		run_init(&run, (AT_EL0 & ~15ul) | mode, 1, 2, 3, 4);
		run_words(&run, NULL, 0);
		run_print("mode", (uint32_t)mode, &run);
	}
	for (uint32_t el = 0; el < 3; el++)
		run_insn("illegal state", everywhere[el] | SPSR_IL, 0xd503201f, 0, 0);
}

void test_pstate(void)
{
	static const uint32_t insns[] = {
		0xd50342df, 0xd50342ff, 0xd5034fdf, 0xd5034fff, /* daifset, daifclr #2, #15 */
		0xd50040bf, 0xd50041bf,				/* spsel */
		0xd500409f, 0xd500419f,				/* pan */
		0xd503403f, 0xd503413f,				/* ssbs */
		0xd503405f, 0xd503409f,				/* dit, tco: not there */
	};
	uint64_t sctlr = sysreg_read(sctlr_el1);

	for (uint32_t uma = 0; uma < 2; uma++) {
		sysreg_write(sctlr_el1, (sctlr & ~(1ul << 9)) | uma << 9);
		for (uint32_t el = 0; el < 3; el++)
			for (uint32_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++)
				/* QEMU 7.2 reports the trap of DAIFSet with op1 and op2 exchanged. */
				if (el || uma || i >= 4)
					run_insn("pstate", everywhere[el], insns[i], 0, 0);
	}
	/* What an exception does to PAN and SSBS: SPAN and DSSBS. */
	for (uint32_t bits = 0; bits < 4; bits++) {
		sysreg_write(sctlr_el1,
			     (sctlr & ~(1ul << 23)) | (bits & 1ul) << 23 | (uint64_t)(bits >> 1) << 44);
		run_insn("exception's PAN", AT_EL0, MRS(KEY(3, 3, 4, 2, 0), 0), 0, 0);
		put_field("pan", sysreg_read(S3_0_C4_C2_3));
		put_field("ssbs", sysreg_read(S3_3_C4_C2_6));
		put_char('\n');
	}
	sysreg_write(sctlr_el1, sctlr);
}
