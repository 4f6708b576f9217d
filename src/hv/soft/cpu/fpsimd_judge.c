/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fpsimd_judge GUEST [NAME [ENCODINGS [OPERANDS [SEED]]]]: every row of the FP and SIMD decoder
 * whose name contains NAME, in random encodings with random and special operands, control bits
 * and flags; executed here and, by qemu-user, in GUEST (judge_guest.c). Compares everything bit
 * for bit. Then random words: both must find the same ones unallocated.
 */
#include "hv/soft/cpu/judge.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/soft/cpu/fake_core.h"
#include "hv/soft/cpu/fp.h"
#include "hv/soft/cpu/row.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

struct judge {
	int to, from;
	struct fake_core *core;
	uint8_t data[0x1000], code[0x1000];
	struct judge_case in[JUDGE_BATCH], out[JUDGE_BATCH];
	uint32_t nr; /* in `in`, not yet executed */
	uint32_t nr_cases, nr_bad;
	const char *name;
};

static uint64_t seed;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed * 0x2545f4914f6cdd1d;
}

static uint32_t below(uint32_t n)
{
	return (uint32_t)(rnd() >> 33) % n;
}

/* Where results change: NaNs, infinities, the ends of ranges, halves, powers of two about limits. */
static uint64_t special_float(uint32_t exp_bits, uint32_t frac_bits)
{
	const uint64_t frac_mask = (1ull << frac_bits) - 1, exp_max = (1u << exp_bits) - 1,
		       bias = exp_max / 2;
	static const int8_t near[] = { -1, 0, 1, 15, 16, 31, 32, 33, 62, 63, 64 };
	uint64_t exp, frac;

	switch (below(4)) {
	case 0:
		exp = below(2) ? exp_max : 0;
		break;
	case 1:
		exp = below(2) ? 1 + below(2) : exp_max - 1 - below(2);
		break;
	case 2:
		exp = bias + (uint64_t)(int64_t)near[below(ARRAY_LEN(near))];
		break;
	default:
		exp = bias + below(60) - 30;
		break;
	}
	switch (below(4)) {
	case 0:
		frac = 0;
		break;
	case 1:
		frac = rnd() << below(frac_bits);
		break;
	case 2:
		frac = below(2) ? ~0ull : 1ull << below(frac_bits);
		break;
	default:
		frac = (~0ull << below(frac_bits)) + below(3) - 1;
		break;
	}
	return (uint64_t)below(2) << (exp_bits + frac_bits) | (exp & exp_max) << frac_bits |
	       (frac & frac_mask);
}

