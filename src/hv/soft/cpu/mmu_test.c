/* SPDX-License-Identifier: Apache-2.0 */
/* Translation, permissions, faults, TLB invalidation. */
#include "hv/soft/cpu/cpu_test.h"

#include <pthread.h>

#define VA 0x40000000ull
#define HIGH 0xffff000040000000ull

/* One load or store of X1 at `va`; 0 or the ESR of the fault. */
static uint64_t try_access(struct rig_cpu *r, uint64_t va, uint32_t insn, uint32_t el)
{
	uint64_t code = el ? T_CODE : T_USER;

	PROGRAM(r, code, insn, A_SVC(0));
	block_invalidate_all(r->vm);
	block_sync(r->c);
	r->c->x[4] = va;
	r->c->core->r.esr = r->c->core->r.far = 0;
	core_set_mode(r->c, el, el ? r->c->core->pstate | PSTATE_SP : 0);
	rig_go(r, code);
	return ESR_EC(r->c->core->r.esr) == EC_SVC64 ? 0 : r->c->core->r.esr;
}

static uint64_t abort_esr(uint32_t el, uint32_t iss)
{
	return (el ? 0x25u : 0x24u) << 26 | 1u << 25 | iss;
}

static void faults_name_the_level(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	for (uint32_t level = 0; level < 4; level++) {
		uint64_t va = VA + ((uint64_t)(level + 1) << 39) + 0x18;

		rig_map_at(&r, va, level, 0);
		assert_int_equal(try_access(&r, va, A_LDR(1, 4), 1), abort_esr(1, FSC_TRANSLATION + level));
		assert_int_equal(r.c->core->r.far, va);
		assert_int_equal(try_access(&r, va, A_STR(1, 4), 0),
				 abort_esr(0, FSC_TRANSLATION + level) | ISS_WNR);
	}
	rig_cpu_fini(&r);
}

static void malformed_descriptors_fault(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	/* Block at level 0, block encoding at level 3, output beyond 40 bits, table outside RAM, no AF. */
	rig_map_at(&r, 5ull << 39, 0, T_DATA | P_AF | 1);
	assert_int_equal(try_access(&r, 5ull << 39, A_LDR(1, 4), 1), abort_esr(1, FSC_TRANSLATION));
	rig_map_at(&r, VA, 3, T_DATA | P_AF | 1);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 1), abort_esr(1, FSC_TRANSLATION + 3));
	rig_map_at(&r, VA + 0x1000, 3, 1ull << 40 | P_AF | 3);
	assert_int_equal(try_access(&r, VA + 0x1000, A_LDR(1, 4), 1), abort_esr(1, FSC_ADDRESS_SIZE + 3));
	rig_map_at(&r, 6ull << 39, 0, 0x1000 | 3);
	assert_int_equal(try_access(&r, 6ull << 39, A_LDR(1, 4), 1), abort_esr(1, FSC_EXTERNAL_WALK + 1));
	rig_map_at(&r, VA + 0x2000, 3, T_DATA | 3);
	assert_int_equal(try_access(&r, VA + 0x2000, A_LDR(1, 4), 1), abort_esr(1, FSC_ACCESS_FLAG + 3));
	rig_cpu_fini(&r);
}

/* Its status is 0: the one fault that looks like none. */
static void address_size_fault_of_level_0_is_one(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	assert_int_equal(try_access(&r, 1ull << CPU_PA_BITS, A_LDR(1, 4), 1), abort_esr(1, FSC_ADDRESS_SIZE));
	rig_mmu_on(&r);
	r.c->core->r.ttbr1 |= 1ull << CPU_PA_BITS;
	assert_int_equal(try_access(&r, 0xffff000000001000ull, A_LDR(1, 4), 1),
			 abort_esr(1, FSC_ADDRESS_SIZE));
	rig_cpu_fini(&r);
}

