/* SPDX-License-Identifier: Apache-2.0 */
/*
 * save-busy BACKEND KERNEL INITRD CPUS ROUNDS
 *
 * Boots Linux with tests/vm/busy.c as its init, and ROUNDS times, while every CPU works:
 * stops it, saves VM and vCPUs through the seam, destroys them, makes new ones, loads and
 * goes on. The guest checks itself; its lines must go on after each round. Memory and
 * devices stay: their records are another test's. On x86_64 it then gets a new generation
 * id, upon which its kernel must renew its random numbers.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arch/x86_64/layout.h"
#include "bus/bus.h"
#include "devices/device.h"
#include "hv/hv.h"
#include "vm/platform.h"
#include "vm/vcpus.h"

#define MEMORY (192ULL << 20)
#define TICKS_A_ROUND 4
#define LIMIT_S 120
#define STATE_MAX (1u << 20)

static struct {
	const struct hv_ops *ops;
	const struct platform *platform;
	struct gmem gm;
	struct bus mmio, ports;
	struct hv_vm *vm;
	struct vcpus *vcpus;
	uint32_t nr_vcpus;
	struct device *devices[8];
	uint32_t nr_devices;
	struct log log;
	/* The console's last line; the lock guards it and what follows. */
	pthread_mutex_t lock;
	char line[256];
	size_t len;
	long ticks, bad, reseeds;
	bool ended;
} m = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void die(const char *what, const struct sm_err *e)
{
	fprintf(stderr, "save-busy: %s: %s\n", what, e ? e->text : strerror(errno));
	exit(1);
}

static void on_log(void *opaque, enum sm_log_level level, const char *module, const char *text)
{
	(void)opaque;
	(void)level;
	fprintf(stderr, "%s: %s\n", module, text);
}

static void on_line(const char *line)
{
	if (!strncmp(line, "tick ", 5))
		m.ticks = atol(line + 5);
	if (!strncmp(line, "BAD ", 4) || strstr(line, "Kernel panic") || strstr(line, "BUG:") ||
	    strstr(line, "rcu: INFO"))
		m.bad++;
	if (strstr(line, "crng reseeded due to virtual machine fork"))
		m.reseeds++;
	if (strncmp(line, "tick ", 5) != 0)
		printf("guest: %s\n", line);
}

static void on_console(void *opaque, const uint8_t *bytes, uint32_t len)
{
	(void)opaque;
	pthread_mutex_lock(&m.lock);
	for (uint32_t i = 0; i < len; i++) {
		if (bytes[i] == '\n' || m.len == sizeof(m.line) - 1) {
			m.line[m.len] = 0;
			m.len = 0;
			on_line(m.line);
		} else if (bytes[i] != '\r') {
			m.line[m.len++] = (char)bytes[i];
		}
	}
	pthread_mutex_unlock(&m.lock);
}

static void on_end(void *opaque, enum hv_exit_reason reason, const char *text)
{
	(void)opaque;
	fprintf(stderr, "save-busy: the guest ended (%d) %s\n", reason, text);
	pthread_mutex_lock(&m.lock);
	m.ended = true;
	pthread_mutex_unlock(&m.lock);
}

static void on_irq(void *opaque, uint32_t irq, bool level)
{
	(void)opaque;
	/* Between two VMs devices have no one to tell: a busy guest's serial port asks again. */
	if (m.vm)
		hv_irq_set(m.vm, irq, level);
}

static void on_keep(void *opaque, struct device *dev)
{
	(void)opaque;
	m.devices[m.nr_devices++] = dev;
}

static const struct machine_events events = { .ended = on_end, .console = on_console };
static struct plan_slot plan[PLAN_SLOTS];

static struct platform_env env(void)
{
	return (struct platform_env){
		.gm = &m.gm,
		.mmio = &m.mmio,
		.ports = &m.ports,
		.plan = plan,
		.irq = { on_irq, NULL, 0 },
		.ev = &events,
		.keep = on_keep,
	};
}

static void make_vm(void)
{
	const struct hv_vm_config cfg = {
		.nr_vcpus = m.nr_vcpus,
		.gicd_base = m.platform->gicd_base,
		.gicr_base = m.platform->gicr_base,
		.log = &m.log,
	};
	struct hv_vm *vm;
	struct sm_err e;

	if (hv_vm_create(m.ops, &cfg, &m.gm, &vm, &e) < 0)
		die("create", &e);
	for (uint32_t i = 0; i < m.gm.nr_regions; i++)
		if (hv_mem_map(vm, &m.gm.regions[i], false, &e) < 0)
			die("map", &e);
	if (vcpus_create(vm, m.nr_vcpus, &m.mmio, &m.ports, on_end, NULL, &m.vcpus, &e) < 0)
		die("vCPUs", &e);
	if (hv_vm_ready(vm, &e) < 0)
		die("ready", &e);
	m.vm = vm;
}

static int enter_nothing(struct sm_err *e)
{
	(void)e;
	return 0;
}

static void start(void)
{
	struct sm_err e;

	if (vcpus_start(m.vcpus, enter_nothing, &e) < 0)
		die("start", &e);
}

