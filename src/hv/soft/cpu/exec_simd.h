/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of Advanced SIMD, in tables by element size (B, H, S, D; floating point: S, D).
 *
 * op->aux is the number of bytes of the result that live, 16 or 8, or the element's size for
 * the scalar forms: these are the vector forms with one lane. The rest of the register becomes
 * zero. Long and narrow forms have the half of the narrow register (0, or 1 for the "2" forms)
 * in op->ra, and aux counts the wide side. Forms by element have the element's index in imm,
 * shifts by an immediate the distance.
 */
#ifndef HV_SOFT_CPU_EXEC_SIMD_H
#define HV_SOFT_CPU_EXEC_SIMD_H

#include "hv/soft/cpu/row.h"

/* exec_simd_int.c */
extern op_fn *const simd_add_fns[4],
	*const simd_sub_fns[4], *const simd_mul_fns[4],
					*const simd_mla_fns[4],
						*const simd_mls_fns[4],
							*const simd_mul_elem_fns[4],
								*const simd_mla_elem_fns[4],
									*const simd_mls_elem_fns[4],
										*const simd_pmul_fns[4];
extern op_fn *const simd_and_fns[4], *const simd_bic_fns[4],
					     *const simd_orr_fns[4],
						     *const simd_orn_fns[4],
							     *const simd_eor_fns[4],
								     *const simd_bsl_fns[4],
									     *const simd_bit_fns[4],
										     *const simd_bif_fns[4];
extern op_fn *const simd_cmgt_fns[4],
	*const simd_cmhi_fns[4],
		*const simd_cmge_fns[4],
			*const simd_cmhs_fns[4],
				*const simd_cmeq_fns[4],
					*const simd_cmtst_fns[4],
						*const simd_cmgt0_fns[4],
							*const simd_cmge0_fns[4],
								*const simd_cmeq0_fns[4],
									*const simd_cmle0_fns[4],
										*const simd_cmlt0_fns[4];
extern op_fn *const simd_smax_fns[4], *const simd_umax_fns[4],
					      *const simd_smin_fns[4],
						      *const simd_umin_fns[4],
							      *const simd_sabd_fns[4],
								      *const simd_uabd_fns[4],
									      *const simd_saba_fns[4],
										      *const simd_uaba_fns[4];
extern op_fn *const simd_shadd_fns[4],
	*const simd_uhadd_fns[4], *const simd_srhadd_fns[4], *const simd_urhadd_fns[4],
								     *const simd_shsub_fns[4],
									     *const simd_uhsub_fns[4];
extern op_fn *const simd_addp_fns[4],
	*const simd_smaxp_fns[4], *const simd_umaxp_fns[4], *const simd_sminp_fns[4],
								    *const simd_uminp_fns[4],
									    *const simd_addp_scalar_fns[4];
extern op_fn *const simd_abs_fns[4],
	*const simd_neg_fns[4], *const simd_not_fns[4], *const simd_rbit_fns[4],
								*const simd_cnt_fns[4],
									*const simd_clz_fns[4],
										*const simd_cls_fns[4];

/* exec_simd_sat.c */
extern op_fn *const simd_sqadd_fns[4],
	*const simd_uqadd_fns[4], *const simd_sqsub_fns[4],
					  *const simd_uqsub_fns[4],
						  *const simd_suqadd_fns[4],
							  *const simd_usqadd_fns[4],
								  *const simd_sqabs_fns[4],
									  *const simd_sqneg_fns[4];
extern op_fn *const simd_sqdmulh_fns[4],
	*const simd_sqrdmulh_fns[4], *const simd_sqdmulh_elem_fns[4], *const simd_sqrdmulh_elem_fns[4];
extern op_fn *const simd_sqdmull_fns[4], *const simd_sqdmlal_fns[4],
						 *const simd_sqdmlsl_fns[4],
							 *const simd_sqdmull_elem_fns[4],
								 *const simd_sqdmlal_elem_fns[4],
									 *const simd_sqdmlsl_elem_fns[4];
extern op_fn *const simd_sqshl_fns[4], *const simd_uqshl_fns[4],
					       *const simd_sqrshl_fns[4],
						       *const simd_uqrshl_fns[4],
							       *const simd_sqshl_imm_fns[4],
								       *const simd_uqshl_imm_fns[4],
									       *const simd_sqshlu_imm_fns[4];
/* By the narrow element's size. */
extern op_fn *const simd_sqxtn_fns[4], *const simd_uqxtn_fns[4], *const simd_sqxtun_fns[4];
extern op_fn *const simd_sqshrn_fns[4],
	*const simd_uqshrn_fns[4], *const simd_sqshrun_fns[4], *const simd_sqrshrn_fns[4],
								       *const simd_uqrshrn_fns[4],
									       *const simd_sqrshrun_fns[4];

/* exec_simd_shift.c */
extern op_fn *const simd_sshl_fns[4], *const simd_ushl_fns[4], *const simd_srshl_fns[4],
								       *const simd_urshl_fns[4];
extern op_fn *const simd_sshr_fns[4],
	*const simd_ushr_fns[4],
		*const simd_ssra_fns[4],
			*const simd_usra_fns[4],
				*const simd_srshr_fns[4],
					*const simd_urshr_fns[4],
						*const simd_srsra_fns[4],
							*const simd_ursra_fns[4],
								*const simd_sri_fns[4],
									*const simd_sli_fns[4],
										*const simd_shl_fns[4];
