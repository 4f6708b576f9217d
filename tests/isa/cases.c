/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of the random generator stand in statements of their own: their order is part of a seed. */
#include "tests/isa/cases.h"

#include <string.h>

#include "hv/soft/cpu/decode_int.h"
#include "hv/soft/cpu/fp.h"
#include "util/num.h"

/* ---- rows ---- */

/* What EL0 cannot do, or not alone, the bare-metal image does. */
static const struct {
	const char *row, *test;
} by_hand[] = {
	{ "mrs", "el1/sysreg.c" },
	{ "msr (register)", "el1/sysreg.c" },
	{ "msr (immediate)", "el1/exceptions.c" },
	{ "sys", "el1/sysins.c" },
	{ "dsb", "el1/exceptions.c" },
	{ "isb", "el1/exceptions.c" },
	{ "sb", "src/hv/soft/cpu/cpu_test.c" },
	{ "svc", "el1/exceptions.c" },
	{ "hvc", "el1/exceptions.c" },
	{ "smc", "el1/exceptions.c" },
	{ "brk", "el1/exceptions.c" },
	{ "eret", "el1/exceptions.c" },
};

static const char *by_hand_test(const char *name)
{
	for (size_t i = 0; i < NUM_COUNTOF(by_hand); i++)
		if (!strcmp(by_hand[i].row, name))
			return by_hand[i].test;
	return NULL;
}

static uint32_t add_row(struct isa_row *ret, uint32_t max, uint32_t nr, const struct a64_row *row)
{
	if (nr < max)
		ret[nr] = (struct isa_row){ row, by_hand_test(row->name) };
	return nr + 1;
}

uint32_t isa_rows(struct isa_row *ret, uint32_t max)
{
	uint32_t nr = 0;

	for (uint32_t t = 0; t < A64_INT_TABLES; t++)
		for (const struct a64_row *row = a64_int_tables[t]; row->decode; row++)
			nr = add_row(ret, max, nr, row);
	for (uint32_t g = 0; g < a64_fpsimd_nr_groups; g++)
		for (uint32_t i = 0; i < *a64_fpsimd_groups[g].nr_rows; i++)
			nr = add_row(ret, max, nr, &a64_fpsimd_groups[g].rows[i]);
	return nr;
}

enum decode_result isa_decode(uint32_t insn, struct op *op)
{
	enum decode_result r = decode_int(insn, op);

	return r == DECODE_NO ? decode_fpsimd(insn, op) : r;
}

/* ---- operands ---- */

static uint64_t state;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

uint32_t isa_below(uint32_t n)
{
	return (uint32_t)(rnd() >> 33) % n;
}

void isa_seed(uint64_t seed)
{
	state = (seed + 1) * 0x9e3779b97f4a7c15;
	if (!state)
		state = 1;
}

uint64_t isa_row_seed(const struct a64_row *row, uint64_t seed)
{
	seed ^= (uint64_t)row->value << 32 | row->mask;
	for (const char *p = row->name; *p; p++)
		seed = (seed ^ (uint8_t)*p) * 0x100000001b3;
	return seed;
}

static uint64_t special_exponent(uint64_t exp_max)
{
	static const int8_t near[] = { -1, 0, 1, 15, 16, 31, 32, 33, 62, 63, 64 };
	const uint64_t bias = exp_max / 2;

	switch (isa_below(4)) {
	case 0:
		return isa_below(2) ? exp_max : 0;
	case 1:
		return isa_below(2) ? 1 + isa_below(2) : exp_max - 1 - isa_below(2);
	case 2:
		return bias + (uint64_t)(int64_t)near[isa_below(NUM_COUNTOF(near))];
	default:
		return bias + isa_below(60) - 30;
	}
}

static uint64_t special_fraction(uint32_t bits)
{
	uint64_t v;

	switch (isa_below(4)) {
	case 0:
		return 0;
	case 1:
		v = rnd();
		return v << isa_below(bits);
	case 2:
		return isa_below(2) ? ~0ull : 1ull << isa_below(bits);
	default:
		v = ~0ull << isa_below(bits);
		return v + isa_below(3) - 1;
	}
}

