/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `memory` file of a snapshot: guest RAM, region after region, sparse. Only the extents
 * listed in the state's MEMX section are in it; the rest of RAM is zero.
 *
 * Extents begin and end at multiples of SNAP_EXTENT, ascend, and never reach over a
 * region's end.
 */
#ifndef SNAP_MEMORY_H
#define SNAP_MEMORY_H

#include "mem/gmem.h"
#include "util/bytes.h"
#include "util/err.h"

#define SNAP_EXTENT (64u << 10)
#define SNAP_HOLE_MIN (256u << 10) /* shorter runs of zeroes are stored */
#define SNAP_EXTENTS_MAX 65536u

/*
 * Writes the pages that hold something into the empty file `fd` and lists the extents in
 * `out`. `pagemap` is /proc/self/pagemap: memory that was never touched is not looked at.
 * Nothing may write to guest RAM meanwhile.
 */
int snap_memory_save(const struct gmem *gm, int pagemap, int fd, struct buf *out, struct sm_err *e);
/*
 * Puts the file, copy on write, in place of the RAM of `gm`, which is anonymous and was
 * not used yet. EBADMSG: the list or the file's size is impossible.
 */
int snap_memory_map(struct gmem *gm, int fd, struct cursor *in, struct sm_err *e);

#endif
