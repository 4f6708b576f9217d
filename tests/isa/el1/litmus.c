/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Litmus tests: an image of its own, on 4 CPUs. X0 at entry is how many batches each test runs.
 * A test's threads execute a few accesses on each slot of a batch, all in the same order, while
 * the others do; then the outcomes that the memory model forbids are counted, and must be none.
 * Prints a line a test, "litmus NAME forbidden=N seen=N", where `seen` counts the interesting
 * outcomes that are allowed: none of them in many runs would mean that nothing ran side by side.
 */
#include "el1.h"

#define NR_CPUS 4
#define NR_SLOTS 256

struct line {
	volatile uint64_t v;
	uint64_t pad[15];
};

struct slot {
	struct line x, y;
	uint64_t r[8]; /* two of each thread */
};

static struct slot slots[NR_SLOTS] __attribute__((aligned(128)));
static struct line barrier_count, barrier_turn, meeting, counter[4], lock;
static uint64_t nr_batches;

enum test {
	MP_DMB,
	MP_RELEASE,
	MP_LSE,
	MP_EXCLUSIVE,
	MP_ADDRESS,
	SB_PLAIN,
	SB_DMB,
	SB_RELEASE,
	SB_SWAP,
	LB_DATA,
	CO_RR,
	TWO_WRITES,
	WRC,
	WRC_RELEASE,
	IRIW,
	NR_TESTS
};

/* ---- synchronisation ---- */

static uint64_t load_acquire(const volatile uint64_t *p)
{
	uint64_t v;

	__asm__ volatile("ldar %0, [%1]" : "=r"(v) : "r"(p) : "memory");
	return v;
}

static void store_release(volatile uint64_t *p, uint64_t v)
{
	__asm__ volatile("stlr %0, [%1]" ::"r"(v), "r"(p) : "memory");
}

static uint64_t fetch_add(volatile uint64_t *p, uint64_t n)
{
	uint64_t old;

	__asm__ volatile("ldaddal %2, %0, [%1]" : "=r"(old) : "r"(p), "r"(n) : "memory");
	return old;
}

/* All CPUs; those that wait sleep until the last one's SEV. */
static void barrier(void)
{
	uint64_t turn = load_acquire(&barrier_turn.v);

	if (fetch_add(&barrier_count.v, 1) == NR_CPUS - 1) {
		barrier_count.v = 0;
		store_release(&barrier_turn.v, turn + 1);
		__asm__ volatile("dsb ish\n\tsev" ::: "memory");
		return;
	}
	while (load_acquire(&barrier_turn.v) == turn)
		__asm__ volatile("wfe" ::: "memory");
}

/* Those that take part meet awake, so that they run side by side; but not for ever, if one has no host CPU.
 */
static void meet(uint64_t nr)
{
	fetch_add(&meeting.v, 1);
	for (uint32_t i = 0; i < 200000 && load_acquire(&meeting.v) < nr; i++)
		;
}

/* ---- the accesses of thread `cpu` ---- */

#define RUN(...) __asm__ volatile(__VA_ARGS__)
#define ON_SLOT "=&r"(r0), "=&r"(r1) : "r"(&s->x.v), "r"(&s->y.v), "r"(1ul), "r"(2ul) : "memory", "x9", "w10"
/* %0, %1: results; %2: x; %3: y; %4: 1; %5: 2 */

