/* SPDX-License-Identifier: Apache-2.0 */
/* VFPExpandImm: the 8-bit floating-point immediates abcdefgh. */
#ifndef HV_SOFT_CPU_FP_IMM_H
#define HV_SOFT_CPU_FP_IMM_H

#include <stdint.h>

static inline uint32_t fp_expand_imm32(uint32_t imm8)
{
	return (imm8 & 0x80) << 24 | (imm8 & 0x40 ? 0x1fu << 25 : 1u << 30) | (imm8 & 0x3f) << 19;
}

static inline uint64_t fp_expand_imm64(uint32_t imm8)
{
	return (uint64_t)(imm8 & 0x80) << 56 | (imm8 & 0x40 ? 0xffull << 54 : 1ull << 62) |
	       (uint64_t)(imm8 & 0x3f) << 48;
}

#endif
