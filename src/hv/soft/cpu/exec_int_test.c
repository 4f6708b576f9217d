/* SPDX-License-Identifier: Apache-2.0 */
/* Properties of the integer handlers that random comparison with another CPU is unlikely to hit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/soft/cpu/decode_int.h"
#include "hv/soft/cpu/exec_int.h"
#include "hv/soft/cpu/fake_core.h"

#define N 0x80000000u
#define Z 0x40000000u
#define C 0x20000000u
#define V 0x10000000u

static int setup(void **state)
{
	*state = fake_core_create();
	return 0;
}

static int teardown(void **state)
{
	fake_core_destroy(*state);
	return 0;
}

static enum fake_end run1(struct fake_core *f, uint32_t insn)
{
	return fake_core_run(f, &insn, 1);
}

/* X0 after `insn`, whose sources are X1, X2 and X3. */
static uint64_t eval(struct fake_core *f, uint32_t insn, uint64_t x1, uint64_t x2)
{
	f->cpu.x[0] = 0x5a5a5a5a5a5a5a5a;
	f->cpu.x[1] = x1;
	f->cpu.x[2] = x2;
	assert_int_equal(run1(f, insn), FAKE_FELL_THROUGH);
	return f->cpu.x[0];
}

static void decode_refuses(uint32_t insn)
{
	struct op op;

	assert_int_equal(decode_int(insn, &op), DECODE_NO);
}

static void bitmask_immediates_expand(void **state)
{
	struct fake_core *f = *state;

	assert_int_equal(eval(f, 0xb200f3e0, 0, 0), 0x5555555555555555); /* mov x0, #0x5555... */
	assert_int_equal(eval(f, 0xb2410fe0, 0, 0), 0x8000000000000007); /* element of 64, rotated */
	assert_int_equal(eval(f, 0x3200f3e0, 0, 0), 0x55555555);
	assert_int_equal(eval(f, 0xb20083e0, 0, 0), 0x0001000100010001);
}

static void bitmask_immediate_of_all_ones_is_undefined(void **state)
{
	(void)state;
	decode_refuses(0xb2407fe0 | 0x3f << 10); /* N=1, imms=63 */
	decode_refuses(0x32007c00);		 /* element of 32, all ones */
	decode_refuses(0x3200f800);		 /* imms 0b111110: no element size */
	decode_refuses(0x32400000);		 /* N=1 with W registers */
}

static void flags_of_add_and_subtract(void **state)
{
	struct fake_core *f = *state;

	eval(f, 0xab020020, INT64_MAX, 1); /* adds x0, x1, x2 */
	assert_int_equal(f->cpu.nzcv, N | V);
	eval(f, 0xab020020, ~0ull, 1);
	assert_int_equal(f->cpu.nzcv, Z | C);
	eval(f, 0xeb020020, 0, 1); /* subs x0, x1, x2 */
	assert_int_equal(f->cpu.nzcv, N);
	eval(f, 0x6b020020, 0x80000000, 1); /* subs w0, w1, w2 */
	assert_int_equal(f->cpu.nzcv, C | V);
	assert_int_equal(eval(f, 0x6b020020, 0x100000005, 5), 0);
	assert_int_equal(f->cpu.nzcv, Z | C);
}

static void carry_chains(void **state)
{
	struct fake_core *f = *state;

	f->cpu.nzcv = C;
	assert_int_equal(eval(f, 0xba020020, ~0ull, 0), 0); /* adcs x0, x1, x2 */
	assert_int_equal(f->cpu.nzcv, Z | C);
	f->cpu.nzcv = C;
	assert_int_equal(eval(f, 0xba020020, ~0ull, ~0ull), ~0ull);
	assert_int_equal(f->cpu.nzcv, N | C);
	f->cpu.nzcv = 0;
	assert_int_equal(eval(f, 0xfa020020, 0, 0), ~0ull); /* sbcs x0, x1, x2 */
	assert_int_equal(f->cpu.nzcv, N);
	f->cpu.nzcv = 0;
	assert_int_equal(eval(f, 0x7a020020, 0x80000000, 0), 0x7fffffff); /* sbcs w0, w1, w2 */
	assert_int_equal(f->cpu.nzcv, C | V);
}