static void two_threads(enum test test, uint32_t cpu, struct slot *s)
{
	uint64_t r0 = 0, r1 = 0;

	switch (test * 2 + cpu) {
	case MP_DMB * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]\n dmb ishst\n str %4, [%3]" : ON_SLOT);
		break;
	case MP_DMB * 2 + 1:
		RUN("ldr %0, [%3]\n dmb ishld\n ldr %1, [%2]" : ON_SLOT);
		break;
	case MP_RELEASE * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]\n stlr %4, [%3]" : ON_SLOT);
		break;
	case MP_RELEASE * 2 + 1:
		RUN("ldar %0, [%3]\n ldr %1, [%2]" : ON_SLOT);
		break;
	case MP_LSE * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]\n ldaddl %4, x9, [%3]" : ON_SLOT);
		break;
	case MP_LSE * 2 + 1:
		RUN("mov x9, 0\n ldadda x9, %0, [%3]\n ldr %1, [%2]" : ON_SLOT);
		break;
	case MP_EXCLUSIVE * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]\n1: ldxr x9, [%3]\n stlxr w10, %4, [%3]\n cbnz w10, 1b"
		    : ON_SLOT);
		break;
	case MP_EXCLUSIVE * 2 + 1:
		RUN("ldaxr %0, [%3]\n ldr %1, [%2]\n clrex" : ON_SLOT);
		break;
	case MP_ADDRESS * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]\n dmb ish\n str %4, [%3]" : ON_SLOT);
		break;
	case MP_ADDRESS * 2 + 1: /* the second load's address depends on the first's value */
		RUN("ldr %0, [%3]\n eor x9, %0, %0\n ldr %1, [%2, x9]" : ON_SLOT);
		break;
	case SB_PLAIN * 2:
		RUN("mov %1, 0\n str %4, [%2]\n ldr %0, [%3]" : ON_SLOT);
		break;
	case SB_PLAIN * 2 + 1:
		RUN("mov %1, 0\n str %4, [%3]\n ldr %0, [%2]" : ON_SLOT);
		break;
	case SB_DMB * 2:
		RUN("mov %1, 0\n str %4, [%2]\n dmb ish\n ldr %0, [%3]" : ON_SLOT);
		break;
	case SB_DMB * 2 + 1:
		RUN("mov %1, 0\n str %4, [%3]\n dmb ish\n ldr %0, [%2]" : ON_SLOT);
		break;
	case SB_RELEASE * 2:
		RUN("mov %1, 0\n stlr %4, [%2]\n ldar %0, [%3]" : ON_SLOT);
		break;
	case SB_RELEASE * 2 + 1:
		RUN("mov %1, 0\n stlr %4, [%3]\n ldar %0, [%2]" : ON_SLOT);
		break;
	case SB_SWAP * 2:
		RUN("mov %1, 0\n swpal %4, x9, [%2]\n ldar %0, [%3]" : ON_SLOT);
		break;
	case SB_SWAP * 2 + 1:
		RUN("mov %1, 0\n swpal %4, x9, [%3]\n ldar %0, [%2]" : ON_SLOT);
		break;
	case LB_DATA * 2:
		RUN("mov %1, 0\n ldr %0, [%2]\n eor x9, %0, %0\n add x9, x9, %4\n str x9, [%3]" : ON_SLOT);
		break;
	case LB_DATA * 2 + 1:
		RUN("mov %1, 0\n ldr %0, [%3]\n eor x9, %0, %0\n add x9, x9, %4\n str x9, [%2]" : ON_SLOT);
		break;
	case CO_RR * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]" : ON_SLOT);
		break;
	case CO_RR * 2 + 1:
		RUN("ldr %0, [%2]\n ldr %1, [%2]" : ON_SLOT);
		break;
	case TWO_WRITES * 2:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]\n dmb ish\n str %5, [%3]" : ON_SLOT);
		break;
	case TWO_WRITES * 2 + 1:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%3]\n dmb ish\n str %5, [%2]" : ON_SLOT);
		break;
	default:
		break;
	}
	s->r[cpu * 2] = r0;
	s->r[cpu * 2 + 1] = r1;
}

static void more_threads(enum test test, uint32_t cpu, struct slot *s)
{
	uint64_t r0 = 0, r1 = 0;

	switch (test * 4 + cpu) {
	case WRC * 4:
	case WRC_RELEASE * 4:
	case IRIW * 4:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%2]" : ON_SLOT);
		break;
	case WRC * 4 + 1:
		RUN("mov %1, 0\n ldr %0, [%2]\n dmb ish\n str %0, [%3]" : ON_SLOT);
		break;
	case WRC * 4 + 2:
		RUN("ldr %0, [%3]\n dmb ish\n ldr %1, [%2]" : ON_SLOT);
		break;
	case WRC_RELEASE * 4 + 1:
		RUN("mov %1, 0\n ldr %0, [%2]\n stlr %0, [%3]" : ON_SLOT);
		break;
	case WRC_RELEASE * 4 + 2:
		RUN("ldar %0, [%3]\n ldr %1, [%2]" : ON_SLOT);
		break;
	case IRIW * 4 + 1:
		RUN("mov %0, 0\n mov %1, 0\n str %4, [%3]" : ON_SLOT);
		break;
	case IRIW * 4 + 2:
		RUN("ldr %0, [%2]\n dmb ish\n ldr %1, [%3]" : ON_SLOT);
		break;
	case IRIW * 4 + 3:
		RUN("ldr %0, [%3]\n dmb ish\n ldr %1, [%2]" : ON_SLOT);
		break;
	default:
		break;
	}
	s->r[cpu * 2] = r0;
	s->r[cpu * 2 + 1] = r1;
}

/* ---- outcomes ---- */

static bool is_forbidden(enum test test, const struct slot *s)
{
	switch (test) {
	case MP_DMB:
	case MP_RELEASE:
	case MP_LSE:
	case MP_EXCLUSIVE:
	case MP_ADDRESS:
	case CO_RR:
		return s->r[2] == 1 && s->r[3] == 0;
	case SB_DMB:
	case SB_RELEASE:
	case SB_SWAP:
		return s->r[0] == 0 && s->r[2] == 0;
	case LB_DATA:
		return s->r[0] == 1 && s->r[2] == 1;
	case TWO_WRITES:
		return s->x.v == 1 && s->y.v == 1;
	case WRC:
	case WRC_RELEASE:
		return s->r[2] == 1 && s->r[4] == 1 && s->r[5] == 0;
	case IRIW:
		return s->r[4] == 1 && s->r[5] == 0 && s->r[6] == 1 && s->r[7] == 0;
	case SB_PLAIN:
	case NR_TESTS:
		break;
	}
	return false;
}

