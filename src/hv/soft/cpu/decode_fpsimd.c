/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the row of an instruction on V registers: by its top bits a group, then in order. */
#include "hv/soft/cpu/decode_fpsimd.h"
#include "hv/soft/cpu/decode_simd.h"
#include "hv/soft/cpu/vmem.h"

const struct a64_group a64_fpsimd_groups[] = {
	{ 0x0e000000, 0x0c000000, vmem_rows, &vmem_nr_rows },
	{ 0x9f000000, 0x0e000000, simd_vector_rows, &simd_vector_nr_rows },
	{ 0x9f000000, 0x0f000000, simd_vector_imm_rows, &simd_vector_imm_nr_rows },
	{ 0x5e000000, 0x1e000000, fp_rows, &fp_nr_rows },
	{ 0xdf000000, 0x5e000000, simd_scalar_rows, &simd_scalar_nr_rows },
	{ 0xdf000000, 0x5f000000, simd_scalar_imm_rows, &simd_scalar_imm_nr_rows },
};
const uint32_t a64_fpsimd_nr_groups = ROWS_COUNT(a64_fpsimd_groups);

static enum decode_result decode_in(const struct a64_group *g, uint32_t insn, struct op *op)
{
	for (uint32_t i = 0; i < *g->nr_rows; i++) {
		const struct a64_row *row = &g->rows[i];

		if ((insn & row->mask) == row->value) {
			op->aux = 0;
			op->imm = (uintptr_t)row->fns;
			return row->decode(insn, op);
		}
	}
	return DECODE_NO;
}

enum decode_result decode_fpsimd(uint32_t insn, struct op *op)
{
	for (uint32_t i = 0; i < a64_fpsimd_nr_groups; i++)
		if ((insn & a64_fpsimd_groups[i].mask) == a64_fpsimd_groups[i].value)
			return decode_in(&a64_fpsimd_groups[i], insn, op);
	return DECODE_NO;
}
