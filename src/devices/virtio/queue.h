/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's end of a split virtqueue (virtio 1.2, 2.7).
 *
 * The transport fills size and addresses, has them vetted and makes the queue live; from
 * then on they never change until reset. All three areas lie whole within one region of
 * guest memory each, so ring accesses cannot fail any more. Indices found in the rings
 * are judged on the copy that was read, once.
 */
#ifndef DEVICES_VIRTIO_QUEUE_H
#define DEVICES_VIRTIO_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/gmem.h"
#include "util/bytes.h"

#define VIRTQ_SIZE_MAX 1024u

enum virtq_result { VIRTQ_EMPTY, VIRTQ_OK, VIRTQ_BROKEN };

struct virtq {
	struct gmem *gm;
	uint16_t max;	/* what the device offers, a power of two */
	uint16_t size;	/* what the driver chose */
	bool ready;	/* vetted */
	bool event_idx; /* negotiated; set at DRIVER_OK, like the next */
	bool indirect;
	uint64_t desc, avail, used; /* GPAs */
	uint16_t last_avail;	    /* next entry of the available ring to take */
	uint16_t used_idx;	    /* next entry of the used ring to fill */
	uint16_t signalled;	    /* used_idx when the driver was last considered */
};

struct virtq_desc { /* one descriptor, copied */
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};
#define VIRTQ_DESC_LEN 16u
#define VIRTQ_DESC_F_NEXT 1u
#define VIRTQ_DESC_F_WRITE 2u
#define VIRTQ_DESC_F_INDIRECT 4u

void virtq_init(struct virtq *q, struct gmem *gm, uint16_t max);
/* Back to what init left. */
void virtq_reset(struct virtq *q);
/* Size, alignment and the three ranges; NULL when good, else what is wrong. */
const char *virtq_vet(const struct virtq *q);

/* The head of the next available chain. BROKEN: more entries than the ring holds, or a head outside the
 * table. */
enum virtq_result virtq_pop(struct virtq *q, uint16_t *ret_head);
/* Gives the last popped head back; nothing may have been popped since. */
void virtq_unpop(struct virtq *q);
/* Returns a chain; `written` are the bytes really written into it. */
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);
/* Descriptor `i` of the table at `table`, which holds `num`; false when outside. */
bool virtq_desc_get(const struct gmem *gm, uint64_t table, uint32_t num, uint32_t i, struct virtq_desc *ret);

/* Does the driver want an interrupt for what was pushed since the last call? One per batch. */
bool virtq_should_signal(struct virtq *q);
/* Asks for no doorbells while the device is looking anyway. */
void virtq_quiet(struct virtq *q);
/* Asks for the next doorbell; true when something came in meanwhile: look again. */
bool virtq_listen(struct virtq *q);
/* Asks for a doorbell at the next chain after those pending now; returns how many are pending after that. */
uint16_t virtq_listen_more(struct virtq *q);
bool virtq_is_empty(const struct virtq *q);
/* Chains waiting to be popped; more than `size` when the driver broke the ring. */
uint16_t virtq_pending(const struct virtq *q);

void virtq_save(const struct virtq *q, struct buf *out);
/* Checks everything virtq_vet checks, and the indices. NULL or what is wrong. */
const char *virtq_load(struct virtq *q, struct cursor *in);

#endif
