/* SPDX-License-Identifier: Apache-2.0 */
/* What the two halves of the transport share: virtio.c (life, status, state) and mmio.c (registers). */
#ifndef DEVICES_VIRTIO_MMIO_H
#define DEVICES_VIRTIO_MMIO_H

#include "devices/virtio/virtio.h"

/* Device status, virtio 1.2, 2.1. */
#define VIRTIO_S_ACKNOWLEDGE 1u
#define VIRTIO_S_DRIVER 2u
#define VIRTIO_S_DRIVER_OK 4u
#define VIRTIO_S_FEATURES_OK 8u
#define VIRTIO_S_NEEDS_RESET 64u
#define VIRTIO_S_FAILED 128u

#define VIRTIO_INT_USED 1u
#define VIRTIO_INT_CONFIG 2u

struct virtio_mmio {
	uint32_t status;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t features;     /* what the driver accepted; final at FEATURES_OK */
	bool features_unknown; /* it accepted bits above 63, which are never offered */
	uint32_t config_generation;
	uint32_t interrupt_status; /* atomic: read and acknowledged without the lock */
	bool quiesced;
};

/* All with the lock held. */
uint64_t virtio_offered(const struct virtio_dev *vd);
void virtio_status_write(struct virtio_dev *vd, uint32_t value);
/* Counts and logs; the device goes on. */
void virtio_guest_fault(struct virtio_dev *vd, const char *why);

#endif