/* An integer of so many bits: small, about a power of two, or anything. */
static uint64_t special_int(uint32_t bits)
{
	uint64_t v = below(3) ? (1ull << below(bits)) + below(3) - 1 : rnd() >> below(64);

	return below(2) ? v : 0 - v;
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

static void pipe_all(int fd, void *buf, size_t len, bool write_it)
{
	for (char *p = buf; len;) {
		ssize_t n = write_it ? write(fd, p, len) : read(fd, p, len);

		if (n <= 0) {
			fprintf(stderr, "fpsimd_judge: the guest program is gone\n");
			exit(1);
		}
		p += n;
		len -= (size_t)n;
	}
}

static void ask_guest(struct judge *j)
{
	pipe_all(j->to, &j->nr, sizeof(j->nr), true);
	pipe_all(j->to, j->in, j->nr * sizeof(j->in[0]), true);
	pipe_all(j->from, j->out, j->nr * sizeof(j->out[0]), false);
}

/* Leaves in *k what the guest program would. */
static void execute(struct judge *j, struct judge_case *k)
{
	struct cpu *c = &j->core->cpu;

	memcpy(c->x, k->x, sizeof(k->x));
	memcpy(c->v, k->v, sizeof(k->v));
	memcpy(j->data, k->mem, sizeof(k->mem));
	c->nzcv = (uint32_t)k->nzcv;
	fp_set_fpcr(c, k->fpcr);
	fp_set_fpsr(c, k->fpsr);
	k->signal = fake_core_run(j->core, &k->insn, 1) == FAKE_FELL_THROUGH ? 0 : SIGILL;
	memcpy(k->x, c->x, sizeof(k->x));
	memcpy(k->v, c->v, sizeof(k->v));
	memcpy(k->mem, j->data, sizeof(k->mem));
	k->nzcv = c->nzcv;
	k->fpsr = (uint32_t)fp_get_fpsr(c);
}

static void report(const struct judge *j, const struct judge_case *in, const struct judge_case *ours,
		   const struct judge_case *theirs)
{
	fprintf(stderr, "%s: %08x FPCR %x FPSR %x: signal %u, theirs %u; FPSR %x/%x NZCV %llx/%llx\n",
		j->name, in->insn, in->fpcr, in->fpsr, ours->signal, theirs->signal, ours->fpsr, theirs->fpsr,
		(unsigned long long)ours->nzcv, (unsigned long long)theirs->nzcv);
	for (uint32_t i = 0; i < 32; i++) {
		if (ours->x[i] != theirs->x[i])
			fprintf(stderr, "  x%u %llx, theirs %llx\n", i, (unsigned long long)ours->x[i],
				(unsigned long long)theirs->x[i]);
		if (memcmp(ours->v[i], theirs->v[i], 16))
			fprintf(stderr, "  v%u %016llx%016llx, theirs %016llx%016llx\n", i,
				(unsigned long long)ours->v[i][1], (unsigned long long)ours->v[i][0],
				(unsigned long long)theirs->v[i][1], (unsigned long long)theirs->v[i][0]);
	}
}

static void flush(struct judge *j)
{
	if (!j->nr)
		return;
	ask_guest(j);
	for (uint32_t i = 0; i < j->nr; i++) {
		struct judge_case ours = j->in[i], *theirs = &j->out[i];

		execute(j, &ours);
		theirs->fpsr &= FPSR_WRITABLE;
		if (memcmp(&ours, theirs, sizeof(ours)) && j->nr_bad++ < 20)
			report(j, &j->in[i], &ours, theirs);
	}
	j->nr_cases += j->nr;
	j->nr = 0;
}

/* Base and index, so that the access falls into the data. */
static void set_address(struct judge_case *k, const struct op *op)
{
	uint32_t insn = k->insn, rn = insn >> 5 & 31, rm = insn >> 16 & 31, option = insn >> 13 & 7;
	bool structure = (insn & 0x3e000000) == 0x0c000000, pair = (insn & 0x3a000000) == 0x28000000;
	bool scaled = (insn & 0x3b000000) == 0x39000000;
	bool indexed = (insn & 0x3b200c00) == 0x38200800;
	bool post = structure || (pair ? (insn >> 23 & 3) == 1 : !scaled && (insn >> 10 & 3) == 1);
	uint64_t base = JUDGE_DATA + 192 + below(64), index = below(8);

	if ((insn & 0x3b000000) == 0x18000000)
		return;
	if (indexed) {
		if (option == 6 && below(2))
			index = 0 - index;
		if (option == 2 || option == 6)
			index = (uint32_t)index | rnd() << 32;
		k->x[rm] = index;
	}
	k->x[rn] = post || indexed ? base : base - op->imm;
}

static void add_case(struct judge *j, uint32_t insn, const struct op *op, bool memory)
{
	static const uint32_t fpcrs[] = { 0, 0, FPCR_FZ, FPCR_DN };
	struct judge_case *k = &j->in[j->nr];
	uint32_t kind = below(FILL_KINDS);

	memset(k, 0, sizeof(*k));
	k->insn = insn;
	k->fpcr = below(3) ? fpcrs[below(ARRAY_LEN(fpcrs))] : (uint32_t)rnd() & FPCR_WRITABLE;
	k->fpsr = below(3) ? below(2) * FPSR_IXC : (uint32_t)rnd() & FPSR_WRITABLE;
	k->nzcv = (uint64_t)below(16) << 28;
	for (uint32_t i = 0; i < 32; i++) {
		k->x[i] = below(2) ? rnd() : special_int(64);
		fill_vector(k->v[i], below(4) ? kind : below(FILL_KINDS));
	}
	k->x[29] = k->x[30] = 0;
	for (uint32_t i = 0; i < JUDGE_DATA_LEN; i++)
		k->mem[i] = (uint8_t)rnd();
	if (memory)
		set_address(k, op);
	if (++j->nr == JUDGE_BATCH)
		flush(j);
}

/* X29 and X30 are the guest program's: no field that may be a register names them. */
static uint32_t avoid_reserved(uint32_t insn, uint32_t mask)
{
	for (uint32_t low = 0; low <= 16; low += low ? 11 : 5)
		if ((insn >> low & 31) == 29 || (insn >> low & 31) == 30)
			insn ^= 4u << low & ~mask;
	return insn;
}

/* A word of the row that says something definite; 0 if this try was not one. */
static uint32_t random_word(const struct a64_row *row, bool memory, struct op *ret_op)
{
	uint32_t insn = avoid_reserved(row->value | ((uint32_t)rnd() & ~row->mask), row->mask);

	if (memory && (insn & 0x3b000000) == 0x18000000) /* literals that exist */
		insn = (insn & ~(0x7ffffu << 5)) | (17 + below(900)) << 5;
	if (memory && (insn & 0x3b200c00) == 0x38200800 && (insn >> 16 & 31) >= 31)
		return 0;
	if (memory && (insn & 0x3b200c00) == 0x38200800 && (insn >> 16 & 31) == (insn >> 5 & 31))
		return 0;
	if (memory && (insn & 0x3a400000) == 0x28400000 && (insn >> 10 & 31) == (insn & 31))
		return 0; /* LDP to one register twice is unpredictable */
	return decode_fpsimd(insn, ret_op) == DECODE_OP ? insn : 0;
}

static void judge_row(struct judge *j, const struct a64_row *row, bool memory, uint32_t encodings,
		      uint32_t operands)
{
	uint32_t made = 0;

	j->name = row->name;
	for (uint32_t tries = 0; tries < 20 * encodings && made < encodings; tries++) {
		struct op op = { 0 };
		uint32_t insn = random_word(row, memory, &op);

		if (!insn)
			continue;
		made++;
		for (uint32_t i = 0; i < operands; i++)
			add_case(j, insn, &op, memory);
	}
	flush(j);
	if (!made && ++j->nr_bad)
		fprintf(stderr, "%s: no encoding found\n", row->name);
}

static void judge_allocation(struct judge *j, uint32_t nr_words)
{
	j->name = "allocation";
	for (uint32_t done = 0; done < nr_words; done += j->nr) {
		for (j->nr = 0; j->nr < JUDGE_BATCH; j->nr++) {
			struct judge_case *k = &j->in[j->nr];
			const struct a64_group *g = &a64_fpsimd_groups[below(a64_fpsimd_nr_groups)];

			memset(k, 0, sizeof(*k));
			k->insn = avoid_reserved(g->value | ((uint32_t)rnd() & ~g->mask), 0);
			for (uint32_t i = 0; i < 32; i++)
				k->x[i] = i == 29 || i == 30 ? 0 : JUDGE_DATA;
		}
		ask_guest(j);
		for (uint32_t i = 0; i < j->nr; i++) {
			struct op op;
			bool ours = decode_fpsimd(j->in[i].insn, &op) != DECODE_NO;
			bool theirs = j->out[i].signal != SIGILL;

			if (ours != theirs && j->nr_bad++ < 20)
				fprintf(stderr, "%08x: allocated here %d, there %d\n", j->in[i].insn, ours,
					theirs);
		}
	}
	j->nr_cases += nr_words;
	j->nr = 0;
}

static void start_guest(struct judge *j, const char *program)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe(to) || pipe(from) || (pid = fork()) < 0) {
		perror("fpsimd_judge");
		exit(1);
	}
	if (!pid) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[1]);
		close(from[0]);
		/* ARMv8.0 and the crypto extension: what we have, no more. */
		execlp("qemu-aarch64", "qemu-aarch64", "-cpu", "cortex-a72", program, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	j->to = to[1];
	j->from = from[0];
}

