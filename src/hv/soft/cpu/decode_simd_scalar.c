/* SPDX-License-Identifier: Apache-2.0 */
/* Arm ARM C4.1, Advanced SIMD, scalar forms: mask, value, name. `s` is bit 23, `u` bit 29. */
#include "hv/soft/cpu/decode_simd.h"
#include "hv/soft/cpu/exec_crypto.h"
#include "hv/soft/cpu/exec_simd.h"

#define SCALAR_SAME(u, opcode, name) 0xff20fc00, 0x5e200400 | (u) << 29 | (opcode) << 11, name
#define SCALAR_SAME_D(u, opcode, name) 0xffe0fc00, 0x5ee00400 | (u) << 29 | (opcode) << 11, name
#define SCALAR_SAME_FP(u, s, opcode, name)                                                                   \
	0xffa0fc00, 0x5e200400 | (u) << 29 | (s) << 23 | (opcode) << 11, name
#define SCALAR_DIFFERENT(u, opcode, name) 0xff20fc00, 0x5e200000 | (u) << 29 | (opcode) << 12, name
#define SCALAR_MISC(u, opcode, name) 0xff3ffc00, 0x5e200800 | (u) << 29 | (opcode) << 12, name
#define SCALAR_MISC_D(u, opcode, name) 0xfffffc00, 0x5ee00800 | (u) << 29 | (opcode) << 12, name
#define SCALAR_MISC_FP(u, s, opcode, name)                                                                   \
	0xffbffc00, 0x5e200800 | (u) << 29 | (s) << 23 | (opcode) << 12, name
#define SCALAR_PAIR(s, opcode, name) 0xffbffc00, 0x7e300800 | (s) << 23 | (opcode) << 12, name
#define SCALAR_ELEM(u, opcode, name) 0xff00f400, 0x5f000000 | (u) << 29 | (opcode) << 12, name
#define SCALAR_ELEM_FP(u, opcode, name) 0xff80f400, 0x5f800000 | (u) << 29 | (opcode) << 12, name
#define SCALAR_SHIFT(u, opcode, name) 0xff80fc00, 0x5f000400 | (u) << 29 | (opcode) << 11, name
#define SCALAR_SHIFT_D(u, opcode, name) 0xffc0fc00, 0x5f400400 | (u) << 29 | (opcode) << 11, name
#define CRYPTO(name)                                                                                         \
	(op_fn *const[])                                                                                     \
	{                                                                                                    \
		crypto_##name                                                                                \
	}

