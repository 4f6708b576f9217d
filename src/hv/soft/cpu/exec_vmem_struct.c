/* SPDX-License-Identifier: Apache-2.0 */
/* LD1-LD4, ST1-ST4: whole registers, single elements, load and replicate. */
#include "hv/soft/cpu/vmem.h"

static inline void write_back(struct cpu *c, const struct op *op)
{
	c->x[op->rn] += op->rm == X_ZERO ? op->imm : c->x[op->rm];
}

const struct op *vstruct_load1_q(struct cpu *c, const struct op *op)
{
	if (!cpu_load128(c, op, c->x[op->rn], &c->v[op->rd]))
		return cpu_after_fault(c);
	write_back(c, op);
	OP_NEXT(c, op);
}

const struct op *vstruct_store1_q(struct cpu *c, const struct op *op)
{
	if (!cpu_store128(c, op, c->x[op->rn], &c->v[op->rd]))
		return cpu_after_fault(c);
	write_back(c, op);
	OP_NEXT(c, op);
}

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

/*
 * Memory holds, 8 bytes at a time, groups of `interleave` elements, one for each of that many
 * registers; with interleave 1 the registers follow one another. Copies element k of the
 * stream between `mem` and the registers.
 */
static void interleave_copy(struct cpu *c, const struct op *op, union vreg mem[4], bool load)
{
	uint32_t aux = op->aux, size = VSTRUCT_SIZE(aux), nr = VSTRUCT_REGS(aux);
	uint32_t ways = VSTRUCT_INTERLEAVE(aux), lanes = (VSTRUCT_Q(aux) ? 16u : 8u) >> size;
	uint32_t per_word = 16u >> size, k = 0;

	for (uint32_t first = 0; first < nr; first += ways) {
		for (uint32_t i = 0; i < lanes; i++) {
			for (uint32_t r = 0; r < ways; r++, k++) {
				union vreg *v = &c->v[(op->rd + first + r) & 31], *m = &mem[k / per_word];

				if (load)
					lane_set(v, size, i, lane_get(m, size, k % per_word));
				else
					lane_set(m, size, k % per_word, lane_get(v, size, i));
			}
		}
	}
}

static uint32_t struct_words(uint32_t aux)
{
	return VSTRUCT_REGS(aux) << VSTRUCT_Q(aux);
}

static __attribute__((noinline)) bool struct_load(struct cpu *c, const struct op *op)
{
	uint32_t nr = VSTRUCT_REGS(op->aux);
	union vreg mem[4];

	for (uint32_t i = 0; i < struct_words(op->aux); i++)
		if (!cpu_load64(c, op, c->x[op->rn] + i * 8, &mem[i / 2].d[i & 1]))
			return false;
	interleave_copy(c, op, mem, true);
	if (!VSTRUCT_Q(op->aux))
		for (uint32_t r = 0; r < nr; r++)
			c->v[(op->rd + r) & 31].d[1] = 0;
	write_back(c, op);
	return true;
}

static __attribute__((noinline)) bool struct_store(struct cpu *c, const struct op *op)
{
	uint32_t words = struct_words(op->aux);
	union vreg mem[4];

	if (!cpu_probe_store(c, op, c->x[op->rn], words * 8))
		return false;
	interleave_copy(c, op, mem, false);
	for (uint32_t i = 0; i < words; i++)
		if (!cpu_store64(c, op, c->x[op->rn] + i * 8, mem[i / 2].d[i & 1]))
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
	uint64_t v[4];

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
	uint64_t v[4];

	if (!load_lanes(c, op, v))
		return false;
	for (uint32_t r = 0; r < VSTRUCT_REGS(op->aux); r++) {
		union vreg *d = &c->v[(op->rd + r) & 31];

		d->d[0] = v[r] * spread[VSTRUCT_SIZE(op->aux)];
		d->d[1] = VSTRUCT_Q(op->aux) ? d->d[0] : 0;
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