/* Where results change: NaNs, infinities, the ends of ranges, halves, powers of two about limits. */
static uint64_t special_float(uint32_t exp_bits, uint32_t frac_bits)
{
	uint64_t exp_max = (1u << exp_bits) - 1, exp = special_exponent(exp_max) & exp_max;
	uint64_t frac = special_fraction(frac_bits) & ((1ull << frac_bits) - 1);

	return (uint64_t)isa_below(2) << (exp_bits + frac_bits) | exp << frac_bits | frac;
}

/* An integer of so many bits: small, about a power of two, or anything. */
static uint64_t special_int(uint32_t bits)
{
	uint64_t v;

	if (isa_below(3)) {
		v = 1ull << isa_below(bits);
		v += isa_below(3);
		v--;
	} else {
		v = rnd();
		v >>= isa_below(64);
	}
	return isa_below(2) ? v : 0 - v;
}

enum { FILL_RANDOM, FILL_HALF, FILL_SINGLE, FILL_DOUBLE, FILL_8, FILL_16, FILL_32, FILL_64, FILL_KINDS };

static void fill_vector(uint64_t v[2], uint32_t kind)
{
	static const uint8_t widths[FILL_KINDS] = { 64, 16, 32, 64, 8, 16, 32, 64 };
	uint32_t width = widths[kind];

	v[0] = v[1] = 0;
	for (uint32_t bit = 0; bit < 128; bit += width) {
		uint64_t x = kind == FILL_RANDOM   ? rnd()
			     : kind == FILL_HALF   ? special_float(5, 10)
			     : kind == FILL_SINGLE ? special_float(8, 23)
			     : kind == FILL_DOUBLE ? special_float(11, 52)
						   : special_int(width);

		v[bit / 64] |= (x & ~0ull >> (64 - width)) << bit % 64;
	}
}

/* ---- encodings ---- */

/* What the operands of a word must be like. Bit 26 (V registers) makes no difference to most. */
enum form {
	FORM_PLAIN,
	FORM_LITERAL,
	FORM_STRUCT,
	FORM_EXCLUSIVE, /* and ordered, and CAS */
	FORM_PAIR,
	FORM_IMM12,
	FORM_IMM9,
	FORM_REG,
	FORM_ATOMIC,
	FORM_BRANCH26,
	FORM_BRANCH19,
	FORM_BRANCH14,
	FORM_BRANCH_REG,
};

static enum form form_of(uint32_t insn)
{
	static const struct {
		uint32_t mask, value;
		enum form form;
	} forms[] = {
		{ 0x3b000000, 0x18000000, FORM_LITERAL },    { 0x3e000000, 0x0c000000, FORM_STRUCT },
		{ 0x3f000000, 0x08000000, FORM_EXCLUSIVE },  { 0x3a000000, 0x28000000, FORM_PAIR },
		{ 0x3b000000, 0x39000000, FORM_IMM12 },	     { 0x3b200c00, 0x38200800, FORM_REG },
		{ 0x3f200c00, 0x38200000, FORM_ATOMIC },     { 0x3b200000, 0x38000000, FORM_IMM9 },
		{ 0x7c000000, 0x14000000, FORM_BRANCH26 },   { 0xff000010, 0x54000000, FORM_BRANCH19 },
		{ 0x7e000000, 0x34000000, FORM_BRANCH19 },   { 0x7e000000, 0x36000000, FORM_BRANCH14 },
		{ 0xfe000000, 0xd6000000, FORM_BRANCH_REG },
	};

	for (size_t i = 0; i < NUM_COUNTOF(forms); i++)
		if ((insn & forms[i].mask) == forms[i].value)
			return forms[i].form;
	return FORM_PLAIN;
}

static bool is_casp(uint32_t insn)
{
	return (insn & 0xbfa07c00) == 0x08207c00;
}

static bool is_store_exclusive(uint32_t insn)
{
	return (insn & 0x3fc00000) == 0x08000000 || ((insn & 0x3fe00000) == 0x08200000 && !is_casp(insn));
}

