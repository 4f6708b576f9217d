/* SPDX-License-Identifier: Apache-2.0 */
/* Data processing with an immediate (C4.1.86 of the Arm ARM). */
#include "hv/soft/cpu/decode_int.h"

static enum decode_result decode_adr(uint32_t insn, struct op *op)
{
	bool page = field_sf(insn);
	uint64_t imm = field_signed(insn, 5, 19) << 2 | field(insn, 29, 2);

	op->fn = page ? int_adrp : int_adr;
	op->rd = reg_target(insn, 0);
	op->imm = page ? imm << 12 : imm;
	return DECODE_OP;
}

static enum decode_result decode_add_imm(uint32_t insn, struct op *op)
{
	bool set_flags = field(insn, 29, 1), move;
	uint64_t imm = (uint64_t)field(insn, 10, 12) << (field(insn, 22, 1) ? 12 : 0);

	op->fn = handlers(op)[field_sf(insn)];
	op->rd = set_flags ? reg_target(insn, 0) : reg_or_sp(insn, 0);
	op->rn = reg_or_sp(insn, 5);
	op->rm = op->rn;
	op->imm = imm;
	move = !set_flags && imm == 0;
	if (move)
		op->fn = field_sf(insn) ? int_mov_x : int_mov_w;
	return DECODE_OP;
}

/* DecodeBitMasks(), wmask only; 0 for a reserved pattern (no pattern is 0). */
static uint64_t bitmask_immediate(uint32_t insn)
{
	uint32_t n = field(insn, 22, 1), immr = field(insn, 16, 6), imms = field(insn, 10, 6);
	uint32_t length = n << 6 | (~imms & 63);
	uint32_t size, ones, turn;
	uint64_t element;

	if (length < 2)
		return 0;
	size = 1u << (31 - __builtin_clz(length));
	ones = (imms & (size - 1)) + 1;
	turn = immr & (size - 1);
	if (ones == size)
		return 0;
	element = (1ull << ones) - 1;
	if (turn)
		element = (element >> turn | element << (size - turn)) & (~0ull >> (64 - size));
	for (; size < 64; size *= 2)
		element |= element << size;
	return element;
}

static enum decode_result decode_logical_imm(uint32_t insn, struct op *op)
{
	bool set_flags = field(insn, 29, 2) == 3, is_orr = field(insn, 29, 2) == 1;
	uint64_t imm = bitmask_immediate(insn);

	if (!imm || (!field_sf(insn) && field(insn, 22, 1)))
		return DECODE_NO;
	op->fn = handlers(op)[field_sf(insn)];
	op->rd = set_flags ? reg_target(insn, 0) : reg_or_sp(insn, 0);
	op->rn = reg_source(insn, 5);
	op->imm = field_sf(insn) ? imm : (uint32_t)imm;
	if (is_orr && op->rn == X_ZERO)
		op->fn = int_mov_imm;
	return DECODE_OP;
}

static enum decode_result decode_mov_wide(uint32_t insn, struct op *op)
{
	uint32_t opc = field(insn, 29, 2), shift = field(insn, 21, 2) * 16;
	uint64_t imm = (uint64_t)field(insn, 5, 16) << shift;

	if (!field_sf(insn) && shift >= 32)
		return DECODE_NO;
	if (opc == 0)
		imm = ~imm;
	op->fn = handlers(op)[field_sf(insn)];
	op->rd = reg_target(insn, 0);
	op->aux = shift;
	op->imm = field_sf(insn) ? imm : (uint32_t)imm;
	return DECODE_OP;
}

/* Fields of a bit-field move; the element is 32 or 64 bits wide. */
struct bitfield {
	uint32_t width, immr, imms;
	bool x;
};

static bool bitfield_parse(uint32_t insn, struct bitfield *b, struct op *op)
{
	b->x = field_sf(insn);
	b->width = b->x ? 64 : 32;
	b->immr = field(insn, 16, 6);
	b->imms = field(insn, 10, 6);
	op->rd = reg_target(insn, 0);
	op->rn = reg_source(insn, 5);
	return field(insn, 22, 1) == b->x && b->immr < b->width && b->imms < b->width;
}

/* SBFM and UBFM: the field goes to the top by a left shift, then down to its place. */
static uint32_t bitfield_shifts(const struct bitfield *b)
{
	uint32_t left = b->width - 1 - b->imms;
	uint32_t right = b->imms >= b->immr ? left + b->immr : b->immr - 1 - b->imms;

	return left | right << 8;
}

static enum decode_result decode_sbfm(uint32_t insn, struct op *op)
{
	struct bitfield b;

