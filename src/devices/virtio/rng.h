/* SPDX-License-Identifier: Apache-2.0 */
/* Entropy (virtio 1.2, 5.4) from the host's getrandom. */
#ifndef DEVICES_VIRTIO_RNG_H
#define DEVICES_VIRTIO_RNG_H

#include "devices/virtio/virtio.h"

int rng_create(const struct virtio_config *cfg, struct virtio_dev **ret, struct sm_err *e);

#endif
