/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arm ARM C4.1, scalar floating point. `type` (bits 23:22) is 0 single, 1 double, 3 half; half
 * is only converted.
 */
#include "hv/soft/cpu/decode_fpsimd.h"
#include "hv/soft/cpu/exec_fp.h"
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/fp_imm.h"

static uint32_t fp_type(uint32_t insn)
{
	return insn_bits(insn, 22, 2);
}

/* Rows that need no more than registers and a type. */
static enum decode_result dec_plain(uint32_t insn, struct op *op)
{
	op_fn *const *fns = row_fns(op);

	insn_vregs(insn, op);
	op->imm = 0;
	return fp_type(insn) > 1 ? DECODE_NO : install_op(op, fns[fp_type(insn)]);
}

static enum decode_result dec_cvt(uint32_t insn, struct op *op)
{
	insn_vregs(insn, op);
	return install_op(op, fp_cvt_fns[fp_type(insn) * 4 + insn_bits(insn, 15, 2)]);
}

static enum decode_result dec_rint(uint32_t insn, struct op *op)
{
	/* N, P, M, Z, A, -, X, I */
	static const uint8_t aux[8] = {
		FP_NEAREST,
		FP_PLUS_INF,
		FP_MINUS_INF,
		FP_ZERO,
		FP_TIE_AWAY,
		0,
		FP_AUX_CURRENT | FP_AUX_EXACT,
		FP_AUX_CURRENT,
	};
	uint32_t which = insn_bits(insn, 15, 3);

	op->aux = aux[which];
	return which == 5 ? DECODE_NO : dec_plain(insn, op);
}

static enum decode_result dec_cmp(uint32_t insn, struct op *op)
{
	op->aux = insn_bits(insn, 4, 1);
	return dec_plain(insn, op);
}

static enum decode_result dec_ccmp(uint32_t insn, struct op *op)
{
	op->aux = insn_bits(insn, 4, 1) << 8 | insn_bits(insn, 0, 4) << 4 | insn_bits(insn, 12, 4);
	return dec_plain(insn, op);
}

static enum decode_result dec_csel(uint32_t insn, struct op *op)
{
	op->aux = insn_bits(insn, 12, 4);
	return dec_plain(insn, op);
}

static enum decode_result dec_mov_imm(uint32_t insn, struct op *op)
{
	uint32_t imm8 = insn_bits(insn, 13, 8);

	insn_vregs(insn, op);
	op->imm = fp_type(insn) ? fp_expand_imm64(imm8) : fp_expand_imm32(imm8);
	return fp_type(insn) > 1 ? DECODE_NO : install_op(op, fp_mov_imm);
}

static enum decode_result dec_to_x(uint32_t insn, struct op *op, uint32_t aux, uint32_t fbits)
{
	uint32_t which = insn_bits(insn, 31, 1) * 2 + insn_bits(insn, 16, 1);

	if (fp_type(insn) > 1)
		return DECODE_NO;
	insn_vregs(insn, op);
	op->rd = insn_xreg_target(op->rd);
	op->aux = aux;
	op->imm = fbits;
	return install_op(op, fp_to_x_fns[fp_type(insn)][which]);
}

static enum decode_result dec_from_x(uint32_t insn, struct op *op, uint32_t fbits)
{
	uint32_t which = insn_bits(insn, 31, 1) * 2 + insn_bits(insn, 16, 1);

	if (fp_type(insn) > 1)
		return DECODE_NO;
	insn_vregs(insn, op);
	op->rn = insn_xreg_source(op->rn);
	op->imm = fbits;
	return install_op(op, fp_from_x_fns[fp_type(insn)][which]);
}

static enum decode_result dec_mov_x(uint32_t insn, struct op *op)
{
	bool to_v = insn_bits(insn, 16, 1), wide = insn_bits(insn, 31, 1);
	uint32_t which = insn_bits(insn, 19, 2) * 4 + fp_type(insn);

	insn_vregs(insn, op);
	if (to_v)
		op->rn = insn_xreg_source(op->rn);
	else
		op->rd = insn_xreg_target(op->rd);
	if (which == 0 && !wide)
		return install_op(op, to_v ? fp_mov_s_from_w : fp_mov_w_from_s);
	if (which == 1 && wide)
		return install_op(op, to_v ? fp_mov_d_from_x : fp_mov_x_from_d);
	if (which == 4 + 2 && wide)
		return install_op(op, to_v ? fp_mov_v1_from_x : fp_mov_x_from_v1);
	return DECODE_NO;
}

static enum decode_result dec_int(uint32_t insn, struct op *op)
{
	uint32_t rmode = insn_bits(insn, 19, 2), opcode = insn_bits(insn, 16, 3);

