/* SPDX-License-Identifier: Apache-2.0 */
/* System registers as a table: who may access each, and where its value is. */
#ifndef HV_SOFT_CPU_SYSREG_H
#define HV_SOFT_CPU_SYSREG_H

#include "hv/soft/cpu/core.h"

struct sysreg;
/* `key` is that of the access: some rows answer for a group. */
typedef uint64_t sysreg_read_fn(struct cpu *c, const struct sysreg *s, uint32_t key);
typedef void sysreg_write_fn(struct cpu *c, const struct sysreg *s, uint32_t key, uint64_t v);
/* At EL0: is the access trapped to EL1 (EC 0x18)? */
typedef bool sysreg_trap_fn(const struct cpu *c, const struct sysreg *s, bool write);

enum {
	SYSREG_R1 = 1 << 0, /* readable at EL1 */
	SYSREG_W1 = 1 << 1,
	SYSREG_R0 = 1 << 2, /* readable at EL0, unless `trap` says no */
	SYSREG_W0 = 1 << 3,
	SYSREG_RESYNC = 1 << 4, /* a write may change what follows: leave the block */
	SYSREG_FP = 1 << 5,	/* needs FP enabled */
	SYSREG_RW1 = SYSREG_R1 | SYSREG_W1,
	SYSREG_RW0 = SYSREG_R0 | SYSREG_W0 | SYSREG_RW1,
};

struct sysreg {
	uint32_t key;
	uint32_t flags;
	uint32_t offset;	/* in struct cpu_sysregs, when there is no function */
	uint64_t value;		/* of a constant; for storage the writable bits, 0 = all */
	sysreg_read_fn *read;	/* NULL: storage, or `value` when offset is SYSREG_CONST */
	sysreg_write_fn *write; /* NULL: storage, or ignored */
	sysreg_trap_fn *trap;
};
#define SYSREG_CONST (~0u)

/* The row for `key`, or NULL: undefined. */
const struct sysreg *sysreg_find(uint32_t key);
/* A row whose value the GIC keeps. */
bool sysreg_is_gic(const struct sysreg *s);

/* A decoded MRS, MSR or SYS: the look-up done once, the common ones by handlers of their own. */
void sysreg_resolve(struct op *op);
/* The trap of a system register access or instruction at EL0. */
const struct op *sysreg_trap(struct cpu *c, const struct op *op, uint32_t key, bool read);

#endif
