/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 16550A UART (PC16550D data sheet), as much as Linux' 8250 driver uses: transmit to a
 * sink, always ready; receive from a ring; modem lines up; FIFO enabled or not.
 */
#ifndef DEVICES_UART16550_H
#define DEVICES_UART16550_H

#include "devices/device.h"

#define UART16550_LEN 8u

struct uart16550;

/* Receives what the guest prints. On a vCPU's thread, lock held: it must not block; it may drop. */
typedef void uart16550_sink_fn(void *opaque, const uint8_t *bytes, uint32_t len);

int uart16550_create(struct irq_line irq, uart16550_sink_fn *sink, void *opaque, struct uart16550 **ret,
		     struct sm_err *e);
struct device *uart16550_device(struct uart16550 *u);
extern const struct bus_ops uart16550_bus_ops; /* `dev` is the struct uart16550 */

/* Any thread. Takes as many bytes as the receive FIFO has room for and returns how many. */
uint32_t uart16550_feed(struct uart16550 *u, const uint8_t *bytes, uint32_t len);

#endif