	if (!bitfield_parse(insn, &b, op))
		return DECODE_NO;
	op->fn = b.x ? int_sbfm_x : int_sbfm_w;
	op->aux = bitfield_shifts(&b);
	if (b.imms == b.width - 1) {
		op->fn = b.x ? int_asr_imm_x : int_asr_imm_w;
		op->aux = b.immr;
	} else if (b.x && b.immr == 0 && b.imms == 31) {
		op->fn = int_sxtw;
	}
	return DECODE_OP;
}

static enum decode_result decode_ubfm(uint32_t insn, struct op *op)
{
	struct bitfield b;

	if (!bitfield_parse(insn, &b, op))
		return DECODE_NO;
	op->fn = b.x ? int_ubfm_x : int_ubfm_w;
	op->aux = bitfield_shifts(&b);
	if (b.imms == b.width - 1) {
		op->fn = b.x ? int_lsr_imm_x : int_lsr_imm_w;
		op->aux = b.immr;
	} else if (b.imms + 1 == b.immr) {
		op->fn = b.x ? int_lsl_imm_x : int_lsl_imm_w;
		op->aux = b.width - b.immr;
	} else if (b.immr == 0) {
		op->fn = int_and_imm_x;
		op->imm = ~0ull >> (63 - b.imms);
	}
	return DECODE_OP;
}

static enum decode_result decode_bfm(uint32_t insn, struct op *op)
{
	struct bitfield b;
	bool extract;

	if (!bitfield_parse(insn, &b, op))
		return DECODE_NO;
	extract = b.imms >= b.immr;
	op->fn = b.x ? int_bfm_x : int_bfm_w;
	op->aux = b.immr;
	if (extract)
		op->imm = ~0ull >> (63 - (b.imms - b.immr));
	else
		op->imm = ~0ull >> (63 - b.imms) << (b.width - b.immr);
	return DECODE_OP;
}

static enum decode_result decode_extr(uint32_t insn, struct op *op)
{
	bool x = field_sf(insn);

	if (field(insn, 22, 1) != x || (!x && field(insn, 15, 1)))
		return DECODE_NO;
	op->fn = handlers(op)[x];
	op->rd = reg_target(insn, 0);
	op->rn = reg_source(insn, 5);
	op->rm = reg_source(insn, 16);
	op->aux = field(insn, 10, 6);
	return DECODE_OP;
}

const struct a64_row decode_int_imm_rows[] = {
	{ 0x7f800000, 0x11000000, "add (immediate)", decode_add_imm, HANDLERS_WX(int_add_imm) },
	{ 0x7f800000, 0x71000000, "subs (immediate)", decode_add_imm, HANDLERS_WX(int_subs_imm) },
	{ 0x7f800000, 0x51000000, "sub (immediate)", decode_add_imm, HANDLERS_WX(int_sub_imm) },
	{ 0x7f800000, 0x31000000, "adds (immediate)", decode_add_imm, HANDLERS_WX(int_adds_imm) },
	{ 0x9f000000, 0x10000000, "adr", decode_adr, NULL },
	{ 0x9f000000, 0x90000000, "adrp", decode_adr, NULL },
	{ 0x7f800000, 0x52800000, "movz", decode_mov_wide, HANDLERS(int_mov_imm, int_mov_imm) },
	{ 0x7f800000, 0x72800000, "movk", decode_mov_wide, HANDLERS_WX(int_movk) },
	{ 0x7f800000, 0x12800000, "movn", decode_mov_wide, HANDLERS(int_mov_imm, int_mov_imm) },
	{ 0x7f800000, 0x12000000, "and (immediate)", decode_logical_imm, HANDLERS_WX(int_and_imm) },
	{ 0x7f800000, 0x32000000, "orr (immediate)", decode_logical_imm, HANDLERS_WX(int_orr_imm) },
	{ 0x7f800000, 0x52000000, "eor (immediate)", decode_logical_imm, HANDLERS_WX(int_eor_imm) },
	{ 0x7f800000, 0x72000000, "ands (immediate)", decode_logical_imm, HANDLERS_WX(int_ands_imm) },
	{ 0x7f800000, 0x13000000, "sbfm", decode_sbfm, NULL },
	{ 0x7f800000, 0x33000000, "bfm", decode_bfm, NULL },
	{ 0x7f800000, 0x53000000, "ubfm", decode_ubfm, NULL },
	{ 0x7fa00000, 0x13800000, "extr", decode_extr, HANDLERS_WX(int_extr) },
	{ 0 },
};
