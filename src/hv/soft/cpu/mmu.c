/* SPDX-License-Identifier: Apache-2.0 */
/* What misses the software TLB: filling it, faults, page crossings, device accesses. */
#include "hv/soft/cpu/core.h"
#include "hv/soft/cpu/vmem.h"

/* A piece of an access, within one page. */
struct piece {
	uint64_t va;
	uint32_t len;
	uint8_t *host; /* NULL: a device at `pa` */
	uint64_t pa;
};

uint8_t *mmu_host_page(const struct cpu *c, uint64_t pa)
{
	const struct gmem_region *r = gmem_find(c->vm->gm, pa & TLB_PAGE_MASK, GMEM_PAGE);

	return r ? r->hva + ((pa & TLB_PAGE_MASK) - r->gpa) : NULL;
}

static bool data_allowed(const struct walk *w, uint32_t el, bool pan, uint32_t flags)
{
	if (!el)
		return (!(flags & CPU_MEM_READ) || w->el0_read) && (!(flags & CPU_MEM_WRITE) || w->el0_write);
	if (pan && w->user)
		return false;
	return !(flags & CPU_MEM_WRITE) || w->el1_write;
}

/* A write tag is given only to a page that the dirty log has: the first store to another comes here. */
static void tlb_fill(struct cpu *c, uint32_t ctx, uint64_t va, const struct walk *w, uint8_t *host)
{
	bool logged = gmem_is_dirty(c->vm->gm, w->pa);
	struct tlb_context *t = &c->core->tlb[ctx];
	uint64_t page = va & TLB_PAGE_MASK;
	struct tlb_entry *e = &t->entries[(va >> 12) & (TLB_SIZE - 1)];
	uint32_t el = ctx >= CTX_EL0 ? 0 : 1;
	bool pan = ctx == CTX_EL1_PAN;

	e->tag_read = data_allowed(w, el, pan, CPU_MEM_READ) ? page : TLB_NO_TAG;
	e->tag_write = logged && data_allowed(w, el, pan, CPU_MEM_WRITE) ? page : TLB_NO_TAG;
	e->addend = (uint64_t)(uintptr_t)host - page;
	e->size_log2 = w->size_log2;
	e->global = w->global;
	if (w->size_log2 > 12)
		tlb_note(t->blocks, page);
	if (w->size_log2 > 21)
		t->huge = true;
	if (!w->global)
		t->not_global = true;
}

static uint32_t context_of(const struct cpu *c, uint32_t flags)
{
	if (!c->el || (flags & CPU_MEM_UNPRIV))
		return CTX_EL0 + c->core->el0;
	return c->core->pstate & PSTATE_PAN ? CTX_EL1_PAN : CTX_EL1;
}

uint32_t mmu_look(struct cpu *c, uint64_t va, uint32_t flags, bool pan, struct walk *ret)
{
	uint32_t el = flags & CPU_MEM_UNPRIV ? 0 : c->el;
	uint32_t fsc = walk_translate(c, walk_canonical(c, va), el, ret);

	if (fsc == FSC_OK && !data_allowed(ret, el, pan, flags))
		fsc = FSC_PERMISSION + ret->level;
	return fsc;
}

static bool data_abort(struct cpu *c, const struct op *op, uint64_t va, uint32_t flags, uint32_t fsc)
{
	core_uncount(c, op);
	core_take_abort(c, cpu_pc(c, op), false, va, fsc | (flags & CPU_MEM_WRITE ? ISS_WNR : 0));
	return false;
}

/* What is no matter of rights an atomic meets when it reads (ISS.WnR). */
static uint32_t first_flags(uint32_t flags)
{
	return flags & CPU_MEM_READ ? flags & ~(uint32_t)CPU_MEM_WRITE : flags;
}

/* An atomic that fails to read is reported as a read. */
static uint32_t fault_flags(const struct walk *w, uint32_t el, bool pan, uint32_t flags)
{
	return data_allowed(w, el, pan, CPU_MEM_READ) ? flags : first_flags(flags);
}

static bool watchpoint(struct cpu *c, const struct op *op, uint64_t far, bool write)
{
	core_uncount(c, op);
	c->core->r.far = far;
	core_take_sync(c, cpu_pc(c, op), EC_WATCHPOINT_LOWER + c->el, FSC_DEBUG | (write ? ISS_WNR : 0));
	return false;
}

