/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory balloon (virtio 1.2, 5.5): inflate and deflate, statistics, free page
 * reporting. Pages go back to the host by gmem_discard().
 */
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

struct balloon;

#define BALLOON_STATS 16u
struct balloon_stats {
	uint32_t valid;			/* bit n: values[n] was reported */
	uint64_t values[BALLOON_STATS]; /* by tag, 5.5.6.4 */
	uint64_t nr_updates;
};

int balloon_create(const struct virtio_config *cfg, struct balloon **ret, struct sm_err *e);
/* Destroy by virtio_destroy() of this. */
struct virtio_dev *balloon_virtio(struct balloon *b);
/* Any thread: how much the guest shall give up, bytes. It follows when it can. */
void balloon_set_target(struct balloon *b, uint64_t bytes);
/* Any thread: what it says it has given up. */
uint64_t balloon_actual(struct balloon *b);
/* Any thread: asks for fresh statistics; they arrive later. False: the guest cannot now. */
bool balloon_ask_stats(struct balloon *b);
void balloon_get_stats(struct balloon *b, struct balloon_stats *ret);
/* Bytes reported free so far. */
uint64_t balloon_reported(struct balloon *b);

#endif
