/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PL011 UART (Arm DDI 0183), as much as Linux' amba-pl011 and Hermit use: transmit to a
 * sink, receive from a ring, one level interrupt, modem lines absent, no DMA.
 */
#ifndef DEVICES_PL011_H
#define DEVICES_PL011_H

#include "devices/device.h"

#define PL011_LEN 0x1000u

struct pl011;

/* Receives what the guest prints. On a vCPU's thread, lock held: it must not block; it may drop. */
typedef void pl011_sink_fn(void *opaque, const uint8_t *bytes, uint32_t len);

int pl011_create(struct irq_line irq, pl011_sink_fn *sink, void *opaque, struct pl011 **ret,
		 struct sm_err *e);
void pl011_destroy(struct pl011 *p);
struct device *pl011_device(struct pl011 *p);
extern const struct bus_ops pl011_bus_ops; /* `dev` is the struct pl011 */

/* Any thread. Takes as many bytes as the receive FIFO has room for and returns how many. */
uint32_t pl011_feed(struct pl011 *p, const uint8_t *bytes, uint32_t len);
/* Called, lock held, when room appears after a feed that was cut short; NULL to stop. */
void pl011_on_room(struct pl011 *p, void (*fn)(void *opaque), void *opaque);

/* A ready sink: writes to *(int *)opaque, which should be non-blocking; what does not fit is dropped. */
void pl011_sink_fd(void *opaque, const uint8_t *bytes, uint32_t len);

#endif
