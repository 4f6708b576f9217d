/* SPDX-License-Identifier: Apache-2.0 */
/* Data processing with registers (C4.1.89 of the Arm ARM). */
#include "hv/soft/cpu/decode_int.h"

/* Handlers of a shifted-register row: {plain, LSL, any shift} x {W, X}. */
#define HANDLERS_SHIFTED(name)                                                                               \
	HANDLERS(name##_w, name##_x, name##_lsl_w, name##_lsl_x, name##_shift_w, name##_shift_x)
#define HANDLERS_EXTENDED(name) HANDLERS(name##_ext_w, name##_ext_x, name##_lsl_w, name##_lsl_x)

static void three_registers(uint32_t insn, struct op *op)
{
	op->rd = reg_target(insn, 0);
	op->rn = reg_source(insn, 5);
	op->rm = reg_source(insn, 16);
}

static enum decode_result decode_shifted(uint32_t insn, struct op *op)
{
	uint32_t sf = field_sf(insn), kind = field(insn, 22, 2), amount = field(insn, 10, 6);
	op_fn *const *fns = handlers(op);

	if (!sf && amount >= 32)
		return DECODE_NO;
	three_registers(insn, op);
	op->aux = INT_AUX(amount, kind);
	op->fn = fns[(kind != SHIFT_LSL ? 4 : amount ? 2 : 0) + sf];
	return DECODE_OP;
}

static enum decode_result decode_arith_shifted(uint32_t insn, struct op *op)
{
	return field(insn, 22, 2) == SHIFT_ROR ? DECODE_NO : decode_shifted(insn, op);
}

static enum decode_result decode_orr(uint32_t insn, struct op *op)
{
	enum decode_result r = decode_shifted(insn, op);

	if (r == DECODE_OP && op->rn == X_ZERO && op->aux == 0)
		op->fn = field_sf(insn) ? int_mov_x : int_mov_w;
	return r;
}

static enum decode_result decode_extended(uint32_t insn, struct op *op)
{
	uint32_t sf = field_sf(insn), option = field(insn, 13, 3), amount = field(insn, 10, 3);
	bool set_flags = field(insn, 29, 1), plain = option == (sf ? 3u : 2u);
	op_fn *const *fns = handlers(op);

	if (amount > 4)
		return DECODE_NO;
	op->rd = set_flags ? reg_target(insn, 0) : reg_or_sp(insn, 0);
	op->rn = reg_or_sp(insn, 5);
	op->rm = reg_source(insn, 16);
	op->aux = plain ? amount : INT_AUX(amount, option);
	op->fn = fns[(plain ? 2 : 0) + sf];
	return DECODE_OP;
}

static enum decode_result decode_3reg(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[field_sf(insn)];
	three_registers(insn, op);
	op->ra = reg_source(insn, 10);
	return DECODE_OP;
}

static enum decode_result decode_crc32(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	three_registers(insn, op);
	op->aux = 1u << field(insn, 10, 2);
	return DECODE_OP;
}

static enum decode_result decode_csel(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[field_sf(insn)];
	three_registers(insn, op);
	op->aux = a64_cond_mask[field(insn, 12, 4)];
	return DECODE_OP;
}

static enum decode_result decode_ccmp(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[field_sf(insn)];
	op->rn = reg_source(insn, 5);
	op->rm = reg_source(insn, 16);
	op->imm = field(insn, 16, 5);
	op->aux = a64_cond_mask[field(insn, 12, 4)] | field(insn, 0, 4) << 16;
	return DECODE_OP;
}

const struct a64_row decode_int_reg_rows[] = {
	{ 0x7f200000, 0x2a000000, "orr (shifted register)", decode_orr, HANDLERS_SHIFTED(int_orr) },
	{ 0x7f200000, 0x0b000000, "add (shifted register)", decode_arith_shifted, HANDLERS_SHIFTED(int_add) },
	{ 0x7f200000, 0x6b000000, "subs (shifted register)", decode_arith_shifted,
	  HANDLERS_SHIFTED(int_subs) },
	{ 0x7f200000, 0x4b000000, "sub (shifted register)", decode_arith_shifted, HANDLERS_SHIFTED(int_sub) },
	{ 0x7f200000, 0x2b000000, "adds (shifted register)", decode_arith_shifted,
	  HANDLERS_SHIFTED(int_adds) },
	{ 0x7f200000, 0x0a000000, "and (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_and) },
	{ 0x7f200000, 0x0a200000, "bic (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_bic) },
	{ 0x7f200000, 0x2a200000, "orn (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_orn) },
	{ 0x7f200000, 0x4a000000, "eor (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_eor) },
	{ 0x7f200000, 0x4a200000, "eon (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_eon) },
	{ 0x7f200000, 0x6a000000, "ands (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_ands) },
	{ 0x7f200000, 0x6a200000, "bics (shifted register)", decode_shifted, HANDLERS_SHIFTED(int_bics) },
	{ 0x7fe00000, 0x0b200000, "add (extended register)", decode_extended, HANDLERS_EXTENDED(int_add) },
	{ 0x7fe00000, 0x2b200000, "adds (extended register)", decode_extended, HANDLERS_EXTENDED(int_adds) },
	{ 0x7fe00000, 0x4b200000, "sub (extended register)", decode_extended, HANDLERS_EXTENDED(int_sub) },
	{ 0x7fe00000, 0x6b200000, "subs (extended register)", decode_extended, HANDLERS_EXTENDED(int_subs) },
	{ 0 },
};

const struct a64_row decode_int_multi_rows[] = {
	{ 0x7fe00c00, 0x1a800000, "csel", decode_csel, HANDLERS_WX(int_csel) },
	{ 0x7fe00c00, 0x1a800400, "csinc", decode_csel, HANDLERS_WX(int_csinc) },
	{ 0x7fe00c00, 0x5a800000, "csinv", decode_csel, HANDLERS_WX(int_csinv) },
	{ 0x7fe00c00, 0x5a800400, "csneg", decode_csel, HANDLERS_WX(int_csneg) },
	{ 0x7fe00c10, 0x7a400800, "ccmp (immediate)", decode_ccmp, HANDLERS_WX(int_ccmp_imm) },
	{ 0x7fe00c10, 0x7a400000, "ccmp (register)", decode_ccmp, HANDLERS_WX(int_ccmp) },
	{ 0x7fe00c10, 0x3a400800, "ccmn (immediate)", decode_ccmp, HANDLERS_WX(int_ccmn_imm) },
	{ 0x7fe00c10, 0x3a400000, "ccmn (register)", decode_ccmp, HANDLERS_WX(int_ccmn) },
	{ 0x7fe08000, 0x1b000000, "madd", decode_3reg, HANDLERS_WX(int_madd) },
	{ 0x7fe08000, 0x1b008000, "msub", decode_3reg, HANDLERS_WX(int_msub) },
	{ 0xffe08000, 0x9b200000, "smaddl", decode_3reg, HANDLERS(NULL, int_smaddl) },
	{ 0xffe08000, 0x9b208000, "smsubl", decode_3reg, HANDLERS(NULL, int_smsubl) },
	{ 0xffe08000, 0x9b400000, "smulh", decode_3reg, HANDLERS(NULL, int_smulh) },
	{ 0xffe08000, 0x9ba00000, "umaddl", decode_3reg, HANDLERS(NULL, int_umaddl) },
	{ 0xffe08000, 0x9ba08000, "umsubl", decode_3reg, HANDLERS(NULL, int_umsubl) },
	{ 0xffe08000, 0x9bc00000, "umulh", decode_3reg, HANDLERS(NULL, int_umulh) },
	{ 0x7fe0fc00, 0x1ac00800, "udiv", decode_3reg, HANDLERS_WX(int_udiv) },
	{ 0x7fe0fc00, 0x1ac00c00, "sdiv", decode_3reg, HANDLERS_WX(int_sdiv) },
	{ 0x7fe0fc00, 0x1ac02000, "lslv", decode_3reg, HANDLERS_WX(int_lslv) },
	{ 0x7fe0fc00, 0x1ac02400, "lsrv", decode_3reg, HANDLERS_WX(int_lsrv) },
	{ 0x7fe0fc00, 0x1ac02800, "asrv", decode_3reg, HANDLERS_WX(int_asrv) },
	{ 0x7fe0fc00, 0x1ac02c00, "rorv", decode_3reg, HANDLERS_WX(int_rorv) },
	{ 0xffe0fc00, 0x1ac04000, "crc32b", decode_crc32, HANDLERS(int_crc32) },
	{ 0xffe0fc00, 0x1ac04400, "crc32h", decode_crc32, HANDLERS(int_crc32) },
	{ 0xffe0fc00, 0x1ac04800, "crc32w", decode_crc32, HANDLERS(int_crc32) },
	{ 0xffe0fc00, 0x9ac04c00, "crc32x", decode_crc32, HANDLERS(int_crc32) },
	{ 0xffe0fc00, 0x1ac05000, "crc32cb", decode_crc32, HANDLERS(int_crc32c) },
	{ 0xffe0fc00, 0x1ac05400, "crc32ch", decode_crc32, HANDLERS(int_crc32c) },
	{ 0xffe0fc00, 0x1ac05800, "crc32cw", decode_crc32, HANDLERS(int_crc32c) },
	{ 0xffe0fc00, 0x9ac05c00, "crc32cx", decode_crc32, HANDLERS(int_crc32c) },
	{ 0x7ffffc00, 0x5ac00000, "rbit", decode_3reg, HANDLERS_WX(int_rbit) },
	{ 0x7ffffc00, 0x5ac00400, "rev16", decode_3reg, HANDLERS_WX(int_rev16) },
	{ 0xfffffc00, 0x5ac00800, "rev (32-bit)", decode_3reg, HANDLERS(int_rev_w, NULL) },
	{ 0xfffffc00, 0xdac00800, "rev32", decode_3reg, HANDLERS(NULL, int_rev32_x) },
	{ 0xfffffc00, 0xdac00c00, "rev (64-bit)", decode_3reg, HANDLERS(NULL, int_rev_x) },
	{ 0x7ffffc00, 0x5ac01000, "clz", decode_3reg, HANDLERS_WX(int_clz) },
	{ 0x7ffffc00, 0x5ac01400, "cls", decode_3reg, HANDLERS_WX(int_cls) },
	{ 0x7fe0fc00, 0x1a000000, "adc", decode_3reg, HANDLERS_WX(int_adc) },
	{ 0x7fe0fc00, 0x3a000000, "adcs", decode_3reg, HANDLERS_WX(int_adcs) },
	{ 0x7fe0fc00, 0x5a000000, "sbc", decode_3reg, HANDLERS_WX(int_sbc) },
	{ 0x7fe0fc00, 0x7a000000, "sbcs", decode_3reg, HANDLERS_WX(int_sbcs) },
	{ 0 },
};
