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
