/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions, blocks, device accesses, system registers, state. */
#include "hv/soft/cpu/cpu_test.h"

#define VECTOR_STOP(off) (T_VECTORS + (off) + 4)

static void svc_from_el0_enters_the_lower_vector(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_NOP, A_SVC(0x123));
	r.c->nzcv = 0x60000000;
	r.c->core->sp[0] = 0x1000;
	r.c->x[X_SP] = 0x2000;
	rig_go_user(&r, T_CODE);
	assert_int_equal(r.c->pc, VECTOR_STOP(0x400));
	assert_int_equal(r.c->core->r.esr, 0x15u << 26 | 1u << 25 | 0x123);
	assert_int_equal(r.c->core->r.elr, T_CODE + 8);
	assert_int_equal(r.c->core->r.spsr, 0x60000000);
	assert_int_equal(r.c->el, 1);
	assert_int_equal(r.c->core->pstate, PSTATE_SP | PSTATE_DAIF | PSTATE_PAN);
	assert_int_equal(r.c->x[X_SP], 0x2000);
	assert_int_equal(r.c->core->sp[0], 0x1000);
	rig_cpu_fini(&r);
}

static void eret_restores_what_the_exception_saved(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ERET);
	PROGRAM(&r, T_DATA, A_ADD1(5), A_SVC(0));
	r.c->core->r.elr = T_DATA;
	r.c->core->r.spsr = 0x80000000;
	r.c->x[5] = 41;
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[5], 42);
	assert_int_equal(r.c->core->r.spsr, 0x80000000);
	assert_int_equal(r.c->pc, VECTOR_STOP(0x400));
	rig_cpu_fini(&r);
}

static void illegal_return_keeps_the_el_and_faults(void **state)
{
	static const uint32_t modes[] = { 1, 0x10, 8, 9, 12, 0x13 };
	struct rig_cpu r;

	(void)state;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		rig_cpu_init(&r, 1);
		PROGRAM(&r, T_CODE, A_ERET);
		PROGRAM(&r, T_DATA, A_ADD1(5));
		r.c->core->r.elr = T_DATA;
		r.c->core->r.spsr = modes[i];
		rig_go(&r, T_CODE);
		assert_int_equal(r.c->x[5], 0);
		assert_int_equal(ESR_EC(r.c->core->r.esr), EC_ILLEGAL_STATE);
		assert_int_equal(r.c->core->r.elr, T_DATA);
		assert_int_equal(r.c->el, 1);
		assert_int_equal(r.c->core->pstate & PSTATE_IL, 0);
		rig_cpu_fini(&r);
	}
}

static void misaligned_pc_faults(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_BR(3));
	r.c->x[3] = T_CODE + 6;
	rig_go(&r, T_CODE);
	assert_int_equal(ESR_EC(r.c->core->r.esr), EC_PC_ALIGN);
	assert_int_equal(r.c->core->r.far, T_CODE + 6);
	assert_int_equal(r.c->core->r.elr, T_CODE + 6);
	rig_cpu_fini(&r);
}

/* Where it became so does not matter, and that it is so only matters to loads and stores by it. */
static void misaligned_stack_faults_when_it_is_used(void **state)
{
	static const uint32_t uses[] = {
		A_LDR(1, 31),	   A_STP(1, 2, 31), A_LDR_Q(1, 31),
		A_LDADD(1, 2, 31), 0xf84107e1, /* ldr x1, [sp], #16 */
		0xf8616be2,		       /* ldr x2, [sp, x1] */
	};
	struct rig_cpu r;

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		rig_cpu_init(&r, 1);
		PROGRAM(&r, T_CODE, A_ADD_SP(8), A_NOP, uses[i], A_WFI);
		r.c->core->r.sctlr |= SCTLR_SA;
		r.c->core->r.cpacr = 3u << 20;
		r.c->x[X_SP] = T_DATA;
		rig_go(&r, T_CODE);
		assert_int_equal(r.c->core->r.esr, (uint64_t)EC_SP_ALIGN << 26 | 1 << 25);
		assert_int_equal(r.c->core->r.elr, T_CODE + 8);
		rig_cpu_fini(&r);
	}
}

