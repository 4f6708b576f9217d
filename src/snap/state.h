/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `state` file of a snapshot: a header and tagged sections, each with its length and
 * CRC-32C, all little-endian (docs/snapshot-format.md). What a section holds is the
 * business of whoever saves and loads it; here it is bytes.
 *
 * The file is hostile: a parsed state has whole sections of a bounded number, no two of
 * the same tag and index, and nothing else. It points into the bytes it was parsed from.
 */
#ifndef SNAP_STATE_H
#define SNAP_STATE_H

#include "util/bytes.h"
#include "util/err.h"

#define SNAP_VERSION 1u
#define SNAP_STATE_MAX (8u << 20)
#define SNAP_SECTIONS_MAX 128u

/* Four letters, first one lowest. */
#define SNAP_TAG(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define SNAP_MACHINE SNAP_TAG('M', 'A', 'C', 'H') /* what the VM is made of */
#define SNAP_MEMORY SNAP_TAG('M', 'E', 'M', 'X')  /* which parts of RAM are in `memory` */
#define SNAP_VCPU SNAP_TAG('V', 'C', 'P', 'U')	  /* index: the vCPU's */
#define SNAP_BACKEND SNAP_TAG('H', 'V', 'V', 'M') /* interrupt controller, timers, clocks */
#define SNAP_DEVICE SNAP_TAG('D', 'E', 'V', 'C')  /* index: type << 16 | index among its type */

struct snap_writer {
	struct buf out;
	uint32_t nr;
	size_t body; /* where the open section's bytes begin; 0: none is open */
};

void snap_writer_init(struct snap_writer *w);
void snap_writer_fini(struct snap_writer *w);
/* Opens a section; its bytes are put into what is returned until snap_writer_end. */
struct buf *snap_writer_begin(struct snap_writer *w, uint32_t tag, uint32_t index);
void snap_writer_end(struct snap_writer *w);
/* Fills the header in; w->out is then the file. EFBIG: more than the format allows. */
int snap_writer_finish(struct snap_writer *w, struct sm_err *e);

struct snap_section {
	uint32_t tag, index;
	const uint8_t *data;
	size_t len;
};

struct snap_state {
	uint32_t nr;
	struct snap_section sections[SNAP_SECTIONS_MAX];
};

/* EBADMSG: damaged; ENOTSUP: of another version. */
int snap_state_parse(const void *data, size_t len, struct snap_state *ret, struct sm_err *e);
/* The section's bytes; EBADMSG when there is none. */
int snap_state_find(const struct snap_state *s, uint32_t tag, uint32_t index, struct cursor *ret,
		    struct sm_err *e);

#endif
