/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of pre-decoded operations and their cache, keyed by physical address and regime
 * (EL, MMU on). Only IC IVAU/IALLU make stale code go: a page generation and a global
 * epoch, checked at ISB, exception entry and return (CTR_EL0.DIC = 0).
 */
#ifndef HV_SOFT_CPU_BLOCK_H
#define HV_SOFT_CPU_BLOCK_H

#include "hv/soft/cpu/cpu.h"

#define BLOCK_OPS_MAX 64

struct block {
	uint64_t pa;	   /* of the first instruction */
	uint32_t nr_ops;   /* instructions; ops[nr_ops] is the end op that falls through */
	struct block *succ[2]; /* chained direct successors within the same page, or NULL */
	/* The core adds its own members (hash chain, generation, room for host code). */
	struct block *hash_next;
	uint64_t generation;
	const struct op *ops;
};

static inline uint64_t cpu_pc(const struct cpu *c, const struct op *op)
{
	return c->block_va + (uint64_t)(op - c->block->ops) * 4;
}

#endif
