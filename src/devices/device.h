/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every device has in common: it sits on the bus, and its state can be saved and
 * loaded. `struct device` is the handle the machine keeps in its device list.
 *
 * Threads: bus accesses come on vCPU threads, events on the thread of the loop the
 * device was created with. A device has one lock of its own for that; under it only the
 * interrupt line may be called. save and load run while no vCPU and no loop runs.
 */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include "bus/bus.h"
#include "util/bytes.h"
#include "util/err.h"

enum device_type {
	/* Part of the snapshot format: never renumber. */
	DEVICE_PL011 = 1,
	DEVICE_PL031 = 2,
	DEVICE_UART16550 = 3,
	DEVICE_POWER = 4,
	DEVICE_VSOCK = 16,
	DEVICE_BLK = 17,
	DEVICE_RNG = 18,
	DEVICE_BALLOON = 19,
	DEVICE_NET = 20,
	DEVICE_FS = 21,
};

struct device {
	enum device_type type;
	uint32_t index; /* among devices of its type */
	const struct device_ops *ops;
	void *impl;
};

struct device_ops {
	/* Stops taking new work and waits for what is in flight; resume undoes it. */
	void (*quiesce)(void *impl);
	void (*resume)(void *impl);
	/* Between quiesce and resume. */
	int (*save)(void *impl, struct buf *out, struct sm_err *e);
	/* On a fresh device, before the first vCPU runs. EBADMSG for hostile state. */
	int (*load)(void *impl, struct cursor *in, struct sm_err *e);
	void (*destroy)(void *impl);
};

#endif