/* Two threads met in the middle of a slot. */
static bool is_seen(enum test test, const struct slot *s)
{
	if (test == SB_PLAIN)
		return s->r[0] == 0 && s->r[2] == 0;
	if (test >= SB_DMB && test <= SB_SWAP)
		return s->r[0] == 1 && s->r[2] == 1;
	if (test == LB_DATA)
		return s->r[0] == 0 && s->r[2] == 0;
	if (test == TWO_WRITES)
		return s->x.v == 2 && s->y.v == 2;
	if (test == IRIW || test == WRC || test == WRC_RELEASE)
		return s->r[4] != s->r[5];
	return s->r[2] != s->r[3];
}

static void put_name(enum test test)
{
	static const char names[NR_TESTS][16] = {
		"MP+dmb", "MP+rel+acq", "MP+lse",     "MP+exclusive", "MP+dmb+addr",
		"SB",	  "SB+dmb",	"SB+rel+acq", "SB+swp",	      "LB+data",
		"CoRR",	  "2+2W+dmb",	"WRC+dmb",    "WRC+rel+acq",  "IRIW+dmb",
	};

	put("litmus ");
	put(names[test]);
}

static uint32_t nr_threads(enum test test)
{
	return test < WRC ? 2 : test < IRIW ? 3 : 4;
}

static void run_batch(enum test test, uint32_t cpu)
{
	for (uint32_t i = 0; i < NR_SLOTS; i++) {
		if (nr_threads(test) > 2)
			more_threads(test, cpu, &slots[i]);
		else
			two_threads(test, cpu, &slots[i]);
	}
}

static void run_test(enum test test, uint32_t cpu)
{
	uint64_t forbidden = 0, seen = 0;

	for (uint64_t batch = 0; batch < nr_batches; batch++) {
		if (!cpu)
			for (uint32_t i = 0; i < NR_SLOTS; i++)
				slots[i].x.v = slots[i].y.v = 0;
		if (!cpu)
			meeting.v = 0;
		barrier();
		if (cpu < nr_threads(test)) {
			meet(nr_threads(test));
			/* Not always in step. */
			for (uint64_t i = (batch * (cpu + 3)) % 61; i; i--)
				__asm__ volatile("nop");
			run_batch(test, cpu);
		}
		barrier();
		for (uint32_t i = 0; !cpu && i < NR_SLOTS; i++) {
			forbidden += is_forbidden(test, &slots[i]);
			seen += is_seen(test, &slots[i]);
		}
	}
	if (cpu)
		return;
	put_name(test);
	put_field("forbidden", forbidden);
	put_field("seen", seen);
	put_char('\n');
}

/* ---- atomicity: every increment counts, however it is made ---- */

static void increment(uint32_t kind)
{
	volatile uint64_t *p = &counter[kind].v;

	switch (kind) {
	case 0:
		RUN("1: ldxr x9, [%0]\n add x9, x9, 1\n stxr w10, x9, [%0]\n cbnz w10, 1b" ::"r"(p)
		    : "x9", "x10", "memory");
		break;
	case 1:
		RUN("ldadd %1, x9, [%0]" ::"r"(p), "r"(1ul) : "x9", "memory");
		break;
	case 2:
		RUN("ldr x9, [%0]\n1: mov x11, x9\n add x10, x9, 1\n cas x9, x10, [%0]\n cmp x9, x11\n b.ne 1b" ::
			    "r"(p)
		    : "x9", "x10", "x11", "cc", "memory");
		break;
	default:
		RUN("sevl\n1: wfe\n2: ldaxr x9, [%1]\n cbnz x9, 1b\n stxr w10, %2, [%1]\n cbnz w10, 2b\n"
		    "ldr x9, [%0]\n add x9, x9, 1\n str x9, [%0]\n stlr xzr, [%1]\n dsb ish\n sev" ::"r"(p),
		    "r"(&lock.v), "r"(1ul)
		    : "x9", "x10", "memory");
		break;
	}
}

static void count_all(uint32_t cpu)
{
	static const char names[4][12] = { "ldxr+stxr", "ldadd", "cas", "lock+wfe" };
	uint64_t nr = nr_batches * NR_SLOTS;

	for (uint32_t kind = 0; kind < 4; kind++) {
		barrier();
		for (uint64_t i = 0; i < nr; i++)
			increment(kind);
		barrier();
		if (cpu)
			continue;
		put("litmus count+");
		put(names[kind]);
		put_field("forbidden", counter[kind].v - nr * NR_CPUS);
		put_char('\n');
	}
}

static void run_all(uint32_t cpu)
{
	for (uint32_t test = 0; test < NR_TESTS; test++)
		run_test(test, cpu);
	count_all(cpu);
}

void el1_main(uint64_t argument)
{
	nr_batches = argument;
	tables_init();
	for (uint64_t i = 1; i < NR_CPUS; i++)
		if (psci(PSCI_CPU_ON, i, (uint64_t)el1_start_other, i))
			put("no CPU\n");
	run_all(0);
	put("end\n");
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void el1_main_other(uint64_t index)
{
	tables_use();
	run_all((uint32_t)index);
}