static void misaligned_stack_may_be_used_without_the_check(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ADD_SP(8), A_LDP(1, 2, 31), 0xf98003e0 /* prfm */, A_WFI);
	r.c->x[X_SP] = T_DATA;
	put64(&r, T_DATA + 8, 0x1234);
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[1], 0x1234);
	rig_cpu_fini(&r);
	/* With it, what does not access memory or is a prefetch does not mind. */
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ADD_SP(8), 0xf98003e0, A_ADD1(3), A_ADD_SP(8), A_LDR(1, 31), A_WFI);
	r.c->core->r.sctlr |= SCTLR_SA;
	r.c->x[X_SP] = T_DATA;
	put64(&r, T_DATA + 16, 0x5678);
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[1], 0x5678);
	assert_int_equal(r.c->x[3], 1);
	rig_cpu_fini(&r);
}

static void trapped_daifset_names_its_fields(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_USER, 0xd50342df /* msr daifset, #2 */);
	rig_go_user(&r, T_USER);
	/* op0 0, op2 6, op1 3, CRn 4, Rt 31, CRm 2, a write */
	assert_int_equal(r.c->core->r.esr, 0x620cd3e4);
	rig_cpu_fini(&r);
}

static void speculation_barrier_does_nothing_else(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, 0xd50330ff /* sb */, A_ADD1(1), A_WFI);
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[1], 1);
	rig_cpu_fini(&r);
}

static void wfe_waits_for_an_event(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 2);
	/* SEVL's event is consumed by the first WFE, the second one waits. */
	PROGRAM(&r, T_CODE, A_SEVL, A_WFE, A_ADD1(1), A_WFE, A_ADD1(2), A_WFI);
	rig_go(&r, T_CODE);
	assert_true(r.c->waits_event);
	assert_int_equal(r.c->x[1], 1);
	assert_int_equal(r.c->x[2], 0);
	/* Another CPU's SEV is one for all. */
	PROGRAM(&r, T_CODE + 0x100, A_SEV, A_WFE, A_WFI);
	r.vm->cpus[1]->pc = T_CODE + 0x100;
	assert_false(cpu_execute(r.vm->cpus[1]));
	assert_false(r.vm->cpus[1]->waits_event);
	assert_false(cpu_execute(r.c));
	assert_int_equal(r.c->x[2], 1);
	assert_false(r.c->waits_event);
	rig_cpu_fini(&r);
}

static void pending_irq_is_taken_when_unmasked(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ADD1(1), A_MSR_DAIFCLR(2), A_ADD1(2));
	cpu_pend(r.c, CPU_PEND_IRQ);
	r.c->pc = T_CODE;
	/* The vector's WFI does not stop while something is pending: it falls into the next word. */
	put32(&r, T_VECTORS + 0x280, A_STR(0, 4));
	r.c->x[4] = T_DEVICE;
	assert_true(cpu_execute(r.c));
	assert_int_equal(r.c->x[1], 1);
	assert_int_equal(r.c->x[2], 0);
	assert_int_equal(r.c->core->r.elr, T_CODE + 8);
	assert_int_equal(r.c->pc, T_VECTORS + 0x280);
	rig_cpu_fini(&r);
}

static void chained_loop_counts_and_can_be_kicked(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ADD1(1), A_SUBS1(2), A_B_NE(-8), A_WFI);
	r.c->x[2] = 1000;
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[1], 1000);
	assert_int_equal(r.c->icount, 3001);
	PROGRAM(&r, T_CODE + 0x100, A_B(0));
	cpu_pend(r.c, CPU_PEND_KICK);
	r.c->pc = T_CODE + 0x100;
	assert_true(cpu_execute(r.c));
	assert_int_equal(r.c->pc, T_CODE + 0x100);
	rig_cpu_fini(&r);
}

