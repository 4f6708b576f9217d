/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core's own files share: banked and system registers, translation contexts,
 * block cache, device accesses under way. Belongs to the vCPU's thread but for `inbox`.
 */
#ifndef HV_SOFT_CPU_CORE_H
#define HV_SOFT_CPU_CORE_H

#include <pthread.h>

#include "hv/soft/soft.h"

/* PSTATE without NZCV and EL, where SPSR_EL1 has them. */
enum {
	PSTATE_SP = 1 << 0,
	PSTATE_F = 1 << 6,
	PSTATE_I = 1 << 7,
	PSTATE_A = 1 << 8,
	PSTATE_D = 1 << 9,
	PSTATE_DAIF = PSTATE_D | PSTATE_A | PSTATE_I | PSTATE_F,
	PSTATE_SSBS = 1 << 12,
	PSTATE_IL = 1 << 20,
	PSTATE_SS = 1 << 21,
	PSTATE_PAN = 1 << 22,
	PSTATE_KEPT = PSTATE_SP | PSTATE_DAIF | PSTATE_SSBS | PSTATE_IL | PSTATE_SS | PSTATE_PAN,
};
#define PSTATE_NZCV 0xf0000000u

#define SCTLR_M (1ull << 0)
#define SCTLR_A (1ull << 1)
#define SCTLR_SA (1ull << 3)
#define SCTLR_SA0 (1ull << 4)
#define SCTLR_UMA (1ull << 9)
#define SCTLR_DZE (1ull << 14)
#define SCTLR_UCT (1ull << 15)
#define SCTLR_NTWI (1ull << 16)
#define SCTLR_NTWE (1ull << 18)
#define SCTLR_WXN (1ull << 19)
#define SCTLR_TSCXT (1ull << 20)
#define SCTLR_SPAN (1ull << 23)
#define SCTLR_UCI (1ull << 26)
#define SCTLR_DSSBS (1ull << 44)
/* What can be set; the rest is RES0 here (no big endian, no EL2, no later extensions). */
#define SCTLR_RES1 ((1ull << 29) | (1ull << 28) | (1ull << 22) | (1ull << 11))
#define SCTLR_WRITABLE                                                                                       \
	(SCTLR_M | SCTLR_A | (1ull << 2) | SCTLR_SA | SCTLR_SA0 | (1ull << 5) | (1ull << 8) | SCTLR_UMA |    \
	 (1ull << 12) | SCTLR_DZE | SCTLR_UCT | SCTLR_NTWI | SCTLR_NTWE | SCTLR_WXN | SCTLR_TSCXT |          \
	 SCTLR_SPAN | SCTLR_UCI | SCTLR_DSSBS)
#define TCR_A1 (1ull << 22)
#define TCR_AS (1ull << 36)

#define MDSCR_SS (1ull << 0)
#define MDSCR_KDE (1ull << 13)
#define MDSCR_MDE (1ull << 15)

#define CPU_PA_BITS 40
#define CPU_DBG_PAIRS 2 /* breakpoints, and as many watchpoints */

/* ISS of data and instruction aborts (D17.2.37). */
enum {
	FSC_ADDRESS_SIZE = 0x00,
	FSC_TRANSLATION = 0x04,
	FSC_ACCESS_FLAG = 0x08,
	FSC_PERMISSION = 0x0c,
	FSC_EXTERNAL = 0x10,
	FSC_EXTERNAL_WALK = 0x14,
	FSC_ALIGNMENT = 0x21,
	FSC_DEBUG = 0x22,
	FSC_ATOMIC = 0x35,
	FSC_OK = 0x40, /* no fault: the field has six bits, and 0 is one */
	ISS_WNR = 1 << 6,
	ISS_CM = 1 << 8,
};

/* System registers that are plain storage; saved in this order. */
struct cpu_sysregs {
	uint64_t sctlr, tcr, ttbr0, ttbr1, mair, amair, vbar, elr, spsr, esr, far, afsr0, afsr1;
	uint64_t cpacr, contextidr, par, csselr, tpidr_el0, tpidrro_el0, tpidr_el1, scxtnum_el0, scxtnum_el1;
	uint64_t mdscr, mdccint, oslock, osdlr, dbgprcr;
	uint64_t dbgbvr[CPU_DBG_PAIRS], dbgbcr[CPU_DBG_PAIRS], dbgwvr[CPU_DBG_PAIRS], dbgwcr[CPU_DBG_PAIRS];
};

/*
 * Translations of one regime: EL1 with and without PAN, and a few address spaces of EL0,
 * so that a context switch seldom throws any away. `blocks` says (with false positives)
 * which 2 MiB hold pages that came from larger descriptors, `huge` that some came from
 * 1 GiB ones: invalidating one address must then find its neighbours.
 */