static void addresses_outside_the_halves_fault(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, VA, T_DATA, P_DATA);
	assert_int_equal(try_access(&r, VA | 1ull << 48, A_LDR(1, 4), 1), abort_esr(1, FSC_TRANSLATION));
	assert_int_equal(try_access(&r, VA | 0xab00000000000000ull, A_LDR(1, 4), 1),
			 abort_esr(1, FSC_TRANSLATION));
	/* TBI0: the same address is a tagged one; FAR keeps the tag. */
	r.c->core->r.tcr |= 1ull << 37;
	put64(&r, T_DATA, 1234);
	assert_int_equal(try_access(&r, VA | 0xab00000000000000ull, A_LDR(1, 4), 1), 0);
	assert_int_equal(r.c->x[1], 1234);
	assert_int_equal(try_access(&r, 0xab00000000001000ull, A_LDR(1, 4), 1),
			 abort_esr(1, FSC_TRANSLATION + 1));
	assert_int_equal(r.c->core->r.far, 0xab00000000001000ull);
	/* EPD1 */
	rig_map(&r, HIGH, T_DATA, P_DATA);
	assert_int_equal(try_access(&r, HIGH, A_LDR(1, 4), 1), 0);
	r.c->core->r.tcr |= 1ull << 23;
	tlb_flush_all(r.c);
	assert_int_equal(try_access(&r, HIGH, A_LDR(1, 4), 1), abort_esr(1, FSC_TRANSLATION));
	rig_cpu_fini(&r);
}

static void permissions_follow_the_table(void **state)
{
	static const struct {
		uint64_t attrs;
		bool el1_write, el0_read, el0_write;
	} row[] = {
		{ 0, true, false, false },
		{ P_EL0, true, true, true },
		{ P_RO, false, false, false },
		{ P_RO | P_EL0, false, true, false },
	};
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t va = VA + i * 0x1000;

		rig_map(&r, va, T_DATA, P_DATA | row[i].attrs);
		r.c->core->pstate &= ~(uint32_t)PSTATE_PAN;
		assert_int_equal(try_access(&r, va, A_LDR(1, 4), 1), 0);
		assert_int_equal(try_access(&r, va, A_STR(1, 4), 1),
				 row[i].el1_write ? 0 : abort_esr(1, FSC_PERMISSION + 3) | ISS_WNR);
		/* LDTR is EL0's access made by EL1. */
		assert_int_equal(try_access(&r, va, A_LDTR(1, 4), 1),
				 row[i].el0_read ? 0 : abort_esr(1, FSC_PERMISSION + 3));
		assert_int_equal(try_access(&r, va, A_LDR(1, 4), 0),
				 row[i].el0_read ? 0 : abort_esr(0, FSC_PERMISSION + 3));
		assert_int_equal(try_access(&r, va, A_STR(1, 4), 0),
				 row[i].el0_write ? 0 : abort_esr(0, FSC_PERMISSION + 3) | ISS_WNR);
	}
	rig_cpu_fini(&r);
}

static void pan_closes_user_pages_to_el1(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, VA, T_DATA, P_DATA | P_EL0);
	core_set_mode(r.c, 1, r.c->core->pstate & ~(uint32_t)PSTATE_PAN);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 1), 0);
	core_set_mode(r.c, 1, r.c->core->pstate | PSTATE_PAN);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 1), abort_esr(1, FSC_PERMISSION + 3));
	assert_int_equal(try_access(&r, VA, A_LDTR(1, 4), 1), 0);
	rig_cpu_fini(&r);
}

static void hierarchical_attributes_only_take_away(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, VA, T_DATA, P_DATA | P_EL0);
	rig_map_at(&r, VA, 2, (r.free_table - 0x1000) | 1ull << 61 | 3);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 0), abort_esr(0, FSC_PERMISSION + 3));
	rig_map_at(&r, VA, 2, (r.free_table - 0x1000) | 1ull << 62 | 3);
	tlb_flush_all(r.c);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 0), 0);
	assert_int_equal(try_access(&r, VA, A_STR(1, 4), 0), abort_esr(0, FSC_PERMISSION + 3) | ISS_WNR);
	rig_cpu_fini(&r);
}

static uint64_t try_fetch(struct rig_cpu *r, uint64_t va, uint32_t el)
{
	r->c->core->r.esr = 0;
	core_set_mode(r->c, el, el ? r->c->core->pstate | PSTATE_SP : 0);
	rig_go(r, va);
	return r->c->core->r.esr;
}