static void division_has_no_traps(void **state)
{
	struct fake_core *f = *state;

	assert_int_equal(eval(f, 0x9ac20820, 7, 0), 0); /* udiv x0, x1, x2 */
	assert_int_equal(eval(f, 0x9ac20c20, 7, 0), 0); /* sdiv x0, x1, x2 */
	assert_int_equal(eval(f, 0x9ac20c20, 1ull << 63, ~0ull), 1ull << 63);
	assert_int_equal(eval(f, 0x1ac20c20, 0x80000000, 0xffffffff), 0x80000000); /* sdiv w0, w1, w2 */
}

static void bit_fields_at_their_edges(void **state)
{
	struct fake_core *f = *state;

	assert_int_equal(eval(f, 0x13017c20, 0x80000000, 0), 0xc0000000);	  /* asr w0, w1, #1 */
	assert_int_equal(eval(f, 0x93407c20, 0x80000000, 0), 0xffffffff80000000); /* sxtw x0, w1 */
	assert_int_equal(eval(f, 0xd341fc20, 3, 0), 1);				  /* lsr x0, x1, #1 */
	assert_int_equal(eval(f, 0xb3401c20, 0x1ff, 0), 0x5a5a5a5a5a5a5aff);	  /* bfi x0, x1, #0, #8 */
	assert_int_equal(eval(f, 0x33180c20, 0xf, 0), 0x5a5a5f5a);		  /* bfi w0, w1, #8, #4 */
	assert_int_equal(eval(f, 0x138207e0, 0, 0xff), 0x7f);			  /* extr w0, wzr, w2, #1 */
	assert_int_equal(eval(f, 0x93c20020, 5, 9), 9);				  /* extr x0, x1, x2, #0 */
	decode_refuses(0x1380a020);						  /* extr w, #40 */
	decode_refuses(0x53008020);						  /* ubfm w, imms 32 */
}

static void crc32_matches_published_check_values(void **state)
{
	struct fake_core *f = *state;
	uint64_t c = 0xffffffff, cc = 0xffffffff;

	for (const char *s = "123456789"; *s; s++) {
		c = eval(f, 0x1ac24020, c, (uint64_t)*s);   /* crc32b w0, w1, w2 */
		cc = eval(f, 0x1ac25020, cc, (uint64_t)*s); /* crc32cb w0, w1, w2 */
	}
	assert_int_equal((uint32_t)~c, 0xcbf43926);
	assert_int_equal((uint32_t)~cc, 0xe3069283);
}

static bool condition_holds(uint32_t cond, uint32_t nzcv)
{
	bool n = nzcv & N, z = nzcv & Z, c = nzcv & C, v = nzcv & V;
	const bool base[8] = { z, c, n, v, c && !z, n == v, n == v && !z, true };
	bool r = base[cond >> 1];

	return cond & 1 && cond != 15 ? !r : r;
}

static void every_condition_under_all_flags(void **state)
{
	struct fake_core *f = *state;

	for (uint32_t i = 0; i < 256; i++) {
		uint32_t cond = i & 15;
		bool taken;

		f->cpu.nzcv = i >> 4 << 28;
		assert_int_equal(run1(f, 0x54000100 | cond), FAKE_BRANCHED); /* b.cond +32 */
		taken = f->pc == FAKE_CODE + 32;
		assert_true(taken || f->pc == FAKE_CODE + 4);
		assert_int_equal(taken, condition_holds(cond, f->cpu.nzcv));
		assert_int_equal(eval(f, 0x9a820020 | cond << 12, 1, 2), taken ? 1 : 2); /* csel */
	}
}

