/* SPDX-License-Identifier: Apache-2.0 */
/* Handlers of scalar floating point, in pairs {single, double}; see decode_fp.c for the fields. */
#ifndef HV_SOFT_CPU_EXEC_FP_H
#define HV_SOFT_CPU_EXEC_FP_H

#include "hv/soft/cpu/row.h"

extern op_fn *const fp_add_fns[2], *const fp_sub_fns[2], *const fp_mul_fns[2], *const fp_div_fns[2];
extern op_fn *const fp_max_fns[2], *const fp_min_fns[2], *const fp_maxnm_fns[2], *const fp_minnm_fns[2];
extern op_fn *const fp_nmul_fns[2];
extern op_fn *const fp_mov_fns[2], *const fp_abs_fns[2], *const fp_neg_fns[2], *const fp_sqrt_fns[2];
extern op_fn *const fp_madd_fns[2], *const fp_msub_fns[2], *const fp_nmadd_fns[2], *const fp_nmsub_fns[2];
/* FCVT: from type * 4 + to type, types as encoded (0 single, 1 double, 3 half). */
extern op_fn *const fp_cvt_fns[16];
/* aux: enum fp_round, FP_AUX_* */
#define FP_AUX_CURRENT 8 /* FPCR's rounding mode */
#define FP_AUX_EXACT 16	 /* signal inexactness */
extern op_fn *const fp_rint_fns[2];
/* aux = signalling */
extern op_fn *const fp_cmp_fns[2];
extern op_fn *const fp_cmp_zero_fns[2];
/* FCCMP: aux = signalling << 8 | nzcv << 4 | condition. FCSEL: aux = condition. */
extern op_fn *const fp_ccmp_fns[2];
extern op_fn *const fp_csel_fns[2];
op_fn fp_mov_imm; /* imm */
/* To and from X registers: imm = fraction bits; [type][sf * 2 + unsigned]. */
extern op_fn *const fp_to_x_fns[2][4], *const fp_from_x_fns[2][4];
op_fn fp_mov_w_from_s, fp_mov_x_from_d, fp_mov_x_from_v1;
op_fn fp_mov_s_from_w, fp_mov_d_from_x, fp_mov_v1_from_x;

#endif
