/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio block (virtio 1.2, 5.2), one queue. Requests are done synchronously on the
 * device's loop, so give it a loop of its own. Read-only is enforced here, not by what
 * the driver was told.
 */
#ifndef DEVICES_VIRTIO_BLK_H
#define DEVICES_VIRTIO_BLK_H

#include "devices/virtio/disk.h"
#include "devices/virtio/virtio.h"

#define BLK_ID_LEN 20u

struct blk;

struct blk_options {
	struct disk *disk;  /* taken, also on failure; NULL: capacity 0 until blk_attach */
	bool read_only;	    /* what VIRTIO_BLK_F_RO says, for good */
	const char *serial; /* GET_ID; cut at BLK_ID_LEN */
};

int blk_create(const struct virtio_config *cfg, const struct blk_options *opt, struct blk **ret,
	       struct sm_err *e);
/* Destroy by virtio_destroy() of this. */
struct virtio_dev *blk_virtio(struct blk *b);
/*
 * Puts another disk (NULL: none) and serial in place and tells the driver by a config
 * interrupt. Takes `disk`, closes the old one. Any thread; waits for a running request.
 */
void blk_attach(struct blk *b, struct disk *disk, const char *serial);

#endif
