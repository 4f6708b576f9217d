/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI Machine Language, as much as our DSDT needs (ACPI 6.5, chapter 20). Blocks are
 * opened and closed; a close writes the package length that belongs to the open.
 */
#ifndef ARCH_X86_64_AML_H
#define ARCH_X86_64_AML_H

#include <stdint.h>

#include "util/bytes.h"

struct aml {
	struct buf *out;
	size_t open[8]; /* where the package lengths of open blocks are */
	unsigned depth;
};

/* Names are four characters; a path may begin with a backslash and have dots. */
void aml_scope(struct aml *a, const char *path);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, uint8_t nr_args);
void aml_close(struct aml *a);

void aml_name(struct aml *a, const char *name); /* its value follows */
void aml_int(struct aml *a, uint64_t v);
void aml_string(struct aml *a, const char *s);
void aml_eisa_id(struct aml *a, const char *id); /* "PNP0501" */
void aml_package(struct aml *a, uint8_t nr);	 /* closed after its elements */
void aml_notify(struct aml *a, const char *path, uint8_t value);

/* A resource template: opened, filled, closed by aml_resources_end. */
void aml_resources(struct aml *a);
void aml_memory32(struct aml *a, uint32_t base, uint32_t len);
void aml_port(struct aml *a, uint16_t base, uint8_t len);
void aml_edge_interrupt(struct aml *a, uint32_t gsi);
void aml_resources_end(struct aml *a);

#endif