static void execution_needs_its_own_right(void **state)
{
	struct rig_cpu r;
	const uint64_t same = 0x21u << 26 | 1u << 25, lower = 0x20u << 26 | 1u << 25;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	PROGRAM(&r, T_DATA, A_SVC(0));
	/* EL0 may write it: never executable for EL1, with or without PXN. */
	rig_map(&r, VA, T_DATA, P_AF | P_EL0);
	assert_int_equal(try_fetch(&r, VA, 1), same | (FSC_PERMISSION + 3));
	assert_int_equal(r.c->core->r.far, VA);
	assert_int_equal(ESR_EC(try_fetch(&r, VA, 0)), EC_SVC64);
	rig_map(&r, VA + 0x1000, T_DATA, P_AF | P_UXN);
	assert_int_equal(try_fetch(&r, VA + 0x1000, 0), lower | (FSC_PERMISSION + 3));
	assert_int_equal(ESR_EC(try_fetch(&r, VA + 0x1000, 1)), EC_SVC64);
	r.c->core->r.sctlr |= SCTLR_WXN;
	tlb_flush_all(r.c);
	assert_int_equal(try_fetch(&r, VA + 0x1000, 1), same | (FSC_PERMISSION + 3));
	rig_cpu_fini(&r);
}

static void e0pd_hides_a_half_from_el0(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, HIGH, T_DATA, P_DATA | P_EL0);
	assert_int_equal(try_access(&r, HIGH, A_LDR(1, 4), 0), 0);
	r.c->core->r.tcr |= 1ull << 56;
	tlb_flush_all(r.c);
	assert_int_equal(try_access(&r, HIGH, A_LDR(1, 4), 0), abort_esr(0, FSC_TRANSLATION));
	core_set_mode(r.c, 1, r.c->core->pstate & ~(uint32_t)PSTATE_PAN);
	assert_int_equal(try_access(&r, HIGH, A_LDR(1, 4), 1), 0);
	rig_cpu_fini(&r);
}

static void store_over_a_bad_page_changes_nothing(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, VA, T_DATA, P_DATA);
	put64(&r, T_DATA + 0xff8, 0x5555);
	r.c->x[1] = r.c->x[2] = ~0ull;
	assert_int_equal(try_access(&r, VA + 0xffc, A_STR(1, 4), 1),
			 abort_esr(1, FSC_TRANSLATION + 3) | ISS_WNR);
	assert_int_equal(r.c->core->r.far, VA + 0x1000);
	assert_int_equal(get64(&r, T_DATA + 0xff8), 0x5555);
	assert_int_equal(try_access(&r, VA + 0xff8, A_STP(1, 2, 4), 1),
			 abort_esr(1, FSC_TRANSLATION + 3) | ISS_WNR);
	assert_int_equal(get64(&r, T_DATA + 0xff8), 0x5555);
	/* And with the second page there, somewhere else in RAM. */
	rig_map(&r, VA + 0x1000, T_DATA + 0x3000, P_DATA);
	r.c->x[1] = 0x1122334455667788ull;
	assert_int_equal(try_access(&r, VA + 0xffd, A_STR(1, 4), 1), 0);
	assert_int_equal(get64(&r, T_DATA + 0xff8) >> 40, 0x667788);
	assert_int_equal(get64(&r, T_DATA + 0x3000) & 0xffffffffffull, 0x1122334455ull);
	r.c->x[1] = 0;
	assert_int_equal(try_access(&r, VA + 0xffd, A_LDR(1, 4), 1), 0);
	assert_int_equal(r.c->x[1], 0x1122334455667788ull);
	rig_cpu_fini(&r);
}

static void device_memory_wants_alignment(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, VA, T_DATA, P_DATA | P_DEVICE);
	assert_int_equal(try_access(&r, VA + 8, A_LDR(1, 4), 1), 0);
	assert_int_equal(try_access(&r, VA + 4, A_LDR(1, 4), 1), abort_esr(1, FSC_ALIGNMENT));
	rig_map(&r, VA + 0x1000, T_DATA, P_DATA);
	assert_int_equal(try_access(&r, VA + 0x1004, A_LDR(1, 4), 1), 0);
	r.c->core->r.sctlr |= SCTLR_A;
	r.c->core->r.cpacr = 3u << 20;
	tlb_flush_all(r.c);
	assert_int_equal(try_access(&r, VA + 0x1004, A_LDR(1, 4), 1), abort_esr(1, FSC_ALIGNMENT));
	/* A read would have failed too, so that is what it is reported as. */
	assert_int_equal(try_access(&r, VA + 0x1004, A_LDADD(1, 2, 4), 1), abort_esr(1, FSC_ALIGNMENT));
	assert_int_equal(try_access(&r, VA + 0x1008, A_LDR_Q(1, 4), 1), abort_esr(1, FSC_ALIGNMENT));
	assert_int_equal(try_access(&r, VA + 0x1008, A_LDP(1, 2, 4), 1), 0);
	assert_int_equal(try_access(&r, VA + 0x1001, A_LD1_16B(1, 4), 1), 0);
	rig_cpu_fini(&r);
}

