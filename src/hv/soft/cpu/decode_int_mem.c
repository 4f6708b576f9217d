/* SPDX-License-Identifier: Apache-2.0 */
/* Loads, stores and atomics of X registers (C4.1.91 of the Arm ARM). */
#include "hv/soft/cpu/decode_int.h"

/* What size:opc means, and the fast handlers; NULL where mem_any has to do. */
struct mem_type {
	uint32_t aux; /* MEM_* */
	op_fn *off, *lsl, *uxtw, *sxtw, *pre, *post;
};

#define FAST(name) name##_off, name##_lsl, name##_uxtw, name##_sxtw
#define FAST_INDEXED(name) FAST(name), name##_pre, name##_post
#define TYPE_PREFETCH 14

static const struct mem_type mem_types[16] = {
	{ 0, FAST_INDEXED(mem_strb) },
	{ MEM_LOAD | 0, FAST_INDEXED(mem_ldrb) },
	{ MEM_LOAD | MEM_SIGNED | 0, FAST(mem_ldrsb_x), NULL, NULL },
	{ MEM_LOAD | MEM_SIGNED | MEM_TO_W | 0, FAST(mem_ldrsb_w), NULL, NULL },
	{ 1, FAST_INDEXED(mem_strh) },
	{ MEM_LOAD | 1, FAST_INDEXED(mem_ldrh) },
	{ MEM_LOAD | MEM_SIGNED | 1, FAST(mem_ldrsh_x), NULL, NULL },
	{ MEM_LOAD | MEM_SIGNED | MEM_TO_W | 1, FAST(mem_ldrsh_w), NULL, NULL },
	{ 2, FAST_INDEXED(mem_str_w) },
	{ MEM_LOAD | 2, FAST_INDEXED(mem_ldr_w) },
	{ MEM_LOAD | MEM_SIGNED | 2, FAST(mem_ldrsw), NULL, NULL },
	{ 0 },
	{ 3, FAST_INDEXED(mem_str_x) },
	{ MEM_LOAD | 3, FAST_INDEXED(mem_ldr_x) },
	[TYPE_PREFETCH] = { 0 },
	{ 0 },
};

static uint32_t type_index(uint32_t insn)
{
	return field(insn, 30, 2) << 2 | field(insn, 22, 2);
}

static bool type_is_plain(uint32_t index)
{
	return mem_types[index].off;
}

/* The fields all forms have. Rt of a load is a target, of a store a source. */
static void mem_fields(uint32_t insn, struct op *op, uint32_t aux, uint32_t mode)
{
	op->aux = aux | MEM_AUX(0, mode);
	op->rd = aux & MEM_LOAD ? reg_target(insn, 0) : reg_source(insn, 0);
	op->rn = reg_or_sp(insn, 5);
}

/* Prefetches do nothing; the other types without handlers are unallocated. */
static enum decode_result decode_prefetch(uint32_t index, struct op *op)
{
	op->fn = int_nop;
	return index == TYPE_PREFETCH ? DECODE_OP : DECODE_NO;
}

static enum decode_result decode_unsigned(uint32_t insn, struct op *op)
{
	const struct mem_type *t = &mem_types[type_index(insn)];

	if (!type_is_plain(type_index(insn)))
		return decode_prefetch(type_index(insn), op);
	mem_fields(insn, op, t->aux, MEM_OFF);
	op->fn = t->off;
	op->imm = (uint64_t)field(insn, 10, 12) << field(insn, 30, 2);
	return DECODE_OP;
}

static enum decode_result decode_unscaled(uint32_t insn, struct op *op)
{
	const struct mem_type *t = &mem_types[type_index(insn)];

	if (!type_is_plain(type_index(insn)))
		return decode_prefetch(type_index(insn), op);
	mem_fields(insn, op, t->aux, MEM_OFF);
	op->fn = t->off;
	op->imm = field_signed(insn, 12, 9);
	return DECODE_OP;
}

static enum decode_result decode_unprivileged(uint32_t insn, struct op *op)
{
	const struct mem_type *t = &mem_types[type_index(insn)];

	if (!type_is_plain(type_index(insn)))
		return DECODE_NO;
	mem_fields(insn, op, t->aux | MEM_USER, MEM_OFF);
	op->fn = mem_any;
	op->imm = field_signed(insn, 12, 9);
	return DECODE_OP;
}

static enum decode_result decode_indexed(uint32_t insn, struct op *op)
{
	const struct mem_type *t = &mem_types[type_index(insn)];
	bool pre = field(insn, 11, 1);
	op_fn *fast = pre ? t->pre : t->post;

	if (!type_is_plain(type_index(insn)))
		return DECODE_NO;
	mem_fields(insn, op, t->aux, pre ? MEM_PRE : MEM_POST);
	op->fn = fast ? fast : mem_any;
	op->imm = field_signed(insn, 12, 9);
	return DECODE_OP;
}

static enum decode_result decode_reg_offset(uint32_t insn, struct op *op)
{
	const struct mem_type *t = &mem_types[type_index(insn)];
	uint32_t option = field(insn, 13, 3), shift = field(insn, 12, 1) * field(insn, 30, 2);

