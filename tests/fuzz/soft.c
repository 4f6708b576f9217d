/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software CPU with its GIC and timers, against a guest that does anything. The input is
 * a header (where to start, with the MMU or without) and then four bytes an instruction, most
 * of them made into one that exists: system registers, system instructions, accesses to RAM, to
 * the GIC, to a device, or any word. The program is in every page of a small RAM, exception
 * vectors too, between pages that nobody may touch. It runs until it ends, or for so many
 * instructions or milliseconds; then its state is saved and loaded, and the input loaded as one.
 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arm64/layout.h"
#include "hv/soft/cpu/core.h"
#include "util/num.h"

#define RAM_LEN 0x40000ull
#define GUARD_LEN 0x1000000ull
#define PAGE 0x1000ull
#define TABLES (ARM64_RAM_BASE + RAM_LEN - 2 * PAGE) /* two: one of 512 GiB, one of 1 GiB blocks */
#define HEADER 4
#define INSN_LEN 5 /* kind, word */
#define LIMIT_INSTRUCTIONS 200000
#define LIMIT_POLLS 30
#define POLL_US 100
#define EXITS_MAX 64
#define NR_CPUS 2

enum { START_MMU = 1, START_EL0 = 2, START_FP = 4, START_ODD_SP = 8, START_USER_PAGES = 16 };

/* The thread that ends a run which is too long. */
static struct {
	pthread_once_t once;
	pthread_mutex_t lock;
	struct cpu *cpu; /* being run, or NULL */
	uint32_t polls;
} watch = { .once = PTHREAD_ONCE_INIT, .lock = PTHREAD_MUTEX_INITIALIZER };

static void *watch_main(void *arg)
{
	for (;;) {
		pthread_mutex_lock(&watch.lock);
		if (watch.cpu && (++watch.polls > LIMIT_POLLS ||
				  hv_soft_ops.vcpu_instructions(watch.cpu) > LIMIT_INSTRUCTIONS))
			hv_soft_ops.vcpu_kick(watch.cpu);
		pthread_mutex_unlock(&watch.lock);
		usleep(POLL_US);
	}
	return arg;
}

static void watch_start(void)
{
	pthread_t thread;

	assert(!pthread_create(&thread, NULL, watch_main, NULL));
	pthread_detach(thread);
}

static void watch_cpu(struct cpu *c)
{
	pthread_mutex_lock(&watch.lock);
	watch.cpu = c;
	watch.polls = 0;
	pthread_mutex_unlock(&watch.lock);
}

struct machine {
	struct gmem gm;
	uint8_t *around; /* the guards, RAM between them */
	void *vm, *cpus[NR_CPUS];
};