static void block_continues_over_the_page_border(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE + 0xff8, A_ADD1(1), A_ADD1(1), A_ADD1(1), A_WFI);
	rig_go(&r, T_CODE + 0xff8);
	assert_int_equal(r.c->x[1], 3);
	assert_int_equal(r.c->pc, T_CODE + 0x1008);
	rig_cpu_fini(&r);
}

static void new_code_needs_ic_ivau_and_isb(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_USER, A_ADD1(1), A_WFI);
	rig_go(&r, T_USER);
	PROGRAM(&r, T_USER, A_ADD1(2));
	rig_go(&r, T_USER);
	assert_int_equal(r.c->x[1], 2);
	/* IC IVAU, X3; ISB; BR X3 */
	PROGRAM(&r, T_CODE, A_MSR(K_SYS(3, 5, 1), 3), A_ISB, A_BR(3));
	r.c->x[3] = T_USER;
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->x[1], 2);
	assert_int_equal(r.c->x[2], 1);
	/* IC IALLU */
	PROGRAM(&r, T_USER, A_ADD1(5));
	PROGRAM(&r, T_CODE + 0x40, A_MSR(K_SYS(0, 5, 0), 31), A_ISB, A_BR(3));
	rig_go(&r, T_CODE + 0x40);
	assert_int_equal(r.c->x[2], 1);
	assert_int_equal(r.c->x[5], 1);
	rig_cpu_fini(&r);
}

static void device_load_completes_by_executing_again(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ADD1(7), A_LDRSB(1, 4), A_ADD1(7), A_WFI);
	r.c->x[4] = T_DEVICE + 3;
	r.c->pc = T_CODE;
	assert_true(cpu_execute(r.c));
	assert_int_equal(r.c->exit.reason, HV_EXIT_MMIO);
	assert_int_equal(r.c->exit.addr, T_DEVICE + 3);
	assert_int_equal(r.c->exit.len, 1);
	assert_false(r.c->exit.is_write);
	__atomic_fetch_and(&r.c->pending, ~(uint32_t)CPU_PEND_EXIT, __ATOMIC_SEQ_CST);
	r.c->exit.data = 0xffffff80;
	cpu_complete_mmio(r.c);
	assert_false(cpu_execute(r.c));
	assert_int_equal(r.c->x[1], 0xffffffffffffff80ull);
	assert_int_equal(r.c->x[7], 2);
	assert_int_equal(r.c->icount, 4);
	rig_cpu_fini(&r);
}

static void device_pair_is_two_accesses_in_order(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_LDP(1, 2, 4), A_STP(2, 1, 4), A_WFI);
	r.c->x[4] = T_DEVICE;
	r.c->pc = T_CODE;
	for (uint32_t i = 0; i < 4; i++) {
		assert_true(cpu_execute(r.c));
		assert_int_equal(r.c->exit.addr, T_DEVICE + i % 2 * 8);
		assert_int_equal(r.c->exit.len, 8);
		assert_int_equal(r.c->exit.is_write, i >= 2);
		if (i >= 2)
			assert_int_equal(r.c->exit.data, 103 - i);
		__atomic_fetch_and(&r.c->pending, ~(uint32_t)CPU_PEND_EXIT, __ATOMIC_SEQ_CST);
		r.c->exit.data = 100 + i;
		cpu_complete_mmio(r.c);
	}
	assert_false(cpu_execute(r.c));
	assert_int_equal(r.c->x[1], 100);
	assert_int_equal(r.c->x[2], 101);
	rig_cpu_fini(&r);
}

static void atomic_on_a_device_faults(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_LDADD(1, 2, 4));
	r.c->x[4] = T_DEVICE;
	rig_go(&r, T_CODE);
	assert_int_equal(ESR_EC(r.c->core->r.esr), EC_DABT_SAME);
	assert_int_equal(ESR_FSC(r.c->core->r.esr), FSC_ATOMIC);
	rig_cpu_fini(&r);
}

