/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/soft/cpu/fake_core.h"

#include <stdlib.h>
#include <string.h>

static struct fake_core *fake_of(struct cpu *c)
{
	return (struct fake_core *)(void *)c;
}

static const struct op *fake_end_op(struct cpu *c, const struct op *op)
{
	fake_of(c)->end = FAKE_FELL_THROUGH;
	fake_of(c)->pc = cpu_pc(c, op);
	return NULL;
}

const struct op *cpu_undefined(struct cpu *c, const struct op *op)
{
	fake_of(c)->end = FAKE_UNDEFINED;
	fake_of(c)->pc = cpu_pc(c, op);
	return NULL;
}

const struct op *cpu_goto_slow(struct cpu *c, const struct op *op, uint64_t va, int slot)
{
	(void)op;
	(void)slot;
	fake_of(c)->end = FAKE_BRANCHED;
	fake_of(c)->pc = va;
	return NULL;
}

#define FAKE_CORE_CALL_FN(name)                                                                              \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		fake_of(c)->end = FAKE_CORE_CALL;                                                            \
		fake_of(c)->called = #name;                                                                  \
		fake_of(c)->pc = cpu_pc(c, op);                                                              \
		return NULL;                                                                                 \
	}
FAKE_CORE_CALL_FN(cpu_mrs)
FAKE_CORE_CALL_FN(cpu_msr)
FAKE_CORE_CALL_FN(cpu_msr_imm)
FAKE_CORE_CALL_FN(cpu_sys)
FAKE_CORE_CALL_FN(cpu_svc)
FAKE_CORE_CALL_FN(cpu_hvc)
FAKE_CORE_CALL_FN(cpu_smc)
FAKE_CORE_CALL_FN(cpu_brk)
FAKE_CORE_CALL_FN(cpu_wfi)
FAKE_CORE_CALL_FN(cpu_wfe)
FAKE_CORE_CALL_FN(cpu_sev)
FAKE_CORE_CALL_FN(cpu_isb)
FAKE_CORE_CALL_FN(cpu_dsb)
FAKE_CORE_CALL_FN(cpu_eret)

/* ---- memory: every access that misses the TLB comes here ---- */

static uint8_t *fake_range(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	uint32_t limit = flags & CPU_MEM_WRITE ? FAKE_DATA_LEN : FAKE_DATA_ALL_LEN;

	if (va - FAKE_DATA <= limit - len && !(flags & CPU_MEM_ALIGNED && va & (len - 1)))
		return fake_of(c)->data + (va - FAKE_DATA);
	fake_of(c)->end = FAKE_FAULT;
	fake_of(c)->pc = cpu_pc(c, op);
	return NULL;
}

bool cpu_load_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	const uint8_t *p = fake_range(c, op, va, len, flags | CPU_MEM_READ);

	if (!p)
		return false;
	memset(c->mem_val, 0, sizeof(c->mem_val));
	memcpy(c->mem_val, p, len);
	return true;
}

bool cpu_store_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len_flags, uint64_t lo,
		    uint64_t hi)
{
	uint64_t v[2] = { lo, hi };
	uint8_t *p = fake_range(c, op, va, len_flags & 0xff, len_flags >> 8 | CPU_MEM_WRITE);

	if (!p)
		return false;
	memcpy(p, v, len_flags & 0xff);
	return true;
}

uint8_t *cpu_host_ptr_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	return fake_range(c, op, va, len, flags | CPU_MEM_ALIGNED);
}

bool cpu_probe_store_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	return fake_range(c, op, va, len, flags);
}

const struct op *cpu_after_fault(struct cpu *c)
{
	(void)c;
	return NULL;
}

static void fake_tlb_fill(struct fake_core *f)
{
	for (uint32_t i = 0; i < TLB_SIZE; i++)
		f->cpu.tlb[i].tag_read = f->cpu.tlb[i].tag_write = TLB_NO_TAG;
	for (uint32_t off = 0; off < FAKE_DATA_ALL_LEN; off += 0x1000) {
		struct tlb_entry *t = &f->cpu.tlb[(FAKE_DATA + off) >> 12 & (TLB_SIZE - 1)];

		t->tag_read = FAKE_DATA + off;
		t->tag_write = off < FAKE_DATA_LEN ? FAKE_DATA + off : TLB_NO_TAG;
		t->addend = (uint64_t)(uintptr_t)f->data - FAKE_DATA;
	}
}

struct fake_core *fake_core_create(void)
{
	struct fake_core *f = aligned_alloc(16, sizeof(*f));

	if (!f)
		abort();
	memset(f, 0, sizeof(*f));
	f->data = aligned_alloc(0x1000, FAKE_DATA_ALL_LEN);
	f->cpu.tlb = calloc(TLB_SIZE, sizeof(*f->cpu.tlb));
	f->cpu.jump = calloc(JUMP_SIZE, sizeof(*f->cpu.jump));
	f->cpu.block = calloc(1, sizeof(struct block) + (FAKE_INSNS_MAX + 1) * sizeof(struct op));
	if (!f->data || !f->cpu.tlb || !f->cpu.jump || !f->cpu.block)
		abort();
	memset(f->data, 0, FAKE_DATA_ALL_LEN);
	f->cpu.tlb_user = f->cpu.tlb;
	f->cpu.jump_tag = 1;
	f->cpu.block_va = FAKE_CODE;
	fake_tlb_fill(f);
	return f;
}

void fake_core_destroy(struct fake_core *f)
{
	free(f->data);
	free(f->cpu.tlb);
	free(f->cpu.jump);
	free(f->cpu.block);
	free(f);
}

enum fake_end fake_core_run(struct fake_core *f, const uint32_t *insns, uint32_t nr)
{
	struct block *b = f->cpu.block;
	const struct op *op = b->ops;

	b->nr_ops = nr;
	for (uint32_t i = 0; i < nr; i++)
		if (decode_int(insns[i], &b->ops[i]) == DECODE_NO &&
		    decode_fpsimd(insns[i], &b->ops[i]) == DECODE_NO)
			b->ops[i].fn = cpu_undefined;
	b->ops[nr].fn = fake_end_op;
	f->cpu.x[X_ZERO] = 0;
	while (op)
		op = op->fn(&f->cpu, op);
	return f->end;
}
