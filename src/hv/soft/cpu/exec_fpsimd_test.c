/* SPDX-License-Identifier: Apache-2.0 */
/* Floating point, Advanced SIMD and V register loads and stores: known answers and properties. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "hv/soft/cpu/exec_crypto.h"
#include "hv/soft/cpu/fake_core.h"
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/row.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define V(low, high)                                                                                         \
	{                                                                                                    \
		low, high                                                                                    \
	}

struct vector {
	uint32_t insn, fpcr, fpsr, fpsr_after;
	uint64_t d[2], n[2], m[2], result[2];
};

static const struct vector vectors[] = {
#include "hv/soft/cpu/exec_fpsimd_vectors.inc"
};

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

static void run(struct fake_core *f, uint32_t insn)
{
	assert_int_equal(fake_core_run(f, &insn, 1), FAKE_FELL_THROUGH);
}

static void set_v(struct fake_core *f, uint32_t i, uint64_t low, uint64_t high)
{
	f->cpu.v[i].d[0] = low;
	f->cpu.v[i].d[1] = high;
}

static void assert_v(struct fake_core *f, uint32_t i, uint64_t low, uint64_t high)
{
	assert_int_equal(f->cpu.v[i].d[0], low);
	assert_int_equal(f->cpu.v[i].d[1], high);
}

static void known_answers_hold(void **state)
{
	struct fake_core *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		const struct vector *t = &vectors[i];

		set_v(f, 0, t->d[0], t->d[1]);
		set_v(f, 1, t->n[0], t->n[1]);
		set_v(f, 2, t->m[0], t->m[1]);
		f->cpu.v[3] = f->cpu.v[0];
		fp_set_fpcr(&f->cpu, t->fpcr);
		fp_set_fpsr(&f->cpu, t->fpsr);
		run(f, t->insn);
		if (f->cpu.v[0].d[0] != t->result[0] || f->cpu.v[0].d[1] != t->result[1] ||
		    fp_get_fpsr(&f->cpu) != t->fpsr_after)
			fail_msg("%08x: %016llx%016llx, FPSR %llx", t->insn,
				 (unsigned long long)f->cpu.v[0].d[1], (unsigned long long)f->cpu.v[0].d[0],
				 (unsigned long long)fp_get_fpsr(&f->cpu));
	}
}

/* The fast path must say the same as the exact one, whatever the flags were. */
static void host_and_integer_arithmetic_agree(void **state)
{
	static const uint64_t v[] = {
		0,
		1ull << 63,
		0x3ff0000000000000,
		0xbff0000000000000,
		0x3fb999999999999a,
		0x0010000000000000,
		0x0010000000000001,
		0x000fffffffffffff,
		0x7fefffffffffffff,
		0x7ff0000000000000,
		0x7ff8000000000000,
		0x7ff0000000000001,
		0x4340000000000000,
		0x1ff0000000000000,
		0x2000000000000000,
	};
	struct cpu *c = &((struct fake_core *)*state)->cpu;

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		for (size_t k = 0; k < ARRAY_LEN(v); k++) {
			uint64_t soft[4], hard[4], soft_fpsr;

			fp_set_fpsr(c, FPSR_IXC);
			soft[0] = fp64_add_soft(c, v[i], v[k]);
			soft[1] = fp64_mul_soft(c, v[i], v[k]);
			soft[2] = fp64_div_soft(c, v[i], v[k]);
			soft[3] = fp64_fma_soft(c, v[k], v[i], v[k]);
			soft_fpsr = fp_get_fpsr(c);
			fp_set_fpsr(c, FPSR_IXC);
			hard[0] = fp64_add(c, v[i], v[k]);
			hard[1] = fp64_mul(c, v[i], v[k]);
			hard[2] = fp64_div(c, v[i], v[k]);
			hard[3] = fp64_fma(c, v[k], v[i], v[k]);
			assert_memory_equal(soft, hard, sizeof(soft));
			assert_int_equal(fp_get_fpsr(c), soft_fpsr);
		}
	}
}

static void unimplemented_control_bits_read_as_zero(void **state)
{
	struct cpu *c = &((struct fake_core *)*state)->cpu;

	fp_set_fpcr(c, ~0ull);
	assert_int_equal(fp_get_fpcr(c), 0x07c00000);
	fp_set_fpsr(c, ~0ull);
	assert_int_equal(fp_get_fpsr(c), 0x0800009f);
}

static void comparison_sets_flags(void **state)
{
	struct fake_core *f = *state;

	set_v(f, 1, 0x3ff0000000000000, 0);
	set_v(f, 2, 0x7ff8000000000000, 0);
	fp_set_fpsr(&f->cpu, 0);
	run(f, 0x1e622020); /* fcmp d1, d2 */
	assert_int_equal(f->cpu.nzcv, FP_C | FP_V);
	assert_int_equal(fp_get_fpsr(&f->cpu), 0);
	run(f, 0x1e622030); /* fcmpe d1, d2 */
	assert_int_equal(fp_get_fpsr(&f->cpu), FPSR_IOC);
	run(f, 0x1e602028); /* fcmp d1, #0.0 */
	assert_int_equal(f->cpu.nzcv, FP_C);
	f->cpu.nzcv = 0;
	run(f, 0x1e610427); /* fccmp d1, d1, #7, eq: Z is clear */
	assert_int_equal(f->cpu.nzcv, FP_Z | FP_C | FP_V);
}

