/* SPDX-License-Identifier: Apache-2.0 */
/* LDR, STR, LDP and STP of B, H, S, D and Q registers. */
#include "hv/soft/cpu/vmem.h"

#define BASE (c->x[op->rn])
#define ADDR_OFF (BASE + op->imm)
#define ADDR_PRE (BASE + op->imm)
#define ADDR_POST BASE
#define ADDR_LSL (BASE + (c->x[op->rm] << op->aux))
#define ADDR_UXTW (BASE + ((uint64_t)(uint32_t)c->x[op->rm] << op->aux))
#define ADDR_SXTW (BASE + ((uint64_t)(int64_t)(int32_t)c->x[op->rm] << op->aux))
#define ADDR_LITERAL (cpu_pc(c, op) + op->imm)
#define WRITE_BACK_OFF ((void)0)
#define WRITE_BACK_PRE (BASE += op->imm)
#define WRITE_BACK_POST (BASE += op->imm)
#define WRITE_BACK_LSL ((void)0)
#define WRITE_BACK_UXTW ((void)0)
#define WRITE_BACK_SXTW ((void)0)
#define WRITE_BACK_LITERAL ((void)0)

#define LOAD_FN(bits, mode)                                                                                  \
	static const struct op *load_##bits##_##mode(struct cpu *c, const struct op *op)                     \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		uint##bits##_t v;                                                                            \
		if (!cpu_load##bits(c, op, va, &v))                                                          \
			return cpu_after_fault(c);                                                           \
		c->v[op->rd].q = v;                                                                          \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}

#define STORE_FN(bits, lane, mode)                                                                           \
	static const struct op *store_##bits##_##mode(struct cpu *c, const struct op *op)                    \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store##bits(c, op, va, c->v[op->rd].lane[0]))                                       \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}

#define QUAD_FNS(mode)                                                                                       \
	static const struct op *load_128_##mode(struct cpu *c, const struct op *op)                          \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_load128(c, op, va, &c->v[op->rd]))                                                  \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	static const struct op *store_128_##mode(struct cpu *c, const struct op *op)                         \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store128(c, op, va, &c->v[op->rd]))                                                 \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}

#define LOAD_FNS(mode)                                                                                       \
	LOAD_FN(8, mode)                                                                                     \
	LOAD_FN(16, mode)                                                                                    \
	LOAD_FN(32, mode)                                                                                    \
	LOAD_FN(64, mode)
#define STORE_FNS(mode)                                                                                      \
	STORE_FN(8, b, mode)                                                                                 \
	STORE_FN(16, h, mode)                                                                                \
	STORE_FN(32, s, mode)                                                                                \
	STORE_FN(64, d, mode)

#define EACH_MODE(X)                                                                                         \
	X(OFF)                                                                                               \
	X(PRE)                                                                                               \
	X(POST)                                                                                              \
	X(LSL)                                                                                               \
	X(UXTW)                                                                                              \
	X(SXTW)

EACH_MODE(LOAD_FNS)
EACH_MODE(STORE_FNS)
EACH_MODE(QUAD_FNS)
LOAD_FN(32, LITERAL)
LOAD_FN(64, LITERAL)

static const struct op *load_128_LITERAL(struct cpu *c, const struct op *op)
{
	const uint64_t va = ADDR_LITERAL;

	if (!cpu_load128(c, op, va, &c->v[op->rd]))
		return cpu_after_fault(c);
	OP_NEXT(c, op);
}

#define LOAD_ROW(m) [VMEM_##m] = { load_8_##m, load_16_##m, load_32_##m, load_64_##m, load_128_##m },
#define STORE_ROW(m) [VMEM_##m] = { store_8_##m, store_16_##m, store_32_##m, store_64_##m, store_128_##m },

op_fn *const vmem_load_fns[VMEM_MODES][VMEM_SIZES] = {
	EACH_MODE(LOAD_ROW)[VMEM_LITERAL] = { NULL, NULL, load_32_LITERAL, load_64_LITERAL,
					      load_128_LITERAL },
};
op_fn *const vmem_store_fns[VMEM_MODES][VMEM_SIZES] = { EACH_MODE(STORE_ROW) };

#define PAIR_FNS(mode)                                                                                       \
	static const struct op *load_pair_s_##mode(struct cpu *c, const struct op *op)                       \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		uint64_t v;                                                                                  \
		if (!cpu_load64(c, op, va, &v))                                                              \
			return cpu_after_fault(c);                                                           \
		c->v[op->rd].q = (uint32_t)v;                                                                \
		c->v[op->ra].q = v >> 32;                                                                    \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	static const struct op *load_pair_d_##mode(struct cpu *c, const struct op *op)                       \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		uint64_t lo, hi;                                                                             \
		if (!cpu_load_pair64(c, op, va, &lo, &hi))                                                   \
			return cpu_after_fault(c);                                                           \
		c->v[op->rd].q = lo;                                                                         \
		c->v[op->ra].q = hi;                                                                         \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	static const struct op *load_pair_q_##mode(struct cpu *c, const struct op *op)                       \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		uint64_t lo, hi;                                                                             \
		if (!cpu_load_pair64(c, op, va, &lo, &hi))                                                   \
			return cpu_after_fault(c);                                                           \
		if (!cpu_load128(c, op, va + 16, &c->v[op->ra]))                                             \
			return cpu_after_fault(c);                                                           \
		c->v[op->rd].d[0] = lo;                                                                      \
		c->v[op->rd].d[1] = hi;                                                                      \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	static const struct op *store_pair_s_##mode(struct cpu *c, const struct op *op)                      \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store64(c, op, va, c->v[op->rd].s[0] | (uint64_t)c->v[op->ra].s[0] << 32))          \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	static const struct op *store_pair_d_##mode(struct cpu *c, const struct op *op)                      \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store_pair64(c, op, va, c->v[op->rd].d[0], c->v[op->ra].d[0]))                      \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	static const struct op *store_pair_q_##mode(struct cpu *c, const struct op *op)                      \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_probe_store(c, op, va, 32) || !cpu_store128(c, op, va, &c->v[op->rd]) ||            \
		    !cpu_store128(c, op, va + 16, &c->v[op->ra]))                                            \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}

PAIR_FNS(OFF)
PAIR_FNS(PRE)
PAIR_FNS(POST)

op_fn *const vmem_load_pair_fns[VMEM_POST + 1][3] = {
	[VMEM_OFF] = { load_pair_s_OFF, load_pair_d_OFF, load_pair_q_OFF },
	[VMEM_PRE] = { load_pair_s_PRE, load_pair_d_PRE, load_pair_q_PRE },
	[VMEM_POST] = { load_pair_s_POST, load_pair_d_POST, load_pair_q_POST },
};
op_fn *const vmem_store_pair_fns[VMEM_POST + 1][3] = {
	[VMEM_OFF] = { store_pair_s_OFF, store_pair_d_OFF, store_pair_q_OFF },
	[VMEM_PRE] = { store_pair_s_PRE, store_pair_d_PRE, store_pair_q_PRE },
	[VMEM_POST] = { store_pair_s_POST, store_pair_d_POST, store_pair_q_POST },
};
