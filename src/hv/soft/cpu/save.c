/* SPDX-License-Identifier: Apache-2.0 */
/* The CPU's part of a snapshot. What is cached (TLB, blocks) is not state. */
#include <errno.h>
#include <string.h>

#include "hv/soft/cpu/core.h"
#include "hv/soft/cpu/fp.h"

#define SYSREG_COUNT (sizeof(struct cpu_sysregs) / sizeof(uint64_t))

/* struct cpu_sysregs is nothing but 64-bit words, written one by one in its order. */
static void put_sysregs(const struct cpu_sysregs *r, struct buf *out)
{
	uint64_t v[SYSREG_COUNT];

	memcpy(v, r, sizeof(v));
	buf_put_u32(out, SYSREG_COUNT);
	for (size_t i = 0; i < SYSREG_COUNT; i++)
		buf_put_u64(out, v[i]);
}

static void put_mmio(const struct mmio *m, struct buf *out)
{
	buf_put_u32(out, m->nr);
	for (uint32_t i = 0; i < m->nr; i++) {
		buf_put_u64(out, m->rec[i].addr);
		buf_put_u64(out, m->rec[i].data);
		buf_put_u8(out, m->rec[i].len);
		buf_put_u8(out, m->rec[i].is_write);
	}
}

int cpu_save(struct cpu *c, struct buf *out, struct sm_err *e)
{
	struct cpu_core *core = c->core;

	/* The current SP goes back to its bank first. */
	core_set_mode(c, c->el, core->pstate);
	for (int i = 0; i < 31; i++)
		buf_put_u64(out, c->x[i]);
	buf_put_u64(out, core->sp[0]);
	buf_put_u64(out, core->sp[1]);
	buf_put_u64(out, c->pc);
	buf_put_u32(out, c->nzcv);
	buf_put_u32(out, core->pstate);
	buf_put_u8(out, (uint8_t)c->el);
	buf_put_u8(out, core->idle);
	for (int i = 0; i < 32; i++) {
		buf_put_u64(out, c->v[i].d[0]);
		buf_put_u64(out, c->v[i].d[1]);
	}
	buf_put_u32(out, (uint32_t)fp_get_fpcr(c));
	buf_put_u32(out, (uint32_t)fp_get_fpsr(c));
	put_sysregs(&core->r, out);
	put_mmio(&core->mmio, out);
	if (out->broken)
		return err_set(e, ENOMEM, "CPU %u: no memory for its state", c->index);
	return 0;
}

static bool get_sysregs(struct cursor *in, struct cpu_sysregs *r)
{
	uint64_t v[SYSREG_COUNT];

	if (cursor_u32(in) != SYSREG_COUNT)
		return false;
	for (size_t i = 0; i < SYSREG_COUNT; i++)
		v[i] = cursor_u64(in);
	memcpy(r, v, sizeof(v));
	/* What MSR could not have written. */
	r->sctlr = (r->sctlr & SCTLR_WRITABLE) | SCTLR_RES1;
	r->cpacr &= 3u << 20;
	r->oslock &= 1;
	return true;
}

static bool get_mmio(struct cursor *in, struct mmio *m)
{
	memset(m, 0, sizeof(*m));
	m->nr = cursor_u32(in);
	if (m->nr > MMIO_RECORDS)
		return false;
	for (uint32_t i = 0; i < m->nr; i++) {
		struct mmio_record *r = &m->rec[i];

		r->addr = cursor_u64(in);
		r->data = cursor_u64(in);
		r->len = cursor_u8(in);
		r->is_write = cursor_u8(in);
	}
	return true;
}

/* Everything is read and judged before anything is changed. */
int cpu_load(struct cpu *c, struct cursor *in, struct sm_err *e)
{
	uint64_t x[31], sp[2], v[64], pc;
	uint32_t nzcv, pstate, fpcr, fpsr;
	struct cpu_sysregs r;
	struct mmio mmio;
	uint8_t el, idle;

	for (int i = 0; i < 31; i++)
		x[i] = cursor_u64(in);
	sp[0] = cursor_u64(in);
	sp[1] = cursor_u64(in);
	pc = cursor_u64(in);
	nzcv = cursor_u32(in);
	pstate = cursor_u32(in);
	el = cursor_u8(in);
	idle = cursor_u8(in);
	for (int i = 0; i < 64; i++)
		v[i] = cursor_u64(in);
	fpcr = cursor_u32(in);
	fpsr = cursor_u32(in);
	if (!get_sysregs(in, &r) || !get_mmio(in, &mmio) || in->broken || el > 1 || idle > IDLE_WFE ||
	    (pstate & ~(uint32_t)PSTATE_KEPT) || (!el && (pstate & PSTATE_SP)) || (nzcv & ~PSTATE_NZCV))
		return err_set(e, EINVAL, "CPU %u: broken state", c->index);
	cpu_reset(c, pc, 0);
	memcpy(c->x, x, sizeof(x));
	for (int i = 0; i < 64; i++)
		c->v[i / 2].d[i % 2] = v[i];
	c->nzcv = nzcv;
	fp_set_fpcr(c, fpcr);
	fp_set_fpsr(c, fpsr);
	c->core->r = r;
	c->core->mmio = mmio;
	c->core->idle = idle;
	/* The event register is not kept: one too many does no harm. */
	cpu_pend(c, CPU_PEND_EVENT);
	tlb_set_asid(c);
	core_set_mode(c, el, pstate);
	memcpy(c->core->sp, sp, sizeof(sp));
	c->x[X_SP] = sp[el && (pstate & PSTATE_SP) ? 1 : 0];
	return 0;
}