/* TLBI by its encoding with X5, then the load of *X4. */
static uint64_t load_after_tlbi(struct rig_cpu *r, uint32_t key, uint64_t x5, uint64_t va)
{
	PROGRAM(r, T_CODE, A_MSR(key, 5), A_DSB, A_ISB, A_LDR(1, 4), A_WFI);
	block_invalidate_all(r->vm);
	block_sync(r->c);
	r->c->x[4] = va;
	r->c->x[5] = x5;
	core_set_mode(r->c, 1, r->c->core->pstate | PSTATE_SP);
	rig_go(r, T_CODE);
	return r->c->x[1];
}

static void every_tlbi_drops_its_entries(void **state)
{
	static const struct {
		uint32_t crm, op2;
		bool by_va;
	} row[] = {
		{ 7, 0, false }, { 3, 0, false }, { 7, 1, true }, { 3, 1, true }, { 7, 3, true },
		{ 3, 3, true },	 { 7, 5, true },  { 3, 5, true }, { 7, 7, true }, { 3, 7, true },
	};
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	put64(&r, T_DATA, 1);
	put64(&r, T_DATA + 0x1000, 2);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		uint64_t arg = row[i].by_va ? (HIGH >> 12) & 0xfffffffffffull : 0;

		rig_map(&r, HIGH, T_DATA, P_DATA);
		load_after_tlbi(&r, K_TLBI(7, 0), 0, HIGH);
		assert_int_equal(r.c->x[1], 1);
		rig_map(&r, HIGH, T_DATA + 0x1000, P_DATA);
		assert_int_equal(load_after_tlbi(&r, K_TLBI(row[i].crm, row[i].op2), arg, HIGH), 2);
	}
	rig_cpu_fini(&r);
}

static void tlbi_of_one_address_drops_the_whole_block(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	put64(&r, T_RAM + 0x5000, 1);
	put64(&r, T_RAM + 0x105000, 2);
	rig_map_at(&r, HIGH, 2, T_RAM | P_DATA | 1);
	assert_int_equal(try_access(&r, HIGH + 0x5000, A_LDR(1, 4), 1), 0);
	assert_int_equal(r.c->x[1], 1);
	/* The block becomes a table in which another page stands there. */
	rig_map_at(&r, HIGH, 2, 0);
	rig_map(&r, HIGH + 0x5000, T_RAM + 0x105000, P_DATA);
	assert_int_equal(load_after_tlbi(&r, K_TLBI(7, 1), ((HIGH + 0x9000) >> 12) & 0xfffffffffffull,
					 HIGH + 0x5000),
			 2);
	rig_cpu_fini(&r);
}

static void address_spaces_are_told_apart(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	/* Not the ASID, only the table changes what VA means. */
	for (uint64_t asid = 1; asid <= 6; asid++) {
		put64(&r, T_DATA + asid * 0x1000, asid);
		rig_map(&r, VA, T_DATA + asid * 0x1000, P_DATA | P_EL0 | P_NG);
		r.c->core->r.ttbr0 = T_TABLES | asid << 48;
		tlb_set_asid(r.c);
		assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 0), 0);
		assert_int_equal(r.c->x[1], asid);
	}
	/* Still cached under its ASID, until that is invalidated. */
	r.c->core->r.ttbr0 = T_TABLES | 5ull << 48;
	tlb_set_asid(r.c);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 0), 0);
	assert_int_equal(r.c->x[1], 5);
	load_after_tlbi(&r, K_TLBI(7, 2), 5ull << 48, T_CODE);
	assert_int_equal(try_access(&r, VA, A_LDR(1, 4), 0), 0);
	assert_int_equal(r.c->x[1], 6);
	rig_cpu_fini(&r);
}

