/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI tables of the hardware-reduced x86_64 machine. */
#ifndef ARCH_X86_64_ACPI_H
#define ARCH_X86_64_ACPI_H

#include <stddef.h>
#include <stdint.h>

#include "arch/x86_64/layout.h"
#include "util/bytes.h"

struct x86_virtio_slot {
	uint64_t base;
	uint32_t gsi;
};

/*
 * Appends all tables as they shall lie from X86_ACPI_GPA on; the RSDP comes first. The
 * caller asks out->broken at the end.
 */
void acpi_build(struct buf *out, uint32_t nr_vcpus, const struct x86_virtio_slot *slots, size_t nr_slots);

#endif
