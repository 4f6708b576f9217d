/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder of integer, branch, system and memory instructions: bits 28..24 choose a table,
 * its rows are searched in order. Blocks are decoded once, so rows are plain rather than
 * clever.
 */
#include "hv/soft/cpu/decode_int.h"

const uint16_t a64_cond_mask[16] = {
	0xf0f0, 0x0f0f, 0xcccc, 0x3333, 0xff00, 0x00ff, 0xaaaa, 0x5555,
	0x0c0c, 0xf3f3, 0xaa55, 0x55aa, 0x0a05, 0xf5fa, 0xffff, 0xffff,
};

const struct a64_row *const a64_int_tables[A64_INT_TABLES] = {
	decode_int_imm_rows, decode_int_reg_rows,  decode_int_multi_rows,
	decode_int_sys_rows, decode_int_pair_rows, decode_int_single_rows,
};

/* By bits 28..24. What is not here is not ours: SVE, Advanced SIMD, floating point. */
static const struct a64_row *const table_of_bits[32] = {
	[0x08] = decode_int_pair_rows,	 [0x09] = decode_int_pair_rows,	  [0x0a] = decode_int_reg_rows,
	[0x0b] = decode_int_reg_rows,	 [0x10] = decode_int_imm_rows,	  [0x11] = decode_int_imm_rows,
	[0x12] = decode_int_imm_rows,	 [0x13] = decode_int_imm_rows,	  [0x14] = decode_int_sys_rows,
	[0x15] = decode_int_sys_rows,	 [0x16] = decode_int_sys_rows,	  [0x17] = decode_int_sys_rows,
	[0x18] = decode_int_single_rows, [0x19] = decode_int_single_rows, [0x1a] = decode_int_multi_rows,
	[0x1b] = decode_int_multi_rows,
};

enum decode_result decode_int(uint32_t insn, struct op *op)
{
	const struct a64_row *row = table_of_bits[insn >> 24 & 31];

	if (!row)
		return DECODE_NO;
	while ((insn & row->mask) != row->value)
		row++;
	if (!row->decode)
		return DECODE_NO;
	op->imm = (uintptr_t)row->fns;
	return row->decode(insn, op);
}