static void branches_keep_the_return_address(void **state)
{
	struct fake_core *f = *state;

	assert_int_equal(run1(f, 0x97ffffff), FAKE_BRANCHED); /* bl -4 */
	assert_int_equal(f->pc, FAKE_CODE - 4);
	assert_int_equal(f->cpu.x[30], FAKE_CODE + 4);
	f->cpu.x[30] = 0x1000;
	assert_int_equal(run1(f, 0xd63f03c0), FAKE_BRANCHED); /* blr x30 */
	assert_int_equal(f->pc, 0x1000);
	assert_int_equal(f->cpu.x[30], FAKE_CODE + 4);
}

static void addresses_are_relative_to_the_instruction(void **state)
{
	struct fake_core *f = *state;
	const uint32_t insns[] = { 0xd503201f, 0x10ffffe0, 0xb0000001 }; /* nop; adr x0, -4; adrp x1, +4K */

	assert_int_equal(fake_core_run(f, insns, 3), FAKE_FELL_THROUGH);
	assert_int_equal(f->cpu.x[0], FAKE_CODE);
	assert_int_equal(f->cpu.x[1], FAKE_CODE + 0x1000);
}

static void literal_loads_sign_extend(void **state)
{
	struct fake_core *f = *state;

	f->cpu.block_va = FAKE_DATA + 0x100;
	memcpy(f->data + 0x108, "\xff\xfe\xfd\xfc\x01\x02\x03\x84", 8);
	assert_int_equal(eval(f, 0x18000040, 0, 0), 0xfcfdfeff);	 /* ldr w0, +8 */
	assert_int_equal(eval(f, 0x58000040, 0, 0), 0x84030201fcfdfeff); /* ldr x0, +8 */
	assert_int_equal(eval(f, 0x98000040, 0, 0), 0xfffffffffcfdfeff); /* ldrsw x0, +8 */
	assert_int_equal(eval(f, 0xd8000040, 0, 0), 0x5a5a5a5a5a5a5a5a); /* prfm */
}

static void fault_leaves_base_and_targets_alone(void **state)
{
	struct fake_core *f = *state;
	static const uint32_t insns[] = {
		0xf8408c20, /* ldr x0, [x1, #8]! */
		0xf8408420, /* ldr x0, [x1], #8 */
		0xf8008c20, /* str x0, [x1, #8]! */
		0xa8c10820, /* ldp x0, x2, [x1], #16 */
		0xa9810820, /* stp x0, x2, [x1, #16]! */
		0x28c10820, /* ldp w0, w2, [x1], #8 */
		0x38c08c20, /* ldrsb w0, [x1, #8]! */
		0xb8408820, /* ldtr w0, [x1, #8] */
	};

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		f->cpu.x[0] = 11;
		f->cpu.x[1] = 0x1000;
		f->cpu.x[2] = 22;
		assert_int_equal(run1(f, insns[i]), FAKE_FAULT);
		assert_int_equal(f->cpu.x[0], 11);
		assert_int_equal(f->cpu.x[1], 0x1000);
		assert_int_equal(f->cpu.x[2], 22);
	}
}

static void store_pair_across_a_read_only_page_stores_nothing(void **state)
{
	struct fake_core *f = *state;
	uint8_t before[16];

	memset(f->data + FAKE_DATA_LEN - 8, 0x77, 16);
	memcpy(before, f->data + FAKE_DATA_LEN - 8, 16);
	f->cpu.x[1] = FAKE_DATA + FAKE_DATA_LEN - 8;
	assert_int_equal(run1(f, 0xa9000820), FAKE_FAULT); /* stp x0, x2, [x1] */
	assert_memory_equal(before, f->data + FAKE_DATA_LEN - 8, 16);
	f->cpu.x[1] = FAKE_DATA + FAKE_DATA_LEN - 4;
	assert_int_equal(run1(f, 0x29000820), FAKE_FAULT); /* stp w0, w2, [x1] */
	assert_memory_equal(before, f->data + FAKE_DATA_LEN - 8, 16);
}

