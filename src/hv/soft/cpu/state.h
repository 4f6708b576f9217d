/* SPDX-License-Identifier: Apache-2.0 */
/* struct cpu: the architectural state of one software vCPU and what speeds it up. */
#ifndef HV_SOFT_CPU_STATE_H
#define HV_SOFT_CPU_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "hv/hv.h"
#include "hv/soft/timer.h"

/* Indices into cpu.x: reads of XZR go to X_ZERO (always 0), writes to XZR to X_TRASH. */
enum { X_ZERO = 32, X_TRASH = 33, X_SP = 31, X_COUNT = 34 };

/* A 128-bit vector register. Little-endian hosts only, so the views agree with A64. */
union vreg {
	uint8_t b[16];
	uint16_t h[8];
	uint32_t s[4];
	uint64_t d[2];
	int8_t sb[16];
	int16_t sh[8];
	int32_t ss[4];
	int64_t sd[2];
	float f[4];
	double g[2];
	unsigned __int128 q;
};

/*
 * The same as one host vector. What is stored as two halves and then loaded whole waits in the
 * host's store buffer for a dozen cycles, so whole registers are written whole.
 */
typedef uint64_t vreg_whole __attribute__((vector_size(16), may_alias));

static inline void vreg_set(union vreg *v, uint64_t low, uint64_t high)
{
	*(vreg_whole *)v = (vreg_whole){ low, high };
}

struct cpu_fp {
	uint32_t fpcr, fpsr;
	uint64_t host_env; /* of the thread, while fp_enter() has put it aside */
};

struct tlb_entry;
struct jump_entry;
struct soft_vm; /* soft.h: GIC, physical memory, the other CPUs */

struct cpu {
	uint64_t x[X_COUNT]; /* x[31] is the current SP */
	union vreg v[32] __attribute__((aligned(16)));
	uint32_t nzcv;			  /* N=31 Z=30 C=29 V=28, as in PSTATE */
	uint32_t pending;		  /* atomic, CPU_PEND_* */
	uint32_t pend_mask;		  /* which of them count now: not IRQ while PSTATE.I is set */
	uint32_t el;			  /* 0 or 1 */
	struct block *block;		  /* being executed */
	uint64_t block_va;		  /* its virtual address */
	uint64_t icount;		  /* instructions retired; added up per block */
	uint64_t pc;			  /* only between blocks: what to execute next */
	struct tlb_entry *tlb, *tlb_user; /* of the current EL; of EL0 */
	struct jump_entry *jump;
	uint64_t jump_tag;
	uint64_t mem_val[2]; /* result of the slow load path */
	/* Exclusive monitor: address (VA), value read and size; size 0 = open. */
	uint64_t excl_va;
	uint64_t excl_val[2];
	uint32_t excl_len;
	struct cpu_fp fp;

	/* Everything below is the business of the core (sysreg.c, mmu.c, exec.c). */
	struct soft_vm *vm;
	uint32_t index;
	struct timer timer;
	struct hv_exit exit; /* filled with CPU_PEND_EXIT */
	bool waits_event;    /* cpu_execute returned for a WFE */
	struct cpu_core *core;
};

static inline void cpu_pend(struct cpu *c, uint32_t bits)
{
	__atomic_fetch_or(&c->pending, bits, __ATOMIC_SEQ_CST);
}

#endif
