/* SPDX-License-Identifier: Apache-2.0 */
/* Branches and barriers. */
#include "hv/soft/cpu/exec_int.h"

/* Of the instruction behind a branch, the last one of its block. */
static inline uint64_t next_pc(const struct cpu *c)
{
	return c->block_va + (uint64_t)c->block->nr_ops * 4;
}

/* Not chained (yet). Chains stay within the page; what leaves it goes through the jump cache. */
EXEC_SLOW static const struct op *branch_unchained(struct cpu *c, const struct op *op, uint64_t va, int slot)
{
	if ((va ^ c->block_va) & TLB_PAGE_MASK)
		return cpu_goto_indirect(c, op, va);
	return cpu_goto_slow(c, op, va, slot);
}

/* Always inline: one indirect jump per guest branch predicts better than a shared one. */
static inline __attribute__((always_inline)) const struct op *branch_to(struct cpu *c, const struct op *op,
									uint64_t va, int slot)
{
	if (!c->block->succ[slot])
		return branch_unchained(c, op, va, slot);
	return cpu_goto(c, op, va, slot);
}

const struct op *branch_b(struct cpu *c, const struct op *op)
{
	return branch_to(c, op, next_pc(c) - 4 + op->imm, 0);
}

const struct op *branch_bl(struct cpu *c, const struct op *op)
{
	uint64_t next = next_pc(c);

	c->x[30] = next;
	return branch_to(c, op, next - 4 + op->imm, 0);
}

const struct op *branch_br(struct cpu *c, const struct op *op)
{
	return cpu_goto_indirect(c, op, c->x[op->rn]);
}

const struct op *branch_blr(struct cpu *c, const struct op *op)
{
	uint64_t target = c->x[op->rn];

	c->x[30] = next_pc(c);
	return cpu_goto_indirect(c, op, target);
}

#define BRANCH_IF(name, condition)                                                                           \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		uint64_t next = next_pc(c);                                                                  \
		if (condition)                                                                               \
			return branch_to(c, op, next - 4 + op->imm, 0);                                      \
		return branch_to(c, op, next, 1);                                                            \
	}

/* The truth tables are a64_cond_mask's. */
BRANCH_IF(branch_eq, flags_hold(c, 0xf0f0))
BRANCH_IF(branch_ne, flags_hold(c, 0x0f0f))
BRANCH_IF(branch_cs, flags_hold(c, 0xcccc))
BRANCH_IF(branch_cc, flags_hold(c, 0x3333))
BRANCH_IF(branch_mi, flags_hold(c, 0xff00))
BRANCH_IF(branch_pl, flags_hold(c, 0x00ff))
BRANCH_IF(branch_vs, flags_hold(c, 0xaaaa))
BRANCH_IF(branch_vc, flags_hold(c, 0x5555))
BRANCH_IF(branch_hi, flags_hold(c, 0x0c0c))
BRANCH_IF(branch_ls, flags_hold(c, 0xf3f3))
BRANCH_IF(branch_ge, flags_hold(c, 0xaa55))
BRANCH_IF(branch_lt, flags_hold(c, 0x55aa))
BRANCH_IF(branch_gt, flags_hold(c, 0x0a05))
BRANCH_IF(branch_le, flags_hold(c, 0xf5fa))

BRANCH_IF(branch_cbz_w, (uint32_t)c->x[op->rd] == 0)
BRANCH_IF(branch_cbz_x, c->x[op->rd] == 0)
BRANCH_IF(branch_cbnz_w, (uint32_t)c->x[op->rd] != 0)
BRANCH_IF(branch_cbnz_x, c->x[op->rd] != 0)
BRANCH_IF(branch_tbz, !(c->x[op->rd] >> op->aux & 1))
BRANCH_IF(branch_tbnz, c->x[op->rd] >> op->aux & 1)

/*
 * A comparison and the branch behind it in one handler: one dispatch less, and the host's branch
 * need not wait for NZCV to come back from memory. The branch's op stays where it was, so that
 * addresses and counts are the same.
 */
