/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/pl011.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/num.h"

enum {
	UARTDR = 0x000,
	UARTRSR = 0x004,
	UARTFR = 0x018,
	UARTILPR = 0x020,
	UARTIBRD = 0x024,
	UARTFBRD = 0x028,
	UARTLCR_H = 0x02c,
	UARTCR = 0x030,
	UARTIFLS = 0x034,
	UARTIMSC = 0x038,
	UARTRIS = 0x03c,
	UARTMIS = 0x040,
	UARTICR = 0x044,
	UARTPERIPHID0 = 0xfe0,
};

#define FR_RXFE (1u << 4)
#define FR_RXFF (1u << 6)
#define FR_TXFE (1u << 7)
#define LCR_FEN (1u << 4)
#define INT_RX (1u << 4)
#define INT_TX (1u << 5)
#define INT_RT (1u << 6)
#define CR_RESET 0x300u /* receiver and transmitter on, UART off (3.3.8) */
#define IFLS_RESET 0x12u
#define RX_FIFO 32u /* revision r1p5 */

/* Peripheral and PrimeCell ids of an r1p5: what the AMBA bus matches drivers on. */
static const uint8_t pl011_ids[8] = { 0x11, 0x10, 0x34, 0x00, 0x0d, 0xf0, 0x05, 0xb1 };

struct pl011 {
	struct device dev;
	pthread_mutex_t lock;
	struct irq_line irq;
	bool level; /* last driven */
	pl011_sink_fn *sink;
	void *sink_opaque;
	void (*room_fn)(void *opaque);
	void *room_opaque;
	bool starved; /* a feed was cut short */
	uint8_t rx[RX_FIFO];
	uint32_t rx_head, rx_count;
	uint32_t ris; /* raw interrupts; RX and RT follow the FIFO */
	uint32_t ilpr, ibrd, fbrd, lcr_h, cr, ifls, imsc;
};

static void irq_update(struct pl011 *p)
{
	bool level = p->ris & p->imsc;

	if (level != p->level) {
		p->level = level;
		irq_line_set(&p->irq, level);
	}
}

static uint32_t rx_depth(const struct pl011 *p)
{
	return p->lcr_h & LCR_FEN ? RX_FIFO : 1;
}

/* The FIFO level of UARTIFLS: 1/8, 1/4, 1/2, 3/4, 7/8. */
static uint32_t rx_trigger(const struct pl011 *p)
{
	static const uint8_t eighths[8] = { 1, 2, 4, 6, 7, 4, 4, 4 };

	return num_min(rx_depth(p) * eighths[p->ifls >> 3 & 7] / 8 + (rx_depth(p) == 1), rx_depth(p));
}

/* Below the trigger the receive timeout speaks for the bytes: our line has no more to wait for. */
static void rx_update(struct pl011 *p)
{
	p->ris &= ~(INT_RX | INT_RT);
	if (p->rx_count >= rx_trigger(p))
		p->ris |= INT_RX;
	else if (p->rx_count)
		p->ris |= INT_RT;
}

static uint32_t rx_pop(struct pl011 *p)
{
	uint32_t c;

	if (!p->rx_count)
		return 0;
	c = p->rx[p->rx_head];
	p->rx_head = (p->rx_head + 1) % RX_FIFO;
	p->rx_count--;
	rx_update(p);
	if (p->starved && p->room_fn) {
		p->starved = false;
		p->room_fn(p->room_opaque);
	}
	return c;
}

static uint32_t pl011_flags(const struct pl011 *p)
{
	uint32_t fr = FR_TXFE;

	if (!p->rx_count)
		fr |= FR_RXFE;
	if (p->rx_count >= rx_depth(p))
		fr |= FR_RXFF;
	return fr;
}

static uint32_t reg_read(struct pl011 *p, uint64_t off)
{
	if (off >= UARTPERIPHID0)
		return pl011_ids[(off - UARTPERIPHID0) / 4];
	switch (off) {
	case UARTDR:
		return rx_pop(p);
	case UARTFR:
		return pl011_flags(p);
	case UARTILPR:
		return p->ilpr;
	case UARTIBRD:
		return p->ibrd;
	case UARTFBRD:
		return p->fbrd;
	case UARTLCR_H:
		return p->lcr_h;
	case UARTCR:
		return p->cr;
	case UARTIFLS:
		return p->ifls;
	case UARTIMSC:
		return p->imsc;
	case UARTRIS:
		return p->ris;
	case UARTMIS:
		return p->ris & p->imsc;
	default:
		return 0;
	}
}

static void transmit(struct pl011 *p, uint8_t byte)
{
	/* Drivers that never enable the UART still expect their early output to appear. */
	p->sink(p->sink_opaque, &byte, 1);
	/* The FIFO is empty again at once. */
	p->ris |= INT_TX;
}

