/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of Advanced SIMD instructions. Bit 28 tells the scalar forms; in the vector forms bit
 * 30 (Q) asks for 128 bits, without which there is no lane of 64 bits.
 */
#include "hv/soft/cpu/decode_simd.h"
#include "hv/soft/cpu/exec_crypto.h"
#include "hv/soft/cpu/exec_fp.h"
#include "hv/soft/cpu/exec_simd.h"
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/fp_imm.h"

static bool is_scalar(uint32_t insn)
{
	return insn_bits(insn, 28, 1);
}

static uint32_t is_q(uint32_t insn)
{
	return insn_bits(insn, 30, 1);
}

static uint32_t size_field(uint32_t insn)
{
	return insn_bits(insn, 22, 2);
}

/* Lanes of 1 << size bytes, as many as the form has. */
static enum decode_result install_lanes(uint32_t insn, struct op *op, uint32_t size, op_fn *fn)
{
	if (!is_scalar(insn) && size == 3 && !is_q(insn))
		return DECODE_NO;
	op->aux = is_scalar(insn) ? 1u << size : 8u << is_q(insn);
	return install_op(op, fn);
}

/* Narrow lanes of 1 << size bytes in one half, wide ones in a whole register. */
static enum decode_result install_long(uint32_t insn, struct op *op, uint32_t size, op_fn *fn)
{
	op->ra = is_scalar(insn) ? 0 : (uint8_t)is_q(insn);
	op->aux = is_scalar(insn) ? 2u << size : 16;
	return install_op(op, fn);
}

static op_fn *const *start(uint32_t insn, struct op *op)
{
	op_fn *const *fns = row_fns(op);

	insn_vregs(insn, op);
	op->imm = 0;
	return fns;
}

enum decode_result simd_dec_same(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_lanes(insn, op, size_field(insn), fns[size_field(insn)]);
}

enum decode_result simd_dec_first(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_lanes(insn, op, 0, fns[0]);
}

enum decode_result simd_dec_long(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_long(insn, op, size_field(insn), fns[size_field(insn)]);
}

enum decode_result simd_dec_crypto(uint32_t insn, struct op *op)
{
	enum decode_result r = simd_dec_first(insn, op);

	op->fn = crypto_host(op->fn);
	return r;
}

enum decode_result simd_dec_pmull(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_long(insn, op, 0,
			    size_field(insn) == 3 ? crypto_host(crypto_pmull64) : fns[size_field(insn)]);
}

enum decode_result simd_dec_shll(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	op->imm = 8u << size_field(insn);
	return install_long(insn, op, size_field(insn), fns[size_field(insn)]);
}

enum decode_result simd_dec_across(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	if (size_field(insn) == 2 && !is_q(insn))
		return DECODE_NO;
	return install_lanes(insn, op, size_field(insn), fns[size_field(insn)]);
}

static uint32_t sz(uint32_t insn)
{
	return insn_bits(insn, 22, 1);
}

enum decode_result simd_dec_across_fp(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return is_q(insn) ? install_op(op, fns[sz(insn)]) : DECODE_NO;
}

enum decode_result simd_dec_fp(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_lanes(insn, op, 2 + sz(insn), fns[sz(insn)]);
}

enum decode_result simd_dec_fp_pair(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_op(op, fns[sz(insn)]);
}

/* N, P, M, Z by bits 12 and 23. */
static uint32_t fp_rounding(uint32_t insn)
{
	return insn_bits(insn, 12, 1) * 2 + insn_bits(insn, 23, 1);
}

static enum decode_result install_fp_imm(uint32_t insn, struct op *op, uint64_t imm)
{
	enum decode_result ret = simd_dec_fp(insn, op);

	op->imm = imm;
	return ret;
}

enum decode_result simd_dec_frint(uint32_t insn, struct op *op)
{
	return install_fp_imm(insn, op, fp_rounding(insn));
}

/* FRINTA, X and I, in the same places with U = 1. */
enum decode_result simd_dec_frint_u(uint32_t insn, struct op *op)
{
	static const uint8_t aux[4] = { FP_TIE_AWAY, 0, FP_AUX_CURRENT | FP_AUX_EXACT, FP_AUX_CURRENT };

	return install_fp_imm(insn, op, aux[fp_rounding(insn)]);
}

