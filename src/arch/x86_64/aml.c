/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/x86_64/aml.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
	AML_NAME = 0x08,
	AML_BYTE = 0x0a,
	AML_WORD = 0x0b,
	AML_DWORD = 0x0c,
	AML_STRING = 0x0d,
	AML_QWORD = 0x0e,
	AML_SCOPE = 0x10,
	AML_BUFFER = 0x11,
	AML_PACKAGE = 0x12,
	AML_METHOD = 0x14,
	AML_DUAL_NAME = 0x2e,
	AML_EXT = 0x5b,
	AML_DEVICE = 0x82,
	AML_NOTIFY = 0x86,
};

/* Lengths are written in the four-byte form, which any block fits in. */
#define AML_LENGTH_BYTES 4

static void aml_open(struct aml *a)
{
	assert(a->depth < 8);
	a->open[a->depth++] = a->out->len;
	buf_grow(a->out, AML_LENGTH_BYTES);
}

void aml_close(struct aml *a)
{
	size_t at, len;
	uint8_t *p;

	assert(a->depth);
	at = a->open[--a->depth];
	if (a->out->broken)
		return;
	len = a->out->len - at;
	p = a->out->data + at;
	p[0] = (uint8_t)(3 << 6 | (len & 15));
	p[1] = (uint8_t)(len >> 4);
	p[2] = (uint8_t)(len >> 12);
	p[3] = (uint8_t)(len >> 20);
}

static void aml_path(struct aml *a, const char *path)
{
	size_t segments = 1;

	if (*path == '\\') {
		buf_put_u8(a->out, '\\');
		path++;
	}
	for (const char *p = path; *p; p++)
		segments += *p == '.';
	assert(segments <= 2);
	if (segments == 2)
		buf_put_u8(a->out, AML_DUAL_NAME);
	for (size_t i = 0; i < segments; i++, path += 5) {
		/* A short segment is filled with underscores. */
		size_t len = strcspn(path, ".");

		assert(len <= 4);
		buf_put(a->out, path, len);
		buf_put(a->out, "____", 4 - len);
		if (path[len] != '.')
			break;
		assert(len == 4);
	}
}

void aml_scope(struct aml *a, const char *path)
{
	buf_put_u8(a->out, AML_SCOPE);
	aml_open(a);
	aml_path(a, path);
}

void aml_device(struct aml *a, const char *name)
{
	buf_put_u8(a->out, AML_EXT);
	buf_put_u8(a->out, AML_DEVICE);
	aml_open(a);
	aml_path(a, name);
}

void aml_method(struct aml *a, const char *name, uint8_t nr_args)
{
	buf_put_u8(a->out, AML_METHOD);
	aml_open(a);
	aml_path(a, name);
	buf_put_u8(a->out, nr_args);
}

void aml_name(struct aml *a, const char *name)
{
	buf_put_u8(a->out, AML_NAME);
	aml_path(a, name);
}

void aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		buf_put_u8(a->out, (uint8_t)v); /* ZeroOp, OneOp */
	} else if (v <= UINT8_MAX) {
		buf_put_u8(a->out, AML_BYTE);
		buf_put_u8(a->out, (uint8_t)v);
	} else if (v <= UINT16_MAX) {
		buf_put_u8(a->out, AML_WORD);
		buf_put_u16(a->out, (uint16_t)v);
	} else if (v <= UINT32_MAX) {
		buf_put_u8(a->out, AML_DWORD);
		buf_put_u32(a->out, (uint32_t)v);
	} else {
		buf_put_u8(a->out, AML_QWORD);
		buf_put_u64(a->out, v);
	}
}

void aml_string(struct aml *a, const char *s)
{
	buf_put_u8(a->out, AML_STRING);
	buf_put(a->out, s, strlen(s) + 1);
}

/* Three letters of five bits and four hex digits, big-endian (ACPI 6.5, 19.3.4). */
void aml_eisa_id(struct aml *a, const char *id)
{
	uint32_t v = (uint32_t)(id[0] & 31) << 26 | (uint32_t)(id[1] & 31) << 21 |
		     (uint32_t)(id[2] & 31) << 16 | (uint32_t)strtoul(id + 3, NULL, 16);

	buf_put_u8(a->out, AML_DWORD);
	buf_put_u32(a->out, __builtin_bswap32(v));
}

void aml_package(struct aml *a, uint8_t nr)
{
	buf_put_u8(a->out, AML_PACKAGE);
	aml_open(a);
	buf_put_u8(a->out, nr);
}

void aml_notify(struct aml *a, const char *path, uint8_t value)
{
	buf_put_u8(a->out, AML_NOTIFY);
	aml_path(a, path);
	aml_int(a, value);
}

/* ---- resource templates: a buffer whose size is a word constant (ACPI 6.5, 6.4) ---- */

void aml_resources(struct aml *a)
{
	buf_put_u8(a->out, AML_BUFFER);
	aml_open(a);
	buf_put_u8(a->out, AML_WORD);
	buf_put_u16(a->out, 0); /* filled at the end */
}

void aml_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	buf_put_u8(a->out, 0x86); /* Memory32Fixed */
	buf_put_u16(a->out, 9);
	buf_put_u8(a->out, 1); /* read and write */
	buf_put_u32(a->out, base);
	buf_put_u32(a->out, len);
}

void aml_port(struct aml *a, uint16_t base, uint8_t len)
{
	buf_put_u8(a->out, 0x47); /* IO */
	buf_put_u8(a->out, 1);	  /* decodes 16 bits */
	buf_put_u16(a->out, base);
	buf_put_u16(a->out, base);
	buf_put_u8(a->out, 1);
	buf_put_u8(a->out, len);
}

void aml_edge_interrupt(struct aml *a, uint32_t gsi)
{
	buf_put_u8(a->out, 0x89); /* Extended Interrupt */
	buf_put_u16(a->out, 6);
	buf_put_u8(a->out, 3); /* consumer, edge, active high, exclusive */
	buf_put_u8(a->out, 1);
	buf_put_u32(a->out, gsi);
}

void aml_resources_end(struct aml *a)
{
	size_t at = a->open[a->depth - 1] + AML_LENGTH_BYTES + 1;

	buf_put_u8(a->out, 0x79); /* End Tag; checksum 0: treated as good */
	buf_put_u8(a->out, 0);
	if (!a->out->broken)
		le16_put(a->out->data + at, (uint16_t)(a->out->len - at - 2));
	aml_close(a);
}