static void map_page(struct judge *j, uint64_t va, uint8_t *host)
{
	struct tlb_entry *t = &j->core->cpu.tlb[va >> 12 & (TLB_SIZE - 1)];

	t->tag_read = t->tag_write = va;
	t->addend = (uint64_t)(uintptr_t)host - va;
}

int main(int argc, char **argv)
{
	const char *name = argc > 2 ? argv[2] : "";
	uint32_t encodings = argc > 3 ? (uint32_t)atoi(argv[3]) : 20;
	uint32_t operands = argc > 4 ? (uint32_t)atoi(argv[4]) : 20;
	static struct judge j;

	if (argc < 2)
		return 2;
	seed = (argc > 5 ? strtoull(argv[5], NULL, 0) : 1) * 0x9e3779b97f4a7c15;
	start_guest(&j, argv[1]);
	j.core = fake_core_create();
	j.core->cpu.block_va = JUDGE_CODE;
	map_page(&j, JUDGE_DATA, j.data);
	map_page(&j, JUDGE_CODE, j.code);
	for (uint32_t i = 16; i < JUDGE_CODE_LEN / 4; i++)
		memcpy(j.code + i * 4, &(uint32_t){ judge_literal(i) }, 4);
	for (uint32_t g = 0; g < a64_fpsimd_nr_groups; g++)
		for (uint32_t i = 0; i < *a64_fpsimd_groups[g].nr_rows; i++)
			if (strstr(a64_fpsimd_groups[g].rows[i].name, name))
				judge_row(&j, &a64_fpsimd_groups[g].rows[i], g == 0, encodings, operands);
	if (!*name)
		judge_allocation(&j, 100 * encodings * operands);
	printf("%u cases, %u differ\n", j.nr_cases, j.nr_bad);
	fake_core_destroy(j.core);
	return j.nr_bad != 0;
}