enum decode_result simd_dec_fcvt(uint32_t insn, struct op *op)
{
	return install_fp_imm(insn, op, fp_rounding(insn) << 8);
}

enum decode_result simd_dec_fcvta(uint32_t insn, struct op *op)
{
	return install_fp_imm(insn, op, FP_TIE_AWAY << 8);
}

/* FCVTL and FCVTN: sz = 0 is half and single, 1 is single and double. */
enum decode_result simd_dec_fcvt_width(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	return install_long(insn, op, 1 + sz(insn), fns[sz(insn)]);
}

/* The element's index is in H, L and M, as far as Rm leaves them. */
static void set_element(uint32_t insn, struct op *op, uint32_t size)
{
	uint32_t h = insn_bits(insn, 11, 1), l = insn_bits(insn, 21, 1), m = insn_bits(insn, 20, 1);

	if (size == 1) {
		op->rm &= 15;
		op->imm = h << 2 | l << 1 | m;
	} else {
		op->imm = size == 2 ? h << 1 | l : h;
	}
}

enum decode_result simd_dec_elem(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	set_element(insn, op, size_field(insn));
	return install_lanes(insn, op, size_field(insn), fns[size_field(insn)]);
}

enum decode_result simd_dec_elem_long(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	set_element(insn, op, size_field(insn));
	return install_long(insn, op, size_field(insn), fns[size_field(insn)]);
}

enum decode_result simd_dec_elem_fp(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	if (sz(insn) && insn_bits(insn, 21, 1))
		return DECODE_NO;
	set_element(insn, op, size_field(insn));
	return install_lanes(insn, op, 2 + sz(insn), fns[sz(insn)]);
}

/* immh:immb (22:16): its highest bit is the element's width, the rest the distance. immh = 0 is none. */
static bool has_shift(uint32_t insn)
{
	return insn_bits(insn, 19, 4);
}

static uint32_t shift_size(uint32_t insn)
{
	return 31 - (uint32_t)__builtin_clz(insn_bits(insn, 19, 4));
}

static uint32_t shift_right(uint32_t insn)
{
	return (16u << shift_size(insn)) - insn_bits(insn, 16, 7);
}

static uint32_t shift_left(uint32_t insn)
{
	return insn_bits(insn, 16, 7) - (8u << shift_size(insn));
}

enum decode_result simd_dec_shr(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	if (!has_shift(insn))
		return DECODE_NO;
	op->imm = shift_right(insn);
	return install_lanes(insn, op, shift_size(insn), fns[shift_size(insn)]);
}

enum decode_result simd_dec_shl(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	if (!has_shift(insn))
		return DECODE_NO;
	op->imm = shift_left(insn);
	return install_lanes(insn, op, shift_size(insn), fns[shift_size(insn)]);
}

enum decode_result simd_dec_shift_narrow(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	if (!has_shift(insn))
		return DECODE_NO;
	op->imm = shift_right(insn);
	return install_long(insn, op, shift_size(insn), fns[shift_size(insn)]);
}

enum decode_result simd_dec_shift_long(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);

	if (!has_shift(insn))
		return DECODE_NO;
	op->imm = shift_left(insn);
	return install_long(insn, op, shift_size(insn), fns[shift_size(insn)]);
}

enum decode_result simd_dec_fixed(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);
	uint32_t size;

	if (insn_bits(insn, 19, 4) < 4)
		return DECODE_NO;
	size = shift_size(insn);
	op->imm = shift_right(insn) | FP_ZERO << 8;
	return install_lanes(insn, op, size, fns[size - 2]);
}

/* imm5 (20:16): its lowest bit is the element's size, the rest its index. False: unallocated. */
static bool copy_element(uint32_t insn, uint32_t *ret_size, uint32_t *ret_index)
{
	uint32_t imm5 = insn_bits(insn, 16, 5);

	if (!(imm5 & 15))
		return false;
	*ret_size = (uint32_t)__builtin_ctz(imm5);
	*ret_index = imm5 >> (*ret_size + 1);
	return true;
}

enum decode_result simd_dec_dup(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);
	uint32_t size, index;

	if (!copy_element(insn, &size, &index))
		return DECODE_NO;
	op->imm = index;
	return install_lanes(insn, op, size, fns[size]);
}

