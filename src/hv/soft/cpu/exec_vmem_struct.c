/* SPDX-License-Identifier: Apache-2.0 */
/* LD1-LD4, ST1-ST4: whole registers, single elements, load and replicate. */
#include "hv/soft/cpu/vmem.h"

#include <string.h>

static inline void write_back(struct cpu *c, const struct op *op)
{
	c->x[op->rn] += op->rm == X_ZERO ? op->imm : c->x[op->rm];
}

VMEM_SLOW *vstruct_load1_q_slow(struct cpu *c, const struct op *op)
{
	if (!cpu_load128(c, op, c->x[op->rn], &c->v[op->rd]))
		return cpu_after_fault(c);
	write_back(c, op);
	OP_NEXT(c, op);
}

VMEM_SLOW *vstruct_store1_q_slow(struct cpu *c, const struct op *op)
{
	if (!cpu_store128(c, op, c->x[op->rn], &c->v[op->rd]))
		return cpu_after_fault(c);
	write_back(c, op);
	OP_NEXT(c, op);
}

VMEM_FAST(, vstruct_load1_q, tag_read, 16, c->x[op->rn], vmem_get(&c->v[op->rd], at), write_back(c, op))
VMEM_FAST(, vstruct_store1_q, tag_write, 16, c->x[op->rn], vmem_put(&c->v[op->rd], at), write_back(c, op))

static inline uint64_t lane_get(const union vreg *v, uint32_t size, uint32_t i)
{
	switch (size) {
	case 0:
		return v->b[i];
	case 1:
		return v->h[i];
	case 2:
		return v->s[i];
	default:
		return v->d[i];
	}
}

static inline void lane_set(union vreg *v, uint32_t size, uint32_t i, uint64_t x)
{
	switch (size) {
	case 0:
		v->b[i] = (uint8_t)x;
		break;
	case 1:
		v->h[i] = (uint16_t)x;
		break;
	case 2:
		v->s[i] = (uint32_t)x;
		break;
	default:
		v->d[i] = x;
		break;
	}
}

/* In memory element i of register r is number i * ways + r. */
#define INTERLEAVE_FNS(T, m)                                                                                 \
	static void take_apart_##m(struct cpu *c, const struct op *op, const uint8_t *mem)                   \
	{                                                                                                    \
		const uint32_t ways = VSTRUCT_REGS(op->aux), lanes = (8u << VSTRUCT_Q(op->aux)) / sizeof(T); \
		for (uint32_t r = 0; r < ways; r++) {                                                        \
			union vreg *v = &c->v[(op->rd + r) & 31];                                            \
			for (uint32_t i = 0; i < lanes; i++)                                                 \
				memcpy(&v->m[i], mem + (i * ways + r) * sizeof(T), sizeof(T));               \
		}                                                                                            \
	}                                                                                                    \
	static void put_together_##m(const struct cpu *c, const struct op *op, uint8_t *mem)                 \
	{                                                                                                    \
		const uint32_t ways = VSTRUCT_REGS(op->aux), lanes = (8u << VSTRUCT_Q(op->aux)) / sizeof(T); \
		for (uint32_t r = 0; r < ways; r++) {                                                        \
			const union vreg *v = &c->v[(op->rd + r) & 31];                                      \
			for (uint32_t i = 0; i < lanes; i++)                                                 \
				memcpy(mem + (i * ways + r) * sizeof(T), &v->m[i], sizeof(T));               \
		}                                                                                            \
	}

INTERLEAVE_FNS(uint8_t, b)
INTERLEAVE_FNS(uint16_t, h)
INTERLEAVE_FNS(uint32_t, s)
INTERLEAVE_FNS(uint64_t, d)

static void take_apart(struct cpu *c, const struct op *op, const uint8_t *mem)
{
	switch (VSTRUCT_SIZE(op->aux)) {
	case 0:
		take_apart_b(c, op, mem);
		break;
	case 1:
		take_apart_h(c, op, mem);
		break;
	case 2:
		take_apart_s(c, op, mem);
		break;
	default:
		take_apart_d(c, op, mem);
		break;
	}
}

static void put_together(const struct cpu *c, const struct op *op, uint8_t *mem)
{
	switch (VSTRUCT_SIZE(op->aux)) {
	case 0:
		put_together_b(c, op, mem);
		break;
	case 1:
		put_together_h(c, op, mem);
		break;
	case 2:
		put_together_s(c, op, mem);
		break;
	default:
		put_together_d(c, op, mem);
		break;
	}
}

#define STRUCT_MAX 64

static bool load_words(struct cpu *c, const struct op *op, uint64_t mem[STRUCT_MAX / 8])
{
	uint32_t nr = VSTRUCT_REGS(op->aux) << VSTRUCT_Q(op->aux);

	for (uint32_t i = 0; i < nr; i++)
		if (!cpu_load64(c, op, c->x[op->rn] + i * 8, &mem[i]))
			return false;
	return true;
}

