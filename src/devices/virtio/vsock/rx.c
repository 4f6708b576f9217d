/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "devices/virtio/vsock/impl.h"

static void put_header(struct chain *chain, const struct vsock_hdr *h)
{
	uint8_t raw[VSOCK_HDR_LEN];

	vsock_hdr_format(raw, h);
	chain_write_at(chain, 0, raw, sizeof(raw));
}

static void conn_header(struct conn *c, struct chain *chain, uint16_t op, uint32_t flags, uint32_t len)
{
	struct vsock_hdr h = {
		.src_cid = VSOCK_HOST_CID,
		.dst_cid = VSOCK_GUEST_CID,
		.src_port = c->host_port,
		.dst_port = c->guest_port,
		.len = len,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.flags = flags,
		.buf_alloc = VSOCK_BUF,
		.fwd_cnt = c->fwd,
	};

	c->fwd_told = c->fwd;
	c->owe &= ~OWE_CREDIT;
	put_header(chain, &h);
}

static void emit_rst(struct vsock *vs, struct chain *chain)
{
	const struct vsock_rst *r = &vs->rsts[vs->rst_first];
	struct vsock_hdr h = {
		.src_cid = VSOCK_HOST_CID,
		.dst_cid = VSOCK_GUEST_CID,
		.src_port = r->host_port,
		.dst_port = r->guest_port,
		.type = r->type,
		.op = VIRTIO_VSOCK_OP_RST,
	};

	vs->rst_first = (vs->rst_first + 1) % VSOCK_RSTS;
	vs->nr_rsts--;
	put_header(chain, &h);
	if (vs->tx_stalled)
		virtio_again(vs->vd, VSOCK_Q_TX);
}

/* False: the socket had nothing after all and the chain is untouched. */
static bool emit_data(struct conn *c, struct chain *chain)
{
	ssize_t n;

	if (!chain_skip_write(chain, VSOCK_HDR_LEN) || !chain_left_write(chain))
		n = -EAGAIN;
	else
		n = chain_recv(chain, c->fd, conn_credit(c));
	if (n > 0) {
		c->sent += (uint32_t)n;
		conn_header(c, chain, VIRTIO_VSOCK_OP_RW, 0, (uint32_t)n);
		return true;
	}
	c->readable = false;
	if (n != -EAGAIN) {
		c->host_eof = true;
		c->host_deaf |= c->hup || n < 0;
	}
	return false;
}

/* One packet of `c`, the most urgent first; may free `c`. False: there was none. */
static bool conn_emit(struct vsock *vs, struct conn *c, struct chain *chain)
{
	if (c->owe & OWE_RST) {
		conn_header(c, chain, VIRTIO_VSOCK_OP_RST, 0, 0);
		conn_unpublish(vs, c);
		c->state = CONN_DRAIN;
		c->owe = 0;
		conn_drain(vs, c);
	} else if (c->owe & OWE_REQUEST) {
		c->owe &= ~OWE_REQUEST;
		conn_header(c, chain, VIRTIO_VSOCK_OP_REQUEST, 0, 0);
	} else if (c->owe & OWE_RESPONSE) {
		c->owe &= ~OWE_RESPONSE;
		conn_header(c, chain, VIRTIO_VSOCK_OP_RESPONSE, 0, 0);
	} else if (conn_shut(c) & ~c->shut_told) {
		c->shut_told = conn_shut(c);
		conn_header(c, chain, VIRTIO_VSOCK_OP_SHUTDOWN, c->shut_told, 0);
	} else if (c->owe & OWE_CREDIT) {
		conn_header(c, chain, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, 0);
	} else {
		return emit_data(c, chain);
	}
	return true;
}

/* Next connection with something to say, taken off the ready list; the list then runs round. */
static struct conn *ready_take(struct vsock *vs)
{
	while (vs->ready_first != VSOCK_NONE) {
		struct conn *c = &vs->conns[vs->ready_first];

		vs->ready_first = c->next_ready;
		if (vs->ready_first == VSOCK_NONE)
			vs->ready_last = VSOCK_NONE;
		c->on_ready = false;
		if (conn_has_work(c))
			return c;
	}
	return NULL;
}

/* A buffer for one packet; false: none there (the next doorbell is asked for) or the device broke. */
static bool rx_pop(struct vsock *vs, struct virtq *vq)
{
	enum virtq_result r;

	do
		r = chain_pop(vq, &vs->chain);
	while (r == VIRTQ_EMPTY && virtq_listen(vq));
	if (r == VIRTQ_OK && vs->chain.w_total >= VSOCK_HDR_LEN && !chain_left_read(&vs->chain))
		return true;
	if (r != VIRTQ_EMPTY)
		virtio_broken(vs->vd, "vsock: bad receive buffer");
	return false;
}

static bool rx_one(struct vsock *vs, struct virtq *vq)
{
	struct conn *c = NULL;

	if (!vs->nr_rsts) {
		c = ready_take(vs);
		if (!c)
			return false;
	}
	if (!rx_pop(vs, vq)) {
		if (c)
			conn_schedule(vs, c);
		return false;
	}
	if (!c) {
		emit_rst(vs, &vs->chain);
	} else {
		uint32_t gen = c->gen;
		bool done = conn_emit(vs, c, &vs->chain);

		if (!done)
			chain_unpop(&vs->chain);
		if (c->state != CONN_FREE && c->gen == gen)
			conn_schedule(vs, c);
		if (!done)
			return true;
	}
	chain_push(&vs->chain);
	return true;
}

void vsock_rx(struct vsock *vs)
{
	struct virtq *vq = virtio_queue(vs->vd, VSOCK_Q_RX);
	uint32_t budget = VSOCK_BUDGET;

	if (!vq || vs->hold || vs->event_owed)
		return;
	virtq_quiet(vq);
	while (budget && rx_one(vs, vq))
		budget--;
	if (!budget)
		virtio_again(vs->vd, VSOCK_Q_RX);
	virtio_interrupt(vs->vd, vq);
}
