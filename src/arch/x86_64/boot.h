/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linux' 64-bit boot protocol (Documentation/x86/boot.rst): kernel, initrd, zero page,
 * ACPI tables, GDT and identity page tables into guest memory. Files are hostile.
 */
#ifndef ARCH_X86_64_BOOT_H
#define ARCH_X86_64_BOOT_H

#include "arch/x86_64/acpi.h"
#include "hv/hv.h"
#include "mem/gmem.h"

/* What the guest is told about; strings and arrays are borrowed. */
struct x86_machine {
	uint32_t nr_vcpus; /* at most X86_VCPUS_MAX */
	uint64_t ram_size; /* bytes, split around the hole */
	const char *cmdline;
	const struct x86_virtio_slot *slots;
	size_t nr_slots;
	const uint8_t *seed;	   /* X86_SEED_LEN random bytes for the kernel */
	const uint8_t *generation; /* 16 bytes: the VM generation id */
};

/* `gm` has the regions of X86's memory map. *ret is the entry and the zero page. */
int x86_boot_load(struct gmem *gm, int kernel_fd, int initrd_fd, const struct x86_machine *m,
		  struct hv_boot *ret, struct sm_err *e);

/* Bytes below the hole. */
uint64_t x86_ram_low(uint64_t ram_size);

#endif