static void boot(const char *kernel, const char *initrd)
{
	const struct platform_env pe = env();
	struct vm_config cfg;
	struct hv_boot at;
	struct sm_err e;

	vm_config_init(&cfg);
	cfg.memory = MEMORY;
	cfg.cpus = m.nr_vcpus;
	cfg.kernel_fd = open(kernel, O_RDONLY | O_CLOEXEC);
	cfg.initrd_fd = open(initrd, O_RDONLY | O_CLOEXEC);
	snprintf(cfg.cmdline, sizeof(cfg.cmdline), "console=%s panic=-1 quiet",
		 m.platform->arch == HV_ARCH_ARM64 ? "ttyAMA0" : "ttyS0");
	if (cfg.kernel_fd < 0 || cfg.initrd_fd < 0)
		die("kernel or initrd", NULL);
	if (m.platform->add_memory(&m.gm, MEMORY, &e) < 0)
		die("memory", &e);
	make_vm();
	if (m.platform->add_devices(&pe, &e) < 0 || m.platform->load_guest(&pe, &cfg, &at, &e) < 0 ||
	    hv_vcpu_boot(vcpus_get(m.vcpus, 0), &at, &e) < 0)
		die("boot", &e);
	vm_config_fini(&cfg);
	start();
}

/* Until the guest has ticked `ticks` times in all. */
static void wait_ticks(long ticks)
{
	const struct timespec nap = { .tv_nsec = 20000000 };
	time_t end = time(NULL) + LIMIT_S;

	for (;;) {
		long have, bad;
		bool ended;

		pthread_mutex_lock(&m.lock);
		have = m.ticks;
		bad = m.bad;
		ended = m.ended;
		pthread_mutex_unlock(&m.lock);
		if (have >= ticks && !bad)
			return;
		if (bad || ended || time(NULL) > end) {
			fprintf(stderr, "save-busy: %ld of %ld ticks, %ld complaints%s\n", have, ticks, bad,
				ended ? ", ended" : "");
			exit(1);
		}
		nanosleep(&nap, NULL);
	}
}

/* One round; the size of the records. */
static size_t save_and_load(void)
{
	struct hv_vm *old = m.vm;
	struct cursor in;
	struct sm_err e;
	struct buf b;
	size_t len;

	buf_init(&b, STATE_MAX);
	vcpus_stop(m.vcpus);
	for (uint32_t i = 0; i < m.nr_vcpus; i++)
		if (hv_vcpu_save(vcpus_get(m.vcpus, i), &b, &e) < 0)
			die("save vCPU", &e);
	if (hv_vm_save(m.vm, &b, &e) < 0 || b.broken)
		die("save VM", &e);
	vcpus_destroy(m.vcpus);
	m.vm = NULL;
	hv_vm_destroy(old);
	make_vm();
	in = cursor_of(b.data, b.len);
	for (uint32_t i = 0; i < m.nr_vcpus; i++)
		if (hv_vcpu_load(vcpus_get(m.vcpus, i), &in, &e) < 0)
			die("load vCPU", &e);
	if (hv_vm_load(m.vm, &in, &e) < 0)
		die("load VM", &e);
	if (!cursor_done(&in)) {
		fprintf(stderr, "save-busy: bytes are left\n");
		exit(1);
	}
	len = b.len;
	buf_fini(&b);
	start();
	return len;
}

/* The event device speaks; what happened the guest finds in the id. */
static void notify_generation(long reseeds)
{
	long have;

	hv_irq_set(m.vm, X86_GED_GSI, true);
	hv_irq_set(m.vm, X86_GED_GSI, false);
	wait_ticks(m.ticks + TICKS_A_ROUND);
	pthread_mutex_lock(&m.lock);
	have = m.reseeds;
	pthread_mutex_unlock(&m.lock);
	if (have != reseeds) {
		fprintf(stderr, "save-busy: %ld times new random numbers, not %ld\n", have, reseeds);
		exit(1);
	}
}

static void renew(void)
{
	static const uint8_t id[16] = "another machine";

	notify_generation(0); /* it is the same machine */
	if (!gmem_write(&m.gm, X86_VMGENID_GPA, id, sizeof(id)))
		die("generation id", NULL);
	notify_generation(1);
	printf("%s: a new generation was noticed\n", m.ops->name);
}

int main(int argc, char **argv)
{
	size_t len = 0;
	long rounds;

	if (argc != 6 || !(m.ops = hv_backend_find(argv[1]))) {
		fprintf(stderr, "usage: save-busy BACKEND KERNEL INITRD CPUS ROUNDS\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	m.log = (struct log){ on_log, NULL, SM_LOG_INFO };
	m.platform = platform_find(m.ops->arch);
	m.nr_vcpus = (uint32_t)atoi(argv[4]);
	rounds = atol(argv[5]);
	boot(argv[2], argv[3]);
	wait_ticks(TICKS_A_ROUND);
	for (long i = 0; i < rounds; i++) {
		len = save_and_load();
		wait_ticks(m.ticks + TICKS_A_ROUND);
	}
	printf("%s: %u CPUs went on after %ld of %ld saves and loads of %zu bytes\n", argv[1], m.nr_vcpus,
	       rounds, rounds, len);
	if (m.ops->arch == HV_ARCH_X86_64)
		renew();
	vcpus_destroy(m.vcpus);
	hv_vm_destroy(m.vm);
	while (m.nr_devices) {
		struct device *dev = m.devices[--m.nr_devices];

		dev->ops->destroy(dev->impl);
	}
	gmem_fini(&m.gm);
	return 0;
}
