/* SPDX-License-Identifier: Apache-2.0 */
/* Arm ARM C4.1, Loads and Stores, with V = 1. */
#include "hv/soft/cpu/vmem.h"

static uint32_t field(uint32_t insn, uint32_t low, uint32_t width)
{
	return insn >> low & ((1u << width) - 1);
}

static uint64_t signed_field(uint32_t insn, uint32_t low, uint32_t width)
{
	return (uint64_t)((int64_t)((uint64_t)insn << (64 - low - width)) >> (64 - width));
}

static void set_regs(uint32_t insn, struct op *op)
{
	op->rd = field(insn, 0, 5);
	op->rn = field(insn, 5, 5); /* 31 is SP */
	op->rm = field(insn, 16, 5) == 31 ? X_ZERO : field(insn, 16, 5);
	op->ra = field(insn, 10, 5);
}

static enum decode_result install(struct op *op, op_fn *fn)
{
	op->fn = fn;
	return fn ? DECODE_OP : DECODE_NO;
}

static enum decode_result dec_literal(uint32_t insn, struct op *op)
{
	uint32_t opc = field(insn, 30, 2);

	set_regs(insn, op);
	op->imm = signed_field(insn, 5, 19) << 2;
	return opc == 3 ? DECODE_NO : install(op, vmem_load_fns[VMEM_LITERAL][VMEM_S + opc]);
}

static enum decode_result dec_pair(uint32_t insn, struct op *op)
{
	/* no-allocate hint, post, offset, pre */
	static const uint8_t modes[4] = { VMEM_OFF, VMEM_POST, VMEM_OFF, VMEM_PRE };
	uint32_t opc = field(insn, 30, 2), mode = modes[field(insn, 23, 2)];

	if (opc == 3)
		return DECODE_NO;
	set_regs(insn, op);
	op->imm = signed_field(insn, 15, 7) << (2 + opc);
	return install(op,
		       field(insn, 22, 1) ? vmem_load_pair_fns[mode][opc] : vmem_store_pair_fns[mode][opc]);
}

static enum decode_result install_single(uint32_t insn, struct op *op, enum vmem_mode mode)
{
	uint32_t size = field(insn, 30, 2), opc = field(insn, 22, 2);

	if (opc >= 2)
		size = VMEM_Q;
	return install(op, opc & 1 ? vmem_load_fns[mode][size] : vmem_store_fns[mode][size]);
}

/* size:opc names the register; opc 1x is Q, and only with size 00. */
static bool single_exists(uint32_t insn, uint32_t *ret_size)
{
	bool quad = field(insn, 23, 1);

	*ret_size = quad ? (uint32_t)VMEM_Q : field(insn, 30, 2);
	return !quad || !field(insn, 30, 2);
}

static enum decode_result dec_imm9(uint32_t insn, struct op *op)
{
	static const uint8_t modes[4] = { VMEM_OFF, VMEM_POST, 0, VMEM_PRE };
	uint32_t mode = field(insn, 10, 2), size;

	if (mode == 2 || !single_exists(insn, &size))
		return DECODE_NO;
	set_regs(insn, op);
	op->imm = signed_field(insn, 12, 9);
	return install_single(insn, op, modes[mode]);
}

static enum decode_result dec_register(uint32_t insn, struct op *op)
{
	uint32_t option = field(insn, 13, 3), size;

	if (!(option & 2) || !single_exists(insn, &size))
		return DECODE_NO;
	set_regs(insn, op);
	op->aux = field(insn, 12, 1) ? size : 0;
	return install_single(insn, op, option == 2 ? VMEM_UXTW : option == 6 ? VMEM_SXTW : VMEM_LSL);
}

static enum decode_result dec_unsigned(uint32_t insn, struct op *op)
{
	uint32_t size;

	if (!single_exists(insn, &size))
		return DECODE_NO;
	set_regs(insn, op);
	op->imm = (uint64_t)field(insn, 10, 12) << size;
	return install_single(insn, op, VMEM_OFF);
}

