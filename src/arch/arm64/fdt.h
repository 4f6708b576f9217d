/* SPDX-License-Identifier: Apache-2.0 */
/* The flattened device tree of the arm64 machine. */
#ifndef ARCH_ARM64_FDT_H
#define ARCH_ARM64_FDT_H

#include <stddef.h>
#include <stdint.h>

#include "arch/arm64/layout.h"
#include "util/err.h"

struct arm64_virtio_slot {
	uint64_t base;
	uint32_t intid; /* an SPI */
};

/* What the guest is told about; strings and arrays are borrowed. */
struct arm64_machine {
	uint32_t nr_vcpus;		 /* at most ARM64_VCPUS_MAX */
	uint64_t ram_size;		 /* bytes from ARM64_RAM_BASE */
	const char *cmdline;		 /* shorter than ARM64_CMDLINE_MAX */
	uint64_t initrd_gpa, initrd_len; /* length 0: none */
	const struct arm64_virtio_slot *slots;
	size_t nr_slots;
	const uint8_t *seed; /* ARM64_SEED_LEN random bytes, or NULL */
};

/* Writes the tree to out[0..max); EINVAL for a bad machine, ENOSPC when `max` is too small. */
int arm64_fdt_build(const struct arm64_machine *m, void *out, size_t max, size_t *ret_len, struct sm_err *e);

#endif
