/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-judge [--rows PATTERN] [--cases N] [--seed S] [--record FILE] GUEST: every row of the
 * decoders whose name contains PATTERN, in random encodings with random and special operands,
 * control bits and flags; executed here and, by qemu-user, in GUEST (judge_guest.c). Compares
 * everything bit for bit. Then random words: both must find the same ones unallocated. Without
 * PATTERN every row must have been judged, or be another test's by name.
 *
 * isa-judge --known FILE: no judge, but the digests of answers that one agreed to (--record).
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hv/soft/cpu/fake_core.h"
#include "hv/soft/cpu/fp.h"
#include "tests/isa/cases.h"

#define ROWS_MAX 1024
#define CASES_DEFAULT 400
#define CASES_KNOWN 100
#define CASES_AN_ENCODING 10
#define REPORTS_MAX 20

struct judge {
	int to, from; /* 0: no guest */
	struct fake_core *core;
	uint8_t data[0x1000], code[0x1000];
	struct judge_case in[JUDGE_BATCH], out[JUDGE_BATCH];
	uint32_t nr; /* in `in`, not yet executed */
	uint32_t nr_cases, nr_bad;
	uint64_t digest; /* of the row's answers */
	const char *name;
};

struct options {
	const char *rows, *record, *known, *guest;
	uint32_t cases;
	uint64_t seed;
};

