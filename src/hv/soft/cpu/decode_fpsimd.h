/* SPDX-License-Identifier: Apache-2.0 */
/* What the decoders of decode_fpsimd.c and decode_simd*.c share. */
#ifndef HV_SOFT_CPU_DECODE_FPSIMD_H
#define HV_SOFT_CPU_DECODE_FPSIMD_H

#include "hv/soft/cpu/row.h"

static inline uint32_t insn_bits(uint32_t insn, uint32_t low, uint32_t width)
{
	return insn >> low & ((1u << width) - 1);
}

/* Rd, Rn, Rm, Ra as V registers. */
static inline void insn_vregs(uint32_t insn, struct op *op)
{
	op->rd = insn & 31;
	op->rn = insn >> 5 & 31;
	op->rm = insn >> 16 & 31;
	op->ra = insn >> 10 & 31;
}

static inline uint8_t insn_xreg_source(uint32_t reg)
{
	return (uint8_t)(reg == 31 ? X_ZERO : reg);
}

static inline uint8_t insn_xreg_target(uint32_t reg)
{
	return (uint8_t)(reg == 31 ? X_TRASH : reg);
}

/* The handlers of the row being decoded: read before op->imm is set. */
static inline op_fn *const *row_fns(const struct op *op)
{
	return (op_fn *const *)(uintptr_t)op->imm;
}

static inline enum decode_result install_op(struct op *op, op_fn *fn)
{
	op->fn = fn;
	return fn ? DECODE_OP : DECODE_NO;
}

#define ROWS_COUNT(rows) ((uint32_t)(sizeof(rows) / sizeof((rows)[0])))

#define DECLARE_ROWS(name)                                                                                   \
	extern const struct a64_row name##_rows[];                                                           \
	extern const uint32_t name##_nr_rows

#endif
