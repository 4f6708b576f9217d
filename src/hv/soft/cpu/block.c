/* SPDX-License-Identifier: Apache-2.0 */
/* The cache of decoded blocks and the coherence of code. */
#include "hv/soft/cpu/exec_crypto.h"
#include "hv/soft/cpu/exec_int.h"
#include "hv/soft/cpu/sysreg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int block_cache_init(struct block_cache *bc, struct sm_err *e)
{
	void *arena = mmap(NULL, BLOCK_ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (arena == MAP_FAILED)
		return err_errno(e, errno, "block cache of the CPU");
	bc->bucket = calloc(BLOCK_BUCKETS, sizeof(*bc->bucket));
	if (!bc->bucket) {
		munmap(arena, BLOCK_ARENA);
		return err_errno(e, ENOMEM, "block cache of the CPU");
	}
	bc->arena = arena;
	return 0;
}

void block_cache_fini(struct block_cache *bc)
{
	if (bc->arena)
		munmap(bc->arena, BLOCK_ARENA);
	free(bc->bucket);
	bc->arena = NULL;
	bc->bucket = NULL;
}

/* Everything that points at a block is forgotten with it: only between blocks. */
void block_cache_flush(struct cpu *c)
{
	struct block_cache *bc = &c->core->blocks;

	memset(bc->bucket, 0, BLOCK_BUCKETS * sizeof(*bc->bucket));
	bc->used = 0;
	bc->flushes++;
	tlb_renew_tags(c);
}

#define IDLE_PERIOD (2ull * TIMER_HZ)
#define IDLE_INSTRUCTIONS 20000000u

void block_cache_idle(struct cpu *c)
{
	struct block_cache *bc = &c->core->blocks;
	uint64_t now = timer_count(c);

	if (now - bc->idle_at < IDLE_PERIOD)
		return;
	if (c->icount - bc->idle_icount < IDLE_INSTRUCTIONS && bc->used > BLOCK_ARENA_KEPT) {
		block_cache_flush(c);
		madvise(bc->arena, BLOCK_ARENA, MADV_DONTNEED);
	}
	bc->idle_at = now;
	bc->idle_icount = c->icount;
}

static uint32_t *page_counter(struct soft_vm *vm, uint64_t pa)
{
	return &vm->code.page[(pa >> 12) % SOFT_CODE_PAGES];
}

/* Both counters only grow, and so does their sum. */
static uint32_t generation_of(struct soft_vm *vm, uint64_t pa)
{
	return __atomic_load_n(page_counter(vm, pa), __ATOMIC_ACQUIRE) +
	       __atomic_load_n(&vm->code.all, __ATOMIC_ACQUIRE);
}

/*
 * Other CPUs may execute the old code until their next context synchronisation, but Linux
 * patches branches and NOPs without one (aarch64_insn_patch_text_nosync) and expects them to
 * be seen soon: the others look at the epoch at their next block.
 */
static void code_changed(struct soft_vm *vm)
{
	__atomic_fetch_add(&vm->code.epoch, 1, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < vm->nr_vcpus && vm->nr_vcpus > 1; i++)
		if (vm->cpus[i])
			cpu_pend(vm->cpus[i], CPU_PEND_RESYNC);
}

void block_invalidate_page(struct soft_vm *vm, uint64_t pa)
{
	__atomic_fetch_add(page_counter(vm, pa), 1, __ATOMIC_SEQ_CST);
	code_changed(vm);
}

void block_invalidate_all(struct soft_vm *vm)
{
	__atomic_fetch_add(&vm->code.all, 1, __ATOMIC_SEQ_CST);
	code_changed(vm);
}

/*
 * Every way into a page leads through block_get or the jump cache, and chains stay within
 * a page: to empty the jump cache is enough, block_get passes over what is stale.
 */
void block_sync(struct cpu *c)
{
	uint32_t epoch = __atomic_load_n(&c->vm->code.epoch, __ATOMIC_ACQUIRE);

	if (__builtin_expect(epoch == c->core->blocks.epoch, 1))
		return;
	c->core->blocks.epoch = epoch;
	tlb_renew_tags(c);
}

/* Falls through to the next block. */
static const struct op *block_end(struct cpu *c, const struct op *op)
{
	return cpu_goto(c, op, cpu_pc(c, op), 1);
}

/* The same, but the run loop takes over while SP is not aligned. */
static const struct op *block_end_stack(struct cpu *c, const struct op *op)
{
	if (__builtin_expect((c->x[X_SP] & 15) != 0, 0)) {
		c->pc = cpu_pc(c, op);
		return NULL;
	}
	return cpu_goto(c, op, cpu_pc(c, op), 1);
}

static enum decode_result decode(const struct cpu *c, uint32_t insn, struct op *op)
{
	enum decode_result r = decode_int(insn, op);

	if (r != DECODE_NO) {
		sysreg_resolve(op);
		return r;
	}
	*op = (struct op){ 0 };
	r = decode_fpsimd(insn, op);
	if (r == DECODE_NO) {
		*op = (struct op){ .fn = cpu_undefined };
		return DECODE_LAST;
	}
	if (core_fp_off(c)) {
		*op = (struct op){ .fn = cpu_fp_trap };
		return DECODE_LAST;
	}
	return r;
}

/*
 * Can SP have lost its alignment behind this instruction? Then its block ends there, and the next one is
 * entered by way of a look at it; so no load or store has to. A false yes costs a block.
 */
static bool unsettles_stack(uint32_t insn)
{
	bool to_sp = (insn & 31) == 31, by_sp = (insn >> 5 & 31) == 31,
	     pair = (insn & 0x3a000000) == 0x28000000;
	uint32_t scale = insn & 1u << 26 ? 2 + (insn >> 30) : 2 + (insn >> 31);

	if ((insn & 0x3f800000) == 0x11000000) /* ADD, SUB (immediate): a frame is made or left */
		return to_sp && !(by_sp && insn >> 31 && !(insn >> 10 & 15));
	if ((insn & 0x3fe00000) == 0x0b200000 || (insn & 0x1f800000) == 0x12000000)
		return to_sp;
	if (pair && (insn & 1u << 23))
		return by_sp && (insn >> 15 << scale & 15);
	if ((insn & 0x3b200400) == 0x38000400)
		return by_sp && (insn >> 12 & 15);
	return (insn & 0xbe800000) == 0x0c800000 && by_sp;
}

/* Common pairs get one handler, which does not dispatch to the second op. */
static void fuse_pairs(struct op *ops, uint32_t nr)
{
	for (uint32_t i = 0; i + 1 < nr; i++) {
		op_fn *fn = i + 2 == nr ? fuse_branch(&ops[i]) : NULL;

		if (!fn)
			fn = crypto_fuse(&ops[i]);
		if (fn)
			ops[i++].fn = fn;
	}
}

static void decode_block(const struct cpu *c, struct block *b, uint64_t pa, const uint8_t *page)
{
	uint32_t off = pa & (GMEM_PAGE - 1), nr = 0;
	enum decode_result r = DECODE_OP;
	bool unsettled = false;

	while (r == DECODE_OP && !unsettled && nr < BLOCK_OPS_MAX && off < GMEM_PAGE) {
		uint32_t insn = guest_get32((uint64_t)(uintptr_t)page + off);

		b->ops[nr] = (struct op){ 0 };
		r = decode(c, insn, &b->ops[nr]);
		unsettled = unsettles_stack(insn);
		nr++;
		off += 4;
	}
	b->ops[nr] = (struct op){ .fn = unsettled ? block_end_stack : block_end };
	b->nr_ops = nr;
	fuse_pairs(b->ops, nr);
}

static uint32_t bucket_of(uint64_t key)
{
	return (uint32_t)(key >> 2 ^ key >> 16) & (BLOCK_BUCKETS - 1);
}

static uint64_t key_of(const struct cpu *c, uint64_t pa)
{
	return pa | (core_fp_off(c) ? BLOCK_KEY_NO_FP : 0);
}

struct block *block_get(struct cpu *c, uint64_t pa)
{
	struct block_cache *bc = &c->core->blocks;
	uint64_t key = key_of(c, pa);
	uint32_t generation = generation_of(c->vm, pa);
	struct block **at = &bc->bucket[bucket_of(key)], *b;
	const uint8_t *page;

	while ((b = *at)) {
		if (b->key == key && b->generation == generation)
			return b;
		if (b->key == key)
			*at = b->hash_next;
		else
			at = &b->hash_next;
	}
	page = mmu_host_page(c, pa);
	if (!page)
		return NULL;
	if (bc->used + sizeof(*b) + (BLOCK_OPS_MAX + 1) * sizeof(struct op) > BLOCK_ARENA)
		block_cache_flush(c);
	b = (struct block *)(void *)(bc->arena + bc->used);
	*b = (struct block){ .key = key, .generation = generation };
	decode_block(c, b, pa, page);
	bc->used += sizeof(*b) + (b->nr_ops + 1) * sizeof(struct op);
	at = &bc->bucket[bucket_of(key)];
	b->hash_next = *at;
	*at = b;
	return b;
}

struct block *block_single(struct cpu *c, uint64_t pa, op_fn *end)
{
	struct block *b = (struct block *)(void *)c->core->step;
	const uint8_t *page = mmu_host_page(c, pa);

	if (!page)
		return NULL;
	*b = (struct block){ .key = key_of(c, pa), .nr_ops = 1 };
	b->ops[0] = (struct op){ 0 };
	decode(c, guest_get32((uint64_t)(uintptr_t)page + (pa & (GMEM_PAGE - 1))), &b->ops[0]);
	b->ops[1] = (struct op){ .fn = end };
	return b;
}
