/* SPDX-License-Identifier: Apache-2.0 */
/* Branches, exceptions, system instructions (C4.1.88 of the Arm ARM). */
#include "hv/soft/cpu/decode_int.h"

static enum decode_result decode_b(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	op->imm = field_signed(insn, 0, 26) << 2;
	return DECODE_LAST;
}

static enum decode_result decode_b_cond(uint32_t insn, struct op *op)
{
	static op_fn *const by_cond[16] = {
		branch_eq, branch_ne, branch_cs, branch_cc, branch_mi, branch_pl, branch_vs, branch_vc,
		branch_hi, branch_ls, branch_ge, branch_lt, branch_gt, branch_le, branch_b,  branch_b,
	};

	op->fn = by_cond[field(insn, 0, 4)];
	op->imm = field_signed(insn, 5, 19) << 2;
	return DECODE_LAST;
}

static enum decode_result decode_cbz(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[field_sf(insn)];
	op->rd = reg_source(insn, 0);
	op->imm = field_signed(insn, 5, 19) << 2;
	return DECODE_LAST;
}

static enum decode_result decode_tbz(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	op->rd = reg_source(insn, 0);
	op->aux = field(insn, 31, 1) << 5 | field(insn, 19, 5);
	op->imm = field_signed(insn, 5, 14) << 2;
	return DECODE_LAST;
}

static enum decode_result decode_br(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	op->rn = reg_source(insn, 5);
	return DECODE_LAST;
}

static enum decode_result decode_exception(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	op->imm = field(insn, 5, 16);
	return DECODE_LAST;
}

/* Hints that mean nothing here are NOPs, those of later architectures too. */
static enum decode_result decode_hint(uint32_t insn, struct op *op)
{
	switch (field(insn, 5, 7)) {
	case 2:
		op->fn = cpu_wfe;
		return DECODE_LAST;
	case 3:
		op->fn = cpu_wfi;
		return DECODE_LAST;
	case 4: /* SEV */
	case 5: /* SEVL */
		op->aux = field(insn, 5, 1);
		op->fn = cpu_sev;
		return DECODE_OP;
	default:
		op->fn = int_nop;
		return DECODE_OP;
	}
}

static enum decode_result decode_barrier(uint32_t insn, struct op *op)
{
	(void)insn;
	op->fn = handlers(op)[0];
	return op->fn == cpu_isb ? DECODE_LAST : DECODE_OP;
}

static enum decode_result decode_dmb(uint32_t insn, struct op *op)
{
	switch (field(insn, 8, 2)) {
	case 1:
		op->fn = barrier_load;
		break;
	case 2:
		op->fn = barrier_store;
		break;
	default: /* 0 is reserved and means a full one */
		op->fn = barrier_full;
		break;
	}
	return DECODE_OP;
}

/* GIC_SYSREG() packs what lies in bits 20..5 of the word. */
static enum decode_result decode_mrs(uint32_t insn, struct op *op)
{
	op->fn = cpu_mrs;
	op->aux = field(insn, 5, 16);
	op->rd = reg_target(insn, 0);
	return DECODE_OP;
}

static enum decode_result decode_msr(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	op->aux = field(insn, 5, 16);
	op->rd = reg_source(insn, 0);
	return DECODE_OP;
}

static enum decode_result decode_msr_imm(uint32_t insn, struct op *op)
{
	op->fn = cpu_msr_imm;
	op->aux = field(insn, 5, 16) & ~(15u << 3);
	op->imm = field(insn, 8, 4);
	op->rd = X_ZERO; /* what a trap reports */
	return DECODE_OP;
}

const struct a64_row decode_int_sys_rows[] = {
	{ 0xff000010, 0x54000000, "b.cond", decode_b_cond, NULL },
	{ 0x7f000000, 0x34000000, "cbz", decode_cbz, HANDLERS_WX(branch_cbz) },
	{ 0x7f000000, 0x35000000, "cbnz", decode_cbz, HANDLERS_WX(branch_cbnz) },
	{ 0xfc000000, 0x14000000, "b", decode_b, HANDLERS(branch_b) },
	{ 0xfc000000, 0x94000000, "bl", decode_b, HANDLERS(branch_bl) },
	{ 0x7f000000, 0x36000000, "tbz", decode_tbz, HANDLERS(branch_tbz) },
	{ 0x7f000000, 0x37000000, "tbnz", decode_tbz, HANDLERS(branch_tbnz) },
	{ 0xfffffc1f, 0xd65f0000, "ret", decode_br, HANDLERS(branch_br) },
	{ 0xfffffc1f, 0xd61f0000, "br", decode_br, HANDLERS(branch_br) },
	{ 0xfffffc1f, 0xd63f0000, "blr", decode_br, HANDLERS(branch_blr) },
	{ 0xfffff01f, 0xd503201f, "hint", decode_hint, NULL },
	{ 0xfff00000, 0xd5300000, "mrs", decode_mrs, NULL },
	{ 0xfff00000, 0xd5100000, "msr (register)", decode_msr, HANDLERS(cpu_msr) },
	{ 0xfff8f01f, 0xd500401f, "msr (immediate)", decode_msr_imm, NULL },
	{ 0xfff80000, 0xd5080000, "sys", decode_msr, HANDLERS(cpu_sys) },
	{ 0xfffff0ff, 0xd503305f, "clrex", decode_barrier, HANDLERS(barrier_clrex) },
	{ 0xfffff0ff, 0xd503309f, "dsb", decode_barrier, HANDLERS(cpu_dsb) },
	{ 0xfffff0ff, 0xd50330bf, "dmb", decode_dmb, NULL },
	{ 0xfffff0ff, 0xd50330df, "isb", decode_barrier, HANDLERS(cpu_isb) },
	{ 0xffffffff, 0xd50330ff, "sb", decode_barrier, HANDLERS(barrier_full) },
	{ 0xffe0001f, 0xd4000001, "svc", decode_exception, HANDLERS(cpu_svc) },
	{ 0xffe0001f, 0xd4000002, "hvc", decode_exception, HANDLERS(cpu_hvc) },
	{ 0xffe0001f, 0xd4000003, "smc", decode_exception, HANDLERS(cpu_smc) },
	{ 0xffe0001f, 0xd4200000, "brk", decode_exception, HANDLERS(cpu_brk) },
	{ 0xffffffff, 0xd69f03e0, "eret", decode_exception, HANDLERS(cpu_eret) },
	{ 0 },
};