/* Fills p->host and p->pa for p->va. `align`: what the whole access must be aligned to on a device. */
static bool find_piece(struct cpu *c, const struct op *op, struct piece *p, uint32_t flags, bool misaligned)
{
	uint64_t va = walk_canonical(c, p->va);
	uint32_t ctx = context_of(c, flags), el = ctx >= CTX_EL0 ? 0 : 1, fsc;
	const struct tlb_entry *e = tlb_slot(c->core->tlb[ctx].entries, va);
	bool pan = ctx == CTX_EL1_PAN;
	struct walk w;
	uint64_t far;
	bool write;

	if ((!(flags & CPU_MEM_READ) || e->tag_read == (va & TLB_PAGE_MASK)) &&
	    (!(flags & CPU_MEM_WRITE) || e->tag_write == (va & TLB_PAGE_MASK))) {
		p->host = (uint8_t *)(uintptr_t)(va + e->addend);
		return true;
	}
	fsc = walk_translate(c, va, el, &w);
	if (fsc != FSC_OK)
		return data_abort(c, op, p->va, first_flags(flags), fsc);
	if (!data_allowed(&w, el, pan, flags))
		return data_abort(c, op, p->va, fault_flags(&w, el, pan, flags), FSC_PERMISSION + w.level);
	if (w.device && misaligned)
		return data_abort(c, op, p->va, first_flags(flags), FSC_ALIGNMENT);
	if (debug_watches(c, va, p->len, flags, &far, &write))
		return watchpoint(c, op, far, write);
	p->pa = w.pa;
	p->host = mmu_host_page(c, w.pa);
	if (!p->host)
		return true;
	if (flags & CPU_MEM_WRITE)
		gmem_mark_dirty(c->vm->gm, w.pa, 1);
	/* Device memory and SCTLR_EL1.A check alignment on every access, watchpoints look: no entry. */
	if (!w.device && !(c->core->r.sctlr & SCTLR_A) && !debug_page_watched(c, va))
		tlb_fill(c, ctx, va, &w, p->host);
	p->host += w.pa & (GMEM_PAGE - 1);
	return true;
}

/* The size of what must be aligned: a pair's half, an element of LD1 and ST1. */
static uint32_t alignment_of(const struct op *op, uint32_t len, uint32_t flags)
{
	if (op->fn == vstruct_load || op->fn == vstruct_store || op->fn == vstruct_load1_q ||
	    op->fn == vstruct_store1_q)
		return 1u << VSTRUCT_SIZE(op->aux);
	return len > 8 && !(flags & CPU_MEM_QUAD) ? 8 : len;
}

/* Splits an access at the page border and translates both halves. 0: the exception is taken. */
static uint32_t find_pieces(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags,
			    struct piece p[2])
{
	uint32_t left = GMEM_PAGE - (uint32_t)(va & (GMEM_PAGE - 1));
	bool misaligned = va & (alignment_of(op, len, flags) - 1);

	if (misaligned && ((flags & CPU_MEM_ALIGNED) || (c->core->r.sctlr & SCTLR_A))) {
		data_abort(c, op, va, first_flags(flags), FSC_ALIGNMENT);
		return 0;
	}
	p[0] = (struct piece){ .va = va, .len = len < left ? len : left };
	if (!find_piece(c, op, &p[0], flags, misaligned))
		return 0;
	if (len <= left)
		return 1;
	p[1] = (struct piece){ .va = va + left, .len = len - left };
	if (!find_piece(c, op, &p[1], flags, misaligned))
		return 0;
	/* Half a register from a device: no bus does that. */
	if (!p[0].host || !p[1].host) {
		data_abort(c, op, va, flags, FSC_EXTERNAL);
		return 0;
	}
	return 2;
}

static bool mmio_exit(struct cpu *c, const struct op *op, const struct mmio_record *r)
{
	struct mmio *m = &c->core->mmio;

	m->rec[m->nr] = *r;
	m->open = true;
	m->next = 0;
	c->exit = (struct hv_exit){ .reason = HV_EXIT_MMIO,
				    .addr = r->addr,
				    .data = r->data,
				    .len = r->len,
				    .is_write = r->is_write };
	core_uncount(c, op);
	c->pc = cpu_pc(c, op);
	cpu_pend(c, CPU_PEND_EXIT);
	return false;
}

/* `len` 1, 2, 4 or 8; false: the exit is prepared. */
static bool device_access(struct cpu *c, const struct op *op, uint64_t va, struct mmio_record *r)
{
	struct mmio *m = &c->core->mmio;

	if (m->next < m->nr) {
		r->data = m->rec[m->next++].data;
		return true;
	}
	if (gic_mmio_hit(c->vm->gic, r->addr)) {
		if (r->is_write)
			gic_mmio_write(c->vm->gic, r->addr, r->len, r->data);
		else
			r->data = gic_mmio_read(c->vm->gic, r->addr, r->len);
		return true;
	}
	if (m->nr == MMIO_RECORDS)
		return data_abort(c, op, va, r->is_write ? CPU_MEM_WRITE : 0, FSC_EXTERNAL);
	return mmio_exit(c, op, r);
}

void cpu_complete_mmio(struct cpu *c)
{
	struct mmio *m = &c->core->mmio;

	if (!m->open)
		return;
	m->open = false;
	if (!m->rec[m->nr].is_write)
		m->rec[m->nr].data = c->exit.data;
	m->nr++;
}

static uint64_t ram_get(const uint8_t *p, uint32_t len)
{
	uint64_t host = (uint64_t)(uintptr_t)p;

	switch (len) {
	case 1:
		return guest_get8(host);
	case 2:
		return guest_get16(host);
	case 4:
		return guest_get32(host);
	default:
		return guest_get64(host);
	}
}