struct tlb_context {
	struct tlb_entry entries[TLB_SIZE];
	uint64_t blocks[4];
	bool huge, not_global;
};

#define FETCH_SIZE 256u

struct fetch_entry {
	uint64_t va, pa; /* pages; va = TLB_NO_TAG: empty */
};

/* The same for instruction fetch. `pages` as `blocks` above, for all entries and the jump cache. */
struct fetch_context {
	struct fetch_entry entries[FETCH_SIZE];
	uint64_t pages[4];
	bool huge, not_global;
	uint64_t tag; /* of the jump cache's valid entries */
};

#define EL0_CONTEXTS 4
enum { CTX_EL1, CTX_EL1_PAN, CTX_EL0, CTX_COUNT = CTX_EL0 + EL0_CONTEXTS };
enum { FETCH_EL1, FETCH_EL0, FETCH_COUNT = FETCH_EL0 + EL0_CONTEXTS };

/* A TLB invalidation; by address hits every address space, which is allowed. */
enum tlbi_kind { TLBI_ALL, TLBI_ASID, TLBI_VA };
struct tlbi {
	enum tlbi_kind kind;
	uint64_t arg; /* VA or ASID */
};

#define INBOX_MAX 32

/* Invalidations from other CPUs. `lock` guards all but the atomics. */
struct inbox {
	pthread_mutex_t lock;
	uint32_t nr;
	bool all; /* overflow: drop everything */
	struct tlbi req[INBOX_MAX];
	uint64_t posted;
	uint64_t done;	  /* atomic: all up to here took effect */
	uint32_t running; /* atomic: inside cpu_execute; else it looks before it enters */
};

/*
 * A device access is left to the caller of cpu_execute, and the instruction is executed
 * again with the answers so far: `rec` in order, `next` the one to be consumed.
 */
#define MMIO_RECORDS 16
struct mmio_record {
	uint64_t addr, data;
	uint8_t len;
	bool is_write;
};
struct mmio {
	uint32_t nr, next;
	bool open; /* rec[nr] is under way */
	struct mmio_record rec[MMIO_RECORDS + 1];
};

#define BLOCK_BUCKETS 16384u
#define BLOCK_ARENA (16u << 20)
#define BLOCK_ARENA_KEPT (1u << 20) /* not worth dropping */
#define BLOCK_KEY_NO_FP 1u

struct block_cache {
	struct block **bucket;
	uint8_t *arena;
	size_t used;
	uint32_t flushes;
	uint32_t epoch;		       /* of soft_code.epoch, last seen */
	uint64_t idle_at, idle_icount; /* block_cache_idle: when it last looked, and the count then */
};

enum core_idle { IDLE_NO, IDLE_WFI, IDLE_WFE };

struct cpu_core {
	uint64_t sp[2]; /* SP_EL0 and SP_EL1; the current one's is stale, it lives in x[31] */
	uint32_t pstate;
	enum core_idle idle; /* stop when nothing of that is pending */
	bool stepped;	     /* the step exception that is due has an instruction before it ... */
	bool stepped_ex;     /* ... which was a load exclusive */
	uint64_t exceptions; /* taken so far */
	struct cpu_sysregs r;

	uint32_t asid;
	uint32_t el0;			 /* current EL0 context, 0..EL0_CONTEXTS-1 */
	uint32_t el0_next;		 /* to be replaced next */
	uint32_t el0_asid[EL0_CONTEXTS]; /* ~0: empty */
	uint64_t last_tag;
	struct mmio mmio;
	struct block_cache blocks;
	struct inbox inbox;
	bool tlbi_sent;
	uint64_t tlbi_ticket[HV_VCPUS_MAX];
	/* block_single's block: one instruction and what follows it. */
	_Alignas(struct block) uint8_t step[sizeof(struct block) + 2 * sizeof(struct op)];
	struct fetch_context fetch[FETCH_COUNT];
	struct tlb_context tlb[CTX_COUNT];
	struct jump_entry jump[JUMP_SIZE];
};

/* ---- exception.c ---- */

/* Brings SP, TLB and jump tag in line with c->el and pstate after either changed. */
void core_set_mode(struct cpu *c, uint32_t el, uint32_t pstate);
/* pend_mask after PSTATE.I changed. */
void core_update_mask(struct cpu *c);
/* To EL1 from `pc`, which is what ELR gets. */
void core_take_sync(struct cpu *c, uint64_t pc, uint32_t ec, uint32_t iss);
void core_take_irq(struct cpu *c);
void core_take_abort(struct cpu *c, uint64_t pc, bool fetch, uint64_t far, uint32_t iss);
/* Instructions of the current block from `op` on were not executed. */
void core_uncount(struct cpu *c, const struct op *op);
/* Leaves the block behind `op`. */
const struct op *core_leave_after(struct cpu *c, const struct op *op);

