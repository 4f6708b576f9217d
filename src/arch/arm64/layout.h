/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arm64 machine's addresses and interrupts: one layout for every backend, part of the
 * snapshot format. The device tree, the bus and the backends read it from here.
 */
#ifndef ARCH_ARM64_LAYOUT_H
#define ARCH_ARM64_LAYOUT_H

#define ARM64_GICD_BASE 0x08000000ULL
#define ARM64_GICD_SIZE 0x00010000ULL
#define ARM64_GICR_BASE 0x080a0000ULL
#define ARM64_GICR_STRIDE 0x00020000ULL /* per vCPU */

#define ARM64_PL011_BASE 0x09000000ULL
#define ARM64_PL011_SIZE 0x1000ULL
#define ARM64_PL011_INTID 33u /* level */
#define ARM64_PL031_BASE 0x09010000ULL
#define ARM64_PL031_SIZE 0x1000ULL /* has no interrupt */
#define ARM64_APB_HZ 24000000u

#define ARM64_VIRTIO_BASE 0x0a000000ULL
#define ARM64_VIRTIO_STRIDE 0x200ULL

#define ARM64_INTID_PPI_FIRST 16u
#define ARM64_INTID_SPI_FIRST 32u

#define ARM64_RAM_BASE 0x80000000ULL
/* The last bytes of RAM; the initrd ends below, page-aligned. */
#define ARM64_FDT_MAX 0x200000ULL
/* COMMAND_LINE_SIZE of Linux, with the NUL. */
#define ARM64_CMDLINE_MAX 2048u

/* Bytes of entropy handed over in the device tree: kaslr-seed, then rng-seed. */
#define ARM64_SEED_LEN 72u
#define ARM64_KASLR_SEED_LEN 8u

#define ARM64_VCPUS_MAX 64u
#define ARM64_SLOTS_MAX 64u

/* MPIDR affinity of vCPU i, KVM's own rule: Aff1 and Aff0, 16 to a cluster. */
#define ARM64_AFFINITY(i) ((i) >> 4 << 8 | ((i)&15))

/* virtio-mmio slot i: edge-rising SPIs from 32 up, past the PL011's. */
#define ARM64_VIRTIO_ADDR(i) (ARM64_VIRTIO_BASE + (i)*ARM64_VIRTIO_STRIDE)
#define ARM64_VIRTIO_INTID(i)                                                                                \
	(ARM64_INTID_SPI_FIRST + (i) + ((i) >= ARM64_PL011_INTID - ARM64_INTID_SPI_FIRST ? 1u : 0u))

#endif