	switch (opcode >> 1) {
	case 0:
		return dec_to_x(insn, op, rmode, 0);
	case 1:
		return rmode ? DECODE_NO : dec_from_x(insn, op, 0);
	case 2:
		return rmode ? DECODE_NO : dec_to_x(insn, op, FP_TIE_AWAY, 0);
	default:
		return dec_mov_x(insn, op);
	}
}

static enum decode_result dec_fixed(uint32_t insn, struct op *op)
{
	uint32_t rmode = insn_bits(insn, 19, 2), opcode = insn_bits(insn, 16, 3);
	uint32_t scale = insn_bits(insn, 10, 6);

	if (!insn_bits(insn, 31, 1) && scale < 32)
		return DECODE_NO;
	if (rmode == 3 && opcode < 2)
		return dec_to_x(insn, op, FP_ZERO, 64 - scale);
	if (!rmode && opcode >> 1 == 1)
		return dec_from_x(insn, op, 64 - scale);
	return DECODE_NO;
}

#define ONE_SOURCE(opcode, name) 0xff3ffc00, 0x1e204000 | (opcode) << 15, name
#define TWO_SOURCE(opcode, name) 0xff20fc00, 0x1e200800 | (opcode) << 12, name

const struct a64_row fp_rows[] = {
	{ ONE_SOURCE(0, "FMOV"), dec_plain, fp_mov_fns },
	{ ONE_SOURCE(1, "FABS"), dec_plain, fp_abs_fns },
	{ ONE_SOURCE(2, "FNEG"), dec_plain, fp_neg_fns },
	{ ONE_SOURCE(3, "FSQRT"), dec_plain, fp_sqrt_fns },
	{ ONE_SOURCE(4, "FCVT to single"), dec_cvt, NULL },
	{ ONE_SOURCE(5, "FCVT to double"), dec_cvt, NULL },
	{ ONE_SOURCE(7, "FCVT to half"), dec_cvt, NULL },
	{ ONE_SOURCE(8, "FRINTN"), dec_rint, fp_rint_fns },
	{ ONE_SOURCE(9, "FRINTP"), dec_rint, fp_rint_fns },
	{ ONE_SOURCE(10, "FRINTM"), dec_rint, fp_rint_fns },
	{ ONE_SOURCE(11, "FRINTZ"), dec_rint, fp_rint_fns },
	{ ONE_SOURCE(12, "FRINTA"), dec_rint, fp_rint_fns },
	{ ONE_SOURCE(14, "FRINTX"), dec_rint, fp_rint_fns },
	{ ONE_SOURCE(15, "FRINTI"), dec_rint, fp_rint_fns },
	{ TWO_SOURCE(0, "FMUL"), dec_plain, fp_mul_fns },
	{ TWO_SOURCE(1, "FDIV"), dec_plain, fp_div_fns },
	{ TWO_SOURCE(2, "FADD"), dec_plain, fp_add_fns },
	{ TWO_SOURCE(3, "FSUB"), dec_plain, fp_sub_fns },
	{ TWO_SOURCE(4, "FMAX"), dec_plain, fp_max_fns },
	{ TWO_SOURCE(5, "FMIN"), dec_plain, fp_min_fns },
	{ TWO_SOURCE(6, "FMAXNM"), dec_plain, fp_maxnm_fns },
	{ TWO_SOURCE(7, "FMINNM"), dec_plain, fp_minnm_fns },
	{ TWO_SOURCE(8, "FNMUL"), dec_plain, fp_nmul_fns },
	{ 0xff208000, 0x1f000000, "FMADD", dec_plain, fp_madd_fns },
	{ 0xff208000, 0x1f008000, "FMSUB", dec_plain, fp_msub_fns },
	{ 0xff208000, 0x1f200000, "FNMADD", dec_plain, fp_nmadd_fns },
	{ 0xff208000, 0x1f208000, "FNMSUB", dec_plain, fp_nmsub_fns },
	{ 0xff20fc0f, 0x1e202000, "FCMP", dec_cmp, fp_cmp_fns },
	{ 0xff20fc0f, 0x1e202008, "FCMP (zero)", dec_cmp, fp_cmp_zero_fns },
	{ 0xff200c00, 0x1e200400, "FCCMP", dec_ccmp, fp_ccmp_fns },
	{ 0xff200c00, 0x1e200c00, "FCSEL", dec_csel, fp_csel_fns },
	{ 0xff201fe0, 0x1e201000, "FMOV (immediate)", dec_mov_imm, NULL },
	{ 0x7f20fc00, 0x1e200000, "FCVT/SCVTF/UCVTF/FMOV (general)", dec_int, NULL },
	{ 0x7f200000, 0x1e000000, "FCVTZ/SCVTF/UCVTF (fixed)", dec_fixed, NULL },
};
const uint32_t fp_nr_rows = ROWS_COUNT(fp_rows);