static void conversion_to_integer_saturates(void **state)
{
	struct fake_core *f = *state;

	set_v(f, 1, 0xc1e0000000200000, 0); /* -2^31 - 1 */
	fp_set_fpsr(&f->cpu, 0);
	run(f, 0x1e780020); /* fcvtzs w0, d1 */
	assert_int_equal(f->cpu.x[0], 0x80000000);
	assert_int_equal(fp_get_fpsr(&f->cpu), FPSR_IOC);
	run(f, 0x9e780020); /* fcvtzs x0, d1 */
	assert_int_equal(f->cpu.x[0], 0xffffffff7fffffff);
	run(f, 0x9e790020); /* fcvtzu x0, d1 */
	assert_int_equal(f->cpu.x[0], 0);
}

static void structures_are_taken_apart_and_put_together(void **state)
{
	struct fake_core *f = *state;

	for (uint32_t i = 0; i < 48; i++)
		f->data[i] = (uint8_t)i;
	f->cpu.x[1] = FAKE_DATA;
	f->cpu.x[2] = 5;
	run(f, 0x4cc2403f); /* ld3 {v31.16b, v0.16b, v1.16b}, [x1], x2 */
	assert_int_equal(f->cpu.x[1], FAKE_DATA + 5);
	assert_v(f, 31, 0x15120f0c09060300, 0x2d2a2724211e1b18);
	assert_v(f, 1, 0x1714110e0b080502, 0x2f2c292623201d1a);
	f->cpu.x[1] = FAKE_DATA + 0x100;
	run(f, 0x4c9f403f); /* st3 {v31.16b, v0.16b, v1.16b}, [x1], #48 */
	assert_int_equal(f->cpu.x[1], FAKE_DATA + 0x130);
	assert_memory_equal(f->data, f->data + 0x100, 48);
}

static void faulting_access_changes_no_register(void **state)
{
	static const uint32_t insns[] = {
		0x3cc10420, /* ldr q0, [x1], #16 */
		0xacc10820, /* ldp q0, q2, [x1], #32 */
		0x4cdf2020, /* ld1 {v0.16b-v3.16b}, [x1], #64 */
		0x4ddfe420, /* ld3r {v0.8h-v2.8h}, [x1], #6 */
	};
	struct fake_core *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(insns); i++) {
		for (uint32_t r = 0; r < 4; r++)
			set_v(f, r, 0x1111, 0x2222);
		f->cpu.x[1] = FAKE_DATA + FAKE_DATA_ALL_LEN - 1;
		assert_int_equal(fake_core_run(f, &insns[i], 1), FAKE_FAULT);
		assert_int_equal(f->cpu.x[1], FAKE_DATA + FAKE_DATA_ALL_LEN - 1);
		for (uint32_t r = 0; r < 4; r++)
			assert_v(f, r, 0x1111, 0x2222);
	}
}

static void faulting_store_writes_nothing(void **state)
{
	static const uint32_t insns[] = {
		0xac810820, /* stp q0, q2, [x1], #32 */
		0x4c9f2020, /* st1 {v0.16b-v3.16b}, [x1], #64 */
		0x4dbf8020, /* st2 {v0.s, v1.s}[2], [x1], #8 */
	};
	struct fake_core *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(insns); i++) {
		set_v(f, 0, ~0ull, ~0ull);
		f->cpu.x[1] = FAKE_DATA + FAKE_DATA_LEN - 4;
		assert_int_equal(fake_core_run(f, &insns[i], 1), FAKE_FAULT);
		assert_int_equal(f->cpu.x[1], FAKE_DATA + FAKE_DATA_LEN - 4);
		assert_int_equal(f->data[FAKE_DATA_LEN - 4], 0);
	}
}

/* What later extensions allocate, and reserved values of fields. */
static void unallocated_encodings_are_refused(void **state)
{
	static const uint32_t insns[] = {
		0x1ee22820,	      /* fadd h0, h1, h2 */
		0x0e421420,	      /* fadd v0.4h, v1.4h, v2.4h */
		0x4e829420,	      /* sdot v0.4s, v1.16b, v2.16b */
		0x2e428420,	      /* sqrdmlah v0.4h, v1.4h, v2.4h */
		0x1e7e0020,	      /* fjcvtzs w0, d1 */
		0x0ee28420,	      /* add v0.1d, v1.1d, v2.1d */
		0x6f00fc00,	      /* fmov with o2 set */
		0x0f001400 | 1 << 11, /* shift with immh = 0 */
		0x0c40cc20,	      /* ld2 {v0.1d, v1.1d} */
		0x0c401020,	      /* structure opcode 0b0001 */
		0x0d40f020,	      /* ld1r with S set */
		0x3c600820,	      /* index option 0b000 */
		0x7cc00020,	      /* size 01, opc 11 */
		0xec000000,	      /* stp, opc 11 */
		0x1e620020 | 3 << 19, /* scvtf with a rounding mode */
	};
	struct op op;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(insns); i++)
		if (decode_fpsimd(insns[i], &op) != DECODE_NO)
			fail_msg("%08x is allocated", insns[i]);
}