static void pair_may_load_its_own_base(void **state)
{
	struct fake_core *f = *state;
	const uint64_t v[2] = { 0x1111, 0x2222 };

	memcpy(f->data, v, 16);
	f->cpu.x[1] = FAKE_DATA;
	assert_int_equal(run1(f, 0xa9400821), FAKE_FELL_THROUGH); /* ldp x1, x2, [x1] */
	assert_int_equal(f->cpu.x[1], 0x1111);
	assert_int_equal(f->cpu.x[2], 0x2222);
}

static void zero_register_swallows_loads(void **state)
{
	struct fake_core *f = *state;

	memset(f->data, 0xff, 16);
	f->cpu.x[1] = FAKE_DATA;
	f->cpu.x[31] = 0x1234;
	assert_int_equal(run1(f, 0xf940003f), FAKE_FELL_THROUGH); /* ldr xzr, [x1] */
	assert_int_equal(f->cpu.x[31], 0x1234);
	assert_int_equal(eval(f, 0xaa1f03e0, 0, 0), 0);		  /* mov x0, xzr */
	assert_int_equal(run1(f, 0x910023ff), FAKE_FELL_THROUGH); /* add sp, sp, #8 */
	assert_int_equal(f->cpu.x[31], 0x123c);
}

static const uint32_t ldxr_stxr[] = { 0xc85f7c20, 0xc8047c22 }; /* ldxr x0, [x1]; stxr w4, x2, [x1] */

static void exclusive_store_succeeds_once(void **state)
{
	struct fake_core *f = *state;

	f->cpu.x[1] = FAKE_DATA;
	f->cpu.x[2] = 99;
	fake_core_run(f, ldxr_stxr, 2);
	assert_int_equal(f->cpu.x[4], 0);
	assert_int_equal(f->data[0], 99);
	run1(f, ldxr_stxr[1]);
	assert_int_equal(f->cpu.x[4], 1);
}

static void exclusive_store_fails_after_another_write(void **state)
{
	struct fake_core *f = *state;

	f->cpu.x[1] = FAKE_DATA;
	f->cpu.x[2] = 99;
	run1(f, ldxr_stxr[0]);
	f->data[0] = 1;
	run1(f, ldxr_stxr[1]);
	assert_int_equal(f->cpu.x[4], 1);
	assert_int_equal(f->data[0], 1);
}

static void exclusive_store_fails_after_clrex_and_elsewhere(void **state)
{
	struct fake_core *f = *state;
	const uint32_t cleared[] = { 0xc85f7c20, 0xd5033f5f, 0xc8047c22 };

	f->cpu.x[1] = FAKE_DATA;
	fake_core_run(f, cleared, 3);
	assert_int_equal(f->cpu.x[4], 1);
	run1(f, ldxr_stxr[0]);
	f->cpu.x[1] = FAKE_DATA + 8;
	run1(f, ldxr_stxr[1]);
	assert_int_equal(f->cpu.x[4], 1);
	f->cpu.x[1] = FAKE_DATA;
	run1(f, ldxr_stxr[0]);
	run1(f, 0x88047c22); /* stxr w4, w2, [x1]: other size */
	assert_int_equal(f->cpu.x[4], 1);
}

static void exclusive_pair_compares_both_halves(void **state)
{
	struct fake_core *f = *state;
	uint64_t got[2];

	f->cpu.x[1] = FAKE_DATA;
	run1(f, 0xc87f0820); /* ldxp x0, x2, [x1] */
	f->data[8] = 5;
	run1(f, 0xc8241825); /* stxp w4, x5, x6, [x1] */
	assert_int_equal(f->cpu.x[4], 1);
	f->cpu.x[5] = 0x55;
	f->cpu.x[6] = 0x66;
	run1(f, 0xc87f0820);
	run1(f, 0xc8241825);
	assert_int_equal(f->cpu.x[4], 0);
	memcpy(got, f->data, 16);
	assert_int_equal(got[0], 0x55);
	assert_int_equal(got[1], 0x66);
}