static void fp_is_trapped_until_enabled(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_FMOV_D0_1, A_WFI);
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->core->r.esr, 7u << 26 | 1u << 25 | 0x1e00000);
	assert_int_equal(r.c->core->r.elr, T_CODE);
	/* CPACR_EL1 = X3; ISB; BR X4 */
	PROGRAM(&r, T_USER, A_MSR(GIC_SYSREG(3, 0, 1, 0, 2), 3), A_ISB, A_BR(4));
	r.c->x[3] = 1u << 20;
	r.c->x[4] = T_CODE;
	rig_go(&r, T_USER);
	assert_int_equal(r.c->v[0].d[0], 0x3ff0000000000000ull);
	rig_go_user(&r, T_CODE);
	assert_int_equal(ESR_EC(r.c->core->r.esr), EC_FP_ACCESS);
	rig_cpu_fini(&r);
}

static void software_step_stops_after_each_instruction(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_ERET);
	PROGRAM(&r, T_DATA, A_ADD1(1), A_B(8), A_NOP, A_SVC(0));
	r.c->core->r.mdscr = MDSCR_SS;
	r.c->core->r.oslock = 0;
	for (uint32_t i = 0; i < 3; i++) {
		static const uint64_t next[] = { T_DATA + 4, T_DATA + 12, T_DATA + 16 };

		r.c->core->r.elr = i ? next[i - 1] : T_DATA;
		r.c->core->r.spsr = PSTATE_SS;
		rig_go(&r, T_CODE);
		assert_int_equal(r.c->core->r.elr, next[i]);
		assert_int_equal(r.c->core->r.spsr & PSTATE_SS, 0);
		assert_int_equal(ESR_EC(r.c->core->r.esr), i < 2 ? EC_SOFTSTEP_LOWER : EC_SVC64);
	}
	assert_int_equal(r.c->x[1], 1);
	rig_cpu_fini(&r);
}

static uint64_t read_sysreg(struct rig_cpu *r, uint32_t key)
{
	PROGRAM(r, T_USER, A_MRS(key, 1), A_WFI);
	block_invalidate_all(r->vm);
	block_sync(r->c);
	r->c->core->r.esr = 0;
	rig_go(r, T_USER);
	assert_int_equal(r->c->core->r.esr, 0);
	return r->c->x[1];
}

static void id_registers_say_what_is_there(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 0, 0)), 0x000f0000);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 4, 0)), 0x1300000001000011ull);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 4, 1)), 0x20);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 6, 0)), 0x211120);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 6, 1)), 1ull << 36);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 7, 0)), 0x0f000022);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 7, 1)), 0x100000);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 7, 2)), 1ull << 60);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 0, 0, 1, 0)), 0);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 3, 0, 0, 1)), 0x9444c00a);
	assert_int_equal(read_sysreg(&r, GIC_SYSREG(3, 3, 9, 12, 0)), 0);
	rig_cpu_fini(&r);
}

static void unknown_register_is_undefined(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	PROGRAM(&r, T_CODE, A_MRS(GIC_SYSREG(3, 4, 1, 1, 0), 1)); /* HCR_EL2 */
	rig_go(&r, T_CODE);
	assert_int_equal(r.c->core->r.esr, 1u << 25);
	assert_int_equal(r.c->core->r.elr, T_CODE);
	rig_cpu_fini(&r);
}

static void el0_reads_what_it_may(void **state)
{
	struct rig_cpu r;

	(void)state;
	rig_cpu_init(&r, 1);
	r.c->core->r.tpidrro_el0 = 77;
	PROGRAM(&r, T_CODE, A_MRS(GIC_SYSREG(3, 3, 13, 0, 3), 1), A_MRS(GIC_SYSREG(3, 0, 13, 0, 4), 2));
	rig_go_user(&r, T_CODE);
	assert_int_equal(r.c->x[1], 77);
	assert_int_equal(r.c->core->r.esr, 1u << 25);
	assert_int_equal(r.c->core->r.elr, T_CODE + 4);
	/* MRS X2, CNTVCT_EL0 while CNTKCTL says no: a trap that names the register. */
	PROGRAM(&r, T_CODE + 0x40, A_MRS(GIC_SYSREG(3, 3, 14, 0, 2), 2));
	rig_go_user(&r, T_CODE + 0x40);
	assert_int_equal(r.c->core->r.esr, 0x18u << 26 | 1u << 25 | 0x34f841);
	rig_cpu_fini(&r);
}