static void pipe_all(int fd, void *buf, size_t len, bool write_it)
{
	for (char *p = buf; len;) {
		ssize_t n = write_it ? write(fd, p, len) : read(fd, p, len);

		if (n <= 0) {
			fprintf(stderr, "isa-judge: the guest program is gone\n");
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

static uint32_t landing_of(uint64_t pc)
{
	for (uint32_t i = 0; i < JUDGE_LANDINGS; i++)
		if (pc == JUDGE_INSN + (uint64_t)(int64_t)judge_landings[i])
			return i;
	return JUDGE_LANDINGS;
}

static uint32_t signal_of(enum fake_end end)
{
	switch (end) {
	case FAKE_FELL_THROUGH:
	case FAKE_BRANCHED:
		return 0;
	case FAKE_FAULT:
		return SIGSEGV;
	case FAKE_UNDEFINED:
	case FAKE_CORE_CALL:
		break;
	}
	return SIGILL;
}

/* Leaves in *k what the guest program would. */
static void execute(struct judge *j, struct judge_case *k)
{
	struct cpu *c = &j->core->cpu;
	const uint32_t insns[] = { k->pre, k->insn };

	memcpy(c->x, k->x, sizeof(k->x));
	memcpy(c->v, k->v, sizeof(k->v));
	memcpy(j->data, k->mem, sizeof(k->mem));
	c->nzcv = (uint32_t)k->nzcv;
	fp_set_fpcr(c, k->fpcr);
	fp_set_fpsr(c, k->fpsr);
	c->excl_len = 0;
	k->signal = signal_of(fake_core_run(j->core, insns, 2));
	if (!k->signal)
		k->landing = landing_of(j->core->pc);
	memcpy(k->x, c->x, sizeof(k->x));
	memcpy(k->v, c->v, sizeof(k->v));
	memcpy(k->mem, j->data, sizeof(k->mem));
	k->nzcv = c->nzcv;
	k->fpsr = (uint32_t)fp_get_fpsr(c);
}

static void report(const struct judge *j, const struct judge_case *in, const struct judge_case *ours,
		   const struct judge_case *theirs)
{
	fprintf(stderr,
		"%s: %08x after %08x, FPCR %x FPSR %x: signal %u, theirs %u; FPSR %x/%x NZCV %llx/%llx landing %u/%u\n",
		j->name, in->insn, in->pre, in->fpcr, in->fpsr, ours->signal, theirs->signal, ours->fpsr,
		theirs->fpsr, (unsigned long long)ours->nzcv, (unsigned long long)theirs->nzcv, ours->landing,
		theirs->landing);
	for (uint32_t i = 0; i < 32; i++) {
		if (ours->x[i] != theirs->x[i])
			fprintf(stderr, "  x%u %llx, theirs %llx\n", i, (unsigned long long)ours->x[i],
				(unsigned long long)theirs->x[i]);
		if (memcmp(ours->v[i], theirs->v[i], 16))
			fprintf(stderr, "  v%u %016llx%016llx, theirs %016llx%016llx\n", i,
				(unsigned long long)ours->v[i][1], (unsigned long long)ours->v[i][0],
				(unsigned long long)theirs->v[i][1], (unsigned long long)theirs->v[i][0]);
	}
	for (uint32_t i = 0; i < JUDGE_DATA_LEN; i++)
		if (ours->mem[i] != theirs->mem[i])
			fprintf(stderr, "  memory + %u: %x, theirs %x\n", i, ours->mem[i], theirs->mem[i]);
}

static uint64_t digest(uint64_t h, const struct judge_case *k)
{
	uint64_t words[sizeof(*k) / 8];

	memcpy(words, k, sizeof(words));
	for (size_t i = 0; i < sizeof(words) / 8; i++)
		h = (h ^ words[i] ^ h >> 29) * 0x9e3779b97f4a7c15;
	return h;
}

static void flush(struct judge *j)
{
	if (!j->nr)
		return;
	if (j->to)
		ask_guest(j);
	for (uint32_t i = 0; i < j->nr; i++) {
		struct judge_case ours = j->in[i], *theirs = &j->out[i];

		execute(j, &ours);
		j->digest = digest(j->digest, &ours);
		if (!j->to)
			continue;
		theirs->fpsr &= FPSR_WRITABLE;
		if (theirs->signal == SIGBUS)
			theirs->signal = SIGSEGV;
		if (memcmp(&ours, theirs, sizeof(ours)) && j->nr_bad++ < REPORTS_MAX)
			report(j, &j->in[i], &ours, theirs);
	}
	j->nr_cases += j->nr;
	j->nr = 0;
}

static void judge_row(struct judge *j, const struct a64_row *row, const struct options *o)
{
	uint32_t made = 0;

	j->name = row->name;
	j->digest = 0;
	isa_seed(isa_row_seed(row, o->seed));
	for (uint32_t tries = 0; tries < 50 * o->cases && made < o->cases; tries++) {
		struct op op;
		uint32_t insn = isa_word(row, &op);

		for (uint32_t i = 0; insn && i < CASES_AN_ENCODING && made < o->cases; i++, made++) {
			isa_case(&j->in[j->nr], insn, &op);
			if (++j->nr == JUDGE_BATCH)
				flush(j);
		}
	}
	flush(j);
	if (!made && ++j->nr_bad)
		fprintf(stderr, "%s: no encoding found\n", row->name);
}

/*
 * Of all words but branches and the system space; and but LSE and LORegions, which the judge's
 * CPU of this comparison lacks so that it has nothing else that ours has not.
 */
static bool allocation_is_judged(uint32_t insn)
{
	return (insn >> 26 & 7) != 5 && (insn & 0x3f200c00) != 0x38200000 &&
	       (insn & 0x3fa00000) != 0x08a00000 && (insn & 0xbfa07c00) != 0x08207c00 &&
	       (insn & 0x3fa08000) != 0x08800000;
}

static void judge_allocation(struct judge *j, uint32_t nr_words)
{
	j->name = "allocation";
	for (uint32_t done = 0; done < nr_words; done += j->nr) {
		for (j->nr = 0; j->nr < JUDGE_BATCH; j->nr++) {
			struct judge_case *k = &j->in[j->nr];

			memset(k, 0, sizeof(*k));
			do
				k->insn = isa_avoid_reserved(isa_below(1u << 16) << 16 | isa_below(1u << 16),
							     0);
			while (!allocation_is_judged(k->insn));
			k->pre = JUDGE_NOP;
			for (uint32_t i = 0; i < 32; i++)
				k->x[i] = JUDGE_DATA;
			k->x[29] = JUDGE_START;
		}
		ask_guest(j);
		for (uint32_t i = 0; i < j->nr; i++) {
			struct op op;
			bool ours = isa_decode(j->in[i].insn, &op) != DECODE_NO;
			bool theirs = j->out[i].signal != SIGILL;

			if (ours != theirs && j->nr_bad++ < REPORTS_MAX)
				fprintf(stderr, "%08x: allocated here %d, there %d\n", j->in[i].insn, ours,
					theirs);
		}
	}
	j->nr_cases += nr_words;
	j->nr = 0;
}

static void start_guest(struct judge *j, const char *program, const char *cpu)
{
	int to[2], from[2];
	pid_t pid;

	if (pipe(to) || pipe(from) || (pid = fork()) < 0) {
		perror("isa-judge");
		exit(1);
	}
	if (!pid) {
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[0]);
		close(to[1]);
		close(from[0]);
		close(from[1]);
		execlp("qemu-aarch64", "qemu-aarch64", "-cpu", cpu, program, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	j->to = to[1];
	j->from = from[0];
}

static void stop_guest(struct judge *j)
{
	close(j->to);
	close(j->from);
	j->to = j->from = 0;
}

static void map_page(struct judge *j, uint64_t va, uint8_t *host)
{
	struct tlb_entry *t = &j->core->cpu.tlb[va >> 12 & (TLB_SIZE - 1)];

	t->tag_read = t->tag_write = va;
	t->addend = (uint64_t)(uintptr_t)host - va;
}

static void init(struct judge *j)
{
	j->core = fake_core_create();
	j->core->cpu.block_va = JUDGE_INSN - 4;
	map_page(j, JUDGE_DATA, j->data);
	map_page(j, JUDGE_CODE, j->code);
	for (uint32_t i = 0; i < JUDGE_CODE_LEN / 4; i++)
		memcpy(j->code + i * 4, &(uint32_t){ judge_literal(i) }, 4);
}

/* ---- modes ---- */

/* A line a row: digest and name; the seed and the number of cases are the program's. */
static int check_known(struct judge *j, const struct isa_row *rows, uint32_t nr, const struct options *o)
{
	FILE *f = fopen(o->known, "r");
	char line[256];
	uint32_t nr_known = 0;

	if (!f) {
		perror(o->known);
		return 1;
	}
	for (uint32_t i = 0; i < nr; i++) {
		char expected[256];

		if (rows[i].by_hand)
			continue;
		judge_row(j, rows[i].row, o);
		snprintf(expected, sizeof(expected), "%016llx %s\n", (unsigned long long)j->digest,
			 rows[i].row->name);
		if (!fgets(line, sizeof(line), f))
			line[0] = 0;
		nr_known++;
		if (strcmp(line, expected) && j->nr_bad++ < REPORTS_MAX)
			fprintf(stderr, "known: %sgot:   %s", line[0] ? line : "nothing\n", expected);
	}
	if (fgets(line, sizeof(line), f) && ++j->nr_bad)
		fprintf(stderr, "known, but no row: %s", line);
	fclose(f);
	printf("%u rows, %u cases, %u rows differ\n", nr_known, j->nr_cases, j->nr_bad);
	return j->nr_bad != 0;
}

static void judge_rows(struct judge *j, const struct isa_row *rows, uint32_t nr, const struct options *o)
{
	FILE *record = o->record ? fopen(o->record, "w") : NULL;
	uint32_t nr_judged = 0, nr_by_hand = 0;

	if (o->record && !record) {
		perror(o->record);
		exit(1);
	}
	for (uint32_t i = 0; i < nr; i++) {
		if (!strstr(rows[i].row->name, o->rows))
			continue;
		if (rows[i].by_hand) {
			nr_by_hand++;
			printf("%s: see %s\n", rows[i].row->name, rows[i].by_hand);
			continue;
		}
		nr_judged++;
		judge_row(j, rows[i].row, o);
		if (record)
			fprintf(record, "%016llx %s\n", (unsigned long long)j->digest, rows[i].row->name);
	}
	if (record && fclose(record) && ++j->nr_bad)
		perror(o->record);
	printf("%u of %u rows judged, %u by hand\n", nr_judged, nr, nr_by_hand);
}

static int usage(void)
{
	fprintf(stderr, "usage: isa-judge [--rows PATTERN] [--cases N] [--seed S] [--record FILE] GUEST\n"
			"       isa-judge --known FILE\n");
	return 2;
}

static bool parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{ "rows", required_argument, NULL, 'r' },  { "cases", required_argument, NULL, 'c' },
		{ "seed", required_argument, NULL, 's' },  { "record", required_argument, NULL, 'R' },
		{ "known", required_argument, NULL, 'k' }, { NULL, 0, NULL, 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (opt == 'r')
			o->rows = optarg;
		else if (opt == 'c')
			o->cases = (uint32_t)strtoul(optarg, NULL, 0);
		else if (opt == 's')
			o->seed = strtoull(optarg, NULL, 0);
		else if (opt == 'R')
			o->record = optarg;
		else if (opt == 'k')
			o->known = optarg;
		else
			return false;
	}
	if (o->record || o->known) {
		o->seed = 0;
		o->cases = CASES_KNOWN;
		o->rows = "";
	}
	o->guest = argv[optind];
	return !o->guest == !!o->known && o->cases;
}

int main(int argc, char **argv)
{
	struct options o = { .rows = "", .cases = CASES_DEFAULT };
	static struct isa_row rows[ROWS_MAX];
	static struct judge j;
	uint32_t nr = isa_rows(rows, ROWS_MAX);
	int r;

	if (!parse(argc, argv, &o))
		return usage();
	if (nr > ROWS_MAX) {
		fprintf(stderr, "isa-judge: more than %d rows\n", ROWS_MAX);
		return 1;
	}
	init(&j);
	if (o.known) {
		r = check_known(&j, rows, nr, &o);
	} else {
		start_guest(&j, o.guest, "neoverse-n1");
		judge_rows(&j, rows, nr, &o);
		stop_guest(&j);
		if (!*o.rows) {
			/* ARMv8.0 and the crypto extension. */
			start_guest(&j, o.guest, "cortex-a72");
			judge_allocation(&j, 100 * o.cases);
			stop_guest(&j);
		}
		printf("%u cases, %u differ\n", j.nr_cases, j.nr_bad);
		r = j.nr_bad != 0;
	}
	fake_core_destroy(j.core);
	return r;
}
