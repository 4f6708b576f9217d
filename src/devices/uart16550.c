/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/uart16550.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

#define IER_RX 1u
#define IER_TX 2u
#define IER_ALL 15u
#define IIR_NONE 1u
#define IIR_TX 2u
#define IIR_RX 4u
#define IIR_FIFOS 0xc0u
#define FCR_ENABLE 1u
#define FCR_CLEAR_RX 2u
#define LCR_DLAB 0x80u
#define MCR_LOOP 0x10u
#define LSR_DATA 1u
#define LSR_TX_EMPTY 0x60u
#define MSR_LINES 0xb0u /* carrier, ready, clear to send */
#define RX_MAX 16u

struct uart16550 {
	struct device dev;
	pthread_mutex_t lock;
	struct irq_line irq;
	uart16550_sink_fn *sink;
	void *opaque;
	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	bool tx_pending; /* the empty transmitter has not been told yet */
	bool level;	 /* of the line */
	uint8_t rx[RX_MAX];
	uint32_t rx_len;
};

static uint8_t uart_iir(const struct uart16550 *u)
{
	uint8_t fifos = u->fcr & FCR_ENABLE ? IIR_FIFOS : 0;

	if ((u->ier & IER_RX) && u->rx_len)
		return fifos | IIR_RX;
	if ((u->ier & IER_TX) && u->tx_pending)
		return fifos | IIR_TX;
	return fifos | IIR_NONE;
}

static void uart_update(struct uart16550 *u)
{
	bool level = !(uart_iir(u) & IIR_NONE);

	if (level != u->level)
		irq_line_set(&u->irq, level);
	u->level = level;
}

static uint8_t uart_take(struct uart16550 *u)
{
	uint8_t v = u->rx[0];

	if (!u->rx_len)
		return 0;
	memmove(u->rx, u->rx + 1, --u->rx_len);
	return v;
}

static uint8_t uart_get(struct uart16550 *u, uint64_t off)
{
	uint8_t v;

	switch (off) {
	case RBR_THR_DLL:
		return u->lcr & LCR_DLAB ? u->dll : uart_take(u);
	case IER_DLM:
		return u->lcr & LCR_DLAB ? u->dlm : u->ier;
	case IIR_FCR:
		v = uart_iir(u);
		if ((v & 15) == IIR_TX)
			u->tx_pending = false;
		return v;
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return LSR_TX_EMPTY | (u->rx_len ? LSR_DATA : 0);
	case MSR:
		/* In loopback the outputs come back: the driver's test for a real chip. */
		if (u->mcr & MCR_LOOP)
			return (uint8_t)((u->mcr & 12) << 4 | (u->mcr & 2) << 3 | (u->mcr & 1) << 5);
		return MSR_LINES;
	case SCR:
		return u->scr;
	default:
		return 0;
	}
}

static void uart_transmit(struct uart16550 *u, uint8_t v)
{
	if (u->mcr & MCR_LOOP) {
		if (u->rx_len < RX_MAX)
			u->rx[u->rx_len++] = v;
	} else {
		u->sink(u->opaque, &v, 1);
	}
	u->tx_pending = true;
}

static void uart_put(struct uart16550 *u, uint64_t off, uint8_t v)
{
	switch (off) {
	case RBR_THR_DLL:
		if (u->lcr & LCR_DLAB)
			u->dll = v;
		else
			uart_transmit(u, v);
		return;
	case IER_DLM:
		if (u->lcr & LCR_DLAB) {
			u->dlm = v;
			return;
		}
		if (!(u->ier & IER_TX) && (v & IER_TX))
			u->tx_pending = true;
		u->ier = v & IER_ALL;
		return;
	case IIR_FCR:
		if (v & FCR_CLEAR_RX)
			u->rx_len = 0;
		u->fcr = v & ~(FCR_CLEAR_RX | 4u);
		return;
	case LCR:
		u->lcr = v;
		return;
	case MCR:
		u->mcr = v & 31;
		return;
	case SCR:
		u->scr = v;
		return;
	default:
		return;
	}
}

