/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtio socket device (virtio 1.2, 5.10), streams only, host side by the hybrid
 * convention: a host client of the listening unix socket writes "CONNECT <port>\n" and
 * reads "OK <port>\n" once the guest accepted; a guest connection to host port P goes
 * where the owner's dial function says.
 *
 * Bounds: VSOCK_CONNS connections; at most VSOCK_BUF bytes of guest data are held per
 * connection, whatever the guest claims; host data is never held, it stays in its socket
 * until the guest has room.
 */
#ifndef DEVICES_VIRTIO_VSOCK_VSOCK_H
#define DEVICES_VIRTIO_VSOCK_VSOCK_H

#include "devices/virtio/virtio.h"

#define VSOCK_GUEST_CID 3u
#define VSOCK_HOST_CID 2u
#define VSOCK_CONNS 1024u
#define VSOCK_BUF (256u << 10)

struct vsock;

/* A connected stream socket, which the device then owns, for a guest's connection to `port`; or -errno. On
 * the loop's thread, lock held: must not block. */
typedef int vsock_dial_fn(void *opaque, uint32_t port);

struct vsock_options {
	int listener;	     /* listening unix socket, taken, also on failure; -1: none */
	vsock_dial_fn *dial; /* NULL: the guest may connect nowhere */
	void *dial_opaque;
};

int vsock_create(const struct virtio_config *cfg, const struct vsock_options *opt, struct vsock **ret,
		 struct sm_err *e);
/* Destroy by virtio_destroy() of this. */
struct virtio_dev *vsock_virtio(struct vsock *vs);
/*
 * Drops all connections and tells the guest by a TRANSPORT_RESET event; nothing is
 * opened until the guest has seen it. Any thread. A load of a state that was saved with
 * connections open does the same.
 */
void vsock_transport_reset(struct vsock *vs);
/* Connections the guest knows about. Any thread. */
uint32_t vsock_connections(struct vsock *vs);

#endif