static void saved_cpu_goes_on_elsewhere(void **state)
{
	struct rig_cpu a, b;
	struct buf out;
	struct cursor in;

	(void)state;
	rig_cpu_init(&a, 1);
	rig_cpu_init(&b, 1);
	PROGRAM(&a, T_CODE, A_ADD1(1), A_LDP(2, 3, 4), A_SVC(1));
	PROGRAM(&b, T_CODE, A_ADD1(1), A_LDP(2, 3, 4), A_SVC(1));
	a.c->x[4] = T_DEVICE;
	a.c->v[9].d[1] = 99;
	a.c->core->r.tpidr_el1 = 7;
	core_set_mode(a.c, 0, 0);
	a.c->x[X_SP] = 0x5550;
	a.c->pc = T_CODE;
	/* Between the two halves of a pair: the first answer must not be asked for again. */
	assert_true(cpu_execute(a.c));
	a.c->exit.data = 11;
	cpu_complete_mmio(a.c);
	buf_init(&out, 1 << 20);
	assert_int_equal(cpu_save(a.c, &out, NULL), 0);
	in = cursor_of(out.data, out.len);
	assert_int_equal(cpu_load(b.c, &in, NULL), 0);
	assert_true(cursor_done(&in));
	assert_true(cpu_execute(b.c));
	assert_int_equal(b.c->exit.addr, T_DEVICE + 8);
	__atomic_fetch_and(&b.c->pending, ~(uint32_t)CPU_PEND_EXIT, __ATOMIC_SEQ_CST);
	b.c->exit.data = 22;
	cpu_complete_mmio(b.c);
	b.c->core->r.vbar = T_VECTORS;
	assert_false(cpu_execute(b.c));
	assert_int_equal(b.c->x[1], 1);
	assert_int_equal(b.c->x[2], 11);
	assert_int_equal(b.c->x[3], 22);
	assert_int_equal(b.c->v[9].d[1], 99);
	assert_int_equal(b.c->core->r.tpidr_el1, 7);
	assert_int_equal(b.c->core->sp[0], 0x5550);
	assert_int_equal(b.c->pc, VECTOR_STOP(0x400));
	for (size_t len = 0; len < out.len; len += 7) {
		in = cursor_of(out.data, len);
		assert_int_not_equal(cpu_load(b.c, &in, NULL), 0);
	}
	buf_fini(&out);
	rig_cpu_fini(&a);
	rig_cpu_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(svc_from_el0_enters_the_lower_vector),
		cmocka_unit_test(eret_restores_what_the_exception_saved),
		cmocka_unit_test(illegal_return_keeps_the_el_and_faults),
		cmocka_unit_test(misaligned_pc_faults),
		cmocka_unit_test(misaligned_stack_faults_when_it_is_used),
		cmocka_unit_test(misaligned_stack_may_be_used_without_the_check),
		cmocka_unit_test(trapped_daifset_names_its_fields),
		cmocka_unit_test(speculation_barrier_does_nothing_else),
		cmocka_unit_test(wfe_waits_for_an_event),
		cmocka_unit_test(pending_irq_is_taken_when_unmasked),
		cmocka_unit_test(chained_loop_counts_and_can_be_kicked),
		cmocka_unit_test(block_continues_over_the_page_border),
		cmocka_unit_test(new_code_needs_ic_ivau_and_isb),
		cmocka_unit_test(device_load_completes_by_executing_again),
		cmocka_unit_test(device_pair_is_two_accesses_in_order),
		cmocka_unit_test(atomic_on_a_device_faults),
		cmocka_unit_test(fp_is_trapped_until_enabled),
		cmocka_unit_test(software_step_stops_after_each_instruction),
		cmocka_unit_test(id_registers_say_what_is_there),
		cmocka_unit_test(unknown_register_is_undefined),
		cmocka_unit_test(el0_reads_what_it_may),
		cmocka_unit_test(saved_cpu_goes_on_elsewhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
