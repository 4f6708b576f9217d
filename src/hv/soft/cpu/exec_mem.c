/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores of X registers.
 *
 * The fast handlers do a TLB hit and nothing else; whatever misses goes to mem_any or
 * mem_pair_any, which read the form from op->aux and start again. So the fast ones call
 * nothing they would have to return from, and need no stack frame. The base register is
 * written back after the access has succeeded.
 */
#include "hv/soft/cpu/exec_int.h"

static uint64_t mem_index(const struct cpu *c, const struct op *op)
{
	uint64_t m = c->x[op->rm];

	switch (MEM_OPTION(op->aux)) {
	case 2:
		m = (uint32_t)m;
		break;
	case 6:
		m = (uint64_t)(int32_t)m;
		break;
	default: /* LSL, SXTX */
		break;
	}
	return m << MEM_SHIFT(op->aux);
}

static uint64_t mem_address(const struct cpu *c, const struct op *op)
{
	switch (MEM_MODE(op->aux)) {
	case MEM_POST:
		return c->x[op->rn];
	case MEM_REG:
		return c->x[op->rn] + mem_index(c, op);
	case MEM_LITERAL:
		return cpu_pc(c, op) + op->imm;
	default:
		return c->x[op->rn] + op->imm;
	}
}

static void mem_write_back(struct cpu *c, const struct op *op)
{
	uint32_t mode = MEM_MODE(op->aux);

	if (mode == MEM_PRE || mode == MEM_POST)
		c->x[op->rn] += op->imm;
}

static uint64_t mem_extend(uint64_t v, uint32_t aux)
{
	uint32_t unused = 64 - (8u << MEM_SIZE(aux));

	if (!(aux & MEM_SIGNED))
		return v;
	v = (uint64_t)((int64_t)(v << unused) >> unused);
	return aux & MEM_TO_W ? (uint32_t)v : v;
}

EXEC_SLOW const struct op *mem_any(struct cpu *c, const struct op *op)
{
	uint32_t aux = op->aux, len = 1u << MEM_SIZE(aux);
	uint32_t flags = (aux & MEM_USER ? CPU_MEM_UNPRIV : 0) | (aux & MEM_ORDERED ? CPU_MEM_ALIGNED : 0);
	uint64_t va = mem_address(c, op), v;

	if (aux & MEM_LOAD) {
		if (!cpu_load_flags(c, op, va, len, flags, &v))
			return cpu_after_fault(c);
		if (aux & MEM_ORDERED)
			__atomic_thread_fence(__ATOMIC_ACQUIRE);
		mem_write_back(c, op);
		c->x[op->rd] = mem_extend(v, aux);
		OP_NEXT(c, op);
	}
	/* A later load-acquire may not pass a store-release: full barrier behind it. */
	if (aux & MEM_ORDERED)
		__atomic_thread_fence(__ATOMIC_RELEASE);
	if (!cpu_store_flags(c, op, va, len, flags, c->x[op->rd]))
		return cpu_after_fault(c);
	if (aux & MEM_ORDERED)
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	mem_write_back(c, op);
	OP_NEXT(c, op);
}

#define ADDRESS_OFF (c->x[op->rn] + op->imm)
#define ADDRESS_POST (c->x[op->rn])
#define ADDRESS_LSL (c->x[op->rn] + (c->x[op->rm] << MEM_SHIFT(op->aux)))
#define ADDRESS_UXTW (c->x[op->rn] + ((uint64_t)(uint32_t)c->x[op->rm] << MEM_SHIFT(op->aux)))
#define ADDRESS_SXTW (c->x[op->rn] + ((uint64_t)(int64_t)(int32_t)c->x[op->rm] << MEM_SHIFT(op->aux)))
#define NO_WRITE_BACK ((void)0)
#define WRITE_BACK (c->x[op->rn] += op->imm)

