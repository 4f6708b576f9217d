/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-vm IMAGE [CPUS [ARGUMENT [SECONDS]]]: runs a flat bare-metal arm64 image on the software CPU, with
 * RAM, GIC and a UART, until it powers the machine off. The UART's output is ours; X0 of the first
 * CPU is ARGUMENT. Too long a run ends with status 124.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arm64/layout.h"
#include "hv/hv.h"

#define RAM_SIZE (64ull << 20)
#define LOAD_AT (ARM64_RAM_BASE + 0x80000)
#define IMAGE_MAX (4u << 20)

struct machine {
	struct gmem gm;
	struct hv_vm *vm;
	struct hv_vcpu *vcpus[HV_VCPUS_MAX];
	uint32_t nr_vcpus;
	bool over; /* atomic */
	int status;
};

static struct machine m;

static _Noreturn void die(const char *what, const struct sm_err *e)
{
	fprintf(stderr, "isa-vm: %s: %s\n", what, e->text);
	exit(1);
}

static void load_image(const char *path)
{
	static uint8_t image[IMAGE_MAX];
	FILE *f = fopen(path, "rb");
	size_t len = f ? fread(image, 1, sizeof(image), f) : 0;

	if (!len || !gmem_write(&m.gm, LOAD_AT, image, len)) {
		fprintf(stderr, "isa-vm: %s: cannot be loaded\n", path);
		exit(1);
	}
	fclose(f);
}

static void mmio(struct hv_exit *exit)
{
	if (exit->is_write && exit->addr == ARM64_PL011_BASE)
		putchar((int)(exit->data & 0xff));
	exit->data = 0;
}

/* On the vCPU's thread. False: this CPU is done. */
static bool serve(struct hv_exit *exit)
{
	switch (exit->reason) {
	case HV_EXIT_MMIO:
		mmio(exit);
		return true;
	case HV_EXIT_PIO:
	case HV_EXIT_KICKED:
	case HV_EXIT_OFF:
		return true;
	case HV_EXIT_SHUTDOWN:
		return false;
	case HV_EXIT_RESET:
	case HV_EXIT_FAULT:
		break;
	}
	fprintf(stderr, "isa-vm: reset or fault: %s\n", exit->text);
	m.status = 1;
	return false;
}

static void *vcpu_main(void *arg)
{
	struct hv_vcpu *vcpu = arg;
	struct hv_exit exit = { 0 };

	while (!__atomic_load_n(&m.over, __ATOMIC_SEQ_CST)) {
		if (!hv_vcpu_run(vcpu, &exit, NULL) && serve(&exit))
			continue;
		__atomic_store_n(&m.over, true, __ATOMIC_SEQ_CST);
		for (uint32_t i = 0; i < m.nr_vcpus; i++)
			hv_vcpu_kick(m.vcpus[i]);
	}
	return NULL;
}

static void *limit_main(void *arg)
{
	sleep(*(unsigned int *)arg);
	fflush(stdout);
	fprintf(stderr, "isa-vm: stopped after %u s\n", *(unsigned int *)arg);
	_exit(124);
}

static void create(uint64_t argument)
{
	struct hv_vm_config cfg = { .nr_vcpus = m.nr_vcpus,
				    .gicd_base = ARM64_GICD_BASE,
				    .gicr_base = ARM64_GICR_BASE };
	struct hv_boot boot = { .pc = LOAD_AT, .arg = argument };
	struct sm_err e;

	gmem_init(&m.gm);
	if (gmem_add_anon(&m.gm, ARM64_RAM_BASE, RAM_SIZE, &e) < 0 ||
	    hv_vm_create(&hv_soft_ops, &cfg, &m.gm, &m.vm, &e) < 0)
		die("machine", &e);
	for (uint32_t i = 0; i < m.nr_vcpus; i++)
		if (hv_vcpu_create(m.vm, i, &m.vcpus[i], &e) < 0)
			die("vCPU", &e);
	if (hv_vm_ready(m.vm, &e) < 0 || hv_vcpu_boot(m.vcpus[0], &boot, &e) < 0)
		die("start", &e);
}

int main(int argc, char **argv)
{
	unsigned int limit = argc > 4 ? (unsigned int)strtoul(argv[4], NULL, 0) : 60;
	pthread_t threads[HV_VCPUS_MAX], watchdog;

	m.nr_vcpus = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 1;
	if (argc < 2 || argc > 5 || !m.nr_vcpus || m.nr_vcpus > HV_VCPUS_MAX) {
		fprintf(stderr, "usage: isa-vm IMAGE [CPUS [ARGUMENT [SECONDS]]]\n");
		return 2;
	}
	create(argc > 3 ? strtoull(argv[3], NULL, 0) : 0);
	load_image(argv[1]);
	pthread_create(&watchdog, NULL, limit_main, &limit);
	pthread_detach(watchdog);
	for (uint32_t i = 0; i < m.nr_vcpus; i++)
		pthread_create(&threads[i], NULL, vcpu_main, m.vcpus[i]);
	for (uint32_t i = 0; i < m.nr_vcpus; i++)
		pthread_join(threads[i], NULL);
	for (uint32_t i = 0; i < m.nr_vcpus; i++)
		hv_vcpu_destroy(m.vcpus[i]);
	hv_vm_destroy(m.vm);
	gmem_fini(&m.gm);
	return fflush(stdout) || m.status;
}
