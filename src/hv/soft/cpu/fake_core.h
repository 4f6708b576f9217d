/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A core for tests of the instruction handlers: one CPU without MMU tables, two pages of
 * memory at FAKE_DATA (the second readable and writable like the first), a read-only page
 * after them, nothing else. Runs one straight sequence of instructions.
 */
#ifndef HV_SOFT_CPU_FAKE_CORE_H
#define HV_SOFT_CPU_FAKE_CORE_H

#include "hv/soft/cpu/cpu.h"

#define FAKE_CODE 0x20000000ull
#define FAKE_DATA 0x30000000ull
#define FAKE_DATA_LEN 0x2000u	  /* writable */
#define FAKE_DATA_ALL_LEN 0x3000u /* with the read-only page */
#define FAKE_INSNS_MAX 8

enum fake_end {
	FAKE_FELL_THROUGH, /* ran off the end of the sequence */
	FAKE_BRANCHED,	   /* to fake_core.pc */
	FAKE_FAULT,	   /* a memory access was refused */
	FAKE_UNDEFINED,
	FAKE_CORE_CALL, /* cpu_mrs and so on, named by fake_core.called */
};

struct fake_core {
	struct cpu cpu; /* first: the handlers' argument is turned back into this */
	enum fake_end end;
	uint64_t pc;
	const char *called;
	uint8_t *data;
};

struct fake_core *fake_core_create(void);
void fake_core_destroy(struct fake_core *f);
/* Decodes and executes; registers and memory are in f->cpu and f->data. */
enum fake_end fake_core_run(struct fake_core *f, const uint32_t *insns, uint32_t nr);

#endif