static void machine_init(struct machine *m)
{
	struct hv_vm_config cfg = { .nr_vcpus = NR_CPUS,
				    .gicd_base = ARM64_GICD_BASE,
				    .gicr_base = ARM64_GICR_BASE };

	gmem_init(&m->gm);
	m->around = mmap(NULL, 2 * GUARD_LEN + RAM_LEN, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert(m->around != MAP_FAILED && !mprotect(m->around + GUARD_LEN, RAM_LEN, PROT_READ | PROT_WRITE));
	assert(!gmem_add_mapped(&m->gm, ARM64_RAM_BASE, RAM_LEN, m->around + GUARD_LEN, NULL));
	assert(!hv_soft_ops.vm_create(&cfg, &m->gm, &m->vm, NULL));
	for (uint32_t i = 0; i < NR_CPUS; i++)
		assert(!hv_soft_ops.vcpu_create(m->vm, i, &m->cpus[i], NULL));
	assert(!hv_soft_ops.vm_ready(m->vm, NULL));
}

static void machine_fini(struct machine *m)
{
	for (uint32_t i = 0; i < NR_CPUS; i++)
		hv_soft_ops.vcpu_destroy(m->cpus[i]);
	hv_soft_ops.vm_destroy(m->vm);
	gmem_fini(&m->gm);
	munmap(m->around, GUARD_LEN);
	munmap(m->around + GUARD_LEN + RAM_LEN, GUARD_LEN);
}

static uint32_t make_insn(const uint8_t *in)
{
	static const uint32_t fixed[] = {
		0xd69f03e0, /* eret */
		0xd4000001, /* svc */
		0xd4000002, /* hvc */
		0xd503207f, /* wfi */
		0xd503205f, /* wfe */
		0xd503209f, /* sev */
		0xd5033fdf, /* isb */
		0xd5033b9f, /* dsb */
		0xd50342ff, /* msr daifclr, #2 */
		0xd50041bf, /* msr spsel, #1 */
	};
	uint32_t w = le32_get(in + 1), base = (w & 7) << 5;

	switch (in[0] & 7) {
	case 1: /* mrs */
		return 0xd5300000 | (w & 0xfffff);
	case 2: /* msr */
		return 0xd5100000 | (w & 0xfffff);
	case 3: /* sys */
		return 0xd5080000 | (w & 0x7ffff);
	case 4: /* loads, stores, atomics */
		return 0x38000000 | (w & 0xc5fffc1f) | base;
	case 5: /* movz, movk */
		return 0xd2800000 | (w & 0x207fffe7);
	case 6: /* exclusives, pairs, structures */
		return 0x08000000 | (w & 0xe6fffc1f) | base;
	case 7:
		return fixed[w % NUM_COUNTOF(fixed)];
	default:
		return w;
	}
}

static void put_program(struct machine *m, const uint8_t *data, size_t len)
{
	size_t nr = len / INSN_LEN;

	for (uint64_t at = 0; nr && at < TABLES - ARM64_RAM_BASE; at += 4) {
		uint32_t insn = make_insn(data + at % PAGE / 4 % nr * INSN_LEN);

		gmem_write(&m->gm, ARM64_RAM_BASE + at, &insn, 4);
	}
}

/* RAM and devices where they are, by blocks of 1 GiB. */
static void put_tables(struct machine *m, uint8_t flags)
{
	const uint64_t af = 1 << 10, user = flags & START_USER_PAGES ? 1 << 6 : 0;
	const uint64_t l0 = (TABLES + PAGE) | 3, device = 1 | 1 << 2 | af | user;
	const uint64_t ram = ARM64_RAM_BASE | 1 | 3 << 8 | af | user;

	gmem_write(&m->gm, TABLES, &l0, 8);
	gmem_write(&m->gm, TABLES + PAGE, &device, 8);
	gmem_write(&m->gm, TABLES + PAGE + 16, &ram, 8);
}

static void start(struct machine *m, const uint8_t header[HEADER])
{
	const uint64_t x[] = { ARM64_RAM_BASE + 0x2000, ARM64_GICD_BASE,
			       ARM64_GICR_BASE,		ARM64_GICR_BASE + 0x10000,
			       ARM64_PL011_BASE,	TABLES - 8,
			       TABLES + 2 * PAGE - 8,	TABLES };
	struct hv_boot boot = { .pc = ARM64_RAM_BASE };
	struct cpu *c = m->cpus[0];
	struct cpu_sysregs *r = &c->core->r;

	assert(!hv_soft_ops.vcpu_boot(c, &boot, NULL));
	/* It has been reset; now what a guest would do first. */
	memcpy(c->x, x, sizeof(x));
	c->x[X_SP] = ARM64_RAM_BASE + 0x8000 + (header[0] & START_ODD_SP ? 8 : 0);
	r->vbar = ARM64_RAM_BASE;
	r->mair = 0x00ff;
	r->ttbr0 = r->ttbr1 = TABLES;
	r->tcr = 0x12b5103510;
	r->cpacr = header[0] & START_FP ? 3u << 20 : 0;
	r->mdscr = (uint64_t)(header[1] & 0xa1) << 8 | (header[1] & 1);
	r->oslock = header[1] >> 1 & 1;
	r->dbgbvr[0] = ARM64_RAM_BASE + header[2] * 4u;
	r->dbgbcr[0] = 7 | header[1] >> 2;
	r->dbgwvr[0] = ARM64_RAM_BASE + 0x2000;
	r->dbgwcr[0] = 0x1fff;
	r->sctlr |= header[0] & START_MMU ? SCTLR_M | SCTLR_SA | SCTLR_SA0 : 0;
	tlb_flush_all(c);
	if (header[0] & START_EL0)
		core_set_mode(c, 0, 0);
}

/* Until the guest ends or gets nowhere. `header` answers devices. */
static void run(struct machine *m, const uint8_t header[HEADER])
{
	struct hv_exit exit = { 0 };

	watch_cpu(m->cpus[0]);
	for (uint32_t i = 0; i < EXITS_MAX; i++) {
		assert(!hv_soft_ops.vcpu_run(m->cpus[0], &exit, NULL));
		if (exit.reason != HV_EXIT_MMIO)
			break;
		assert(exit.len && exit.len <= 8);
		if (!exit.is_write)
			exit.data = header[3] * 0x0101010101010101ull * i;
		hv_soft_ops.irq_set(m->vm, 32 + (uint32_t)(exit.addr & 15), i & 1);
	}
	watch_cpu(NULL);
}

/* Its own state loads again; the input as one may be refused. */
static void save_and_load(struct machine *m, const uint8_t *data, size_t len)
{
	struct cursor in;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert(!hv_soft_ops.vm_save(m->vm, &b, NULL));
	in = cursor_of(b.data, b.len);
	assert(!hv_soft_ops.vm_load(m->vm, &in, NULL));
	buf_fini(&b);
	buf_init(&b, 1 << 20);
	if (!hv_soft_ops.vcpu_save(m->cpus[0], &b, NULL)) {
		in = cursor_of(b.data, b.len);
		assert(!hv_soft_ops.vcpu_load(m->cpus[0], &in, NULL) && cursor_done(&in));
	}
	buf_fini(&b);
	in = cursor_of(data, len);
	hv_soft_ops.vm_load(m->vm, &in, NULL);
	in = cursor_of(data, len);
	hv_soft_ops.vcpu_load(m->cpus[0], &in, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct machine m;

	if (len < HEADER + INSN_LEN)
		return 0;
	pthread_once(&watch.once, watch_start);
	machine_init(&m);
	put_program(&m, data + HEADER, len - HEADER);
	put_tables(&m, data[0]);
	start(&m, data);
	run(&m, data);
	save_and_load(&m, data + HEADER, len - HEADER);
	machine_fini(&m);
	return 0;
}
