/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Self-hosted debug (DDI 0487, D2): breakpoints, watchpoints, software step.
 *
 * Nothing of it costs anything while it is off. A page with a breakpoint never enters the
 * jump cache, so that every way into it leads through find_block(), which sends the run loop to
 * execute it instruction by instruction. A page with a watchpoint never enters the software
 * TLB, so that its accesses are looked at one by one. Changes of the registers forget both.
 */
#include "hv/soft/cpu/core.h"

#define DBG_ENABLE 1u
#define DBG_WCR_LOAD 1u
#define DBG_WCR_STORE 2u
#define DBG_TYPE_SHIFT 20 /* BT; only unlinked address matches are there */
#define MASK_MIN 3

bool core_debug_enabled(const struct cpu *c, uint32_t el, uint32_t pstate)
{
	const struct cpu_sysregs *r = &c->core->r;

	if (r->oslock & 1)
		return false;
	return !el || ((r->mdscr & MDSCR_KDE) && !(pstate & PSTATE_D));
}

/* PMC or PAC: which levels an event counts at. */
static bool level_matches(uint64_t control, uint32_t el)
{
	return control >> 1 & (el ? 1 : 2);
}

bool debug_page_breaks(const struct cpu *c, uint64_t va)
{
	const struct cpu_sysregs *r = &c->core->r;

	if (__builtin_expect(!(r->mdscr & MDSCR_MDE), 1))
		return false;
	for (uint32_t i = 0; i < CPU_DBG_PAIRS; i++)
		if ((r->dbgbcr[i] & DBG_ENABLE) && !((r->dbgbvr[i] ^ va) & TLB_PAGE_MASK))
			return true;
	return false;
}

bool debug_breaks_at(const struct cpu *c, uint64_t va)
{
	const struct cpu_sysregs *r = &c->core->r;

	if (!core_debug_enabled(c, c->el, c->core->pstate))
		return false;
	for (uint32_t i = 0; i < CPU_DBG_PAIRS; i++)
		if ((r->dbgbcr[i] & DBG_ENABLE) && !(r->dbgbcr[i] >> DBG_TYPE_SHIFT & 15) &&
		    level_matches(r->dbgbcr[i], c->el) && r->dbgbvr[i] == va)
			return true;
	return false;
}

/* First and last byte that watchpoint `i` is about. */
static bool watched_range(const struct cpu_sysregs *r, uint32_t i, uint64_t *ret_first, uint64_t *ret_last)
{
	uint32_t mask = r->dbgwcr[i] >> 24 & 31, bas = r->dbgwcr[i] >> 5 & 255;

	if (!(r->dbgwcr[i] & DBG_ENABLE))
		return false;
	if (mask >= MASK_MIN) {
		*ret_first = r->dbgwvr[i] & ~((1ull << mask) - 1);
		*ret_last = *ret_first + (1ull << mask) - 1;
		return true;
	}
	if (r->dbgwvr[i] & 4)
		bas &= 15;
	if (!bas)
		return false;
	/* BAS is contiguous, or what it says is not defined. */
	*ret_first = r->dbgwvr[i] + (uint32_t)__builtin_ctz(bas);
	*ret_last = r->dbgwvr[i] + 31 - (uint32_t)__builtin_clz(bas);
	return true;
}

bool debug_page_watched(const struct cpu *c, uint64_t va)
{
	const struct cpu_sysregs *r = &c->core->r;
	uint64_t first, last;

	if (__builtin_expect(!(r->mdscr & MDSCR_MDE), 1))
		return false;
	for (uint32_t i = 0; i < CPU_DBG_PAIRS; i++)
		if (watched_range(r, i, &first, &last) && va >> 12 >= first >> 12 && va >> 12 <= last >> 12)
			return true;
	return false;
}

bool debug_watches(const struct cpu *c, uint64_t va, uint32_t len, uint32_t flags, uint64_t *ret_far,
		   bool *ret_write)
{
	const struct cpu_sysregs *r = &c->core->r;
	uint32_t el = flags & CPU_MEM_UNPRIV ? 0 : c->el;
	uint64_t first, last;

	if (__builtin_expect(!(r->mdscr & MDSCR_MDE), 1) || !core_debug_enabled(c, c->el, c->core->pstate))
		return false;
	for (uint32_t i = 0; i < CPU_DBG_PAIRS; i++) {
		uint32_t kinds = ((flags & CPU_MEM_READ ? DBG_WCR_LOAD : 0) |
				  (flags & CPU_MEM_WRITE ? DBG_WCR_STORE : 0)) &
				 (uint32_t)(r->dbgwcr[i] >> 3);

		if (!watched_range(r, i, &first, &last) || !level_matches(r->dbgwcr[i], el) || !kinds ||
		    va > last || va + len - 1 < first)
			continue;
		*ret_far = va > first ? va : first;
		*ret_write = !(kinds & DBG_WCR_LOAD);
		return true;
	}
	return false;
}

bool debug_must_step(const struct cpu *c)
{
	const struct cpu_core *core = c->core;

	return __builtin_expect((core->r.mdscr & MDSCR_SS) != 0, 0) &&
	       core_debug_enabled(c, c->el, core->pstate);
}

/* DebugExceptionReturnSS(): SPSR's SS counts only on the way from where no step is to where one is. */
uint32_t debug_return_ss(const struct cpu *c, uint64_t spsr, uint32_t el)
{
	const struct cpu_core *core = c->core;

	if (!(core->r.mdscr & MDSCR_SS) || core_debug_enabled(c, c->el, core->pstate) ||
	    !core_debug_enabled(c, el, (uint32_t)spsr))
		return 0;
	return (uint32_t)spsr & PSTATE_SS;
}
