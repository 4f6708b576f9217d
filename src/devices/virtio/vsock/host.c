/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "devices/virtio/vsock/impl.h"
#include "util/num.h"

/* "CONNECT 4294967295\n" is 19 bytes. */
#define CONNECT_MAX 32
/* Ports of our own, above what services use. */
#define HOST_PORT_FIRST (1u << 30)

/* syscalls loop: accept4 recvfrom sendto shutdown */
void host_accept(struct vsock *vs)
{
	/* Edge-triggered: out of descriptors we do not spin, the next client wakes us. */
	for (uint32_t i = 0; i < VSOCK_CONNS; i++) {
		int fd = accept4(vs->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		/* Its edge reports whatever the client has said already. A full table hangs up. */
		conn_open(vs, fd, CONN_HANDSHAKE);
	}
}

static uint32_t host_port_next(struct vsock *vs, uint32_t guest_port)
{
	do
		vs->next_port = vs->next_port >= UINT32_MAX / 2 || vs->next_port < HOST_PORT_FIRST
					? HOST_PORT_FIRST
					: vs->next_port + 1;
	while (conn_find(vs, vs->next_port, guest_port));
	return vs->next_port;
}

static bool connect_parse(char *line, uint32_t *ret_port)
{
	static const char verb[] = "CONNECT ";
	uint64_t port;

	if (strncmp(line, verb, sizeof(verb) - 1) ||
	    !num_parse_u64(line + sizeof(verb) - 1, UINT32_MAX, &port))
		return false;
	*ret_port = (uint32_t)port;
	return true;
}

/* Looks first: what follows the line is the guest's. */
void host_handshake(struct vsock *vs, struct conn *c)
{
	char line[CONNECT_MAX + 1];
	ssize_t n = recv(c->fd, line, CONNECT_MAX, MSG_PEEK | MSG_DONTWAIT);
	char *end = n > 0 ? memchr(line, '\n', (size_t)n) : NULL;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (!end && n > 0 && n < CONNECT_MAX && !c->hup)
		return; /* the rest comes with another edge */
	if (!end || !virtio_queue(vs->vd, VSOCK_Q_RX)) {
		conn_free(vs, c);
		return;
	}
	recv(c->fd, line, (size_t)(end - line) + 1, MSG_DONTWAIT);
	*end = 0;
	if (!connect_parse(line, &c->guest_port)) {
		conn_free(vs, c);
		return;
	}
	c->host_port = host_port_next(vs, c->guest_port);
	c->state = CONN_REQUESTED;
	c->owe = OWE_REQUEST;
	conn_publish(vs, c);
	conn_schedule(vs, c);
}

void host_accepted(struct vsock *vs, struct conn *c)
{
	char line[CONNECT_MAX];
	int len = snprintf(line, sizeof(line), "OK %u\n", c->host_port);

	c->state = CONN_ESTABLISHED;
	/* A fresh socket has room for a line; one that has not is gone. */
	if (send(c->fd, line, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) != len)
		conn_kill(vs, c);
	else
		conn_schedule(vs, c);
}