static void misaligned_atomics_and_ordered_accesses_fault(void **state)
{
	struct fake_core *f = *state;
	static const uint32_t insns[] = {
		0xc8dffc20, /* ldar x0, [x1] */
		0xc89ffc20, /* stlr x0, [x1] */
		0xc85f7c20, /* ldxr */
		0xf8220020, /* ldadd x2, x0, [x1] */
		0xc8a27c20, /* cas x2, x0, [x1] */
		0x48227c20, /* casp x2, x3, x0, x1, [x1] */
	};

	for (size_t i = 0; i < sizeof(insns) / sizeof(insns[0]); i++) {
		f->cpu.x[1] = FAKE_DATA + 4;
		assert_int_equal(run1(f, insns[i]), FAKE_FAULT);
	}
}

static void casp_returns_what_it_saw(void **state)
{
	struct fake_core *f = *state;
	const uint64_t v[2] = { 7, 8 };
	uint64_t got[2];

	memcpy(f->data, v, 16);
	f->cpu.x[2] = 7, f->cpu.x[3] = 9, f->cpu.x[4] = 70, f->cpu.x[5] = 80;
	f->cpu.x[1] = FAKE_DATA;
	run1(f, 0x48227c24); /* casp x2, x3, x4, x5, [x1] */
	assert_int_equal(f->cpu.x[3], 8);
	memcpy(got, f->data, 16);
	assert_int_equal(got[0], 7);
	run1(f, 0x48227c24);
	memcpy(got, f->data, 16);
	assert_int_equal(got[0], 70);
	assert_int_equal(got[1], 80);
	decode_refuses(0x48237c24); /* odd Rs */
	decode_refuses(0x48227c25); /* odd Rt */
}

static void signed_and_unsigned_maximum_differ(void **state)
{
	struct fake_core *f = *state;

	f->data[0] = 0x80;
	assert_int_equal(eval(f, 0x38224020, FAKE_DATA, 1), 0x80); /* ldsmaxb w2, w0, [x1] */
	assert_int_equal(f->data[0], 1);
	f->data[0] = 0x80;
	assert_int_equal(eval(f, 0x38226020, FAKE_DATA, 1), 0x80); /* ldumaxb w2, w0, [x1] */
	assert_int_equal(f->data[0], 0x80);
}