#define FUSED_IF(name, sfx, operand, condition)                                                              \
	static const struct op *branch_##name(struct cpu *c, const struct op *op)                            \
	{                                                                                                    \
		const reg_##sfx n = (reg_##sfx)c->x[op->rn], m = (reg_##sfx)(operand);                       \
		const sreg_##sfx sn = (sreg_##sfx)n, sm = (sreg_##sfx)m;                                     \
		(void)sn, (void)sm;                                                                          \
		c->x[op->rd] = flags_subs_##sfx(c, n, m);                                                    \
		if (condition)                                                                               \
			return branch_to(c, op + 1, next_pc(c) - 4 + op[1].imm, 0);                          \
		return branch_to(c, op + 1, next_pc(c), 1);                                                  \
	}
typedef uint32_t reg_w;
typedef uint64_t reg_x;
typedef int32_t sreg_w;
typedef int64_t sreg_x;

#define FUSED(name, sfx, operand)                                                                            \
	FUSED_IF(name##_eq, sfx, operand, n == m)                                                            \
	FUSED_IF(name##_ne, sfx, operand, n != m)                                                            \
	FUSED_IF(name##_cs, sfx, operand, n >= m)                                                            \
	FUSED_IF(name##_cc, sfx, operand, n < m)                                                             \
	FUSED_IF(name##_hi, sfx, operand, n > m)                                                             \
	FUSED_IF(name##_ls, sfx, operand, n <= m)                                                            \
	FUSED_IF(name##_ge, sfx, operand, sn >= sm)                                                          \
	FUSED_IF(name##_lt, sfx, operand, sn < sm)                                                           \
	FUSED_IF(name##_gt, sfx, operand, sn > sm)                                                           \
	FUSED_IF(name##_le, sfx, operand, sn <= sm)
FUSED(subs_imm_w, w, op->imm)
FUSED(subs_imm_x, x, op->imm)
FUSED(subs_w, w, c->x[op->rm])
FUSED(subs_x, x, c->x[op->rm])

#define NR_FUSED 10
static op_fn *const conditions[NR_FUSED] = { branch_eq, branch_ne, branch_cs, branch_cc, branch_hi,
					     branch_ls, branch_ge, branch_lt, branch_gt, branch_le };
#define FUSED_ROW(name)                                                                                      \
	{                                                                                                    \
		int_##name,                                                                                  \
		{                                                                                            \
			branch_##name##_eq, branch_##name##_ne, branch_##name##_cs, branch_##name##_cc,      \
				branch_##name##_hi, branch_##name##_ls, branch_##name##_ge,                  \
				branch_##name##_lt, branch_##name##_gt, branch_##name##_le                   \
		}                                                                                            \
	}
static const struct {
	op_fn *compare, *fused[NR_FUSED];
} fused[] = { FUSED_ROW(subs_imm_w), FUSED_ROW(subs_imm_x), FUSED_ROW(subs_w), FUSED_ROW(subs_x) };

op_fn *fuse_branch(const struct op *first)
{
	for (size_t i = 0; i < sizeof(fused) / sizeof(fused[0]); i++)
		for (size_t k = 0; k < NR_FUSED && first->fn == fused[i].compare; k++)
			if (first[1].fn == conditions[k])
				return fused[i].fused[k];
	return NULL;
}

const struct op *barrier_full(struct cpu *c, const struct op *op)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	OP_NEXT(c, op);
}

/* DMB LD: earlier loads before everything later. */
const struct op *barrier_load(struct cpu *c, const struct op *op)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	OP_NEXT(c, op);
}

/* DMB ST: earlier stores before later stores. */
const struct op *barrier_store(struct cpu *c, const struct op *op)
{
	__atomic_thread_fence(__ATOMIC_RELEASE);
	OP_NEXT(c, op);
}

const struct op *barrier_clrex(struct cpu *c, const struct op *op)
{
	c->excl_len = 0;
	OP_NEXT(c, op);
}
