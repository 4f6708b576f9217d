/* SPDX-License-Identifier: Apache-2.0 */
/* VMSAv8-64 stage 1 translation (DDI 0487, D8): 4 KiB granule, no hardware access flag. */
#include "hv/soft/cpu/core.h"
#include "util/num.h"

#define DESC_VALID 1u
#define DESC_TABLE 2u
#define DESC_ADDRESS 0x0000fffffffff000ull
#define DESC_AP_EL0 (1ull << 6)
#define DESC_AP_RO (1ull << 7)
#define DESC_AF (1ull << 10)
#define DESC_NG (1ull << 11)
#define DESC_PXN (1ull << 53)
#define DESC_UXN (1ull << 54)
/* Of table descriptors, for all below. */
#define DESC_PXN_TABLE (1ull << 59)
#define DESC_UXN_TABLE (1ull << 60)
#define DESC_NO_EL0_TABLE (1ull << 61)
#define DESC_RO_TABLE (1ull << 62)

#define TSZ_MIN 16
#define TSZ_MAX 39

static bool is_high(uint64_t va)
{
	return va >> 55 & 1;
}

uint64_t walk_canonical(const struct cpu *c, uint64_t va)
{
	uint64_t tcr = c->core->r.tcr;

	if (!(tcr >> (is_high(va) ? 38 : 37) & 1))
		return va;
	return (uint64_t)((int64_t)(va << 8) >> 8);
}

static uint32_t flat(const struct cpu *c, uint64_t va, struct walk *w)
{
	(void)c;
	if (va >> CPU_PA_BITS)
		return FSC_ADDRESS_SIZE;
	*w = (struct walk){ .pa = va,
			    .size_log2 = 12,
			    .sh = 2,
			    .device = true,
			    .global = true,
			    .el0_read = true,
			    .el0_write = true,
			    .el1_write = true,
			    .el0_exec = true,
			    .el1_exec = true };
	return FSC_OK;
}

/* The half of the address space that `va` is in: its table and the level to begin with. */
static bool pick_table(const struct cpu *c, uint64_t va, uint32_t el, uint64_t *ret_table, uint32_t *ret_bits)
{
	const struct cpu_sysregs *r = &c->core->r;
	bool high = is_high(va);
	uint32_t tsz = (uint32_t)(high ? r->tcr >> 16 : r->tcr) & 63;
	bool epd = r->tcr >> (high ? 23 : 7) & 1, e0pd = r->tcr >> (high ? 56 : 55) & 1;
	uint64_t rest;

	if (tsz < TSZ_MIN || tsz > TSZ_MAX || epd || (e0pd && !el))
		return false;
	rest = (uint64_t)((int64_t)va >> (64 - tsz));
	if (rest != (high ? ~0ull : 0))
		return false;
	*ret_table = (high ? r->ttbr1 : r->ttbr0) & 0x0000fffffffffffeull;
	*ret_bits = 64 - tsz;
	return true;
}

static void leaf_rights(const struct cpu *c, uint64_t desc, uint64_t table, struct walk *w)
{
	bool wxn = c->core->r.sctlr & SCTLR_WXN;
	bool read_only = (desc & DESC_AP_RO) || (table & DESC_RO_TABLE);

	w->el0_read = (desc & DESC_AP_EL0) && !(table & DESC_NO_EL0_TABLE);
	w->user = w->el0_read;
	w->el0_write = w->el0_read && !read_only;
	w->el1_write = !read_only;
	w->el0_exec = !(desc & DESC_UXN) && !(table & DESC_UXN_TABLE) && !(wxn && w->el0_write);
	/* What EL0 may write, EL1 never executes (D8.4.1.2.4). */
	w->el1_exec =
		!(desc & DESC_PXN) && !(table & DESC_PXN_TABLE) && !w->el0_write && !(wxn && w->el1_write);
	w->global = !(desc & DESC_NG);
	w->attr = (uint8_t)(c->core->r.mair >> (desc >> 2 & 7) * 8);
	w->sh = desc >> 8 & 3;
	w->device = !(w->attr & 0xf0);
}

/* Bits of output addresses: TCR_EL1.IPS, at most what we have. */
static uint32_t output_bits(const struct cpu *c)
{
	static const uint8_t bits[] = { 32, 36 };
	uint32_t ips = (uint32_t)(c->core->r.tcr >> 32) & 7;

	return ips < NUM_COUNTOF(bits) ? bits[ips] : CPU_PA_BITS;
}

static uint32_t leaf(const struct cpu *c, uint64_t va, uint64_t desc, uint64_t table, uint32_t level,
		     struct walk *w)
{
	uint32_t shift = 12 + 9 * (3 - level);
	uint64_t base = (desc & DESC_ADDRESS) >> shift << shift;

	if (base >> output_bits(c))
		return FSC_ADDRESS_SIZE + level;
	if (!(desc & DESC_AF))
		return FSC_ACCESS_FLAG + level;
	w->level = level;
	w->size_log2 = shift;
	w->pa = base | (va & ((1ull << shift) - 1));
	leaf_rights(c, desc, table, w);
	return FSC_OK;
}

uint32_t walk_translate(const struct cpu *c, uint64_t va, uint32_t el, struct walk *ret)
{
	uint64_t table, attrs = 0, desc;
	uint32_t bits, level;

	if (!(c->core->r.sctlr & SCTLR_M))
		return flat(c, va, ret);
	if (!pick_table(c, va, el, &table, &bits))
		return FSC_TRANSLATION;
	level = 4 - (bits - 12 + 8) / 9;
	if (table >> output_bits(c))
		return FSC_ADDRESS_SIZE;
	/* The first table may be smaller than a page; its base is aligned to its size. */
	table &= ~((8ull << (bits - 12 - 9 * (3 - level))) - 1);
	va &= (1ull << bits) - 1;
	for (;; level++) {
		uint64_t pa = table + ((va >> (12 + 9 * (3 - level))) & 511) * 8;
		const uint8_t *p = gmem_slice(c->vm->gm, pa, 8);

		if (!p)
			return FSC_EXTERNAL_WALK + level;
		desc = guest_get64((uint64_t)(uintptr_t)p);
		if (!(desc & DESC_VALID))
			return FSC_TRANSLATION + level;
		if (level == 3)
			return desc & DESC_TABLE ? leaf(c, va, desc, attrs, level, ret)
						 : FSC_TRANSLATION + level;
		if (!(desc & DESC_TABLE))
			return level ? leaf(c, va, desc, attrs, level, ret) : FSC_TRANSLATION;
		attrs |= desc;
		table = desc & DESC_ADDRESS;
		if (table >> output_bits(c))
			return FSC_ADDRESS_SIZE + level;
	}
}
