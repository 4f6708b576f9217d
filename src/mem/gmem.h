/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest RAM: a list of regions, and the only code that turns a guest physical address
 * into a pointer. A range is valid only when it lies whole within one region.
 *
 * The memory is shared with running vCPUs: whatever is read may change the next moment,
 * so callers copy once, check the copy and use the copy.
 */
#ifndef MEM_GMEM_H
#define MEM_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define GMEM_REGIONS_MAX 8
#define GMEM_PAGE 4096u

struct gmem_region {
	uint64_t gpa, len; /* bytes, multiples of GMEM_PAGE */
	uint8_t *hva;
	int fd; /* backing file or -1; the region's own */
	/* One bit per page, set by every host-side write while logging (and by soft vCPUs); NULL when off. */
	uint64_t *dirty;
};

struct gmem {
	struct gmem_region regions[GMEM_REGIONS_MAX]; /* ascending, disjoint */
	uint32_t nr_regions;
};

void gmem_init(struct gmem *gm);
/* Unmaps everything. */
void gmem_fini(struct gmem *gm);
/* Adds anonymous zeroed memory. EINVAL: misaligned or overlapping; ENOMEM. */
int gmem_add_anon(struct gmem *gm, uint64_t gpa, uint64_t len, struct sm_err *e);
/* Adds memory that the caller mapped; the region takes `hva` and unmaps it at the end. */
int gmem_add_mapped(struct gmem *gm, uint64_t gpa, uint64_t len, void *hva, struct sm_err *e);
/*
 * Puts a private mapping of `fd` from `off` on, whole pages, in place of memory inside one
 * region that a backend has not been told of yet. EINVAL: no such range.
 */
int gmem_map_file(struct gmem *gm, uint64_t gpa, uint64_t len, int fd, uint64_t off, struct sm_err *e);

/* The region that holds all of [gpa, gpa + len), or NULL. */
const struct gmem_region *gmem_find(const struct gmem *gm, uint64_t gpa, uint64_t len);
/* A pointer to `len` > 0 bytes at `gpa`, or NULL when they are not whole within one region. Read only:
 * writers use gmem_write or gmem_slice_write. */
const uint8_t *gmem_slice(const struct gmem *gm, uint64_t gpa, uint64_t len);
/* The same for writing; marks the pages dirty, so hold the pointer only for this write. */
uint8_t *gmem_slice_write(struct gmem *gm, uint64_t gpa, uint64_t len);
/* Bulk copies; false and nothing done when the range is bad. Excluded from TSan: guests race. */
bool gmem_read(const struct gmem *gm, uint64_t gpa, void *dst, size_t len);
bool gmem_write(struct gmem *gm, uint64_t gpa, const void *src, size_t len);
/* The copy itself, for pointers got by a slice. */
void gmem_copy(void *dst, const void *src, size_t len);

/* Naturally aligned little-endian accesses to rings; false on a bad address. */
bool gmem_load16(const struct gmem *gm, uint64_t gpa, uint16_t *ret); /* acquire */
bool gmem_store16(struct gmem *gm, uint64_t gpa, uint16_t v);	      /* release */
bool gmem_store32(struct gmem *gm, uint64_t gpa, uint32_t v);	      /* relaxed */

/* Tells the host these pages may go; whole pages of one region, else ignored. */
void gmem_discard(struct gmem *gm, uint64_t gpa, uint64_t len);
/* Bytes of all regions. */
uint64_t gmem_size(const struct gmem *gm);

/* Starts (bits clear) or stops the log of host-side writes. */
int gmem_dirty_start(struct gmem *gm, struct sm_err *e);
void gmem_dirty_stop(struct gmem *gm);
void gmem_mark_dirty(struct gmem *gm, uint64_t gpa, uint64_t len);
/* Is the page that holds `gpa` marked? True where nothing is logged. */
bool gmem_is_dirty(const struct gmem *gm, uint64_t gpa);
/* ORs the marks of a region that is logged into `bitmap`, one bit per page in whole words, and clears them.
 */
void gmem_dirty_fetch(const struct gmem_region *r, uint64_t *bitmap);
/* Words of a region's bitmap. */
static inline size_t gmem_dirty_words(const struct gmem_region *r)
{
	return (r->len / GMEM_PAGE + 63) / 64;
}

#endif