static bool is_load_pair_exclusive(uint32_t insn)
{
	return (insn & 0xbfe00000) == 0x88600000 && !is_casp(insn);
}

uint32_t isa_avoid_reserved(uint32_t insn, uint32_t mask)
{
	static const uint8_t lows[] = { 0, 5, 10, 16 };

	for (size_t i = 0; i < NUM_COUNTOF(lows); i++)
		if ((insn >> lows[i] & 31) == 29)
			insn ^= 4u << lows[i] & ~mask;
	return insn;
}

/* Registers named twice where that is unpredictable. */
static bool is_unpredictable(uint32_t insn)
{
	uint32_t rt = field(insn, 0, 5), rn = field(insn, 5, 5), rt2 = field(insn, 10, 5),
		 rs = field(insn, 16, 5);
	bool vector = field(insn, 26, 1), load = field(insn, 22, 1), pair = field(insn, 21, 1);
	bool written_back = !vector && rn != 31;

	switch (form_of(insn)) {
	case FORM_PAIR:
		return (load && rt == rt2) || (written_back && field(insn, 23, 1) && (rt == rn || rt2 == rn));
	case FORM_IMM9:
		return written_back && field(insn, 10, 1) && rt == rn;
	case FORM_BRANCH_REG:
		return rn == 31; /* to address 0 */
	case FORM_REG:
		return rs == rn; /* no base and index at once that we could choose */
	case FORM_EXCLUSIVE:
		if (is_casp(insn))
			return rs == 28 || rt == 28; /* X29 */
		if (is_store_exclusive(insn))
			return rs == rt || (rs == rn && rn != 31) || (pair && rs == rt2);
		return is_load_pair_exclusive(insn) && rt == rt2;
	default:
		return false;
	}
}

static uint32_t put_field(uint32_t insn, uint32_t low, uint32_t width, uint32_t v)
{
	uint32_t mask = ((1u << width) - 1) << low;

	return (insn & ~mask) | (v << low & mask);
}

/* A landing within reach. */
static uint32_t aim_branch(uint32_t insn, uint32_t low, uint32_t width)
{
	int32_t limit = 1 << (width + 1), at;

	do
		at = judge_landings[isa_below(JUDGE_LANDINGS)];
	while (at < -limit || at >= limit);
	return put_field(insn, low, width, (uint32_t)at >> 2);
}

/* Words of the code page that are literals: all but those about the landings. */
static uint32_t aim_literal(uint32_t insn)
{
	uint32_t word = isa_below(4) ? 160 + isa_below(850) : isa_below(100);

	return put_field(insn, 5, 19, word - (JUDGE_INSN - JUDGE_CODE) / 4);
}

uint32_t isa_word(const struct a64_row *row, struct op *ret_op)
{
	uint32_t insn = row->value | ((uint32_t)rnd() & ~row->mask);

	insn = isa_avoid_reserved(insn, row->mask);
	switch (form_of(insn)) {
	case FORM_LITERAL:
		insn = aim_literal(insn);
		break;
	case FORM_BRANCH26:
		insn = aim_branch(insn, 0, 26);
		break;
	case FORM_BRANCH19:
		insn = aim_branch(insn, 5, 19);
		break;
	case FORM_BRANCH14:
		insn = aim_branch(insn, 5, 14);
		break;
	case FORM_PLAIN:
	case FORM_STRUCT:
	case FORM_EXCLUSIVE:
	case FORM_PAIR:
	case FORM_IMM12:
	case FORM_IMM9:
	case FORM_REG:
	case FORM_ATOMIC:
	case FORM_BRANCH_REG:
		break;
	}
	memset(ret_op, 0, sizeof(*ret_op));
	if (is_unpredictable(insn) || isa_decode(insn, ret_op) == DECODE_NO)
		return 0;
	/* Waiting has no result to compare. */
	if (ret_op->fn == cpu_wfe || ret_op->fn == cpu_wfi || ret_op->fn == cpu_sev)
		return 0;
	return insn;
}

