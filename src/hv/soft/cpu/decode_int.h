/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What decode_int*.c share: the tables of rows, and how fields become those of struct op. Decode functions
 * find their row's handlers with handlers(), W form first.
 */
#ifndef HV_SOFT_CPU_DECODE_INT_H
#define HV_SOFT_CPU_DECODE_INT_H

#include "hv/soft/cpu/exec_int.h"
#include "hv/soft/cpu/row.h"

/* Every row, for test generators: tables end with a row without a decode function, which any word matches. */
#define A64_INT_TABLES 6
extern const struct a64_row *const a64_int_tables[A64_INT_TABLES];

extern const struct a64_row decode_int_imm_rows[], decode_int_reg_rows[], decode_int_multi_rows[];
extern const struct a64_row decode_int_sys_rows[], decode_int_pair_rows[], decode_int_single_rows[];

#define HANDLERS(...) ((op_fn *const[]){ __VA_ARGS__ })
#define HANDLERS_WX(name) HANDLERS(name##_w, name##_x)

/* The truth table of each condition, indexed by NZCV. */
extern const uint16_t a64_cond_mask[16];

static inline uint32_t field(uint32_t insn, uint32_t low, uint32_t width)
{
	return insn >> low & ((1u << width) - 1);
}

static inline uint64_t field_signed(uint32_t insn, uint32_t low, uint32_t width)
{
	return (uint64_t)((int64_t)((uint64_t)insn << (64 - low - width)) >> (64 - width));
}

static inline uint32_t field_sf(uint32_t insn)
{
	return insn >> 31;
}

static inline uint8_t reg_source(uint32_t insn, uint32_t low)
{
	uint32_t r = field(insn, low, 5);

	return (uint8_t)(r == 31 ? X_ZERO : r);
}

static inline uint8_t reg_target(uint32_t insn, uint32_t low)
{
	uint32_t r = field(insn, low, 5);

	return (uint8_t)(r == 31 ? X_TRASH : r);
}

static inline uint8_t reg_or_sp(uint32_t insn, uint32_t low)
{
	return (uint8_t)field(insn, low, 5);
}

/* The handlers of the row, which stand in op->imm until the decode function overwrites it. */
static inline op_fn *const *handlers(const struct op *op)
{
	return (op_fn *const *)(uintptr_t)op->imm;
}

#endif