static void ram_put(uint8_t *p, uint32_t len, uint64_t v)
{
	uint64_t host = (uint64_t)(uintptr_t)p;

	switch (len) {
	case 1:
		guest_put8(host, (uint8_t)v);
		break;
	case 2:
		guest_put16(host, (uint16_t)v);
		break;
	case 4:
		guest_put32(host, (uint32_t)v);
		break;
	default:
		guest_put64(host, v);
	}
}

static bool device_load(struct cpu *c, const struct op *op, uint64_t va, uint64_t pa, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 8) {
		struct mmio_record r = { .addr = pa + i, .len = (uint8_t)(len > 8 ? 8 : len) };

		if (!device_access(c, op, va, &r))
			return false;
		c->mem_val[i / 8] = r.len == 8 ? r.data : r.data & ((1ull << r.len * 8) - 1);
	}
	return true;
}

bool cpu_load_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	struct piece p[2];
	uint32_t nr = find_pieces(c, op, va, len, flags, p);
	uint8_t b[16] = { 0 };

	if (!nr)
		return false;
	c->mem_val[1] = 0;
	if (!p[0].host)
		return device_load(c, op, va, p[0].pa, len);
	if (nr == 1 && len <= 8) {
		c->mem_val[0] = ram_get(p[0].host, len);
		return true;
	}
	if (nr == 1) {
		c->mem_val[0] = ram_get(p[0].host, 8);
		c->mem_val[1] = ram_get(p[0].host + 8, 8);
		return true;
	}
	for (uint32_t i = 0; i < len; i++) {
		bool second = i >= p[0].len;
		uint64_t host = (uint64_t)(uintptr_t)(second ? p[1].host : p[0].host);

		b[i] = guest_get8(host + (second ? i - p[0].len : i));
	}
	c->mem_val[0] = le64_get(b);
	c->mem_val[1] = le64_get(b + 8);
	return true;
}

bool cpu_store_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len_flags, uint64_t lo,
		    uint64_t hi)
{
	uint32_t len = len_flags & 0xff, flags = len_flags >> 8, nr;
	struct piece p[2];
	uint8_t b[16];

	nr = find_pieces(c, op, va, len, flags, p);
	if (!nr)
		return false;
	if (!p[0].host) {
		for (uint32_t i = 0; i < len; i += 8) {
			struct mmio_record r = { .addr = p[0].pa + i,
						 .data = i ? hi : lo,
						 .len = (uint8_t)(len > 8 ? 8 : len),
						 .is_write = true };

			if (!device_access(c, op, va, &r))
				return false;
		}
		return true;
	}
	if (nr == 1) {
		ram_put(p[0].host, len > 8 ? 8 : len, lo);
		if (len > 8)
			ram_put(p[0].host + 8, 8, hi);
		return true;
	}
	le64_put(b, lo);
	le64_put(b + 8, hi);
	for (uint32_t i = 0; i < len; i++) {
		bool second = i >= p[0].len;
		uint64_t host = (uint64_t)(uintptr_t)(second ? p[1].host : p[0].host);

		guest_put8(host + (second ? i - p[0].len : i), b[i]);
	}
	return true;
}

uint8_t *cpu_host_ptr_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	struct piece p = { .va = va, .len = len };

	if (va & (len - 1)) {
		data_abort(c, op, va, first_flags(flags), FSC_ALIGNMENT);
		return NULL;
	}
	if (!find_piece(c, op, &p, flags, false))
		return NULL;
	if (!p.host)
		data_abort(c, op, va, flags, FSC_ATOMIC);
	return p.host;
}

bool cpu_probe_store_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags)
{
	uint64_t last = va + len - 1;
	struct piece p = { .va = va, .len = 1 };

	if (!find_piece(c, op, &p, flags, false))
		return false;
	if (!((va ^ last) & TLB_PAGE_MASK))
		return true;
	p = (struct piece){ .va = last & TLB_PAGE_MASK, .len = 1 };
	return find_piece(c, op, &p, flags, false);
}

bool mmu_fetch(struct cpu *c, uint64_t va, uint64_t *ret_pa)
{
	struct fetch_context *f = &c->core->fetch[c->el ? FETCH_EL1 : FETCH_EL0 + c->core->el0];
	struct fetch_entry *e = &f->entries[(va >> 12) & (FETCH_SIZE - 1)];
	struct walk w;
	uint32_t fsc;

	if (e->va == (va & TLB_PAGE_MASK)) {
		*ret_pa = e->pa | (va & (GMEM_PAGE - 1));
		return true;
	}
	fsc = walk_translate(c, va, c->el, &w);
	if (fsc == FSC_OK && !(c->el ? w.el1_exec : w.el0_exec))
		fsc = FSC_PERMISSION + w.level;
	if (fsc == FSC_OK && !mmu_host_page(c, w.pa))
		fsc = FSC_EXTERNAL;
	if (fsc != FSC_OK) {
		core_take_abort(c, va, true, va, fsc);
		return false;
	}
	*e = (struct fetch_entry){ .va = va & TLB_PAGE_MASK, .pa = w.pa & TLB_PAGE_MASK };
	tlb_note(f->pages, va);
	if (w.size_log2 > 21)
		f->huge = true;
	if (!w.global)
		f->not_global = true;
	*ret_pa = w.pa;
	return true;
}