/* ---- cases ---- */

static void set_index(struct judge_case *k, uint32_t insn)
{
	uint32_t rm = field(insn, 16, 5), option = field(insn, 13, 3);
	uint64_t index = isa_below(8);

	if (option == 6 && isa_below(2))
		index = 0 - index;
	if (option == 2 || option == 6)
		index = (uint32_t)index | rnd() << 32;
	if (rm != 31)
		k->x[rm] = index;
}

/* Mostly a store to an address that the load before it took. */
static void set_monitor(struct judge_case *k, uint32_t insn)
{
	uint32_t rn = field(insn, 5, 5), rt = isa_below(14), rt2 = 14 + isa_below(14);

	if (!isa_below(4))
		return;
	if (rt == rn)
		rt = 28;
	if (rt2 == rn || !field(insn, 21, 1))
		rt2 = field(insn, 21, 1) ? 30 : 31;
	if (rt2 == rn)
		return;
	k->pre = put_field(put_field(put_field(insn | 1u << 22, 16, 5, 31), 10, 5, rt2), 0, 5, rt);
}

/* Base and index, so that the access falls into the data. */
static void set_address(struct judge_case *k, const struct op *op)
{
	uint32_t insn = k->insn, rn = field(insn, 5, 5);
	uint64_t base = JUDGE_DATA + 192 + isa_below(64), offset = op->imm;
	bool aligned = rn == 31;

	if (op->fn == int_nop) /* a prefetch */
		return;
	switch (form_of(insn)) {
	case FORM_STRUCT:
		offset = 0;
		break;
	case FORM_EXCLUSIVE:
	case FORM_ATOMIC:
		offset = 0;
		/* Unaligned ones fault; of a store without its load that is not certain. */
		aligned |= is_store_exclusive(insn) || isa_below(8);
		break;
	case FORM_PAIR:
		if (field(insn, 23, 2) == 1)
			offset = 0;
		break;
	case FORM_IMM9:
		if (field(insn, 10, 2) == 1)
			offset = 0;
		break;
	case FORM_REG:
		offset = 0;
		set_index(k, insn);
		break;
	case FORM_IMM12:
		break;
	case FORM_PLAIN:
	case FORM_LITERAL:
	case FORM_BRANCH26:
	case FORM_BRANCH19:
	case FORM_BRANCH14:
	case FORM_BRANCH_REG:
		return;
	}
	if (aligned)
		base &= ~15ull;
	k->x[rn] = base - offset;
	if (is_store_exclusive(insn))
		set_monitor(k, insn);
}

void isa_case(struct judge_case *k, uint32_t insn, const struct op *op)
{
	static const uint32_t fpcrs[] = { 0, 0, FPCR_FZ, FPCR_DN };
	uint32_t kind = isa_below(FILL_KINDS);

	memset(k, 0, sizeof(*k));
	k->insn = insn;
	k->pre = JUDGE_NOP;
	k->fpcr = isa_below(3) ? fpcrs[isa_below(NUM_COUNTOF(fpcrs))] : (uint32_t)rnd() & FPCR_WRITABLE;
	k->fpsr = isa_below(3) ? isa_below(2) * FPSR_IXC : (uint32_t)rnd() & FPSR_WRITABLE;
	k->nzcv = (uint64_t)isa_below(16) << 28;
	for (uint32_t i = 0; i < 32; i++) {
		k->x[i] = isa_below(2) ? rnd() : special_int(64);
		fill_vector(k->v[i], isa_below(4) ? kind : isa_below(FILL_KINDS));
	}
	for (uint32_t i = 0; i < JUDGE_DATA_LEN; i++)
		k->mem[i] = (uint8_t)rnd();
	if (form_of(insn) == FORM_BRANCH_REG)
		k->x[field(insn, 5, 5)] =
			JUDGE_INSN + (uint64_t)(int64_t)judge_landings[isa_below(JUDGE_LANDINGS)];
	set_address(k, op);
	k->x[29] = JUDGE_START;
}