extern op_fn *const simd_shrn_fns[4], *const simd_rshrn_fns[4], *const simd_xtn_fns[4];
extern op_fn *const simd_sshll_fns[4], *const simd_ushll_fns[4];

/* exec_simd_wide.c */
extern op_fn *const simd_saddl_fns[4],
	*const simd_uaddl_fns[4], *const simd_ssubl_fns[4],
					  *const simd_usubl_fns[4],
						  *const simd_sabal_fns[4],
							  *const simd_uabal_fns[4],
								  *const simd_sabdl_fns[4],
									  *const simd_uabdl_fns[4];
extern op_fn *const simd_smull_fns[4],
	*const simd_umull_fns[4], *const simd_smlal_fns[4], *const simd_umlal_fns[4],
								    *const simd_smlsl_fns[4],
									    *const simd_umlsl_fns[4],
										    *const simd_pmull_fns[4];
extern op_fn *const simd_smull_elem_fns[4], *const simd_umull_elem_fns[4],
						    *const simd_smlal_elem_fns[4],
							    *const simd_umlal_elem_fns[4],
								    *const simd_smlsl_elem_fns[4],
									    *const simd_umlsl_elem_fns[4];
extern op_fn *const simd_saddw_fns[4], *const simd_uaddw_fns[4], *const simd_ssubw_fns[4],
									 *const simd_usubw_fns[4];
extern op_fn *const simd_addhn_fns[4], *const simd_raddhn_fns[4], *const simd_subhn_fns[4],
									  *const simd_rsubhn_fns[4];
extern op_fn *const simd_saddlp_fns[4], *const simd_uaddlp_fns[4], *const simd_sadalp_fns[4],
									   *const simd_uadalp_fns[4];
/* Across lanes: aux is the source's bytes. */
extern op_fn *const simd_addv_fns[4],
	*const simd_saddlv_fns[4], *const simd_uaddlv_fns[4],
					   *const simd_smaxv_fns[4], *const simd_umaxv_fns[4],
									     *const simd_sminv_fns[4],
										     *const simd_uminv_fns[4];

/* exec_simd_move.c */
extern op_fn *const simd_dup_fns[4], *const simd_dup_x_fns[4], *const simd_ins_x_fns[4];
extern op_fn *const simd_ins_fns[4]; /* imm: from | to << 8 */
extern op_fn *const simd_umov_fns[4];
extern op_fn *const simd_smov_w_fns[4], *const simd_smov_x_fns[4];
extern op_fn *const simd_zip1_fns[4],
	*const simd_zip2_fns[4], *const simd_uzp1_fns[4], *const simd_uzp2_fns[4],
								  *const simd_trn1_fns[4],
									  *const simd_trn2_fns[4];
extern op_fn *const simd_rev16_fns[4], *const simd_rev32_fns[4], *const simd_rev64_fns[4];
op_fn simd_ext;			       /* imm: bytes */
op_fn simd_tbl, simd_tbx;	       /* imm: registers */
op_fn simd_movi, simd_orri, simd_bici; /* imm: 64 bits, for both halves */

/* exec_simd_fp.c: {single, double} */
#define SIMD_FP(name) extern op_fn *const simd_##name##_fns[2]
SIMD_FP(fadd);
SIMD_FP(fsub);
SIMD_FP(fmul);
SIMD_FP(fdiv);
SIMD_FP(fmulx);
SIMD_FP(fmla);
SIMD_FP(fmls);
SIMD_FP(fmul_elem);
SIMD_FP(fmulx_elem);
SIMD_FP(fmla_elem);
SIMD_FP(fmls_elem);
SIMD_FP(fabd);
SIMD_FP(fmax);
SIMD_FP(fmin);
SIMD_FP(fmaxnm);
SIMD_FP(fminnm);
SIMD_FP(frecps);
SIMD_FP(frsqrts);
SIMD_FP(fcmeq);
SIMD_FP(fcmge);
SIMD_FP(fcmgt);
SIMD_FP(facge);
SIMD_FP(facgt);
SIMD_FP(fcmeq0);
SIMD_FP(fcmge0);
SIMD_FP(fcmgt0);
SIMD_FP(fcmle0);
SIMD_FP(fcmlt0);
SIMD_FP(faddp);
SIMD_FP(fmaxp);
SIMD_FP(fminp);
SIMD_FP(fmaxnmp);
SIMD_FP(fminnmp);
SIMD_FP(faddp_scalar);
SIMD_FP(fmaxp_scalar);
SIMD_FP(fminp_scalar);
SIMD_FP(fmaxnmp_scalar);
SIMD_FP(fminnmp_scalar);
SIMD_FP(fmaxv);
SIMD_FP(fminv);
SIMD_FP(fmaxnmv);
SIMD_FP(fminnmv);
SIMD_FP(fabs);
SIMD_FP(fneg);
SIMD_FP(fsqrt);
SIMD_FP(frecpe);
SIMD_FP(frsqrte);
SIMD_FP(frecpx);
SIMD_FP(urecpe);
SIMD_FP(ursqrte);
SIMD_FP(frint); /* imm: as aux of fp_rint_fns */
/* imm: fraction bits | rounding << 8, the latter as aux of fp_rint_fns */
SIMD_FP(fcvts);
SIMD_FP(fcvtu);
SIMD_FP(scvtf);
SIMD_FP(ucvtf);
/* By the narrow side: {half, single}. */
SIMD_FP(fcvtl);
SIMD_FP(fcvtn);
SIMD_FP(fcvtxn);
#undef SIMD_FP

#endif
