/* SPDX-License-Identifier: Apache-2.0 */
/* A GUID partition table (UEFI 2.10, 5) of read-only Linux partitions, made in memory. */
#ifndef DEVICES_VIRTIO_GPT_H
#define DEVICES_VIRTIO_GPT_H

#include <stdint.h>

#define GPT_SECTOR 512u
#define GPT_ENTRIES 128u
#define GPT_ALIGN (1u << 20) /* partitions start at multiples of this */
/* Protective MBR, header, entries. */
#define GPT_HEAD_LEN (GPT_SECTOR * 34u)
/* Entries, header: the last sectors of the disk. */
#define GPT_TAIL_LEN (GPT_SECTOR * 33u)

struct gpt_part {
	uint64_t off, len; /* bytes, multiples of GPT_SECTOR */
};

/*
 * Fills both copies for a disk of `size` bytes with `nr` <= GPT_ENTRIES partitions. The
 * GUIDs derive from sizes and indices only.
 */
void gpt_format(const struct gpt_part *parts, uint32_t nr, uint64_t size, uint8_t *head, uint8_t *tail);
/* CRC-32 as Ethernet and zip have it. */
uint32_t gpt_crc32(const void *data, uint64_t len);

#endif
