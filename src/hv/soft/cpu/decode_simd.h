/* SPDX-License-Identifier: Apache-2.0 */
/* Between decode_simd.c, which has the rows, and decode_simd_fields.c, which has what they share. */
#ifndef HV_SOFT_CPU_DECODE_SIMD_H
#define HV_SOFT_CPU_DECODE_SIMD_H

#include "hv/soft/cpu/decode_fpsimd.h"

typedef enum decode_result decode_fn(uint32_t insn, struct op *op);

/* size (23:22) is the element; or the row fixes it and has one handler */
decode_fn simd_dec_same, simd_dec_first;
/* three different, narrow: size is the narrow element */
decode_fn simd_dec_long, simd_dec_pmull, simd_dec_shll;
decode_fn simd_dec_across, simd_dec_across_fp;
/* floating point: sz (22) */
decode_fn simd_dec_fp, simd_dec_fp_pair, simd_dec_frint, simd_dec_frint_u;
decode_fn simd_dec_fcvt, simd_dec_fcvta, simd_dec_fcvt_width;
/* by element */
decode_fn simd_dec_elem, simd_dec_elem_long, simd_dec_elem_fp;
/* shifts by an immediate */
decode_fn simd_dec_shr, simd_dec_shl, simd_dec_shift_narrow, simd_dec_shift_long, simd_dec_fixed;
decode_fn simd_dec_crypto;
/* copies and the like */
decode_fn simd_dec_dup, simd_dec_dup_x, simd_dec_ins_x, simd_dec_ins, simd_dec_umov, simd_dec_smov;
decode_fn simd_dec_ext, simd_dec_tbl, simd_dec_mod_imm;

DECLARE_ROWS(fp);
DECLARE_ROWS(simd_vector);
DECLARE_ROWS(simd_vector_imm);
DECLARE_ROWS(simd_scalar);
DECLARE_ROWS(simd_scalar_imm);

#endif
