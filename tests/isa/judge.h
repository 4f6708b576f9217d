/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction with the state around it, as judge.c (host) and judge_guest.c (an AArch64
 * program under qemu-user) hand it to each other through pipes, in both directions: a count, then
 * so many cases. X29 belongs to the guest program.
 */
#ifndef TESTS_ISA_JUDGE_H
#define TESTS_ISA_JUDGE_H

#include <stdint.h>

#define JUDGE_CODE 0x20000000ul /* a page of judge_literal()s, amid them what follows */
#define JUDGE_CODE_LEN 0x1000u
#define JUDGE_INSN (JUDGE_CODE + 0x200) /* the instruction; before it judge_case.pre */
#define JUDGE_START (JUDGE_INSN - 8)	/* what X29 holds */
#define JUDGE_DATA 0x30008000ul		/* judge_case.mem, amid mapped pages */
#define JUDGE_DATA_LEN 512u
#define JUDGE_MARGIN 0x8000u
#define JUDGE_BATCH 256

/* Where a branch may land, from the instruction; the first is where all others go on. */
#define JUDGE_LANDINGS 9
static const int32_t judge_landings[JUDGE_LANDINGS] = {
	4, 0x40, -0x40, 0x7ff0, -0x8000, 0xffff0, -0x100000, 0x7fffff0, -0x8000000,
};

#define JUDGE_NOP 0xd503201fu

struct judge_case {
	uint32_t insn, pre;
	uint32_t fpcr, fpsr;
	uint64_t nzcv;
	uint32_t signal;  /* returned: what the instruction raised, or 0 */
	uint32_t landing; /* returned: where it went, of judge_landings */
	uint64_t x[32];	  /* 31 is SP */
	uint64_t v[32][2] __attribute__((aligned(16)));
	uint8_t mem[JUDGE_DATA_LEN];
};

static inline uint32_t judge_literal(uint32_t word)
{
	return word * 2654435761u;
}

#endif