static void system_instructions_reach_the_core(void **state)
{
	struct fake_core *f = *state;
	static const struct {
		uint32_t insn;
		const char *name;
	} t[] = {
		{ 0xd53bd040, "cpu_mrs" },  { 0xd51bd040, "cpu_msr" }, { 0xd50342df, "cpu_msr_imm" },
		{ 0xd50b7520, "cpu_sys" },  { 0xd4000001, "cpu_svc" }, { 0xd4000002, "cpu_hvc" },
		{ 0xd4200000, "cpu_brk" },  { 0xd503207f, "cpu_wfi" }, { 0xd503205f, "cpu_wfe" },
		{ 0xd503209f, "cpu_sev" },  { 0xd5033fdf, "cpu_isb" }, { 0xd5033f9f, "cpu_dsb" },
		{ 0xd69f03e0, "cpu_eret" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		assert_int_equal(run1(f, t[i].insn), FAKE_CORE_CALL);
		assert_string_equal(f->called, t[i].name);
	}
}

static void hints_of_later_architectures_do_nothing(void **state)
{
	struct fake_core *f = *state;

	assert_int_equal(run1(f, 0xd503233f), FAKE_FELL_THROUGH); /* paciasp */
	assert_int_equal(run1(f, 0xd50323bf), FAKE_FELL_THROUGH); /* autiasp */
	assert_int_equal(run1(f, 0xd503245f), FAKE_FELL_THROUGH); /* bti c */
	assert_int_equal(run1(f, 0xd503229f), FAKE_FELL_THROUGH); /* csdb */
}

static void debug_and_pointer_authentication_are_undefined(void **state)
{
	(void)state;
	decode_refuses(0x00000000); /* udf */
	decode_refuses(0xd4400000); /* hlt */
	decode_refuses(0xd4a00001); /* dcps1 */
	decode_refuses(0xd6bf03e0); /* drps */
	decode_refuses(0xd65f0bff); /* retaa */
	decode_refuses(0xf8200400); /* ldraa */
	decode_refuses(0xf8bfc020); /* ldapr */
	decode_refuses(0xd5280000); /* sysl */
}

#define CMP_IMM(sf) (0x71001c3fu | (sf) << 31) /* CMP R1, #7 */
#define CMP_REG(sf) (0x6b02003fu | (sf) << 31) /* CMP R1, R2 */
#define B_COND(cond) (0x54000080u | (cond))    /* B.cond .+16 */

/* Not the conditions that look at N or V alone. */
static bool is_fused(uint32_t cond)
{
	return cond < 4 || cond >= 8;
}

static void fused_branch_is_a_comparison_and_a_branch(void **state)
{
	static const uint64_t values[] = { 0,	  1,	      6,	  7,	      8,
					   ~0ull, 0x7fffffff, 0x80000000, 0xffffffff, 1ull << 63 };
	const uint32_t compares[] = { CMP_IMM(0u), CMP_IMM(1u), CMP_REG(0u), CMP_REG(1u) };
	const size_t nr = sizeof(values) / sizeof(values[0]);
	struct fake_core *f = *state;

	for (size_t i = 0; i < 4 * 14 * nr * nr; i++) {
		const uint32_t cond = (uint32_t)(i / 4 % 14), insns[] = { compares[i % 4], B_COND(cond) };
		struct op *first = f->cpu.block->ops;
		uint64_t pc;
		uint32_t nzcv;

		f->cpu.x[1] = values[i / 56 % nr];
		f->cpu.x[2] = values[i / 56 / nr];
		assert_int_equal(fake_core_run(f, insns, 2), FAKE_BRANCHED);
		nzcv = f->cpu.nzcv;
		pc = f->pc;
		assert_int_equal(fuse_branch(first) != NULL, is_fused(cond));
		if (!is_fused(cond))
			continue;
		f->cpu.nzcv = 0;
		f->pc = 0;
		first->fn = fuse_branch(first);
		for (const struct op *op = first; op;)
			op = op->fn(&f->cpu, op);
		assert_int_equal(f->cpu.nzcv, nzcv);
		assert_int_equal(f->pc, pc);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bitmask_immediates_expand),
		TEST(bitmask_immediate_of_all_ones_is_undefined),
		TEST(flags_of_add_and_subtract),
		TEST(carry_chains),
		TEST(division_has_no_traps),
		TEST(bit_fields_at_their_edges),
		TEST(crc32_matches_published_check_values),
		TEST(every_condition_under_all_flags),
		TEST(branches_keep_the_return_address),
		TEST(addresses_are_relative_to_the_instruction),
		TEST(literal_loads_sign_extend),
		TEST(fault_leaves_base_and_targets_alone),
		TEST(store_pair_across_a_read_only_page_stores_nothing),
		TEST(pair_may_load_its_own_base),
		TEST(zero_register_swallows_loads),
		TEST(exclusive_store_succeeds_once),
		TEST(exclusive_store_fails_after_another_write),
		TEST(exclusive_store_fails_after_clrex_and_elsewhere),
		TEST(exclusive_pair_compares_both_halves),
		TEST(misaligned_atomics_and_ordered_accesses_fault),
		TEST(casp_returns_what_it_saw),
		TEST(signed_and_unsigned_maximum_differ),
		TEST(system_instructions_reach_the_core),
		TEST(hints_of_later_architectures_do_nothing),
		TEST(debug_and_pointer_authentication_are_undefined),
		TEST(fused_branch_is_a_comparison_and_a_branch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
