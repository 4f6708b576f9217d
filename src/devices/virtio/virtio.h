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
 * other work of a type run on its loop's thread, also under the lock. The registers of
 * the data path (QueueNotify, InterruptStatus, InterruptACK) take no lock, so a vCPU
 * never waits for a slow request.
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
#define VIRTIO_MMIO_LEN 0x200u	 /* stride of the window as well */
#define VIRTIO_MMIO_NOTIFY 0x50u /* QueueNotify: where a backend hangs its doorbells */

#define VIRTIO_F_INDIRECT_DESC (1ull << 28)
#define VIRTIO_F_EVENT_IDX (1ull << 29)
#define VIRTIO_F_VERSION_1 (1ull << 32)

struct chain;
struct virtio_dev;

struct virtio_ops {
	uint32_t device_id; /* virtio 1.2, section 5 */
	enum device_type type;
	uint32_t nr_queues;
	uint16_t queue_max; /* entries, a power of two */
	/* Called with the lock held. The first four are optional: no features, an empty space, nothing to do.
	 */
	/* Device bits only: VERSION_1, INDIRECT_DESC and EVENT_IDX are the transport's and always offered. */
	uint64_t (*features)(void *impl);
	/* Device configuration space; off + len may lie outside: read zeroes, ignore writes. */
	void (*config_read)(void *impl, uint32_t off, void *dst, uint32_t len);
	void (*config_write)(void *impl, uint32_t off, const void *src, uint32_t len);
	/* DRIVER_OK: features are agreed, enabled queues are vetted and live. */
	int (*activate)(void *impl, uint64_t features);
	/* Queue `q`, which is live, was rung; on the loop's thread. */
	void (*notify)(void *impl, uint32_t q);
	/* Back to the state before activate; in-flight work is finished or dropped first. */
	void (*reset)(void *impl);
	int (*save)(void *impl, struct buf *out, struct sm_err *e);
	/* After the transport's own load: queues are live and `features` agreed when `active`. */
	int (*load)(void *impl, bool active, uint64_t features, struct cursor *in, struct sm_err *e);
	/* Optional pair: what is in flight outside the queues. Doorbells are held back by the transport. */
	void (*quiesce)(void *impl);
	void (*resume)(void *impl);
	void (*destroy)(void *impl);
};

struct virtio_config {
	struct gmem *gm;
	struct loop *loop;   /* the thread that serves the queues */
	struct irq_line irq; /* edge */
	uint32_t index;	     /* among devices of the type */
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
	struct virtio_doorbell {
		struct virtio_dev *vd;
		uint32_t q;
		struct loop_source *source;
	} doors[VIRTIO_QUEUES_MAX];
	uint64_t nr_guest_faults; /* rings and requests the driver got wrong */
	struct virtio_mmio *regs; /* the transport's own */
};

/* Creates transport and queues around `impl`, which it then owns (on failure the caller still does). */
int virtio_create(const struct virtio_ops *ops, void *impl, const struct virtio_config *cfg,
		  struct virtio_dev **ret, struct sm_err *e);
void virtio_destroy(struct virtio_dev *vd);
/*
 * vd->dev.ops quiesce, resume, save and load serve every type. After load a device is
 * quiesced: once all state is back, resume repeats the interrupts and doorbells that may
 * have been lost on the way.
 */
extern const struct bus_ops virtio_bus_ops; /* `dev` is the struct virtio_dev */

/* For device types, lock held. NULL when queue `q` does not exist or is not live. */
struct virtq *virtio_queue(struct virtio_dev *vd, uint32_t q);
/* Serve queue `q` again soon: for work left over when a turn's budget is spent. */
void virtio_again(struct virtio_dev *vd, uint32_t q);
/*
 * The turn of a queue whose requests are answered one after the other: pops chains into
 * `scratch`, calls `fn`, which leaves the answer in the chain, and pushes them; one
 * interrupt decision at the end. After `budget` chains other sources of the loop get
 * their turn. Stops when the device breaks.
 */
typedef void virtio_chain_fn(void *impl, struct chain *c);
void virtio_serve(struct virtio_dev *vd, uint32_t q, struct chain *scratch, uint32_t budget,
		  virtio_chain_fn *fn);
/* Pulses the line for used buffers, unless the driver asked for none. */
void virtio_interrupt(struct virtio_dev *vd, struct virtq *q);
void virtio_config_changed(struct virtio_dev *vd);
/* The driver broke the rules: counts, logs, DEVICE_NEEDS_RESET. */
void virtio_broken(struct virtio_dev *vd, const char *why);

#endif