#define MEM_LOAD_OP(name, bits, extend, address, write_back)                                                 \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const uint64_t va = (address);                                                               \
		const struct tlb_entry *t = tlb_slot(c->tlb, va);                                            \
		uint64_t v;                                                                                  \
		if (!tlb_hit(t->tag_read, va, (bits) / 8))                                                   \
			CPU_MUSTTAIL return mem_any(c, op);                                                  \
		v = (uint64_t)extend guest_get##bits(va + t->addend);                                        \
		write_back;                                                                                  \
		c->x[op->rd] = v;                                                                            \
		OP_NEXT(c, op);                                                                              \
	}

#define MEM_STORE_OP(name, bits, address, write_back)                                                        \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const uint64_t va = (address);                                                               \
		const struct tlb_entry *t = tlb_slot(c->tlb, va);                                            \
		if (!tlb_hit(t->tag_write, va, (bits) / 8))                                                  \
			CPU_MUSTTAIL return mem_any(c, op);                                                  \
		guest_put##bits(va + t->addend, (uint##bits##_t)c->x[op->rd]);                               \
		write_back;                                                                                  \
		OP_NEXT(c, op);                                                                              \
	}

#define MEM_LOADS(name, bits, extend)                                                                        \
	MEM_LOAD_OP(name##_off, bits, extend, ADDRESS_OFF, NO_WRITE_BACK)                                    \
	MEM_LOAD_OP(name##_lsl, bits, extend, ADDRESS_LSL, NO_WRITE_BACK)                                    \
	MEM_LOAD_OP(name##_uxtw, bits, extend, ADDRESS_UXTW, NO_WRITE_BACK)                                  \
	MEM_LOAD_OP(name##_sxtw, bits, extend, ADDRESS_SXTW, NO_WRITE_BACK)
#define MEM_LOADS_INDEXED(name, bits, extend)                                                                \
	MEM_LOADS(name, bits, extend)                                                                        \
	MEM_LOAD_OP(name##_pre, bits, extend, ADDRESS_OFF, WRITE_BACK)                                       \
	MEM_LOAD_OP(name##_post, bits, extend, ADDRESS_POST, WRITE_BACK)
#define MEM_STORES(name, bits)                                                                               \
	MEM_STORE_OP(name##_off, bits, ADDRESS_OFF, NO_WRITE_BACK)                                           \
	MEM_STORE_OP(name##_lsl, bits, ADDRESS_LSL, NO_WRITE_BACK)                                           \
	MEM_STORE_OP(name##_uxtw, bits, ADDRESS_UXTW, NO_WRITE_BACK)                                         \
	MEM_STORE_OP(name##_sxtw, bits, ADDRESS_SXTW, NO_WRITE_BACK)                                         \
	MEM_STORE_OP(name##_pre, bits, ADDRESS_OFF, WRITE_BACK)                                              \
	MEM_STORE_OP(name##_post, bits, ADDRESS_POST, WRITE_BACK)

MEM_LOADS_INDEXED(mem_ldrb, 8, (uint8_t))
MEM_LOADS_INDEXED(mem_ldrh, 16, (uint16_t))
MEM_LOADS_INDEXED(mem_ldr_w, 32, (uint32_t))
MEM_LOADS_INDEXED(mem_ldr_x, 64, (uint64_t))
MEM_LOADS(mem_ldrsb_w, 8, (uint32_t)(int8_t))
MEM_LOADS(mem_ldrsb_x, 8, (int8_t))
MEM_LOADS(mem_ldrsh_w, 16, (uint32_t)(int16_t))
MEM_LOADS(mem_ldrsh_x, 16, (int16_t))
MEM_LOADS(mem_ldrsw, 32, (int32_t))
MEM_LOAD_OP(mem_ldr_w_literal, 32, (uint32_t), cpu_pc(c, op) + op->imm, NO_WRITE_BACK)
MEM_LOAD_OP(mem_ldr_x_literal, 64, (uint64_t), cpu_pc(c, op) + op->imm, NO_WRITE_BACK)
MEM_STORES(mem_strb, 8)
MEM_STORES(mem_strh, 16)
MEM_STORES(mem_str_w, 32)
MEM_STORES(mem_str_x, 64)

/* ---- pairs ---- */

static const struct op *pair_any_w(struct cpu *c, const struct op *op)
{
	uint64_t va = mem_address(c, op);
	uint32_t lo, hi;

	if (op->aux & MEM_LOAD) {
		if (!cpu_load32(c, op, va, &lo) || !cpu_load32(c, op, va + 4, &hi))
			return cpu_after_fault(c);
		mem_write_back(c, op);
		c->x[op->rd] = mem_extend(lo, op->aux);
		c->x[op->ra] = mem_extend(hi, op->aux);
		OP_NEXT(c, op);
	}
	if (!cpu_probe_store(c, op, va, 8) || !cpu_store32(c, op, va, (uint32_t)c->x[op->rd]) ||
	    !cpu_store32(c, op, va + 4, (uint32_t)c->x[op->ra]))
		return cpu_after_fault(c);
	mem_write_back(c, op);
	OP_NEXT(c, op);
}

EXEC_SLOW const struct op *mem_pair_any(struct cpu *c, const struct op *op)
{
	uint64_t va = mem_address(c, op), lo, hi;

	if (MEM_SIZE(op->aux) == 2)
		return pair_any_w(c, op);
	if (op->aux & MEM_LOAD) {
		if (!cpu_load_pair64(c, op, va, &lo, &hi))
			return cpu_after_fault(c);
		mem_write_back(c, op);
		c->x[op->rd] = lo;
		c->x[op->ra] = hi;
		OP_NEXT(c, op);
	}
	if (!cpu_store_pair64(c, op, va, c->x[op->rd], c->x[op->ra]))
		return cpu_after_fault(c);
	mem_write_back(c, op);
	OP_NEXT(c, op);
}

#define MEM_LDP_OP(name, bits, address, write_back)                                                          \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const uint64_t va = (address);                                                               \
		const struct tlb_entry *t = tlb_slot(c->tlb, va);                                            \
		uint64_t lo, hi;                                                                             \
		if (!tlb_hit(t->tag_read, va, (bits) / 4))                                                   \
			CPU_MUSTTAIL return mem_pair_any(c, op);                                             \
		lo = guest_get##bits(va + t->addend);                                                        \
		hi = guest_get##bits(va + t->addend + (bits) / 8);                                           \
		write_back;                                                                                  \
		c->x[op->rd] = lo;                                                                           \
		c->x[op->ra] = hi;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}

#define MEM_STP_OP(name, bits, address, write_back)                                                          \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		const uint64_t va = (address);                                                               \
		const struct tlb_entry *t = tlb_slot(c->tlb, va);                                            \
		if (!tlb_hit(t->tag_write, va, (bits) / 4))                                                  \
			CPU_MUSTTAIL return mem_pair_any(c, op);                                             \
		guest_put##bits(va + t->addend, (uint##bits##_t)c->x[op->rd]);                               \
		guest_put##bits(va + t->addend + (bits) / 8, (uint##bits##_t)c->x[op->ra]);                  \
		write_back;                                                                                  \
		OP_NEXT(c, op);                                                                              \
	}

MEM_LDP_OP(mem_ldp_x_off, 64, ADDRESS_OFF, NO_WRITE_BACK)
MEM_LDP_OP(mem_ldp_x_pre, 64, ADDRESS_OFF, WRITE_BACK)
MEM_LDP_OP(mem_ldp_x_post, 64, ADDRESS_POST, WRITE_BACK)
MEM_LDP_OP(mem_ldp_w_off, 32, ADDRESS_OFF, NO_WRITE_BACK)
MEM_STP_OP(mem_stp_x_off, 64, ADDRESS_OFF, NO_WRITE_BACK)
MEM_STP_OP(mem_stp_x_pre, 64, ADDRESS_OFF, WRITE_BACK)
MEM_STP_OP(mem_stp_x_post, 64, ADDRESS_POST, WRITE_BACK)
MEM_STP_OP(mem_stp_w_off, 32, ADDRESS_OFF, NO_WRITE_BACK)
