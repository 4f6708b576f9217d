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
	VMEM_SLOW *load_##bits##_##mode##_slow(struct cpu *c, const struct op *op)                           \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		uint##bits##_t v;                                                                            \
		if (!cpu_load##bits(c, op, va, &v))                                                          \
			return cpu_after_fault(c);                                                           \
		c->v[op->rd].q = v;                                                                          \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_FAST(static, load_##bits##_##mode, tag_read, (bits) / 8, ADDR_##mode,                           \
		  vreg_set(&c->v[op->rd], guest_get##bits(at), 0), WRITE_BACK_##mode)

#define STORE_FN(bits, lane, mode)                                                                           \
	VMEM_SLOW *store_##bits##_##mode##_slow(struct cpu *c, const struct op *op)                          \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store##bits(c, op, va, c->v[op->rd].lane[0]))                                       \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_FAST(static, store_##bits##_##mode, tag_write, (bits) / 8, ADDR_##mode,                         \
		  guest_put##bits(at, c->v[op->rd].lane[0]), WRITE_BACK_##mode)

#define QUAD_FNS(mode)                                                                                       \
	VMEM_SLOW *load_128_##mode##_slow(struct cpu *c, const struct op *op)                                \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_load128(c, op, va, &c->v[op->rd]))                                                  \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_SLOW *store_128_##mode##_slow(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store128(c, op, va, &c->v[op->rd]))                                                 \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_FAST(static, load_128_##mode, tag_read, 16, ADDR_##mode, vmem_get(&c->v[op->rd], at),           \
		  WRITE_BACK_##mode)                                                                         \
	VMEM_FAST(static, store_128_##mode, tag_write, 16, ADDR_##mode, vmem_put(&c->v[op->rd], at),         \
		  WRITE_BACK_##mode)

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

VMEM_SLOW *load_128_LITERAL_slow(struct cpu *c, const struct op *op)
{
	const uint64_t va = ADDR_LITERAL;

	if (!cpu_load128(c, op, va, &c->v[op->rd]))
		return cpu_after_fault(c);
	OP_NEXT(c, op);
}

VMEM_FAST(static, load_128_LITERAL, tag_read, 16, ADDR_LITERAL, vmem_get(&c->v[op->rd], at), (void)0)

#define LOAD_ROW(m) [VMEM_##m] = { load_8_##m, load_16_##m, load_32_##m, load_64_##m, load_128_##m },
#define STORE_ROW(m) [VMEM_##m] = { store_8_##m, store_16_##m, store_32_##m, store_64_##m, store_128_##m },

op_fn *const vmem_load_fns[VMEM_MODES][VMEM_SIZES] = {
	EACH_MODE(LOAD_ROW)[VMEM_LITERAL] = { NULL, NULL, load_32_LITERAL, load_64_LITERAL,
					      load_128_LITERAL },
};
op_fn *const vmem_store_fns[VMEM_MODES][VMEM_SIZES] = { EACH_MODE(STORE_ROW) };

#define PAIR_FNS(mode)                                                                                       \
	VMEM_SLOW *load_pair_s_##mode##_slow(struct cpu *c, const struct op *op)                             \
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
	VMEM_SLOW *load_pair_d_##mode##_slow(struct cpu *c, const struct op *op)                             \
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
	VMEM_SLOW *load_pair_q_##mode##_slow(struct cpu *c, const struct op *op)                             \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		uint64_t lo, hi;                                                                             \
		if (!cpu_load_pair64(c, op, va, &lo, &hi))                                                   \
			return cpu_after_fault(c);                                                           \
		if (!cpu_load128(c, op, va + 16, &c->v[op->ra]))                                             \
			return cpu_after_fault(c);                                                           \
		vreg_set(&c->v[op->rd], lo, hi);                                                             \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_SLOW *store_pair_s_##mode##_slow(struct cpu *c, const struct op *op)                            \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store64(c, op, va, c->v[op->rd].s[0] | (uint64_t)c->v[op->ra].s[0] << 32))          \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_SLOW *store_pair_d_##mode##_slow(struct cpu *c, const struct op *op)                            \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_store_pair64(c, op, va, c->v[op->rd].d[0], c->v[op->ra].d[0]))                      \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_SLOW *store_pair_q_##mode##_slow(struct cpu *c, const struct op *op)                            \
	{                                                                                                    \
		const uint64_t va = ADDR_##mode;                                                             \
		if (!cpu_probe_store(c, op, va, 32) || !cpu_store128(c, op, va, &c->v[op->rd]) ||            \
		    !cpu_store128(c, op, va + 16, &c->v[op->ra]))                                            \
			return cpu_after_fault(c);                                                           \
		WRITE_BACK_##mode;                                                                           \
		OP_NEXT(c, op);                                                                              \
	}                                                                                                    \
	VMEM_FAST(static, load_pair_s_##mode, tag_read, 8, ADDR_##mode,                                      \
		  (vreg_set(&c->v[op->rd], guest_get32(at), 0),                                              \
		   vreg_set(&c->v[op->ra], guest_get32(at + 4), 0)),                                         \
		  WRITE_BACK_##mode)                                                                         \
	VMEM_FAST(static, load_pair_d_##mode, tag_read, 16, ADDR_##mode,                                     \
		  (vreg_set(&c->v[op->rd], guest_get64(at), 0),                                              \
		   vreg_set(&c->v[op->ra], guest_get64(at + 8), 0)),                                         \
		  WRITE_BACK_##mode)                                                                         \
	VMEM_FAST(static, load_pair_q_##mode, tag_read, 32, ADDR_##mode,                                     \
		  (vmem_get(&c->v[op->rd], at), vmem_get(&c->v[op->ra], at + 16)), WRITE_BACK_##mode)        \
	VMEM_FAST(static, store_pair_s_##mode, tag_write, 8, ADDR_##mode,                                    \
		  guest_put64(at, c->v[op->rd].s[0] | (uint64_t)c->v[op->ra].s[0] << 32), WRITE_BACK_##mode) \
	VMEM_FAST(static, store_pair_d_##mode, tag_write, 16, ADDR_##mode,                                   \
		  (guest_put64(at, c->v[op->rd].d[0]), guest_put64(at + 8, c->v[op->ra].d[0])),              \
		  WRITE_BACK_##mode)                                                                         \
	VMEM_FAST(static, store_pair_q_##mode, tag_write, 32, ADDR_##mode,                                   \
		  (vmem_put(&c->v[op->rd], at), vmem_put(&c->v[op->ra], at + 16)), WRITE_BACK_##mode)

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
