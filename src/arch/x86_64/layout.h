/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x86_64 machine's addresses and interrupts: part of the snapshot format. RAM is
 * [0, 3 GiB) and from 4 GiB on; between them are the devices.
 */
#ifndef ARCH_X86_64_LAYOUT_H
#define ARCH_X86_64_LAYOUT_H

#define X86_RAM_LOW_MAX 0xc0000000ULL
#define X86_RAM_HIGH_BASE 0x100000000ULL

#define X86_VIRTIO_BASE 0xd0000000ULL
#define X86_VIRTIO_STRIDE 0x200ULL
/* IOAPIC pins; 4 is the UART's, the generic event device has the last one. */
#define X86_VIRTIO_GSI(slot) (5u + (slot))
#define X86_COM1_GSI 4u
#define X86_GED_GSI 23u
#define X86_IOAPIC_BASE 0xfec00000ULL
#define X86_LAPIC_BASE 0xfee00000ULL

/* Ports. */
#define X86_COM1_PORT 0x3f8u
#define X86_I8042_PORT 0x60u /* data; 0x64 is command and status */
#define X86_ACPI_SLEEP_PORT 0x600u

/* The first megabyte: what a boot loader leaves for the kernel. */
#define X86_GDT_GPA 0x500ULL
#define X86_ZERO_PAGE_GPA 0x7000ULL
#define X86_BOOT_STACK_GPA 0x8ff0ULL
#define X86_PML4_GPA 0x9000ULL /* then one PDPT and four page directories */
#define X86_SETUP_DATA_GPA 0x10000ULL
#define X86_CMDLINE_GPA 0x20000ULL
#define X86_CMDLINE_MAX 2048u
#define X86_LOW_RAM_END 0x9fc00ULL
#define X86_ACPI_GPA 0xe0000ULL /* tables up to the VM generation id */
#define X86_VMGENID_GPA 0xf0000ULL
#define X86_HIMEM_GPA 0x100000ULL

/* Selectors in that GDT (Documentation/x86/boot.rst, 64-bit boot protocol). */
#define X86_BOOT_CS 0x10u
#define X86_BOOT_DS 0x18u
#define X86_BOOT_TSS 0x20u

#define X86_SEED_LEN 32u
#define X86_VCPUS_MAX 32u

#endif