const struct a64_row simd_scalar_rows[] = {
	{ SCALAR_SAME(0, 1, "SQADD (scalar)"), simd_dec_same, simd_sqadd_fns },
	{ SCALAR_SAME(1, 1, "UQADD (scalar)"), simd_dec_same, simd_uqadd_fns },
	{ SCALAR_SAME(0, 5, "SQSUB (scalar)"), simd_dec_same, simd_sqsub_fns },
	{ SCALAR_SAME(1, 5, "UQSUB (scalar)"), simd_dec_same, simd_uqsub_fns },
	{ SCALAR_SAME(0, 9, "SQSHL (scalar)"), simd_dec_same, simd_sqshl_fns },
	{ SCALAR_SAME(1, 9, "UQSHL (scalar)"), simd_dec_same, simd_uqshl_fns },
	{ SCALAR_SAME(0, 11, "SQRSHL (scalar)"), simd_dec_same, simd_sqrshl_fns },
	{ SCALAR_SAME(1, 11, "UQRSHL (scalar)"), simd_dec_same, simd_uqrshl_fns },
	{ SCALAR_SAME(0, 22, "SQDMULH (scalar)"), simd_dec_same, simd_sqdmulh_fns },
	{ SCALAR_SAME(1, 22, "SQRDMULH (scalar)"), simd_dec_same, simd_sqrdmulh_fns },
	{ SCALAR_SAME_D(0, 6, "CMGT (scalar)"), simd_dec_same, simd_cmgt_fns },
	{ SCALAR_SAME_D(1, 6, "CMHI (scalar)"), simd_dec_same, simd_cmhi_fns },
	{ SCALAR_SAME_D(0, 7, "CMGE (scalar)"), simd_dec_same, simd_cmge_fns },
	{ SCALAR_SAME_D(1, 7, "CMHS (scalar)"), simd_dec_same, simd_cmhs_fns },
	{ SCALAR_SAME_D(0, 8, "SSHL (scalar)"), simd_dec_same, simd_sshl_fns },
	{ SCALAR_SAME_D(1, 8, "USHL (scalar)"), simd_dec_same, simd_ushl_fns },
	{ SCALAR_SAME_D(0, 10, "SRSHL (scalar)"), simd_dec_same, simd_srshl_fns },
	{ SCALAR_SAME_D(1, 10, "URSHL (scalar)"), simd_dec_same, simd_urshl_fns },
	{ SCALAR_SAME_D(0, 16, "ADD (scalar)"), simd_dec_same, simd_add_fns },
	{ SCALAR_SAME_D(1, 16, "SUB (scalar)"), simd_dec_same, simd_sub_fns },
	{ SCALAR_SAME_D(0, 17, "CMTST (scalar)"), simd_dec_same, simd_cmtst_fns },
	{ SCALAR_SAME_D(1, 17, "CMEQ (scalar)"), simd_dec_same, simd_cmeq_fns },
	{ SCALAR_SAME_FP(0, 0, 27, "FMULX (scalar)"), simd_dec_fp, simd_fmulx_fns },
	{ SCALAR_SAME_FP(0, 0, 28, "FCMEQ (scalar)"), simd_dec_fp, simd_fcmeq_fns },
	{ SCALAR_SAME_FP(0, 0, 31, "FRECPS (scalar)"), simd_dec_fp, simd_frecps_fns },
	{ SCALAR_SAME_FP(0, 1, 31, "FRSQRTS (scalar)"), simd_dec_fp, simd_frsqrts_fns },
	{ SCALAR_SAME_FP(1, 0, 28, "FCMGE (scalar)"), simd_dec_fp, simd_fcmge_fns },
	{ SCALAR_SAME_FP(1, 0, 29, "FACGE (scalar)"), simd_dec_fp, simd_facge_fns },
	{ SCALAR_SAME_FP(1, 1, 26, "FABD (scalar)"), simd_dec_fp, simd_fabd_fns },
	{ SCALAR_SAME_FP(1, 1, 28, "FCMGT (scalar)"), simd_dec_fp, simd_fcmgt_fns },
	{ SCALAR_SAME_FP(1, 1, 29, "FACGT (scalar)"), simd_dec_fp, simd_facgt_fns },
	{ SCALAR_DIFFERENT(0, 9, "SQDMLAL (scalar)"), simd_dec_long, simd_sqdmlal_fns },
	{ SCALAR_DIFFERENT(0, 11, "SQDMLSL (scalar)"), simd_dec_long, simd_sqdmlsl_fns },
	{ SCALAR_DIFFERENT(0, 13, "SQDMULL (scalar)"), simd_dec_long, simd_sqdmull_fns },
	{ SCALAR_MISC(0, 3, "SUQADD (scalar)"), simd_dec_same, simd_suqadd_fns },
	{ SCALAR_MISC(1, 3, "USQADD (scalar)"), simd_dec_same, simd_usqadd_fns },
	{ SCALAR_MISC(0, 7, "SQABS (scalar)"), simd_dec_same, simd_sqabs_fns },
	{ SCALAR_MISC(1, 7, "SQNEG (scalar)"), simd_dec_same, simd_sqneg_fns },
	{ SCALAR_MISC_D(0, 8, "CMGT (zero) (scalar)"), simd_dec_same, simd_cmgt0_fns },
	{ SCALAR_MISC_D(1, 8, "CMGE (zero) (scalar)"), simd_dec_same, simd_cmge0_fns },
	{ SCALAR_MISC_D(0, 9, "CMEQ (zero) (scalar)"), simd_dec_same, simd_cmeq0_fns },
	{ SCALAR_MISC_D(1, 9, "CMLE (zero) (scalar)"), simd_dec_same, simd_cmle0_fns },
	{ SCALAR_MISC_D(0, 10, "CMLT (zero) (scalar)"), simd_dec_same, simd_cmlt0_fns },
	{ SCALAR_MISC_D(0, 11, "ABS (scalar)"), simd_dec_same, simd_abs_fns },
	{ SCALAR_MISC_D(1, 11, "NEG (scalar)"), simd_dec_same, simd_neg_fns },
	{ SCALAR_MISC(1, 18, "SQXTUN (scalar)"), simd_dec_long, simd_sqxtun_fns },
	{ SCALAR_MISC(0, 20, "SQXTN (scalar)"), simd_dec_long, simd_sqxtn_fns },
	{ SCALAR_MISC(1, 20, "UQXTN (scalar)"), simd_dec_long, simd_uqxtn_fns },
	{ SCALAR_MISC_FP(1, 0, 22, "FCVTXN (scalar)"), simd_dec_fcvt_width, simd_fcvtxn_fns },
	{ SCALAR_MISC_FP(0, 0, 26, "FCVTNS (scalar)"), simd_dec_fcvt, simd_fcvts_fns },
	{ SCALAR_MISC_FP(0, 0, 27, "FCVTMS (scalar)"), simd_dec_fcvt, simd_fcvts_fns },
	{ SCALAR_MISC_FP(0, 1, 26, "FCVTPS (scalar)"), simd_dec_fcvt, simd_fcvts_fns },
	{ SCALAR_MISC_FP(0, 1, 27, "FCVTZS (scalar)"), simd_dec_fcvt, simd_fcvts_fns },
	{ SCALAR_MISC_FP(0, 0, 28, "FCVTAS (scalar)"), simd_dec_fcvta, simd_fcvts_fns },
	{ SCALAR_MISC_FP(0, 0, 29, "SCVTF (scalar)"), simd_dec_fp, simd_scvtf_fns },
	{ SCALAR_MISC_FP(1, 0, 26, "FCVTNU (scalar)"), simd_dec_fcvt, simd_fcvtu_fns },
	{ SCALAR_MISC_FP(1, 0, 27, "FCVTMU (scalar)"), simd_dec_fcvt, simd_fcvtu_fns },
	{ SCALAR_MISC_FP(1, 1, 26, "FCVTPU (scalar)"), simd_dec_fcvt, simd_fcvtu_fns },
	{ SCALAR_MISC_FP(1, 1, 27, "FCVTZU (scalar)"), simd_dec_fcvt, simd_fcvtu_fns },
	{ SCALAR_MISC_FP(1, 0, 28, "FCVTAU (scalar)"), simd_dec_fcvta, simd_fcvtu_fns },
	{ SCALAR_MISC_FP(1, 0, 29, "UCVTF (scalar)"), simd_dec_fp, simd_ucvtf_fns },
	{ SCALAR_MISC_FP(0, 1, 12, "FCMGT (zero) (scalar)"), simd_dec_fp, simd_fcmgt0_fns },
	{ SCALAR_MISC_FP(0, 1, 13, "FCMEQ (zero) (scalar)"), simd_dec_fp, simd_fcmeq0_fns },
	{ SCALAR_MISC_FP(0, 1, 14, "FCMLT (zero) (scalar)"), simd_dec_fp, simd_fcmlt0_fns },
	{ SCALAR_MISC_FP(1, 1, 12, "FCMGE (zero) (scalar)"), simd_dec_fp, simd_fcmge0_fns },
	{ SCALAR_MISC_FP(1, 1, 13, "FCMLE (zero) (scalar)"), simd_dec_fp, simd_fcmle0_fns },
	{ SCALAR_MISC_FP(0, 1, 29, "FRECPE (scalar)"), simd_dec_fp, simd_frecpe_fns },
	{ SCALAR_MISC_FP(1, 1, 29, "FRSQRTE (scalar)"), simd_dec_fp, simd_frsqrte_fns },
	{ SCALAR_MISC_FP(0, 1, 31, "FRECPX (scalar)"), simd_dec_fp, simd_frecpx_fns },
	{ 0xfffffc00, 0x5ef1b800, "ADDP (scalar)", simd_dec_same, simd_addp_scalar_fns },
	{ SCALAR_PAIR(0, 12, "FMAXNMP (scalar)"), simd_dec_fp_pair, simd_fmaxnmp_scalar_fns },
	{ SCALAR_PAIR(1, 12, "FMINNMP (scalar)"), simd_dec_fp_pair, simd_fminnmp_scalar_fns },
	{ SCALAR_PAIR(0, 13, "FADDP (scalar)"), simd_dec_fp_pair, simd_faddp_scalar_fns },
	{ SCALAR_PAIR(0, 15, "FMAXP (scalar)"), simd_dec_fp_pair, simd_fmaxp_scalar_fns },
	{ SCALAR_PAIR(1, 15, "FMINP (scalar)"), simd_dec_fp_pair, simd_fminp_scalar_fns },
	{ 0xffe0fc00, 0x5e000400, "DUP (scalar)", simd_dec_dup, simd_dup_fns },
	{ 0xffe0fc00, 0x5e000000 | 0 << 12, "SHA1C", simd_dec_crypto, CRYPTO(sha1c) },
	{ 0xffe0fc00, 0x5e000000 | 1 << 12, "SHA1P", simd_dec_crypto, CRYPTO(sha1p) },
	{ 0xffe0fc00, 0x5e000000 | 2 << 12, "SHA1M", simd_dec_crypto, CRYPTO(sha1m) },
	{ 0xffe0fc00, 0x5e000000 | 3 << 12, "SHA1SU0", simd_dec_crypto, CRYPTO(sha1su0) },
	{ 0xffe0fc00, 0x5e000000 | 4 << 12, "SHA256H", simd_dec_crypto, CRYPTO(sha256h) },
	{ 0xffe0fc00, 0x5e000000 | 5 << 12, "SHA256H2", simd_dec_crypto, CRYPTO(sha256h2) },
	{ 0xffe0fc00, 0x5e000000 | 6 << 12, "SHA256SU1", simd_dec_crypto, CRYPTO(sha256su1) },
	{ 0xfffffc00, 0x5e280800 | 0 << 12, "SHA1H", simd_dec_crypto, CRYPTO(sha1h) },
	{ 0xfffffc00, 0x5e280800 | 1 << 12, "SHA1SU1", simd_dec_crypto, CRYPTO(sha1su1) },
	{ 0xfffffc00, 0x5e280800 | 2 << 12, "SHA256SU0", simd_dec_crypto, CRYPTO(sha256su0) },
};
const uint32_t simd_scalar_nr_rows = ROWS_COUNT(simd_scalar_rows);

