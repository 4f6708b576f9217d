/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio 1.2 over MMIO: the transport (mmio.c) owns registers, status, feature
 * negotiation, queue configuration and interrupts; a device type fills virtio_ops and
 * sees only queues, chains (chain.h) and its own config space.
 *
 * Trust: everything the driver writes is hostile. Queue configuration is vetted whole at
 * QueueReady and frozen at DRIVER_OK; after a broken ring the transport sets
 * DEVICE_NEEDS_RESET and the device is silent until the driver resets it.
 *
 * Threads: registers are served on vCPU threads under virtio_dev.lock; `notify` and all
 * other work of a type run on its loop's thread, also under the lock.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include <pthread.h>

#include "bus/bus.h"
#include "devices/device.h"
#include "devices/virtio/queue.h"
#include "mem/gmem.h"
#include "util/log.h"
#include "util/loop.h"

#define VIRTIO_QUEUES_MAX 8
#define VIRTIO_MMIO_LEN 0x200u /* stride of the window as well */

struct virtio_dev;

struct virtio_ops {
	uint32_t device_id;   /* virtio 1.2, section 5 */
	enum device_type type;
	uint32_t nr_queues;
	uint16_t queue_max; /* entries, a power of two */
	/* All mandatory. Called with the lock held. */
	uint64_t (*features)(void *impl); /* without VIRTIO_F_VERSION_1, which is always offered */
	/* Device configuration space; off + len may lie outside: read zeroes, ignore writes. */
	void (*config_read)(void *impl, uint32_t off, void *dst, uint32_t len);
	void (*config_write)(void *impl, uint32_t off, const void *src, uint32_t len);
	/* DRIVER_OK: features are agreed, enabled queues are vetted. */
	int (*activate)(void *impl, uint64_t features);
	/* Queue `q` was rung; on the loop's thread. */
	void (*notify)(void *impl, uint32_t q);
	/* Back to the state before activate; in-flight work is finished or dropped first. */
	void (*reset)(void *impl);
	int (*save)(void *impl, struct buf *out, struct sm_err *e);
	int (*load)(void *impl, struct cursor *in, struct sm_err *e);
	void (*quiesce)(void *impl);
	void (*resume)(void *impl);
	void (*destroy)(void *impl);
};

struct virtio_config {
	struct gmem *gm;
	struct loop *loop; /* the thread that serves the queues */
	struct irq_line irq; /* edge */
	uint32_t index; /* among devices of the type */
	const struct log *log;
};

struct virtio_dev {
	struct device dev;
	const struct virtio_ops *ops;
	void *impl;
	struct gmem *gm;
	struct loop *loop;
	struct irq_line irq;
	const struct log *log;
	pthread_mutex_t lock;
	struct virtq queues[VIRTIO_QUEUES_MAX];
	int doorbells[VIRTIO_QUEUES_MAX]; /* eventfds; rung by QueueNotify or by the backend */
	uint64_t nr_guest_faults; /* rings and requests the driver got wrong */
	struct virtio_mmio *regs; /* the transport's own */
};

/* Creates transport and queues around `impl`, which it then owns; the types below wrap it. */
int virtio_create(const struct virtio_ops *ops, void *impl, const struct virtio_config *cfg,
		  struct virtio_dev **ret, struct sm_err *e);
void virtio_destroy(struct virtio_dev *vd);
extern const struct bus_ops virtio_bus_ops; /* `dev` is the struct virtio_dev */

/* For device types, lock held. NULL when queue `q` does not exist or is not live. */
struct virtq *virtio_queue(struct virtio_dev *vd, uint32_t q);
/* Pulses the line for used buffers, unless the driver asked for none. */
void virtio_interrupt(struct virtio_dev *vd, struct virtq *q);
void virtio_config_changed(struct virtio_dev *vd);
/* The driver broke the rules: counts, logs, DEVICE_NEEDS_RESET. */
void virtio_broken(struct virtio_dev *vd, const char *why);

#endif
