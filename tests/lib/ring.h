/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtio driver for tests: it sets devices up as Linux does and can write anything at
 * all into descriptors, rings and registers.
 */
#ifndef TESTS_LIB_RING_H
#define TESTS_LIB_RING_H

#include "devices/virtio/virtio.h"

#define RING_BASE 0x80000000ull
#define RING_MEM (8ull << 20)
/* A second region right behind the first: one range for the guest, two for the host. */
#define RING_BASE2 (RING_BASE + RING_MEM)
#define RING_MEM2 (64ull << 10)

#define RING_STATUS 0x70u
#define RING_FEATURES_ALL UINT64_MAX

struct ring_queue {
	uint16_t size;
	uint64_t desc, avail, used;
	uint16_t avail_idx, used_seen, next_desc;
};

struct ring_driver {
	struct gmem gm;
	struct loop *loop;
	struct virtio_dev *vd;
	struct ring_queue q[VIRTIO_QUEUES_MAX];
	uint64_t heap;	    /* next free guest address */
	uint32_t nr_pulses; /* atomic */
};

struct ring_buf {
	uint64_t gpa;
	uint32_t len;
	bool write;
};

void ring_init(struct ring_driver *d);
/* Destroys the device as well. */
void ring_fini(struct ring_driver *d);
struct virtio_config ring_config(struct ring_driver *d);
/* Zeroed guest memory, 16-byte aligned. */
uint64_t ring_alloc(struct ring_driver *d, uint64_t len);

uint32_t ring_reg(struct ring_driver *d, uint32_t off);
void ring_set(struct ring_driver *d, uint32_t off, uint32_t value);
uint64_t ring_config_get(struct ring_driver *d, uint32_t off, uint8_t len);

/* Reset, ACKNOWLEDGE, DRIVER, those of `features` that are offered, FEATURES_OK: did it stick? */
bool ring_negotiate(struct ring_driver *d, uint64_t features);
/* Configures queue `q`; returns QueueReady. */
bool ring_setup(struct ring_driver *d, uint32_t q, uint16_t size);
/* Everything up to DRIVER_OK, all queues of `size` (or the device's maximum, if less). */
void ring_start(struct ring_driver *d, uint64_t features, uint16_t size);

void ring_desc(struct ring_driver *d, uint32_t q, uint32_t i, uint64_t gpa, uint32_t len, uint16_t flags,
	       uint16_t next);
/* A descriptor at any address, for indirect tables. */
void ring_desc_at(struct ring_driver *d, uint64_t at, uint64_t gpa, uint32_t len, uint16_t flags,
		  uint16_t next);
void ring_offer(struct ring_driver *d, uint32_t q, uint16_t head);
/* A well-formed chain, offered; returns its head. At most size / 2 descriptors in flight, please. */
uint16_t ring_add(struct ring_driver *d, uint32_t q, const struct ring_buf *bufs, uint16_t nr);
/* QueueNotify, as a vCPU does it. */
void ring_kick(struct ring_driver *d, uint32_t q);
/* Serves every rung doorbell on this thread, for tests without a loop. */
void ring_serve(struct ring_driver *d);
/* The next answer; false when there is none. */
bool ring_used(struct ring_driver *d, uint32_t q, uint32_t *ret_id, uint32_t *ret_len);
void ring_read(struct ring_driver *d, uint64_t gpa, void *dst, size_t len);
void ring_write(struct ring_driver *d, uint64_t gpa, const void *src, size_t len);

#endif
