/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power State Coordination Interface (Arm DEN 0022) 1.0 and the discovery part of the SMC
 * Calling Convention (DEN 0028) 1.1. Every vCPU answers affinity level 0 only.
 */
#include <errno.h>
#include <string.h>

#include "hv/soft/soft.h"
#include "util/num.h"

enum {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_ALREADY_ON = -4,
	PSCI_ON_PENDING = -5,
	PSCI_INVALID_ADDRESS = -9,
};

#define PSCI_VERSION_1_0 0x10000
#define SMCCC_VERSION_1_1 0x10001
#define PSCI_SMC64 (1u << 30)
/* MIGRATE_INFO_TYPE: no Trusted OS, or one that needs no migration. */
#define PSCI_TOS_NOT_PRESENT 2
#define MPIDR_AFFINITY 0xff00ffffffULL

/* Function ids with the SMC64 bit taken off. */
enum {
	SMCCC_VERSION = 0x80000000,
	SMCCC_ARCH_FEATURES = 0x80000001,
	PSCI_VERSION = 0x84000000,
	PSCI_CPU_SUSPEND = 0x84000001,
	PSCI_CPU_OFF = 0x84000002,
	PSCI_CPU_ON = 0x84000003,
	PSCI_AFFINITY_INFO = 0x84000004,
	PSCI_MIGRATE_INFO_TYPE = 0x84000006,
	PSCI_SYSTEM_OFF = 0x84000008,
	PSCI_SYSTEM_RESET = 0x84000009,
	PSCI_FEATURES = 0x8400000a,
};

struct psci_function {
	uint32_t id;
	bool smc64; /* exists in the 64-bit convention too */
	int64_t (*call)(struct cpu *c, const uint64_t arg[3]);
};

static int find_cpu(const struct soft_vm *vm, uint64_t target, uint32_t *ret)
{
	for (uint32_t i = 0; i < vm->nr_vcpus; i++) {
		if ((cpu_mpidr(i) & MPIDR_AFFINITY) != target)
			continue;
		*ret = i;
		return 0;
	}
	return PSCI_INVALID_PARAMETERS;
}

static int64_t psci_version(struct cpu *c, const uint64_t arg[3])
{
	(void)c, (void)arg;
	return PSCI_VERSION_1_0;
}

static int64_t smccc_version(struct cpu *c, const uint64_t arg[3])
{
	(void)c, (void)arg;
	return SMCCC_VERSION_1_1;
}

/* A power-down request may be answered as a standby one (5.4.4): nothing would be saved by more. */
static int64_t psci_cpu_suspend(struct cpu *c, const uint64_t arg[3])
{
	(void)arg;
	c->vm->vcpus[c->index].suspend = true;
	cpu_pend(c, CPU_PEND_EXIT);
	return PSCI_SUCCESS;
}

static void psci_exit(struct cpu *c, enum hv_exit_reason reason)
{
	c->exit = (struct hv_exit){ .reason = reason };
	cpu_pend(c, CPU_PEND_EXIT);
}

static int64_t psci_cpu_off(struct cpu *c, const uint64_t arg[3])
{
	(void)arg;
	soft_power_off(c);
	psci_exit(c, HV_EXIT_OFF);
	return PSCI_SUCCESS;
}

static int64_t psci_cpu_on(struct cpu *c, const uint64_t arg[3])
{
	enum soft_power was;
	uint32_t index;
	int r = find_cpu(c->vm, arg[0], &index);

	if (r)
		return r;
	if (arg[1] & 3 || !gmem_find(c->vm->gm, arg[1], 4))
		return PSCI_INVALID_ADDRESS;
	if (soft_power_on(c->vm, index, arg[1], arg[2], &was))
		return PSCI_SUCCESS;
	return was == SOFT_ON ? PSCI_ALREADY_ON : PSCI_ON_PENDING;
}

static int64_t psci_affinity_info(struct cpu *c, const uint64_t arg[3])
{
	/* DEN 0022, 5.7.1: ON, OFF, ON_PENDING */
	static const int state[] = { [SOFT_ON] = 0, [SOFT_OFF] = 1, [SOFT_ON_PENDING] = 2 };
	uint32_t index;
	int r = find_cpu(c->vm, arg[0], &index);

	if (r || arg[1])
		return PSCI_INVALID_PARAMETERS;
	return state[soft_power_state(c->vm, index)];
}

static int64_t psci_migrate_info_type(struct cpu *c, const uint64_t arg[3])
{
	(void)c, (void)arg;
	return PSCI_TOS_NOT_PRESENT;
}

static int64_t psci_system_off(struct cpu *c, const uint64_t arg[3])
{
	(void)arg;
	psci_exit(c, HV_EXIT_SHUTDOWN);
	return PSCI_SUCCESS;
}

static int64_t psci_system_reset(struct cpu *c, const uint64_t arg[3])
{
	(void)arg;
	psci_exit(c, HV_EXIT_RESET);
	return PSCI_SUCCESS;
}

static int64_t psci_features(struct cpu *c, const uint64_t arg[3]);

/* None: no work-around is needed, and the ID registers say so (CSV2, CSV3, SSBS). */
static int64_t smccc_arch_features(struct cpu *c, const uint64_t arg[3])
{
	uint32_t id = (uint32_t)arg[0];

	(void)c;
	return id == SMCCC_VERSION || id == SMCCC_ARCH_FEATURES ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

static const struct psci_function functions[] = {
	{ SMCCC_VERSION, false, smccc_version },
	{ SMCCC_ARCH_FEATURES, false, smccc_arch_features },
	{ PSCI_VERSION, false, psci_version },
	{ PSCI_CPU_SUSPEND, true, psci_cpu_suspend },
	{ PSCI_CPU_OFF, false, psci_cpu_off },
	{ PSCI_CPU_ON, true, psci_cpu_on },
	{ PSCI_AFFINITY_INFO, true, psci_affinity_info },
	{ PSCI_MIGRATE_INFO_TYPE, false, psci_migrate_info_type },
	{ PSCI_SYSTEM_OFF, false, psci_system_off },
	{ PSCI_SYSTEM_RESET, false, psci_system_reset },
	{ PSCI_FEATURES, false, psci_features },
};

static const struct psci_function *find_function(uint32_t id)
{
	for (size_t i = 0; i < NUM_COUNTOF(functions); i++)
		if (id == functions[i].id || (functions[i].smc64 && id == (functions[i].id | PSCI_SMC64)))
			return &functions[i];
	return NULL;
}

static int64_t psci_features(struct cpu *c, const uint64_t arg[3])
{
	uint32_t id = (uint32_t)arg[0];

	(void)c;
	/* Of the calling convention's own functions only the version is asked for here (5.15). */
	return id != SMCCC_ARCH_FEATURES && find_function(id) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

void psci_call(struct cpu *c)
{
	uint32_t id = (uint32_t)c->x[0];
	uint64_t arg[3] = { c->x[1], c->x[2], c->x[3] };
	const struct psci_function *f = find_function(id);

	/* Both conventions pass 32-bit arguments in the low halves; the high ones are not defined then. */
	for (size_t i = 0; i < NUM_COUNTOF(arg); i++)
		if (!(id & PSCI_SMC64))
			arg[i] = (uint32_t)arg[i];
	c->x[0] = (uint64_t)(f ? f->call(c, arg) : PSCI_NOT_SUPPORTED);
}