	if (!(option & 2))
		return DECODE_NO;
	if (!type_is_plain(type_index(insn)))
		return decode_prefetch(type_index(insn), op);
	mem_fields(insn, op, t->aux, MEM_REG);
	op->fn = option == 2 ? t->uxtw : option == 6 ? t->sxtw : t->lsl;
	op->rm = reg_source(insn, 16);
	op->aux |= shift << 12 | option << 16;
	return DECODE_OP;
}

static enum decode_result decode_literal(uint32_t insn, struct op *op)
{
	static const struct {
		uint32_t aux;
		op_fn *fn;
	} by_opc[3] = {
		{ MEM_LOAD | 2, mem_ldr_w_literal },
		{ MEM_LOAD | 3, mem_ldr_x_literal },
		{ MEM_LOAD | MEM_SIGNED | 2, mem_any },
	};
	uint32_t opc = field(insn, 30, 2);

	if (opc == 3)
		return decode_prefetch(TYPE_PREFETCH, op);
	mem_fields(insn, op, by_opc[opc].aux, MEM_LITERAL);
	op->fn = by_opc[opc].fn;
	op->imm = field_signed(insn, 5, 19) << 2;
	return DECODE_OP;
}

/* ---- pairs ---- */

static op_fn *pair_handler(bool x, bool load, uint32_t mode)
{
	static op_fn *const fast_x[2][3] = {
		{ mem_stp_x_off, mem_stp_x_pre, mem_stp_x_post },
		{ mem_ldp_x_off, mem_ldp_x_pre, mem_ldp_x_post },
	};

	if (x)
		return fast_x[load][mode];
	if (mode == MEM_OFF)
		return load ? mem_ldp_w_off : mem_stp_w_off;
	return mem_pair_any;
}

static void pair_fields(uint32_t insn, struct op *op, uint32_t aux)
{
	/* Bits 24..23: no-allocate, post, offset, pre. */
	static const uint32_t modes[4] = { MEM_OFF, MEM_POST, MEM_OFF, MEM_PRE };

	mem_fields(insn, op, aux, modes[field(insn, 23, 2)]);
	op->ra = aux & MEM_LOAD ? reg_target(insn, 10) : reg_source(insn, 10);
	op->imm = field_signed(insn, 15, 7) << MEM_SIZE(aux);
}

static enum decode_result decode_pair(uint32_t insn, struct op *op)
{
	bool x = field_sf(insn), load = field(insn, 22, 1);

	pair_fields(insn, op, (x ? 3 : 2) | (load ? MEM_LOAD : 0));
	op->fn = pair_handler(x, load, MEM_MODE(op->aux));
	return DECODE_OP;
}

static enum decode_result decode_ldpsw(uint32_t insn, struct op *op)
{
	pair_fields(insn, op, 2 | MEM_LOAD | MEM_SIGNED);
	op->fn = mem_pair_any;
	return DECODE_OP;
}

/* ---- ordered, exclusive, atomic ---- */

static enum decode_result decode_ordered(uint32_t insn, struct op *op)
{
	uint32_t load = field(insn, 22, 1) ? MEM_LOAD : 0;

	mem_fields(insn, op, field(insn, 30, 2) | MEM_ORDERED | load, MEM_OFF);
	op->fn = mem_any;
	op->imm = 0;
	return DECODE_OP;
}

static enum decode_result decode_load_excl(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	mem_fields(insn, op, field(insn, 30, 2) | MEM_LOAD, MEM_OFF);
	op->ra = reg_target(insn, 10);
	return DECODE_OP;
}

static enum decode_result decode_store_excl(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[0];
	mem_fields(insn, op, field(insn, 30, 2), MEM_OFF);
	op->ra = reg_source(insn, 10);
	op->rm = reg_target(insn, 16);
	return DECODE_OP;
}

static enum decode_result decode_cas(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[field(insn, 30, 2)];
	mem_fields(insn, op, 0, MEM_OFF);
	op->rm = reg_source(insn, 16);
	op->ra = reg_target(insn, 16);
	return DECODE_OP;
}

static enum decode_result decode_casp(uint32_t insn, struct op *op)
{
	uint32_t rs = field(insn, 16, 5), rt = field(insn, 0, 5);
	uint32_t next_read = rs == 30 ? X_ZERO : rs + 1, next_write = rs == 30 ? X_TRASH : rs + 1;

	if (rs & 1 || rt & 1)
		return DECODE_NO;
	op->fn = handlers(op)[field(insn, 30, 1)];
	op->rd = (uint8_t)rt;
	op->ra = (uint8_t)(rt == 30 ? X_ZERO : rt + 1);
	op->rm = (uint8_t)rs;
	op->rn = reg_or_sp(insn, 5);
	op->aux = next_read | next_write << 8;
	return DECODE_OP;
}

static enum decode_result decode_atomic(uint32_t insn, struct op *op)
{
	op->fn = handlers(op)[field(insn, 30, 2)];
	op->rd = reg_target(insn, 0);
	op->rn = reg_or_sp(insn, 5);
	op->rm = reg_source(insn, 16);
	return DECODE_OP;
}

