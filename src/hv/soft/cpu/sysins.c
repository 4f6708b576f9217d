/* SPDX-License-Identifier: Apache-2.0 */
/* SYS: cache maintenance, address translation, TLB invalidation. */
#include "hv/soft/cpu/sysreg.h"

#define LINE 64u

enum {
	IC_IALLUIS = GIC_SYSREG(1, 0, 7, 1, 0),
	IC_IALLU = GIC_SYSREG(1, 0, 7, 5, 0),
	IC_IVAU = GIC_SYSREG(1, 3, 7, 5, 1),
	DC_IVAC = GIC_SYSREG(1, 0, 7, 6, 1),
	DC_ISW = GIC_SYSREG(1, 0, 7, 6, 2),
	DC_CSW = GIC_SYSREG(1, 0, 7, 10, 2),
	DC_CISW = GIC_SYSREG(1, 0, 7, 14, 2),
	DC_ZVA = GIC_SYSREG(1, 3, 7, 4, 1),
	DC_CVAC = GIC_SYSREG(1, 3, 7, 10, 1),
	DC_CVAU = GIC_SYSREG(1, 3, 7, 11, 1),
	DC_CIVAC = GIC_SYSREG(1, 3, 7, 14, 1),
	AT_FIRST = GIC_SYSREG(1, 0, 7, 8, 0), /* S1E1R, S1E1W, S1E0R, S1E0W */
	AT_LAST = GIC_SYSREG(1, 0, 7, 8, 3),
};

static const struct op *fault_at(struct cpu *c, const struct op *op, uint64_t va, uint32_t iss)
{
	core_uncount(c, op);
	core_take_abort(c, cpu_pc(c, op), false, va, iss);
	return NULL;
}

/* A fault names the address that was given, not the line's (D19.2.40); a device has no lines. */
static const struct op *zero_line(struct cpu *c, const struct op *op, uint64_t given)
{
	const struct tlb_entry *t = tlb_slot(c->tlb, given);
	uint64_t va = given & ~(uint64_t)(LINE - 1);
	struct walk w;
	uint32_t fsc;

	if (tlb_hit(t->tag_write, va, LINE)) {
		for (uint32_t i = 0; i < LINE; i += 8)
			guest_put64(va + t->addend + i, 0);
		OP_TAIL(c, op + 1);
	}
	fsc = mmu_look(c, given, CPU_MEM_WRITE, c->core->pstate & PSTATE_PAN, &w);
	if (fsc == FSC_OK && w.device)
		fsc = FSC_ALIGNMENT;
	if (fsc != FSC_OK)
		return fault_at(c, op, given, fsc | ISS_WNR);
	for (uint32_t i = 0; i < LINE; i += 16)
		if (!cpu_store_pair64(c, op, va + i, 0, 0))
			return cpu_after_fault(c);
	OP_TAIL(c, op + 1);
}

/* Caches are always coherent, but the address is looked at: faults say CM and WnR (D17.2.37). */
static const struct op *by_address(struct cpu *c, const struct op *op, uint32_t key, uint64_t va)
{
	uint32_t flags = key == DC_IVAC && c->el ? CPU_MEM_WRITE : CPU_MEM_READ;
	struct walk w;
	uint32_t fsc = mmu_look(c, va, flags, c->core->pstate & PSTATE_PAN, &w);

	if (fsc != FSC_OK)
		return fault_at(c, op, va, fsc | ISS_CM | ISS_WNR);
	if (key == IC_IVAU)
		block_invalidate_page(c->vm, w.pa);
	OP_TAIL(c, op + 1);
}

/* PAR_EL1 in its 64-bit format (D19.2.113). */
static const struct op *translate(struct cpu *c, const struct op *op, uint32_t key, uint64_t va)
{
	uint32_t which = key & 3;
	uint32_t flags = (which & 1 ? CPU_MEM_WRITE : CPU_MEM_READ) | (which & 2 ? CPU_MEM_UNPRIV : 0);
	struct walk w;
	uint32_t fsc = mmu_look(c, va, flags, false, &w);

	if (fsc != FSC_OK)
		c->core->r.par = 1u << 11 | fsc << 1 | 1;
	else
		c->core->r.par = (uint64_t)w.attr << 56 | (w.pa & TLB_PAGE_MASK) | 1u << 11 | 1u << 9 |
				 (uint64_t)w.sh << 7;
	OP_TAIL(c, op + 1);
}

/* TLBI: CRm 7 local, 3 inner shareable; op2 says what. False: no such operation. */
static bool tlbi_of(uint32_t key, uint64_t v, struct tlbi *ret, bool *ret_broadcast)
{
	uint32_t crm = key >> 3 & 15;

	if ((key >> 11 & 7) != 0 || (crm != 7 && crm != 3))
		return false;
	*ret_broadcast = crm == 3;
	switch (key & 7) {
	case 0: /* VMALLE1 */
		*ret = (struct tlbi){ TLBI_ALL, 0 };
		return true;
	case 2: /* ASIDE1 */
		*ret = (struct tlbi){ TLBI_ASID, v >> 48 };
		return true;
	case 1: /* VAE1 */
	case 3: /* VAAE1 */
	case 5: /* VALE1 */
	case 7: /* VAALE1 */
		/* VA[55:12], in bits 43:0 */
		*ret = (struct tlbi){ TLBI_VA, (uint64_t)((int64_t)(v << 20) >> 8) };
		return true;
	default:
		return false;
	}
}

static const struct op *tlbi(struct cpu *c, const struct op *op, uint32_t key, uint64_t v)
{
	struct tlbi t;
	bool broadcast;

	if (!tlbi_of(key, v, &t, &broadcast))
		return cpu_undefined(c, op);
	if (broadcast)
		tlb_broadcast(c, &t);
	else
		tlb_invalidate(c, &t);
	OP_TAIL(c, op + 1);
}

/* What EL0 may do, when SCTLR_EL1 lets it. */
static bool el0_traps(const struct cpu *c, uint32_t key)
{
	return !(c->core->r.sctlr & (key == DC_ZVA ? SCTLR_DZE : SCTLR_UCI));
}

static bool el0_has(uint32_t key)
{
	return key == DC_ZVA || key == DC_CVAC || key == DC_CVAU || key == DC_CIVAC || key == IC_IVAU;
}

const struct op *cpu_sys(struct cpu *c, const struct op *op)
{
	uint32_t key = op->aux;
	uint64_t v = c->x[op->rd];

	if (!c->el && !el0_has(key))
		return cpu_undefined(c, op);
	if (!c->el && el0_traps(c, key))
		return sysreg_trap(c, op, key, false);
	switch (key) {
	case DC_ZVA:
		return zero_line(c, op, v);
	case DC_IVAC:
	case DC_CVAC:
	case DC_CVAU:
	case DC_CIVAC:
	case IC_IVAU:
		return by_address(c, op, key, v);
	case DC_ISW:
	case DC_CSW:
	case DC_CISW:
		OP_NEXT(c, op);
	case IC_IALLUIS:
	case IC_IALLU:
		block_invalidate_all(c->vm);
		OP_NEXT(c, op);
	default:
		break;
	}
	if (key >= AT_FIRST && key <= AT_LAST)
		return translate(c, op, key, v);
	if ((key >> 7 & 15) == 8)
		return tlbi(c, op, key, v);
	return cpu_undefined(c, op);
}
