/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>

#include "devices/virtio/vsock/impl.h"

void vsock_owe_rst(struct vsock *vs, uint32_t host_port, uint32_t guest_port, uint16_t type)
{
	struct vsock_rst *r = &vs->rsts[(vs->rst_first + vs->nr_rsts++) % VSOCK_RSTS];

	*r = (struct vsock_rst){ host_port, guest_port, type };
}

static void on_request(struct vsock *vs, const struct vsock_hdr *h)
{
	int fd = vs->dial ? vs->dial(vs->dial_opaque, h->dst_port) : -ECONNREFUSED;
	struct conn *c = fd >= 0 ? conn_open(vs, fd, CONN_ESTABLISHED) : NULL;

	if (!c) {
		vsock_owe_rst(vs, h->dst_port, h->src_port, h->type);
		return;
	}
	c->host_port = h->dst_port;
	c->guest_port = h->src_port;
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	c->owe = OWE_RESPONSE;
	conn_publish(vs, c);
	conn_schedule(vs, c);
}

/* The guest ends one direction or both; both ends are answered by RST (5.10.6.6). */
static void on_shutdown(struct vsock *vs, struct conn *c, uint32_t flags)
{
	c->guest_shut |= flags & VIRTIO_VSOCK_SHUTDOWN_BOTH;
	if (c->guest_shut == VIRTIO_VSOCK_SHUTDOWN_BOTH) {
		conn_kill(vs, c);
		return;
	}
	if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV) {
		c->host_eof = true;
		shutdown(c->fd, SHUT_RD);
	}
	conn_drain(vs, c);
}

/* The guest forgot it: no RST comes back, but data that it sent before goes on to the host. */
static void on_rst(struct vsock *vs, struct conn *c)
{
	if (c->state == CONN_REQUESTED) {
		conn_free(vs, c);
		return;
	}
	conn_unpublish(vs, c);
	c->state = CONN_DRAIN;
	c->owe = 0;
	c->guest_shut = VIRTIO_VSOCK_SHUTDOWN_BOTH;
	conn_drain(vs, c);
}

static bool on_established(struct vsock *vs, struct conn *c, const struct vsock_hdr *h, struct chain *chain)
{
	switch (h->op) {
	case VIRTIO_VSOCK_OP_SHUTDOWN:
		on_shutdown(vs, c, h->flags);
		return true;
	case VIRTIO_VSOCK_OP_RW:
		if (c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
			return false;
		return conn_take(vs, c, chain, h->len);
	case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
		c->owe |= OWE_CREDIT;
		break;
	case VIRTIO_VSOCK_OP_CREDIT_UPDATE:
		break;
	default:
		return false;
	}
	conn_schedule(vs, c);
	return true;
}

static void on_packet(struct vsock *vs, const struct vsock_hdr *h, struct chain *chain)
{
	struct conn *c = conn_find(vs, h->dst_port, h->src_port);
	bool ok;

	if (!c) {
		if (h->op == VIRTIO_VSOCK_OP_REQUEST)
			on_request(vs, h);
		else if (h->op != VIRTIO_VSOCK_OP_RST)
			vsock_owe_rst(vs, h->dst_port, h->src_port, h->type);
		return;
	}
	if (h->op == VIRTIO_VSOCK_OP_RST) {
		on_rst(vs, c);
		return;
	}
	if (c->state == CONN_DEAD)
		return; /* its RST is on the way */
	c->peer_alloc = h->buf_alloc;
	c->peer_fwd = h->fwd_cnt;
	if (c->state == CONN_REQUESTED && h->op == VIRTIO_VSOCK_OP_RESPONSE && !(c->owe & OWE_REQUEST)) {
		host_accepted(vs, c);
		return;
	}
	ok = c->state == CONN_ESTABLISHED && on_established(vs, c, h, chain);
	if (!ok) {
		vs->vd->nr_guest_faults++;
		conn_kill(vs, c);
	}
}

static void tx_chain(struct vsock *vs, struct chain *chain)
{
	uint8_t raw[VSOCK_HDR_LEN];
	struct vsock_hdr h;

	if (!chain_read(chain, raw, sizeof(raw))) {
		vs->vd->nr_guest_faults++;
		return;
	}
	vsock_hdr_parse(raw, &h);
	/* 5.10.6: a wrong source is dropped, a wrong destination or type is told so. */
	if (h.src_cid != VSOCK_GUEST_CID) {
		vs->vd->nr_guest_faults++;
		return;
	}
	if (h.dst_cid != VSOCK_HOST_CID || h.type != VIRTIO_VSOCK_TYPE_STREAM ||
	    h.len > chain_left_read(chain)) {
		vs->vd->nr_guest_faults++;
		if (h.op != VIRTIO_VSOCK_OP_RST)
			vsock_owe_rst(vs, h.dst_port, h.src_port, h.type);
		return;
	}
	on_packet(vs, &h, chain);
}

void vsock_tx(struct vsock *vs)
{
	struct virtq *vq = virtio_queue(vs->vd, VSOCK_Q_TX);

	if (!vq)
		return;
	vs->tx_stalled = false;
	virtq_quiet(vq);
	for (uint32_t budget = VSOCK_BUDGET;; budget--) {
		enum virtq_result r;

		if (!budget) {
			virtio_again(vs->vd, VSOCK_Q_TX);
			break;
		}
		/* Each packet owes at most one reset to a stranger. */
		if (vs->nr_rsts == VSOCK_RSTS) {
			vs->tx_stalled = true;
			break;
		}
		r = chain_pop(vq, &vs->chain);
		if (r == VIRTQ_BROKEN) {
			virtio_broken(vs->vd, "vsock: broken descriptor chain");
			return;
		}
		if (r == VIRTQ_EMPTY) {
			if (virtq_listen(vq))
				continue;
			break;
		}
		tx_chain(vs, &vs->chain);
		chain_push(&vs->chain);
	}
	virtio_interrupt(vs->vd, vq);
}