static void at_reports_what_the_walk_finds(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	rig_map(&r, VA, T_DATA, P_DATA | P_RO);
	PROGRAM(&r, T_CODE, A_MSR(K_SYS(0, 8, 0), 4), A_MRS(GIC_SYSREG(3, 0, 7, 4, 0), 1),
		A_MSR(K_SYS(0, 8, 1), 4), A_MRS(GIC_SYSREG(3, 0, 7, 4, 0), 2), A_MSR(K_SYS(0, 8, 2), 5),
		A_MRS(GIC_SYSREG(3, 0, 7, 4, 0), 3), A_WFI);
	r.c->x[4] = VA + 0x123;
	r.c->x[5] = VA + 0x1000;
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[1], 0xffull << 56 | T_DATA | 1u << 11 | 1u << 9);
	assert_int_equal(r.c->x[2], 1u << 11 | (FSC_PERMISSION + 3) << 1 | 1);
	assert_int_equal(r.c->x[3], 1u << 11 | (FSC_TRANSLATION + 3) << 1 | 1);
	rig_cpu_fini(&r);
}

static void *run_until_wfi(void *arg)
{
	assert_false(cpu_execute(arg));
	return NULL;
}

/*
 * CPU 1 spins reading a page through its TLB; CPU 0 moves the page and broadcasts. After the
 * DSB the old page must never be read again: CPU 0 sets a flag in the new one and poisons the
 * old one with another, which CPU 1 would stop on with the wrong value.
 */
static void broadcast_takes_effect_before_dsb_ends(void **state)
{
	for (int round = 0; round < 20; round++) {
		struct rig_cpu r;
		struct cpu *other;
		pthread_t thread;

		(void)state;
		rig_cpu_init(&r, 2);
		rig_mmu_on(&r);
		other = r.vm->cpus[1];
		other->core->r = r.c->core->r;
		tlb_flush_all(other);
		rig_map(&r, HIGH, T_DATA, P_DATA);
		rig_map(&r, HIGH + 0x1000, T_TABLES, P_DATA | P_RO);
		/* CPU 1: while (!*X4); stop */
		rig_map(&r, T_CODE + 0x7000, T_CODE + 0x7000, P_AF | P_UXN | P_RO);
		PROGRAM(&r, T_CODE + 0x7000, A_LDR(1, 4), A_CBZ(1, -4), A_WFI);
		other->pc = T_CODE + 0x7000;
		other->x[4] = HIGH;
		assert_int_equal(pthread_create(&thread, NULL, run_until_wfi, other), 0);
		/* CPU 0: remap, TLBI VAAE1IS, DSB; then write 7 to the old page, 9 to the new. */
		rig_map(&r, VA, T_DATA, P_DATA);
		rig_map(&r, VA + 0x1000, T_DATA + 0x1000, P_DATA);
		PROGRAM(&r, T_CODE, A_MSR(K_TLBI(3, 3), 5), A_DSB, A_STR(6, 8), A_STR(7, 9), A_WFI);
		while (!__atomic_load_n(&other->core->inbox.running, __ATOMIC_SEQ_CST))
			;
		rig_map(&r, HIGH, T_DATA + 0x1000, P_DATA);
		r.c->x[5] = (HIGH >> 12) & 0xfffffffffffull;
		r.c->x[6] = 7;
		r.c->x[7] = 9;
		r.c->x[8] = VA;
		r.c->x[9] = VA + 0x1000;
		rig_go(&r, T_CODE);
		pthread_join(thread, NULL);
		assert_int_equal(other->x[1], 9);
		rig_cpu_fini(&r);
	}
}

/* CPU 1 never synchronises by itself: B . becomes a NOP before the WFI. */
static void patched_loop_is_left_soon(void **state)
{
	struct rig_cpu r;
	struct cpu *other;
	pthread_t thread;

	(void)state;
	rig_cpu_init(&r, 2);
	other = r.vm->cpus[1];
	PROGRAM(&r, T_USER, A_B(0), A_WFI);
	other->pc = T_USER;
	assert_int_equal(pthread_create(&thread, NULL, run_until_wfi, other), 0);
	while (!__atomic_load_n(&other->core->inbox.running, __ATOMIC_SEQ_CST))
		;
	/* MMU off: nothing but Device memory, and IC takes the address as it is. */
	PROGRAM(&r, T_CODE, 0xb9000000u | 4 << 5 | 1, A_MSR(K_SYS(3, 5, 1), 4), A_DSB, A_WFI);
	r.c->x[1] = A_NOP;
	r.c->x[4] = T_USER;
	rig_go(&r, T_CODE);
	pthread_join(thread, NULL);
	assert_int_equal(other->pc, T_USER + 8);
	rig_cpu_fini(&r);
}