static uint64_t uart_read(void *dev, uint64_t off, uint8_t len)
{
	struct uart16550 *u = dev;
	uint64_t v;

	(void)len; /* the registers are bytes */
	pthread_mutex_lock(&u->lock);
	v = uart_get(u, off);
	uart_update(u);
	pthread_mutex_unlock(&u->lock);
	return v;
}

static void uart_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	struct uart16550 *u = dev;

	(void)len;
	pthread_mutex_lock(&u->lock);
	uart_put(u, off, (uint8_t)value);
	uart_update(u);
	pthread_mutex_unlock(&u->lock);
}

const struct bus_ops uart16550_bus_ops = { .read = uart_read, .write = uart_write };

uint32_t uart16550_feed(struct uart16550 *u, const uint8_t *bytes, uint32_t len)
{
	uint32_t n;

	pthread_mutex_lock(&u->lock);
	n = RX_MAX - u->rx_len < len ? RX_MAX - u->rx_len : len;
	memcpy(u->rx + u->rx_len, bytes, n);
	u->rx_len += n;
	uart_update(u);
	pthread_mutex_unlock(&u->lock);
	return n;
}

/* ---- state ---- */

static void uart_nothing(void *impl)
{
	(void)impl;
}

static int uart_save(void *impl, struct buf *out, struct sm_err *e)
{
	const struct uart16550 *u = impl;
	const uint8_t regs[] = { u->ier, u->fcr, u->lcr, u->mcr, u->scr, u->dll, u->dlm };

	(void)e;
	buf_put(out, regs, sizeof(regs));
	buf_put_u8(out, u->tx_pending);
	buf_put_u8(out, (uint8_t)u->rx_len);
	buf_put(out, u->rx, u->rx_len);
	return 0;
}

static int uart_load(void *impl, struct cursor *in, struct sm_err *e)
{
	struct uart16550 *u = impl;
	uint8_t regs[7], rx[RX_MAX], tx, len;

	cursor_get(in, regs, sizeof(regs));
	tx = cursor_u8(in);
	len = cursor_u8(in);
	if (len > RX_MAX || tx > 1)
		return err_set(e, EBADMSG, "16550: bad state");
	cursor_get(in, rx, len);
	if (in->broken)
		return err_set(e, EBADMSG, "16550: state is cut off");
	u->ier = regs[0] & IER_ALL;
	u->fcr = regs[1];
	u->lcr = regs[2];
	u->mcr = regs[3] & 31;
	u->scr = regs[4];
	u->dll = regs[5];
	u->dlm = regs[6];
	u->tx_pending = tx;
	u->rx_len = len;
	memcpy(u->rx, rx, len);
	uart_update(u);
	return 0;
}

static void uart_destroy(void *impl)
{
	struct uart16550 *u = impl;

	pthread_mutex_destroy(&u->lock);
	free(u);
}

static const struct device_ops uart_device_ops = {
	.quiesce = uart_nothing,
	.resume = uart_nothing,
	.save = uart_save,
	.load = uart_load,
	.destroy = uart_destroy,
};

int uart16550_create(struct irq_line irq, uart16550_sink_fn *sink, void *opaque, struct uart16550 **ret,
		     struct sm_err *e)
{
	struct uart16550 *u = calloc(1, sizeof(*u));

	if (!u)
		return err_errno(e, ENOMEM, "16550");
	u->dev = (struct device){ .type = DEVICE_UART16550, .ops = &uart_device_ops, .impl = u };
	pthread_mutex_init(&u->lock, NULL);
	u->irq = irq;
	u->sink = sink;
	u->opaque = opaque;
	*ret = u;
	return 0;
}

struct device *uart16550_device(struct uart16550 *u)
{
	return &u->dev;
}