static void reg_write(struct pl011 *p, uint64_t off, uint32_t v)
{
	switch (off) {
	case UARTDR:
		transmit(p, (uint8_t)v);
		break;
	case UARTILPR:
		p->ilpr = v & 0xff;
		break;
	case UARTIBRD:
		p->ibrd = v & 0xffff;
		break;
	case UARTFBRD:
		p->fbrd = v & 0x3f;
		break;
	case UARTLCR_H:
		p->lcr_h = v & 0xff;
		rx_update(p);
		break;
	case UARTCR:
		p->cr = v & 0xffff;
		break;
	case UARTIFLS:
		p->ifls = v & 0x3f;
		rx_update(p);
		break;
	case UARTIMSC:
		p->imsc = v & 0x7ff;
		break;
	case UARTICR:
		p->ris &= ~v;
		break;
	default:
		break;
	}
}

static uint64_t pl011_read(void *dev, uint64_t off, uint8_t len)
{
	struct pl011 *p = dev;
	uint32_t v;

	(void)len;
	pthread_mutex_lock(&p->lock);
	v = reg_read(p, off & ~3ull);
	irq_update(p);
	pthread_mutex_unlock(&p->lock);
	return v >> 8 * (off & 3);
}

static void pl011_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	struct pl011 *p = dev;

	(void)len;
	if (off & 3)
		return;
	pthread_mutex_lock(&p->lock);
	reg_write(p, off, (uint32_t)value);
	irq_update(p);
	pthread_mutex_unlock(&p->lock);
}

const struct bus_ops pl011_bus_ops = { pl011_read, pl011_write };

uint32_t pl011_feed(struct pl011 *p, const uint8_t *bytes, uint32_t len)
{
	uint32_t n = 0;

	pthread_mutex_lock(&p->lock);
	while (n < len && p->rx_count < rx_depth(p))
		p->rx[(p->rx_head + p->rx_count++) % RX_FIFO] = bytes[n++];
	if (n < len)
		p->starved = true;
	if (n)
		rx_update(p);
	irq_update(p);
	pthread_mutex_unlock(&p->lock);
	return n;
}

void pl011_on_room(struct pl011 *p, void (*fn)(void *opaque), void *opaque)
{
	pthread_mutex_lock(&p->lock);
	p->room_fn = fn;
	p->room_opaque = opaque;
	pthread_mutex_unlock(&p->lock);
}

/* syscalls: write */
void pl011_sink_fd(void *opaque, const uint8_t *bytes, uint32_t len)
{
	ssize_t n;

	do
		n = write(*(const int *)opaque, bytes, len);
	while (n < 0 && errno == EINTR);
}

static void pl011_nothing(void *impl)
{
	(void)impl;
}

/* Input is dropped on load: it belonged to a terminal that is gone. */
static int pl011_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct pl011 *p = impl;

	(void)e;
	buf_put_u32(out, p->ris & ~(INT_RX | INT_RT));
	buf_put_u32(out, p->ilpr);
	buf_put_u32(out, p->ibrd);
	buf_put_u32(out, p->fbrd);
	buf_put_u32(out, p->lcr_h);
	buf_put_u32(out, p->cr);
	buf_put_u32(out, p->ifls);
	buf_put_u32(out, p->imsc);
	buf_put_u8(out, p->level);
	return 0;
}

static int pl011_load(void *impl, struct cursor *in, struct sm_err *e)
{
	struct pl011 *p = impl;

	p->ris = cursor_u32(in) & 0x7ff;
	reg_write(p, UARTILPR, cursor_u32(in));
	reg_write(p, UARTIBRD, cursor_u32(in));
	reg_write(p, UARTFBRD, cursor_u32(in));
	reg_write(p, UARTLCR_H, cursor_u32(in));
	reg_write(p, UARTCR, cursor_u32(in));
	reg_write(p, UARTIFLS, cursor_u32(in));
	reg_write(p, UARTIMSC, cursor_u32(in));
	p->level = cursor_u8(in);
	if (in->broken)
		return err_set(e, EBADMSG, "pl011: state cut short");
	return 0;
}

/* The line was restored with the interrupt controller; it falls if only lost input held it up. */
static void pl011_resume(void *impl)
{
	struct pl011 *p = impl;

	pthread_mutex_lock(&p->lock);
	irq_update(p);
	pthread_mutex_unlock(&p->lock);
}

static void pl011_dev_destroy(void *impl)
{
	pl011_destroy(impl);
}

static const struct device_ops pl011_dev_ops = {
	.quiesce = pl011_nothing,
	.resume = pl011_resume,
	.save = pl011_save,
	.load = pl011_load,
	.destroy = pl011_dev_destroy,
};

int pl011_create(struct irq_line irq, pl011_sink_fn *sink, void *opaque, struct pl011 **ret, struct sm_err *e)
{
	struct pl011 *p = calloc(1, sizeof(*p));

	if (!p)
		return err_errno(e, ENOMEM, "pl011");
	p->dev = (struct device){ DEVICE_PL011, 0, &pl011_dev_ops, p };
	pthread_mutex_init(&p->lock, NULL);
	p->irq = irq;
	p->sink = sink;
	p->sink_opaque = opaque;
	p->cr = CR_RESET;
	p->ifls = IFLS_RESET;
	*ret = p;
	return 0;
}

void pl011_destroy(struct pl011 *p)
{
	if (!p)
		return;
	pthread_mutex_destroy(&p->lock);
	free(p);
}

struct device *pl011_device(struct pl011 *p)
{
	return &p->dev;
}