static inline bool core_fp_off(const struct cpu *c)
{
	uint64_t fpen = c->core->r.cpacr >> 20 & 3;

	return c->el ? !(fpen & 1) : fpen != 3;
}

/* ---- walk.c ---- */

struct walk {
	uint64_t pa;	    /* of the very address */
	uint32_t size_log2; /* of the descriptor's page or block */
	uint8_t attr;	    /* MAIR byte */
	uint8_t sh;
	bool device, global;
	bool user; /* EL0 may read it, so PAN closes it to EL1; not with the MMU off */
	bool el0_read, el0_write, el1_write, el0_exec, el1_exec;
	uint32_t level;
};

/* FSC_OK, or the fault status code; *ret is then unset. `va` is canonical (walk_canonical); no permission is
 * judged. */
uint32_t walk_translate(const struct cpu *c, uint64_t va, uint32_t el, struct walk *ret);
/* `va` without its tag where TCR_EL1.TBI says that it has one. */
uint64_t walk_canonical(const struct cpu *c, uint64_t va);

/* ---- mmu.c ---- */

/* Page of RAM at `pa`, or NULL. */
uint8_t *mmu_host_page(const struct cpu *c, uint64_t pa);
/* Physical address to fetch from; false: the exception is taken. */
bool mmu_fetch(struct cpu *c, uint64_t va, uint64_t *ret_pa);
/* A cache maintenance or AT-like look at `va` with flags CPU_MEM_*; as walk_translate. */
uint32_t mmu_look(struct cpu *c, uint64_t va, uint32_t flags, bool pan, struct walk *ret);

/* ---- tlb.c ---- */

void tlb_flush_all(struct cpu *c);
void tlb_invalidate(struct cpu *c, const struct tlbi *t);
void tlb_broadcast(struct cpu *c, const struct tlbi *t);
/* Takes what other CPUs asked for. */
void tlb_serve(struct cpu *c);
/* Until everybody took what this CPU sent. */
void tlb_wait(struct cpu *c);
/* After TTBRn or TCR changed: the EL0 context of the current ASID. */
void tlb_set_asid(struct cpu *c);
/* Forgets the jump cache. */
void tlb_renew_tags(struct cpu *c);
void tlb_note(uint64_t set[4], uint64_t va);

/* ---- block.c ---- */

int block_cache_init(struct block_cache *bc, struct sm_err *e);
void block_cache_fini(struct block_cache *bc);
void block_cache_flush(struct cpu *c);
/* The guest idles: gives the memory back when it has executed little for a while. */
void block_cache_idle(struct cpu *c);
/* The block at `pa`, decoded now if need be. NULL: no RAM there. */
struct block *block_get(struct cpu *c, uint64_t pa);
/* The one instruction at `pa` alone, followed by `end`. */
struct block *block_single(struct cpu *c, uint64_t pa, op_fn *end);
/* IC IVAU, IC IALLU. */
void block_invalidate_page(struct soft_vm *vm, uint64_t pa);
void block_invalidate_all(struct soft_vm *vm);
/* A context synchronisation: code made coherent elsewhere becomes visible here. */
void block_sync(struct cpu *c);

/* ---- debug.c ---- */

/* Are debug exceptions taken from `el` with PSTATE.D as in `pstate`? (Except BRK.) */
bool core_debug_enabled(const struct cpu *c, uint32_t el, uint32_t pstate);
/* Is any breakpoint in the page? If so it is executed instruction by instruction. */
bool debug_page_breaks(const struct cpu *c, uint64_t va);
/* Is the instruction at `va` not to be executed but reported? */
bool debug_breaks_at(const struct cpu *c, uint64_t va);
/* Is any watchpoint about the page? If so the TLB leaves it out. */
bool debug_page_watched(const struct cpu *c, uint64_t va);
/* Does a watchpoint report this access, at which address, and as a write? */
bool debug_watches(const struct cpu *c, uint64_t va, uint32_t len, uint32_t flags, uint64_t *ret_far,
		   bool *ret_write);
bool debug_must_step(const struct cpu *c);
/* PSTATE.SS after an exception return to `el`. */
uint32_t debug_return_ss(const struct cpu *c, uint64_t spsr, uint32_t el);

/* ---- exec.c ---- */

/* Enters `b` at `va` as the next thing to execute. */
static inline void core_enter(struct cpu *c, struct block *b, uint64_t va)
{
	c->block = b;
	c->block_va = va;
	cpu_count(c, b->nr_ops);
}

#endif
