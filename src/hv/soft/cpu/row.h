/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row per A64 instruction: the decoder's tables, which the differential test generator
 * walks too. A word belongs to the first row whose masked value it has.
 */
#ifndef HV_SOFT_CPU_ROW_H
#define HV_SOFT_CPU_ROW_H

#include "hv/soft/cpu/cpu.h"

struct a64_row {
	uint32_t mask, value;
	const char *name;
	enum decode_result (*decode)(uint32_t insn, struct op *op);
	/* Handlers per element size, for decode functions that rows share: found by them in op->imm. */
	op_fn *const *fns;
};

/* Rows that share their top bits. */
struct a64_group {
	uint32_t mask, value;
	const struct a64_row *rows;
	const uint32_t *nr_rows;
};

extern const struct a64_group a64_fpsimd_groups[];
extern const uint32_t a64_fpsimd_nr_groups;

#endif
