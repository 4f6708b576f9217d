/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of the A64 integer, branch, system, load/store and atomic instructions, and
 * the layout of their op->aux. Only decode_int*.c and exec_{int,mem,atomic}*.c look here.
 *
 * Names end in _w or _x for the width of the registers. Fields: rd, rn, rm, ra as in the
 * encoding (Rt is rd, Rt2 is ra, Rs is rm) with register 31 resolved.
 */
#ifndef HV_SOFT_CPU_EXEC_INT_H
#define HV_SOFT_CPU_EXEC_INT_H

#include "hv/soft/cpu/cpu.h"

#define EXEC_SLOW __attribute__((noinline))

#define DECLARE_WX(name) op_fn name##_w, name##_x
/* Second operand: immediate, register, register << aux, register by shift kind. */
#define DECLARE_SHIFTED(name)                                                                                \
	DECLARE_WX(name);                                                                                    \
	DECLARE_WX(name##_lsl);                                                                              \
	DECLARE_WX(name##_shift)

/* exec_int.c; aux of _shift: amount | SHIFT_* << 8; of _ext: amount | option << 8 */
enum { SHIFT_LSL, SHIFT_LSR, SHIFT_ASR, SHIFT_ROR };
#define INT_AUX(amount, kind) ((amount) | (kind) << 8)

DECLARE_SHIFTED(int_add);
DECLARE_SHIFTED(int_sub);
DECLARE_SHIFTED(int_adds);
DECLARE_SHIFTED(int_subs);
DECLARE_SHIFTED(int_and);
DECLARE_SHIFTED(int_orr);
DECLARE_SHIFTED(int_eor);
DECLARE_SHIFTED(int_ands);
DECLARE_SHIFTED(int_bic);
DECLARE_SHIFTED(int_orn);
DECLARE_SHIFTED(int_eon);
DECLARE_SHIFTED(int_bics);
DECLARE_WX(int_add_imm);
DECLARE_WX(int_sub_imm);
DECLARE_WX(int_adds_imm);
DECLARE_WX(int_subs_imm);
DECLARE_WX(int_and_imm);
DECLARE_WX(int_orr_imm);
DECLARE_WX(int_eor_imm);
DECLARE_WX(int_ands_imm);
DECLARE_WX(int_add_ext);
DECLARE_WX(int_sub_ext);
DECLARE_WX(int_adds_ext);
DECLARE_WX(int_subs_ext);
DECLARE_WX(int_adc);
DECLARE_WX(int_adcs);
DECLARE_WX(int_sbc);
DECLARE_WX(int_sbcs);
DECLARE_WX(int_mov);
op_fn int_mov_imm; /* imm is the whole value */
DECLARE_WX(int_movk);
op_fn int_adr, int_adrp, int_nop;

/* exec_int_bits.c */
DECLARE_WX(int_lsl_imm);
DECLARE_WX(int_lsr_imm);
DECLARE_WX(int_asr_imm);
DECLARE_WX(int_sbfm); /* left by aux's low byte, then right by the next */
DECLARE_WX(int_ubfm);
DECLARE_WX(int_bfm); /* rotated right by aux, the bits of imm replaced */
DECLARE_WX(int_extr);
op_fn int_sxtw;
DECLARE_WX(int_rbit);
DECLARE_WX(int_rev16);
DECLARE_WX(int_rev);
op_fn int_rev32_x;
DECLARE_WX(int_clz);
DECLARE_WX(int_cls);
DECLARE_WX(int_udiv);
DECLARE_WX(int_sdiv);
DECLARE_WX(int_lslv);
DECLARE_WX(int_lsrv);
DECLARE_WX(int_asrv);
DECLARE_WX(int_rorv);
DECLARE_WX(int_madd);
DECLARE_WX(int_msub);
op_fn int_smaddl, int_smsubl, int_smulh, int_umaddl, int_umsubl, int_umulh;
op_fn int_crc32, int_crc32c; /* aux = bytes */

/* Conditions: aux's low 16 bits are the truth table, indexed by NZCV; see a64_cond_mask. */
DECLARE_WX(int_csel);
DECLARE_WX(int_csinc);
DECLARE_WX(int_csinv);
DECLARE_WX(int_csneg);
DECLARE_WX(int_ccmp_imm); /* NZCV when the condition fails: aux >> 16 */
DECLARE_WX(int_ccmn_imm);
DECLARE_WX(int_ccmp);
DECLARE_WX(int_ccmn);

/* exec_int_branch.c; imm is the offset, aux the bit number of TBZ */
op_fn branch_b, branch_bl, branch_br, branch_blr;
op_fn branch_eq, branch_ne, branch_cs, branch_cc, branch_mi, branch_pl, branch_vs, branch_vc;
op_fn branch_hi, branch_ls, branch_ge, branch_lt, branch_gt, branch_le;
DECLARE_WX(branch_cbz);
DECLARE_WX(branch_cbnz);
op_fn branch_tbz, branch_tbnz;
/* A handler for `first` and the branch behind it together, or NULL. */
op_fn *fuse_branch(const struct op *first);
op_fn barrier_full, barrier_load, barrier_store, barrier_clrex;

/*
 * exec_mem.c. mem_any and mem_pair_any do every form from aux; the others are the fast
 * forms and leave everything but a TLB hit to them.
 */
enum { MEM_OFF, MEM_PRE, MEM_POST, MEM_REG, MEM_LITERAL };
#define MEM_SIZE(aux) ((aux)&3) /* log2 of the bytes, of one register of a pair */
#define MEM_SIGNED (1u << 2)	/* sign-extend */
#define MEM_TO_W (1u << 3)	/* ... to 32 bits only */
#define MEM_LOAD (1u << 4)
#define MEM_USER (1u << 5)		  /* LDTR, STTR */
#define MEM_ORDERED (1u << 6)		  /* acquire, release: must be aligned */
#define MEM_MODE(aux) ((aux) >> 8 & 7)	  /* MEM_OFF.. */
#define MEM_SHIFT(aux) ((aux) >> 12 & 7)  /* of the index register */
#define MEM_OPTION(aux) ((aux) >> 16 & 7) /* its extension, as encoded */
#define MEM_AUX(size, mode) ((size) | (uint32_t)(mode) << 8)

#define DECLARE_MEM(name) op_fn name##_off, name##_lsl, name##_uxtw, name##_sxtw
#define DECLARE_MEM_INDEXED(name)                                                                            \
	DECLARE_MEM(name);                                                                                   \
	op_fn name##_pre, name##_post

DECLARE_MEM_INDEXED(mem_ldrb);
DECLARE_MEM_INDEXED(mem_ldrh);
DECLARE_MEM_INDEXED(mem_ldr_w);
DECLARE_MEM_INDEXED(mem_ldr_x);
DECLARE_MEM_INDEXED(mem_strb);
DECLARE_MEM_INDEXED(mem_strh);
DECLARE_MEM_INDEXED(mem_str_w);
DECLARE_MEM_INDEXED(mem_str_x);
DECLARE_MEM(mem_ldrsb_w);
DECLARE_MEM(mem_ldrsb_x);
DECLARE_MEM(mem_ldrsh_w);
DECLARE_MEM(mem_ldrsh_x);
DECLARE_MEM(mem_ldrsw);
op_fn mem_ldr_w_literal, mem_ldr_x_literal;
op_fn mem_any;
op_fn mem_ldp_x_off, mem_ldp_x_pre, mem_ldp_x_post, mem_stp_x_off, mem_stp_x_pre, mem_stp_x_post;
op_fn mem_ldp_w_off, mem_stp_w_off;
op_fn mem_pair_any;

/* exec_atomic.c; sizes are _b, _h, _w, _x; a compare-and-swap reads Rs from rm and writes it to ra */
#define DECLARE_ATOMIC(name) op_fn atomic_##name##_b, atomic_##name##_h, atomic_##name##_w, atomic_##name##_x

DECLARE_ATOMIC(ldadd);
DECLARE_ATOMIC(ldclr);
DECLARE_ATOMIC(ldeor);
DECLARE_ATOMIC(ldset);
DECLARE_ATOMIC(ldsmax);
DECLARE_ATOMIC(ldsmin);
DECLARE_ATOMIC(ldumax);
DECLARE_ATOMIC(ldumin);
DECLARE_ATOMIC(swp);
DECLARE_ATOMIC(cas);
DECLARE_WX(atomic_casp);
/* Exclusives: size of one register in MEM_SIZE(aux), MEM_ORDERED; status register in rm. */
op_fn atomic_load_excl, atomic_store_excl, atomic_load_excl_pair, atomic_store_excl_pair;

static inline uint32_t flags_pack(bool n, bool z, bool carry, bool v)
{
	return ((uint32_t)n << 3 | (uint32_t)z << 2 | (uint32_t)carry << 1 | (uint32_t)v) << 28;
}

static inline bool flags_carry(const struct cpu *c)
{
	return c->nzcv >> 29 & 1;
}

static inline bool flags_hold(const struct cpu *c, uint32_t cond_mask)
{
	return cond_mask >> (c->nzcv >> 28) & 1;
}

/* The three that set all flags, for registers of type `reg` (signed `sreg`). */
#define FLAGS_FNS(sfx, reg, sreg)                                                                            \
	static inline reg flags_adds_##sfx(struct cpu *c, reg a, reg b)                                      \
	{                                                                                                    \
		reg r;                                                                                       \
		sreg s;                                                                                      \
		bool carry = __builtin_add_overflow(a, b, &r);                                               \
		bool v = __builtin_add_overflow((sreg)a, (sreg)b, &s);                                       \
		c->nzcv = flags_pack(s < 0, !r, carry, v);                                                   \
		return r;                                                                                    \
	}                                                                                                    \
	static inline reg flags_subs_##sfx(struct cpu *c, reg a, reg b)                                      \
	{                                                                                                    \
		sreg s;                                                                                      \
		bool v = __builtin_sub_overflow((sreg)a, (sreg)b, &s);                                       \
		c->nzcv = flags_pack(s < 0, a == b, a >= b, v);                                              \
		return (reg)s;                                                                               \
	}                                                                                                    \
	static inline reg flags_adcs_##sfx(struct cpu *c, reg a, reg b)                                      \
	{                                                                                                    \
		reg half, r;                                                                                 \
		bool carry = __builtin_add_overflow(a, b, &half);                                            \
		carry |= __builtin_add_overflow(half, (reg)flags_carry(c), &r);                              \
		bool v = (sreg)((a ^ r) & (b ^ r)) < 0;                                                      \
		c->nzcv = flags_pack((sreg)r < 0, !r, carry, v);                                             \
		return r;                                                                                    \
	}                                                                                                    \
	static inline reg flags_logic_##sfx(struct cpu *c, reg r)                                            \
	{                                                                                                    \
		c->nzcv = flags_pack((sreg)r < 0, !r, false, false);                                         \
		return r;                                                                                    \
	}

FLAGS_FNS(w, uint32_t, int32_t)
FLAGS_FNS(x, uint64_t, int64_t)

#endif