#define HANDLERS_ATOMIC(name) HANDLERS(name##_b, name##_h, name##_w, name##_x)

const struct a64_row decode_int_pair_rows[] = {
	{ 0x7fc00000, 0x29400000, "ldp (offset)", decode_pair, NULL },
	{ 0x7fc00000, 0x29000000, "stp (offset)", decode_pair, NULL },
	{ 0x7fc00000, 0x28c00000, "ldp (post-index)", decode_pair, NULL },
	{ 0x7fc00000, 0x28800000, "stp (post-index)", decode_pair, NULL },
	{ 0x7fc00000, 0x29c00000, "ldp (pre-index)", decode_pair, NULL },
	{ 0x7fc00000, 0x29800000, "stp (pre-index)", decode_pair, NULL },
	{ 0x7fc00000, 0x28400000, "ldnp", decode_pair, NULL },
	{ 0x7fc00000, 0x28000000, "stnp", decode_pair, NULL },
	{ 0xffc00000, 0x69400000, "ldpsw (offset)", decode_ldpsw, NULL },
	{ 0xffc00000, 0x68c00000, "ldpsw (post-index)", decode_ldpsw, NULL },
	{ 0xffc00000, 0x69c00000, "ldpsw (pre-index)", decode_ldpsw, NULL },
	{ 0x3fe08000, 0x08c08000, "ldar", decode_ordered, NULL },
	{ 0x3fe08000, 0x08808000, "stlr", decode_ordered, NULL },
	{ 0x3fe08000, 0x08c00000, "ldlar", decode_ordered, NULL },
	{ 0x3fe08000, 0x08800000, "stllr", decode_ordered, NULL },
	{ 0x3fe08000, 0x08400000, "ldxr", decode_load_excl, HANDLERS(atomic_load_excl) },
	{ 0x3fe08000, 0x08408000, "ldaxr", decode_load_excl, HANDLERS(atomic_load_excl) },
	{ 0x3fe08000, 0x08000000, "stxr", decode_store_excl, HANDLERS(atomic_store_excl) },
	{ 0x3fe08000, 0x08008000, "stlxr", decode_store_excl, HANDLERS(atomic_store_excl) },
	{ 0xbfe08000, 0x88600000, "ldxp", decode_load_excl, HANDLERS(atomic_load_excl_pair) },
	{ 0xbfe08000, 0x88608000, "ldaxp", decode_load_excl, HANDLERS(atomic_load_excl_pair) },
	{ 0xbfe08000, 0x88200000, "stxp", decode_store_excl, HANDLERS(atomic_store_excl_pair) },
	{ 0xbfe08000, 0x88208000, "stlxp", decode_store_excl, HANDLERS(atomic_store_excl_pair) },
	{ 0x3fa07c00, 0x08a07c00, "cas", decode_cas, HANDLERS_ATOMIC(atomic_cas) },
	{ 0xbfa07c00, 0x08207c00, "casp", decode_casp, HANDLERS_WX(atomic_casp) },
	{ 0 },
};

const struct a64_row decode_int_single_rows[] = {
	{ 0x3f000000, 0x39000000, "load/store (unsigned offset)", decode_unsigned, NULL },
	{ 0x3f200c00, 0x38000000, "load/store (unscaled)", decode_unscaled, NULL },
	{ 0x3f200c00, 0x38200800, "load/store (register offset)", decode_reg_offset, NULL },
	{ 0x3f200c00, 0x38000400, "load/store (post-index)", decode_indexed, NULL },
	{ 0x3f200c00, 0x38000c00, "load/store (pre-index)", decode_indexed, NULL },
	{ 0x3f000000, 0x18000000, "load (literal)", decode_literal, NULL },
	{ 0x3f200c00, 0x38000800, "load/store (unprivileged)", decode_unprivileged, NULL },
	{ 0x3f20fc00, 0x38200000, "ldadd", decode_atomic, HANDLERS_ATOMIC(atomic_ldadd) },
	{ 0x3f20fc00, 0x38201000, "ldclr", decode_atomic, HANDLERS_ATOMIC(atomic_ldclr) },
	{ 0x3f20fc00, 0x38202000, "ldeor", decode_atomic, HANDLERS_ATOMIC(atomic_ldeor) },
	{ 0x3f20fc00, 0x38203000, "ldset", decode_atomic, HANDLERS_ATOMIC(atomic_ldset) },
	{ 0x3f20fc00, 0x38204000, "ldsmax", decode_atomic, HANDLERS_ATOMIC(atomic_ldsmax) },
	{ 0x3f20fc00, 0x38205000, "ldsmin", decode_atomic, HANDLERS_ATOMIC(atomic_ldsmin) },
	{ 0x3f20fc00, 0x38206000, "ldumax", decode_atomic, HANDLERS_ATOMIC(atomic_ldumax) },
	{ 0x3f20fc00, 0x38207000, "ldumin", decode_atomic, HANDLERS_ATOMIC(atomic_ldumin) },
	{ 0x3f20fc00, 0x38208000, "swp", decode_atomic, HANDLERS_ATOMIC(atomic_swp) },
	{ 0 },
};
