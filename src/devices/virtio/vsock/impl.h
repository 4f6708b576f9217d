/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the device: vsock.c (life, turns, queues), conn.c (table, buffers, what a
 * connection wants), tx.c (packets from the guest), rx.c (packets to the guest), host.c
 * (the unix sockets). Everything runs under virtio_dev.lock.
 *
 * Theory of operation. All sockets hang edge-triggered in one epoll set, which itself is
 * one source of the loop; `readable` and `writable` remember what was reported until a
 * call says EAGAIN. A connection that has something for the guest (a control packet, or
 * host data and credit) stands in the ready list and gets one packet per round, so none
 * starves another. Guest data goes straight from guest memory to the socket; what the
 * socket does not take waits in the connection's ring, whose size is the credit we
 * announce, so an honest guest can never overfill it and a dishonest one is reset.
 */
#ifndef DEVICES_VIRTIO_VSOCK_IMPL_H
#define DEVICES_VIRTIO_VSOCK_IMPL_H

#include "devices/virtio/chain.h"
#include "devices/virtio/vsock/packet.h"
#include "devices/virtio/vsock/vsock.h"

enum { VSOCK_Q_RX, VSOCK_Q_TX, VSOCK_Q_EVENT, VSOCK_NR_QUEUES };

/* Packets handled in one turn per direction. */
#define VSOCK_BUDGET 128u
/* Resets owed to connections we do not know; full: the guest's packets wait. */
#define VSOCK_RSTS 64u
#define VSOCK_NONE UINT32_MAX

enum conn_state {
	CONN_FREE,
	CONN_HANDSHAKE, /* host client has not said CONNECT yet; no ports */
	CONN_REQUESTED, /* the guest has not answered */
	CONN_ESTABLISHED,
	CONN_DEAD,  /* the guest is done with it or must be: RST owed, guest data may still drain */
	CONN_DRAIN, /* as DEAD, RST is out and the ports are free again */
};

/* Control packets owed to the guest. */
#define OWE_REQUEST 1u
#define OWE_RESPONSE 2u
#define OWE_RST 4u
#define OWE_CREDIT 8u

struct conn {
	enum conn_state state;
	uint32_t gen; /* tells apart the users of a slot in late events */
	int fd;	      /* -1 when both directions are over */
	uint32_t host_port, guest_port;
	uint32_t owe;
	bool readable, writable; /* the socket, as far as we know */
	bool hup;		 /* its other end is closed */
	bool host_eof;		 /* no more host data */
	bool host_deaf;		 /* the host takes no more guest data: it is dropped */
	uint32_t guest_shut;	 /* VIRTIO_VSOCK_SHUTDOWN_*: what the guest ended */
	uint32_t shut_told;	 /* and what we told it */
	/* Host to guest: free-running byte counts, compared modulo 2^32. */
	uint32_t sent, peer_alloc, peer_fwd;
	/* Guest to host. */
	uint32_t fwd, fwd_told;
	uint8_t *ring; /* VSOCK_BUF bytes, mapped when first needed */
	uint32_t ring_head, ring_count;
	bool on_ready;
	uint32_t next_ready, next_hash; /* also the free list */
};

struct vsock_rst {
	uint32_t host_port, guest_port;
	uint16_t type;
};

struct vsock {
	struct virtio_dev *vd;
	int epfd, listener;
	struct loop_source *source;
	vsock_dial_fn *dial;
	void *dial_opaque;
	bool quiesced;
	bool event_owed; /* a TRANSPORT_RESET waits for an event buffer */
	bool hold;	 /* it is out; nothing is sent until its buffer is back */
	uint16_t event_left;
	bool tx_stalled; /* the guest's packets wait for room in rsts */
	uint32_t next_port;
	uint32_t nr_conns; /* known to the guest */
	uint32_t free_conn, nr_touched;
	uint32_t ready_first, ready_last;
	uint32_t buckets[VSOCK_CONNS];
	struct conn conns[VSOCK_CONNS];
	struct vsock_rst rsts[VSOCK_RSTS];
	uint32_t rst_first, nr_rsts;
	struct chain chain; /* scratch */
};

/* conn.c */
void conn_table_init(struct vsock *vs);
/* A slot with `fd`, which it takes, in the epoll set; NULL (and `fd` closed) when none is left. */
struct conn *conn_open(struct vsock *vs, int fd, enum conn_state state);
/* Ports are set; from now on it can be found. */
void conn_publish(struct vsock *vs, struct conn *c);
void conn_unpublish(struct vsock *vs, struct conn *c);
struct conn *conn_find(struct vsock *vs, uint32_t host_port, uint32_t guest_port);
void conn_free(struct vsock *vs, struct conn *c);
void conn_free_all(struct vsock *vs);
uint32_t conn_index(const struct vsock *vs, const struct conn *c);
/* Bytes the guest has room for; 0 when its numbers make no sense. */
uint32_t conn_credit(const struct conn *c);
/* What we should have told the guest about ends of streams. */
uint32_t conn_shut(const struct conn *c);
bool conn_has_work(const struct conn *c);
/* Puts it in the ready list if it has work. */
void conn_schedule(struct vsock *vs, struct conn *c);
/* Owes the guest an RST; guest data already taken still reaches the host. */
void conn_kill(struct vsock *vs, struct conn *c);
/* Takes `len` bytes of payload from the guest; false when it overran its credit. */
bool conn_take(struct vsock *vs, struct conn *c, struct chain *chain, uint32_t len);
/* Sends what waits, then passes on the guest's end of stream; may free the connection. */
void conn_drain(struct vsock *vs, struct conn *c);

/* vsock.c: serves whatever the sockets have to say; takes the lock. */
void vsock_poll(struct vsock *vs);

/* tx.c, rx.c */
void vsock_tx(struct vsock *vs);
void vsock_rx(struct vsock *vs);
/* Owes an RST to ports nobody has. */
void vsock_owe_rst(struct vsock *vs, uint32_t host_port, uint32_t guest_port, uint16_t type);

/* host.c */
void host_accept(struct vsock *vs);
void host_handshake(struct vsock *vs, struct conn *c);
/* The guest accepted: tells the client. */
void host_accepted(struct vsock *vs, struct conn *c);

#endif