const struct a64_row simd_scalar_imm_rows[] = {
	{ SCALAR_ELEM(0, 3, "SQDMLAL (element)"), simd_dec_elem_long, simd_sqdmlal_elem_fns },
	{ SCALAR_ELEM(0, 7, "SQDMLSL (element)"), simd_dec_elem_long, simd_sqdmlsl_elem_fns },
	{ SCALAR_ELEM(0, 11, "SQDMULL (element)"), simd_dec_elem_long, simd_sqdmull_elem_fns },
	{ SCALAR_ELEM(0, 12, "SQDMULH (element)"), simd_dec_elem, simd_sqdmulh_elem_fns },
	{ SCALAR_ELEM(0, 13, "SQRDMULH (element)"), simd_dec_elem, simd_sqrdmulh_elem_fns },
	{ SCALAR_ELEM_FP(0, 1, "FMLA (element)"), simd_dec_elem_fp, simd_fmla_elem_fns },
	{ SCALAR_ELEM_FP(0, 5, "FMLS (element)"), simd_dec_elem_fp, simd_fmls_elem_fns },
	{ SCALAR_ELEM_FP(0, 9, "FMUL (element)"), simd_dec_elem_fp, simd_fmul_elem_fns },
	{ SCALAR_ELEM_FP(1, 9, "FMULX (element)"), simd_dec_elem_fp, simd_fmulx_elem_fns },
	{ SCALAR_SHIFT_D(0, 0, "SSHR"), simd_dec_shr, simd_sshr_fns },
	{ SCALAR_SHIFT_D(1, 0, "USHR"), simd_dec_shr, simd_ushr_fns },
	{ SCALAR_SHIFT_D(0, 2, "SSRA"), simd_dec_shr, simd_ssra_fns },
	{ SCALAR_SHIFT_D(1, 2, "USRA"), simd_dec_shr, simd_usra_fns },
	{ SCALAR_SHIFT_D(0, 4, "SRSHR"), simd_dec_shr, simd_srshr_fns },
	{ SCALAR_SHIFT_D(1, 4, "URSHR"), simd_dec_shr, simd_urshr_fns },
	{ SCALAR_SHIFT_D(0, 6, "SRSRA"), simd_dec_shr, simd_srsra_fns },
	{ SCALAR_SHIFT_D(1, 6, "URSRA"), simd_dec_shr, simd_ursra_fns },
	{ SCALAR_SHIFT_D(1, 8, "SRI"), simd_dec_shr, simd_sri_fns },
	{ SCALAR_SHIFT_D(0, 10, "SHL"), simd_dec_shl, simd_shl_fns },
	{ SCALAR_SHIFT_D(1, 10, "SLI"), simd_dec_shl, simd_sli_fns },
	{ SCALAR_SHIFT(1, 12, "SQSHLU (immediate)"), simd_dec_shl, simd_sqshlu_imm_fns },
	{ SCALAR_SHIFT(0, 14, "SQSHL (immediate)"), simd_dec_shl, simd_sqshl_imm_fns },
	{ SCALAR_SHIFT(1, 14, "UQSHL (immediate)"), simd_dec_shl, simd_uqshl_imm_fns },
	{ SCALAR_SHIFT(0, 18, "SQSHRN"), simd_dec_shift_narrow, simd_sqshrn_fns },
	{ SCALAR_SHIFT(1, 18, "UQSHRN"), simd_dec_shift_narrow, simd_uqshrn_fns },
	{ SCALAR_SHIFT(0, 19, "SQRSHRN"), simd_dec_shift_narrow, simd_sqrshrn_fns },
	{ SCALAR_SHIFT(1, 19, "UQRSHRN"), simd_dec_shift_narrow, simd_uqrshrn_fns },
	{ SCALAR_SHIFT(1, 16, "SQSHRUN"), simd_dec_shift_narrow, simd_sqshrun_fns },
	{ SCALAR_SHIFT(1, 17, "SQRSHRUN"), simd_dec_shift_narrow, simd_sqrshrun_fns },
	{ SCALAR_SHIFT(0, 28, "SCVTF (fixed)"), simd_dec_fixed, simd_scvtf_fns },
	{ SCALAR_SHIFT(1, 28, "UCVTF (fixed)"), simd_dec_fixed, simd_ucvtf_fns },
	{ SCALAR_SHIFT(0, 31, "FCVTZS (fixed)"), simd_dec_fixed, simd_fcvts_fns },
	{ SCALAR_SHIFT(1, 31, "FCVTZU (fixed)"), simd_dec_fixed, simd_fcvtu_fns },
};
const uint32_t simd_scalar_imm_nr_rows = ROWS_COUNT(simd_scalar_imm_rows);
