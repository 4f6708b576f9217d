/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction with the state around it, as fpsimd_judge (host) and judge_guest (an AArch64
 * program under qemu-user) hand it to each other through pipes, in both directions: a count, then
 * so many cases. X29 and X30 belong to the guest program.
 */
#ifndef HV_SOFT_CPU_JUDGE_H
#define HV_SOFT_CPU_JUDGE_H

#include <stdint.h>

#define JUDGE_CODE 0x20000000ul /* the instruction; from 64 bytes on judge_literal()s */
#define JUDGE_CODE_LEN 0x1000u
#define JUDGE_DATA 0x30008000ul /* judge_case.mem, amid mapped pages */
#define JUDGE_DATA_LEN 512u
#define JUDGE_MARGIN 0x8000u
#define JUDGE_BATCH 256

struct judge_case {
	uint32_t insn;
	uint32_t signal; /* returned: what the instruction raised, or 0 */
	uint32_t fpcr, fpsr;
	uint64_t nzcv;
	uint64_t x[32]; /* 31 is SP */
	uint64_t zero;
	uint64_t v[32][2] __attribute__((aligned(16)));
	uint8_t mem[JUDGE_DATA_LEN];
};

static inline uint32_t judge_literal(uint32_t word)
{
	return word * 2654435761u;
}

#endif
