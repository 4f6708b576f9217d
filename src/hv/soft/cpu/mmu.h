/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores through the software TLB. A TLB entry maps a virtual page to a host
 * pointer for reads and another for writes; everything else (misses, MMIO, permission,
 * page crossings) takes the slow path.
 */
#ifndef HV_SOFT_CPU_MMU_H
#define HV_SOFT_CPU_MMU_H

#include "hv/soft/cpu/cpu.h"

#define TLB_BITS 10
#define TLB_SIZE (1u << TLB_BITS)

struct tlb_entry {
	uint64_t tag_read;  /* page VA when readable now, else ~0 */
	uint64_t tag_write; /* page VA when writable now, else ~0 */
	uint64_t addend;    /* host address = VA + addend */
	uint64_t reserved;
};

#endif