/* imm and rm of the structure forms: only the post-indexed ones change the base. */
static void set_struct_index(uint32_t insn, struct op *op, uint32_t total)
{
	set_regs(insn, op);
	op->imm = field(insn, 23, 1) ? total : 0;
	if (!field(insn, 23, 1))
		op->rm = X_ZERO;
}

static enum decode_result dec_struct(uint32_t insn, struct op *op)
{
	/* By opcode: registers and how many of them interleave; 0 is unallocated. */
	static const uint8_t nr_regs[16] = { 4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2 };
	static const uint8_t ways[16] = { 4, 0, 1, 0, 3, 0, 1, 1, 2, 0, 1 };
	uint32_t opcode = field(insn, 12, 4), size = field(insn, 10, 2), q = field(insn, 30, 1);
	bool load = field(insn, 22, 1);

	if (!nr_regs[opcode] || (ways[opcode] > 1 && size == 3 && !q))
		return DECODE_NO;
	set_struct_index(insn, op, nr_regs[opcode] << (3 + q));
	op->aux = VSTRUCT_AUX(size, nr_regs[opcode], ways[opcode], q, 0);
	if (nr_regs[opcode] == 1 && q)
		return install(op, load ? vstruct_load1_q : vstruct_store1_q);
	return install(op, load ? vstruct_load : vstruct_store);
}

static enum decode_result dec_struct_lane(uint32_t insn, struct op *op)
{
	uint32_t opcode = field(insn, 13, 3), size = field(insn, 10, 2), q = field(insn, 30, 1);
	uint32_t s = field(insn, 12, 1), nr = (opcode & 1) * 2 + field(insn, 21, 1) + 1;
	uint32_t scale = opcode >> 1, index = q << 3 | s << 2 | size;
	bool load = field(insn, 22, 1);

	if (scale == 3) {
		if (!load || s)
			return DECODE_NO;
		set_struct_index(insn, op, nr << size);
		op->aux = VSTRUCT_AUX(size, nr, nr, q, 0);
		return install(op, vstruct_load_replicate);
	}
	if (scale == 2 && (size & 1)) {
		if (s || size & 2)
			return DECODE_NO;
		scale = 3;
	} else if (size & ((1u << scale) - 1)) {
		return DECODE_NO;
	}
	set_struct_index(insn, op, nr << scale);
	op->aux = VSTRUCT_AUX(scale, nr, nr, q, index >> scale);
	return install(op, load ? vstruct_load_lane : vstruct_store_lane);
}

const struct a64_row vmem_rows[] = {
	{ 0x3f000000, 0x1c000000, "LDR (literal, V)", dec_literal, NULL },
	{ 0x3e000000, 0x2c000000, "LDP/STP/LDNP/STNP (V)", dec_pair, NULL },
	{ 0x3f200000, 0x3c000000, "LDR/STR/LDUR/STUR (imm9, V)", dec_imm9, NULL },
	{ 0x3f200c00, 0x3c200800, "LDR/STR (register, V)", dec_register, NULL },
	{ 0x3f000000, 0x3d000000, "LDR/STR (unsigned, V)", dec_unsigned, NULL },
	{ 0xbfbf0000, 0x0c000000, "LD1-4/ST1-4 (multiple)", dec_struct, NULL },
	{ 0xbfa00000, 0x0c800000, "LD1-4/ST1-4 (multiple, post)", dec_struct, NULL },
	{ 0xbf9f0000, 0x0d000000, "LD1-4/ST1-4 (single)", dec_struct_lane, NULL },
	{ 0xbf800000, 0x0d800000, "LD1-4/ST1-4 (single, post)", dec_struct_lane, NULL },
};
const uint32_t vmem_nr_rows = sizeof(vmem_rows) / sizeof(vmem_rows[0]);