static bool store_words(struct cpu *c, const struct op *op, const uint64_t mem[STRUCT_MAX / 8])
{
	uint32_t nr = VSTRUCT_REGS(op->aux) << VSTRUCT_Q(op->aux);

	if (!cpu_probe_store(c, op, c->x[op->rn], nr * 8))
		return false;
	for (uint32_t i = 0; i < nr; i++)
		if (!cpu_store64(c, op, c->x[op->rn] + i * 8, mem[i]))
			return false;
	return true;
}

/* All registers change only when the last load has succeeded. */
static __attribute__((noinline)) bool struct_load(struct cpu *c, const struct op *op)
{
	uint32_t nr = VSTRUCT_REGS(op->aux), q = VSTRUCT_Q(op->aux);
	uint64_t mem[STRUCT_MAX / 8] = { 0 };

	if (!load_words(c, op, mem))
		return false;
	if (VSTRUCT_INTERLEAVE(op->aux) > 1)
		take_apart(c, op, (const uint8_t *)mem);
	for (uint32_t r = 0; r < nr; r++) {
		union vreg *v = &c->v[(op->rd + r) & 31];

		if (VSTRUCT_INTERLEAVE(op->aux) == 1)
			vreg_set(v, mem[r << q], q ? mem[(r << q) + 1] : 0);
		else if (!q)
			v->d[1] = 0;
	}
	write_back(c, op);
	return true;
}

static __attribute__((noinline)) bool struct_store(struct cpu *c, const struct op *op)
{
	uint32_t nr = VSTRUCT_REGS(op->aux), q = VSTRUCT_Q(op->aux);
	uint64_t mem[STRUCT_MAX / 8] = { 0 };

	if (VSTRUCT_INTERLEAVE(op->aux) > 1) {
		put_together(c, op, (uint8_t *)mem);
	} else {
		for (uint32_t i = 0; i < nr << q; i++)
			mem[i] = c->v[(op->rd + (i >> q)) & 31].d[i & q];
	}
	if (!store_words(c, op, mem))
		return false;
	write_back(c, op);
	return true;
}

static bool load_lanes(struct cpu *c, const struct op *op, uint64_t ret[4])
{
	uint32_t size = VSTRUCT_SIZE(op->aux);

	for (uint32_t r = 0; r < VSTRUCT_REGS(op->aux); r++)
		if (!cpu_load_flags(c, op, c->x[op->rn] + (r << size), 1u << size, 0, &ret[r]))
			return false;
	return true;
}

static __attribute__((noinline)) bool struct_load_lane(struct cpu *c, const struct op *op)
{
	uint64_t v[4] = { 0 };

	if (!load_lanes(c, op, v))
		return false;
	for (uint32_t r = 0; r < VSTRUCT_REGS(op->aux); r++)
		lane_set(&c->v[(op->rd + r) & 31], VSTRUCT_SIZE(op->aux), VSTRUCT_INDEX(op->aux), v[r]);
	write_back(c, op);
	return true;
}

static __attribute__((noinline)) bool struct_store_lane(struct cpu *c, const struct op *op)
{
	uint32_t size = VSTRUCT_SIZE(op->aux), nr = VSTRUCT_REGS(op->aux);
	uint64_t va = c->x[op->rn];

	if (nr > 1 && !cpu_probe_store(c, op, va, nr << size))
		return false;
	for (uint32_t r = 0; r < nr; r++) {
		const union vreg *v = &c->v[(op->rd + r) & 31];

		if (!cpu_store_flags(c, op, va + (r << size), 1u << size, 0,
				     lane_get(v, size, VSTRUCT_INDEX(op->aux))))
			return false;
	}
	write_back(c, op);
	return true;
}

static __attribute__((noinline)) bool struct_load_replicate(struct cpu *c, const struct op *op)
{
	/* Multiplying spreads an element over all lanes of its size. */
	static const uint64_t spread[4] = { 0x0101010101010101, 0x0001000100010001, 0x0000000100000001, 1 };
	uint64_t v[4] = { 0 };

	if (!load_lanes(c, op, v))
		return false;
	for (uint32_t r = 0; r < VSTRUCT_REGS(op->aux); r++) {
		const uint64_t half = v[r] * spread[VSTRUCT_SIZE(op->aux)];

		vreg_set(&c->v[(op->rd + r) & 31], half, VSTRUCT_Q(op->aux) ? half : 0);
	}
	write_back(c, op);
	return true;
}

/* The work has locals in memory: apart, so that the handler's last call stays a sibling call. */
#define VSTRUCT_HANDLER(name, work)                                                                          \
	const struct op *name(struct cpu *c, const struct op *op)                                            \
	{                                                                                                    \
		if (!work(c, op))                                                                            \
			return cpu_after_fault(c);                                                           \
		OP_NEXT(c, op);                                                                              \
	}

VSTRUCT_HANDLER(vstruct_load, struct_load)
VSTRUCT_HANDLER(vstruct_store, struct_store)
VSTRUCT_HANDLER(vstruct_load_lane, struct_load_lane)
VSTRUCT_HANDLER(vstruct_store_lane, struct_store_lane)
VSTRUCT_HANDLER(vstruct_load_replicate, struct_load_replicate)