/* Every kind of store, each in a page of its own, from EL1 and EL0. */
static void stores_pass_the_dirty_log(void **state)
{
	static const uint32_t insn[] = {
		A_STR(1, 4), A_STP(1, 2, 4), A_LDADD(1, 2, 4), 0x3d800080, /* str q0, [x4] */
		0xd50b7424,						   /* dc zva, x4 */
		0xc89ffc81,						   /* stlr x1, [x4] */
		0xf8000881,						   /* sttr x1, [x4] */
	};
	const uint32_t nr = sizeof(insn) / sizeof(insn[0]);
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	rig_mmu_on(&r);
	r.c->core->r.cpacr = 3u << 20;
	r.c->core->r.sctlr |= SCTLR_DZE;
	for (uint32_t i = 0; i < nr; i++)
		rig_map(&r, VA + i * 0x1000, T_DATA + i * 0x1000, P_DATA | P_EL0);
	for (uint32_t el = 0; el < 2; el++)
		for (uint32_t i = 0; i < nr; i++)
			assert_int_equal(try_access(&r, VA + i * 0x1000, insn[i], el), 0);
	assert_int_equal(gmem_dirty_start(&r.gm, NULL), 0);
	assert_int_equal(hv_soft_ops.dirty_start(r.vm, NULL), 0);
	for (uint32_t round = 0; round < 3; round++) {
		uint32_t el = round & 1;

		for (uint32_t i = 0; i < nr; i++) {
			uint64_t log[8] = { 0 }, page = (T_DATA - T_RAM) / GMEM_PAGE + i;

			/* A load fills the TLB, which must not let the store through. */
			assert_int_equal(try_access(&r, VA + i * 0x1000, A_LDR(1, 4), el), 0);
			gmem_dirty_fetch(&r.gm.regions[0], log);
			assert_int_equal(log[page / 64] >> page % 64 & 1, 0);
			assert_int_equal(try_access(&r, VA + i * 0x1000, insn[i], el), 0);
			gmem_dirty_fetch(&r.gm.regions[0], log);
			assert_int_equal(log[page / 64] >> page % 64 & 1, 1);
			assert_int_equal(hv_soft_ops.dirty_fetch(r.vm, &r.gm.regions[0], log, NULL), 0);
		}
	}
	/* The tag that the first store got lets the next ones through. */
	assert_int_equal(try_access(&r, VA, A_STR(1, 4), 1), 0);
	assert_int_equal(tlb_slot(r.c->tlb, VA)->tag_write, VA);
	rig_cpu_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(faults_name_the_level),
		cmocka_unit_test(malformed_descriptors_fault),
		cmocka_unit_test(address_size_fault_of_level_0_is_one),
		cmocka_unit_test(addresses_outside_the_halves_fault),
		cmocka_unit_test(permissions_follow_the_table),
		cmocka_unit_test(pan_closes_user_pages_to_el1),
		cmocka_unit_test(hierarchical_attributes_only_take_away),
		cmocka_unit_test(execution_needs_its_own_right),
		cmocka_unit_test(e0pd_hides_a_half_from_el0),
		cmocka_unit_test(store_over_a_bad_page_changes_nothing),
		cmocka_unit_test(device_memory_wants_alignment),
		cmocka_unit_test(every_tlbi_drops_its_entries),
		cmocka_unit_test(tlbi_of_one_address_drops_the_whole_block),
		cmocka_unit_test(address_spaces_are_told_apart),
		cmocka_unit_test(at_reports_what_the_walk_finds),
		cmocka_unit_test(broadcast_takes_effect_before_dsb_ends),
		cmocka_unit_test(patched_loop_is_left_soon),
		cmocka_unit_test(stores_pass_the_dirty_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
