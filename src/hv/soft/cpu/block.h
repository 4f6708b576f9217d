/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of pre-decoded operations and their cache, one cache per CPU (no locks), keyed by
 * physical address and by what the decoder looked at (FP enabled). Only IC IVAU/IALLU make
 * stale code go: a generation per page and a global epoch, checked at ISB, exception entry
 * and return (CTR_EL0.DIC = 0).
 *
 * Blocks never cross a page, and chains (succ) stay within it: the right to fetch from the
 * page, checked when it was entered, holds for everything chained.
 */
#ifndef HV_SOFT_CPU_BLOCK_H
#define HV_SOFT_CPU_BLOCK_H

#include "hv/soft/cpu/cpu.h"

#define BLOCK_OPS_MAX 64

struct block {
	uint64_t key;	       /* physical address of the first instruction | BLOCK_KEY_* */
	uint32_t nr_ops;       /* instructions; ops[nr_ops] is the end op that falls through */
	uint32_t generation;   /* of its page when decoded */
	struct block *succ[2]; /* chained direct successors within the same page, or NULL */
	struct block *hash_next;
	void *host_code; /* room for a compiler's output */
	struct op ops[];
};

static inline uint64_t cpu_pc(const struct cpu *c, const struct op *op)
{
	return c->block_va + (uint64_t)(op - c->block->ops) * 4;
}

/* The rest of cpu_goto and cpu_goto_indirect (exec.c). */
const struct op *cpu_goto_slow(struct cpu *c, const struct op *op, uint64_t va, int slot);

static inline bool cpu_must_leave(const struct cpu *c)
{
	return __builtin_expect(__atomic_load_n(&c->pending, __ATOMIC_RELAXED) & c->pend_mask, 0);
}

/* Others read the count at any time; only this thread writes it. */
static inline void cpu_count(struct cpu *c, uint64_t nr)
{
	__atomic_store_n(&c->icount, c->icount + nr, __ATOMIC_RELAXED);
}

/* Direct branch to `va`: `slot` 0 is the taken one, 1 the fall-through. */
static inline const struct op *cpu_goto(struct cpu *c, const struct op *op, uint64_t va, int slot)
{
	struct block *next = c->block->succ[slot];

	if (__builtin_expect(!next, 0) || cpu_must_leave(c))
		return cpu_goto_slow(c, op, va, slot);
	c->block = next;
	c->block_va = va;
	cpu_count(c, next->nr_ops);
	OP_TAIL(c, next->ops);
}

#define JUMP_BITS 12
#define JUMP_SIZE (1u << JUMP_BITS)

/* VA to block, valid while `tag` is the current one: it changes with whatever could move or forbid the fetch.
 */
struct jump_entry {
	uint64_t va, tag;
	struct block *block;
};

static inline struct jump_entry *jump_slot(const struct cpu *c, uint64_t va)
{
	return &c->jump[((va >> 2) ^ (va >> 14)) & (JUMP_SIZE - 1)];
}

/* Indirect branch; also whatever leaves the page. */
static inline const struct op *cpu_goto_indirect(struct cpu *c, const struct op *op, uint64_t va)
{
	const struct jump_entry *j = jump_slot(c, va);

	if (__builtin_expect(j->va != va || j->tag != c->jump_tag, 0) || cpu_must_leave(c))
		return cpu_goto_slow(c, op, va, -1);
	c->block = j->block;
	c->block_va = va;
	cpu_count(c, j->block->nr_ops);
	OP_TAIL(c, j->block->ops);
}

#endif