enum decode_result simd_dec_dup_x(uint32_t insn, struct op *op)
{
	enum decode_result ret = simd_dec_dup(insn, op);

	op->rn = insn_xreg_source(op->rn);
	return ret;
}

enum decode_result simd_dec_ins_x(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);
	uint32_t size, index;

	if (!copy_element(insn, &size, &index))
		return DECODE_NO;
	op->rn = insn_xreg_source(op->rn);
	op->imm = index;
	return install_op(op, fns[size]);
}

enum decode_result simd_dec_ins(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);
	uint32_t size, index;

	if (!copy_element(insn, &size, &index))
		return DECODE_NO;
	op->imm = insn_bits(insn, 11, 4) >> size | index << 8;
	return install_op(op, fns[size]);
}

/* UMOV to W for up to 32 bits, to X for 64. */
enum decode_result simd_dec_umov(uint32_t insn, struct op *op)
{
	op_fn *const *fns = start(insn, op);
	uint32_t size, index;

	if (!copy_element(insn, &size, &index) || (size == 3) != is_q(insn))
		return DECODE_NO;
	op->rd = insn_xreg_target(op->rd);
	op->imm = index;
	return install_op(op, fns[size]);
}

enum decode_result simd_dec_smov(uint32_t insn, struct op *op)
{
	uint32_t size, index;

	if (!copy_element(insn, &size, &index))
		return DECODE_NO;
	insn_vregs(insn, op);
	op->rd = insn_xreg_target(op->rd);
	op->imm = index;
	return install_op(op, is_q(insn) ? simd_smov_x_fns[size] : simd_smov_w_fns[size]);
}

enum decode_result simd_dec_ext(uint32_t insn, struct op *op)
{
	start(insn, op);
	op->imm = insn_bits(insn, 11, 4);
	return op->imm > 7 && !is_q(insn) ? DECODE_NO : install_lanes(insn, op, 0, simd_ext);
}

enum decode_result simd_dec_tbl(uint32_t insn, struct op *op)
{
	start(insn, op);
	op->imm = insn_bits(insn, 13, 2) + 1;
	return install_lanes(insn, op, 0, insn_bits(insn, 12, 1) ? simd_tbx : simd_tbl);
}

/* AdvSIMDExpandImm without the inversion. */
static uint64_t expand_imm(uint32_t op_bit, uint32_t cmode, uint64_t imm8)
{
	uint64_t r = 0;

	if (cmode < 8)
		return (imm8 << (cmode >> 1) * 8) * 0x0000000100000001ull;
	if (cmode < 12)
		return (imm8 << (cmode >> 1 & 1) * 8) * 0x0001000100010001ull;
	switch (cmode << 1 | op_bit) {
	case 12 << 1:
	case 12 << 1 | 1:
		return (imm8 << 8 | 0xff) * 0x0000000100000001ull;
	case 13 << 1:
	case 13 << 1 | 1:
		return (imm8 << 16 | 0xffff) * 0x0000000100000001ull;
	case 14 << 1:
		return imm8 * 0x0101010101010101ull;
	case 14 << 1 | 1:
		for (uint32_t bit = 0; bit < 8; bit++)
			r |= imm8 >> bit & 1 ? 0xffull << bit * 8 : 0;
		return r;
	case 15 << 1:
		return fp_expand_imm32((uint32_t)imm8) * 0x0000000100000001ull;
	default:
		return fp_expand_imm64((uint32_t)imm8);
	}
}

enum decode_result simd_dec_mod_imm(uint32_t insn, struct op *op)
{
	uint32_t cmode = insn_bits(insn, 12, 4), op_bit = insn_bits(insn, 29, 1);
	uint64_t imm8 = insn_bits(insn, 16, 3) << 5 | insn_bits(insn, 5, 5);

	if (cmode == 15 && op_bit && !is_q(insn))
		return DECODE_NO;
	insn_vregs(insn, op);
	op->imm = expand_imm(op_bit, cmode, imm8);
	/* MOVI to D is MOVI with the rest of the register zero. */
	if (cmode < 12 && (cmode & 1))
		return install_lanes(insn, op, 0, op_bit ? simd_bici : simd_orri);
	if (op_bit && cmode < 14)
		op->imm = ~op->imm;
	return install_lanes(insn, op, 0, simd_movi);
}
