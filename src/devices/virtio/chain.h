/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One descriptor chain, walked and judged once, then read and written by two cursors.
 *
 * After chain_pop() said OK every slice lies whole within one region of guest memory,
 * readable slices come before writable ones, and the totals fit 64 bits. Device code
 * sees bytes, never descriptors: a transfer that does not fit changes nothing and
 * returns false. Whoever pops a chain completes it exactly once, with chain_push().
 */
#ifndef DEVICES_VIRTIO_CHAIN_H
#define DEVICES_VIRTIO_CHAIN_H

#include <sys/uio.h>

#include "devices/virtio/queue.h"

#define CHAIN_SLICES_MAX 512u

struct chain_cursor {
	uint32_t slice, end; /* indices into slices */
	uint32_t off;	     /* within `slice` */
	uint64_t left;	     /* bytes */
};

struct chain {
	struct virtq *q;
	uint16_t head;
	uint32_t nr_slices, nr_readable;
	struct chain_cursor r, w;
	uint64_t w_total; /* writable bytes in all */
	uint64_t written; /* bytes written so far */
	struct chain_slice {
		uint64_t gpa;
		uint32_t len;
	} slices[CHAIN_SLICES_MAX];
};

/* Takes the next chain. On BROKEN nothing may be completed: the device needs a reset. */
enum virtq_result chain_pop(struct virtq *q, struct chain *c);
/* Gives an untouched chain back; it must be the last one popped. */
void chain_unpop(struct chain *c);
/* Returns it to the driver with the bytes written. */
void chain_push(struct chain *c);

static inline uint64_t chain_left_read(const struct chain *c)
{
	return c->r.left;
}

static inline uint64_t chain_left_write(const struct chain *c)
{
	return c->w.left;
}

bool chain_read(struct chain *c, void *dst, uint64_t len);
bool chain_write(struct chain *c, const void *src, uint64_t len);
bool chain_zero(struct chain *c, uint64_t len);
bool chain_skip_read(struct chain *c, uint64_t len);
bool chain_skip_write(struct chain *c, uint64_t len);
/* The next writable slice as a range of guest memory, for devices that get pages, not bytes. */
bool chain_next_range(struct chain *c, uint64_t *ret_gpa, uint32_t *ret_len);
/* Writes at `off` of the writable part, whatever the cursor; counts as `len` written. */
bool chain_write_at(struct chain *c, uint64_t off, const void *src, uint64_t len);

/*
 * Bulk transfer without a copy: `fn` is called with at most GMEM_IOV_MAX pieces of guest
 * memory, `done` bytes into the transfer, until `len` bytes are done. It returns 0 or
 * -errno, which ends the transfer. -EINVAL when the chain is shorter than `len`.
 */
typedef int chain_io_fn(void *opaque, const struct iovec *iov, int nr, uint64_t done);
int chain_read_io(struct chain *c, uint64_t len, chain_io_fn *fn, void *opaque);
int chain_write_io(struct chain *c, uint64_t len, chain_io_fn *fn, void *opaque);

/*
 * One transfer between the chain and a socket of at most `len` bytes: bytes moved, 0 for
 * end of stream when receiving, or -errno. Moves the cursor by what was transferred.
 */
ssize_t chain_send(struct chain *c, int fd, uint64_t len);
ssize_t chain_recv(struct chain *c, int fd, uint64_t len);

#endif
