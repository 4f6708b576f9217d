/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/gpt.h"

#include <assert.h>
#include <string.h>

#include "util/bytes.h"
#include "util/num.h"

#define GPT_SIGNATURE 0x5452415020494645ull /* "EFI PART" */
#define GPT_HEADER_LEN 92u
#define GPT_ENTRY_LEN 128u
#define GPT_ENTRIES_LEN (GPT_ENTRIES * GPT_ENTRY_LEN)
#define GPT_ATTR_READ_ONLY (1ull << 60)

/* Linux file system data, 0FC63DAF-8483-4772-8E79-3D69D8477DE4, in its mixed byte order. */
static const uint8_t type_linux[16] = { 0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47,
					0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4 };

uint32_t gpt_crc32(const void *data, uint64_t len)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u;

	while (len--) {
		crc ^= *p++;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/* A GUID that only has to be the same every time and different from its neighbours. */
static void guid_make(uint8_t *guid, uint64_t a, uint64_t b)
{
	/* The finalizer of splitmix64, twice. */
	uint64_t seed = a * 0x9e3779b97f4a7c15ull ^ b;

	for (int half = 0; half < 2; half++) {
		uint64_t z = seed += 0x9e3779b97f4a7c15ull;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
		z = (z ^ z >> 27) * 0x94d049bb133111ebull;
		le64_put(guid + 8 * half, z ^ z >> 31);
	}
	guid[7] = (guid[7] & 0x0f) | 0x80; /* version 8, RFC 9562: vendor's own */
	guid[8] = (guid[8] & 0x3f) | 0x80;
}

static void entry_format(uint8_t *entry, const struct gpt_part *part, uint32_t index)
{
	char name[] = "layer000";

	memcpy(entry, type_linux, sizeof(type_linux));
	guid_make(entry + 16, index + 1, part->len);
	le64_put(entry + 32, part->off / GPT_SECTOR);
	le64_put(entry + 40, (part->off + part->len) / GPT_SECTOR - 1);
	le64_put(entry + 48, GPT_ATTR_READ_ONLY);
	name[5] += (char)(index / 100);
	name[6] += (char)(index / 10 % 10);
	name[7] += (char)(index % 10);
	for (uint32_t i = 0; i < sizeof(name) - 1; i++)
		entry[56 + 2 * i] = (uint8_t)name[i];
}

static void header_format(uint8_t *h, uint64_t sectors, bool backup, uint32_t entries_crc)
{
	uint64_t self = backup ? sectors - 1 : 1;

	le64_put(h, GPT_SIGNATURE);
	le32_put(h + 8, 0x00010000); /* revision */
	le32_put(h + 12, GPT_HEADER_LEN);
	le64_put(h + 24, self);
	le64_put(h + 32, backup ? 1 : sectors - 1);
	le64_put(h + 40, GPT_HEAD_LEN / GPT_SECTOR);		   /* first usable */
	le64_put(h + 48, sectors - GPT_TAIL_LEN / GPT_SECTOR - 1); /* last usable */
	guid_make(h + 56, 0, sectors);
	le64_put(h + 72, backup ? sectors - GPT_TAIL_LEN / GPT_SECTOR : 2);
	le32_put(h + 80, GPT_ENTRIES);
	le32_put(h + 84, GPT_ENTRY_LEN);
	le32_put(h + 88, entries_crc);
	le32_put(h + 16, gpt_crc32(h, GPT_HEADER_LEN));
}

/* 5.2.3: one partition of type EE over the whole disk. */
static void mbr_format(uint8_t *mbr, uint64_t sectors)
{
	uint8_t *p = mbr + 446;

	p[2] = 2;
	p[4] = 0xee;
	memset(p + 5, 0xff, 3);
	le32_put(p + 8, 1);
	le32_put(p + 12, (uint32_t)num_min(sectors - 1, UINT32_MAX));
	mbr[510] = 0x55;
	mbr[511] = 0xaa;
}

void gpt_format(const struct gpt_part *parts, uint32_t nr, uint64_t size, uint8_t *head, uint8_t *tail)
{
	uint8_t *entries = head + 2 * GPT_SECTOR;
	uint64_t sectors = size / GPT_SECTOR;
	uint32_t crc;

	assert(nr <= GPT_ENTRIES && size % GPT_SECTOR == 0);
	memset(head, 0, GPT_HEAD_LEN);
	memset(tail, 0, GPT_TAIL_LEN);
	for (uint32_t i = 0; i < nr; i++)
		entry_format(entries + (size_t)i * GPT_ENTRY_LEN, &parts[i], i);
	crc = gpt_crc32(entries, GPT_ENTRIES_LEN);
	memcpy(tail, entries, GPT_ENTRIES_LEN);
	mbr_format(head, sectors);
	header_format(head + GPT_SECTOR, sectors, false, crc);
	header_format(tail + GPT_ENTRIES_LEN, sectors, true, crc);
}