static void every_row_is_reached(void **state)
{
	(void)state;
	for (uint32_t g = 0; g < a64_fpsimd_nr_groups; g++) {
		const struct a64_group *group = &a64_fpsimd_groups[g];

		for (uint32_t i = 0; i < *group->nr_rows; i++) {
			const struct a64_row *row = &group->rows[i];

			assert_int_equal(row->value & ~row->mask, 0);
			assert_int_equal(row->value & group->mask, group->value);
			for (uint32_t k = 0; k < i; k++)
				if ((row->value & group->rows[k].mask) == group->rows[k].value &&
				    !(group->rows[k].mask & ~row->mask))
					fail_msg("%s hides %s", group->rows[k].name, row->name);
		}
	}
}

static const struct op *stop(struct cpu *c, const struct op *op)
{
	(void)c;
	(void)op;
	return NULL;
}

/* Loops where handlers return the next one. */
static void run_handler(struct fake_core *f, op_fn *fn, uint8_t half)
{
	const struct op ops[] = { { .fn = fn, .rd = 0, .rn = 1, .rm = 2, .ra = half }, { .fn = stop } };

	for (const struct op *op = ops; op;)
		op = op->fn(&f->cpu, op);
}

static void crypto_of_the_host_agrees_with_the_portable_one(void **state)
{
	op_fn *const fns[] = { crypto_aese,	 crypto_aesd,	   crypto_aesmc,   crypto_aesimc,
			       crypto_sha1c,	 crypto_sha1p,	   crypto_sha1m,   crypto_sha1su0,
			       crypto_sha1h,	 crypto_sha1su1,   crypto_sha256h, crypto_sha256h2,
			       crypto_sha256su1, crypto_sha256su0, crypto_pmull64 };
	struct fake_core *f = *state;
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < ARRAY_LEN(fns) * 200; i++) {
		op_fn *fn = fns[i % ARRAY_LEN(fns)];
		union vreg before[3], portable;

		for (uint32_t k = 0; k < 6; k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			before[k / 2].d[k % 2] = x;
		}
		memcpy(f->cpu.v, before, sizeof(before));
		run_handler(f, fn, i & 1);
		portable = f->cpu.v[0];
		memcpy(f->cpu.v, before, sizeof(before));
		run_handler(f, crypto_host(fn), i & 1);
		assert_v(f, 0, portable.d[0], portable.d[1]);
	}
}

static void fused_aes_round_is_its_two_instructions(void **state)
{
	/* AESE V0, V1 and AESMC V0, V0; their inverses. */
	static const uint32_t rounds[2][2] = { { 0x4e284820, 0x4e286800 }, { 0x4e285820, 0x4e287800 } };
	struct fake_core *f = *state;

	for (size_t i = 0; i < 2; i++) {
		struct op *first = f->cpu.block->ops;
		union vreg apart;
		op_fn *fused;

		set_v(f, 0, 0x0123456789abcdef, 0xfedcba9876543210);
		set_v(f, 1, 0x5555aaaa0f0f3c3c, 0x1122334455667788);
		run(f, rounds[i][0]);
		run(f, rounds[i][1]);
		apart = f->cpu.v[0];
		set_v(f, 0, 0x0123456789abcdef, 0xfedcba9876543210);
		assert_int_equal(fake_core_run(f, rounds[i], 2), FAKE_FELL_THROUGH);
		assert_v(f, 0, apart.d[0], apart.d[1]);
		fused = crypto_fuse(first);
		if (!fused) /* a host without them */
			continue;
		set_v(f, 0, 0x0123456789abcdef, 0xfedcba9876543210);
		first->fn = fused;
		for (const struct op *op = first; op;)
			op = op->fn(&f->cpu, op);
		assert_v(f, 0, apart.d[0], apart.d[1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(known_answers_hold, setup, teardown),
		cmocka_unit_test_setup_teardown(host_and_integer_arithmetic_agree, setup, teardown),
		cmocka_unit_test_setup_teardown(unimplemented_control_bits_read_as_zero, setup, teardown),
		cmocka_unit_test_setup_teardown(comparison_sets_flags, setup, teardown),
		cmocka_unit_test_setup_teardown(conversion_to_integer_saturates, setup, teardown),
		cmocka_unit_test_setup_teardown(structures_are_taken_apart_and_put_together, setup, teardown),
		cmocka_unit_test_setup_teardown(faulting_access_changes_no_register, setup, teardown),
		cmocka_unit_test_setup_teardown(faulting_store_writes_nothing, setup, teardown),
		cmocka_unit_test(unallocated_encodings_are_refused),
		cmocka_unit_test(every_row_is_reached),
		cmocka_unit_test_setup_teardown(crypto_of_the_host_agrees_with_the_portable_one, setup,
						teardown),
		cmocka_unit_test_setup_teardown(fused_aes_round_is_its_two_instructions, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
