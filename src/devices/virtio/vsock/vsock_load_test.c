/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte exactness under load: a guest that echoes, written against the rings, a device on
 * a loop thread of its own, and host clients that send and receive pieces of odd sizes
 * on several connections at once and close each in one of several ways.
 */
#include "devices/virtio/vsock/impl.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/ring.h"
#include "util/fd.h"
#include "util/num.h"

#define CLIENTS 8
#define ROUNDS 4
#define BYTES (768u << 10)
#define SLOTS 24u
#define SLOT_LEN 4096u
#define GUEST_ALLOC (48u << 10)

static struct ring_driver d;
static struct vsock *vs;
static struct sockaddr_un address;
static int failures; /* atomic */

struct peer {
	bool used, eof, dead;
	uint32_t port; /* host's */
	uint8_t echo[GUEST_ALLOC];
	uint32_t head, count;
	uint32_t fwd, sent, host_alloc, host_fwd;
	bool owe_response, owe_credit, owe_shutdown;
};

struct guest {
	struct peer peers[CLIENTS];
	uint64_t rx, tx;
	bool tx_busy[SLOTS];
	bool stop; /* atomic */
};

static uint8_t byte_at(uint32_t client, uint32_t round, uint32_t off)
{
	return (uint8_t)(off * 2654435761u >> 13 ^ client * 37 ^ round * 11);
}

static void slot_offer(struct guest *g, uint32_t q, uint32_t slot, uint32_t len)
{
	uint64_t gpa = (q ? g->tx : g->rx) + slot * (SLOT_LEN + 64ull);
	uint16_t write = q ? 0 : VIRTQ_DESC_F_WRITE;

	ring_desc(&d, q, 2 * slot, gpa, VSOCK_HDR_LEN, len ? write | VIRTQ_DESC_F_NEXT : write,
		  (uint16_t)(2 * slot + 1));
	ring_desc(&d, q, 2 * slot + 1, gpa + 64, len ? len : 1, write, 0);
	ring_offer(&d, q, (uint16_t)(2 * slot));
}

static struct peer *peer_of(struct guest *g, uint32_t port)
{
	for (int i = 0; i < CLIENTS; i++)
		if (g->peers[i].used && g->peers[i].port == port)
			return &g->peers[i];
	return NULL;
}

static void guest_data(struct guest *g, struct peer *p, uint64_t gpa, uint32_t len)
{
	(void)g;
	if (len > sizeof(p->echo) - p->count) { /* the device ignored our credit */
		__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
		return;
	}
	for (uint32_t done = 0; done < len;) {
		uint32_t tail = (p->head + p->count) % sizeof(p->echo);
		uint32_t n = (uint32_t)num_min(len - done, sizeof(p->echo) - tail);

		ring_read(&d, gpa + done, p->echo + tail, n);
		p->count += n;
		done += n;
	}
}

static void guest_receive(struct guest *g)
{
	uint32_t head, len;

	while (ring_used(&d, VSOCK_Q_RX, &head, &len)) {
		uint64_t gpa = g->rx + head / 2 * (SLOT_LEN + 64ull);
		uint8_t raw[VSOCK_HDR_LEN];
		struct vsock_hdr h;
		struct peer *p;

		ring_read(&d, gpa, raw, sizeof(raw));
		vsock_hdr_parse(raw, &h);
		p = peer_of(g, h.src_port);
		if (!p && h.op == VIRTIO_VSOCK_OP_REQUEST) {
			for (p = g->peers; p->used; p++)
				;
			memset(p, 0, sizeof(*p));
			p->used = p->owe_response = true;
			p->port = h.src_port;
		}
		if (p) {
			p->host_alloc = h.buf_alloc;
			p->host_fwd = h.fwd_cnt;
			if (h.op == VIRTIO_VSOCK_OP_RW)
				guest_data(g, p, gpa + 64, h.len);
			else if (h.op == VIRTIO_VSOCK_OP_SHUTDOWN)
				p->eof = p->owe_shutdown = true;
			else if (h.op == VIRTIO_VSOCK_OP_RST)
				p->used = false;
			else if (h.op == VIRTIO_VSOCK_OP_CREDIT_REQUEST)
				p->owe_credit = true;
		}
		slot_offer(g, VSOCK_Q_RX, head / 2, SLOT_LEN);
		ring_kick(&d, VSOCK_Q_RX);
	}
}

static void guest_put(struct guest *g, struct peer *p, uint32_t slot, uint16_t op, uint32_t len)
{
	uint64_t gpa = g->tx + slot * (SLOT_LEN + 64ull);
	struct vsock_hdr h = { .src_cid = 3,
			       .dst_cid = 2,
			       .src_port = 1028,
			       .dst_port = p->port,
			       .len = len,
			       .type = 1,
			       .op = op,
			       .flags = op == VIRTIO_VSOCK_OP_SHUTDOWN ? 3 : 0,
			       .buf_alloc = GUEST_ALLOC };
	uint8_t raw[VSOCK_HDR_LEN];

	for (uint32_t done = 0; done < len;) {
		uint32_t n = (uint32_t)num_min(len - done, sizeof(p->echo) - p->head);

		ring_write(&d, gpa + 64 + done, p->echo + p->head, n);
		p->head = (uint32_t)((p->head + n) % sizeof(p->echo));
		done += n;
	}
	p->count -= len;
	p->fwd += len;
	p->sent += len;
	h.fwd_cnt = p->fwd;
	vsock_hdr_format(raw, &h);
	ring_write(&d, gpa, raw, sizeof(raw));
	g->tx_busy[slot] = true;
	slot_offer(g, VSOCK_Q_TX, slot, len);
	ring_kick(&d, VSOCK_Q_TX);
}

/* What this peer wants to say next; false: nothing. */
static bool guest_say(struct guest *g, struct peer *p, uint32_t slot)
{
	uint32_t credit = p->host_alloc - (p->sent - p->host_fwd);
	uint32_t len = (uint32_t)num_min(num_min(p->count, credit), SLOT_LEN - p->sent % 97);

	if (p->owe_response) {
		p->owe_response = false;
		guest_put(g, p, slot, VIRTIO_VSOCK_OP_RESPONSE, 0);
	} else if (len) {
		guest_put(g, p, slot, VIRTIO_VSOCK_OP_RW, len);
	} else if (p->owe_credit) {
		p->owe_credit = false;
		guest_put(g, p, slot, VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0);
	} else if (p->owe_shutdown && !p->count) {
		p->owe_shutdown = false;
		guest_put(g, p, slot, VIRTIO_VSOCK_OP_SHUTDOWN, 0);
	} else {
		return false;
	}
	return true;
}

static void guest_send(struct guest *g)
{
	uint32_t head, slot = 0;

	while (ring_used(&d, VSOCK_Q_TX, &head, NULL))
		g->tx_busy[head / 2] = false;
	for (int i = 0; i < CLIENTS; i++) {
		struct peer *p = &g->peers[i];

		while (p->used) {
			while (slot < SLOTS && g->tx_busy[slot])
				slot++;
			if (slot == SLOTS)
				return;
			if (!guest_say(g, p, slot))
				break;
		}
	}
}

static void *guest_main(void *opaque)
{
	struct guest *g = opaque;

	while (!__atomic_load_n(&g->stop, __ATOMIC_ACQUIRE)) {
		guest_receive(g);
		guest_send(g);
		usleep(20);
	}
	return NULL;
}

static void *loop_main(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static void client_fail(const char *what, uint32_t client)
{
	fprintf(stderr, "client %u: %s\n", client, what);
	__atomic_fetch_add(&failures, 1, __ATOMIC_RELAXED);
}

static int client_connect(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char c;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    write(fd, "CONNECT 1028\n", 13) != 13)
		return -1;
	do
		if (read(fd, &c, 1) != 1)
			return -1;
	while (c != '\n');
	fd_nonblock(fd);
	return fd;
}

/* Sends and receives BYTES at once; half closes when all is sent. */
static void client_round(uint32_t client, uint32_t round)
{
	uint32_t sent = 0, got = 0, seed = client * 77 + round;
	int fd = client_connect();
	uint8_t buf[20000];
	ssize_t n;

	if (fd < 0) {
		client_fail("no connection", client);
		return;
	}
	for (;;) {
		struct pollfd p = { fd, (short)(POLLIN | (sent < BYTES ? POLLOUT : 0)), 0 };
		uint32_t len = (uint32_t)num_min((uint32_t)rand_r((unsigned *)&seed) % sizeof(buf) + 1,
						 BYTES - sent);

		if (poll(&p, 1, 20000) <= 0) {
			client_fail("stuck", client);
			break;
		}
		if (p.revents & POLLOUT && len) {
			for (uint32_t i = 0; i < len; i++)
				buf[i] = byte_at(client, round, sent + i);
			n = send(fd, buf, len, MSG_NOSIGNAL);
			sent += n > 0 ? (uint32_t)n : 0;
			if (sent == BYTES)
				shutdown(fd, SHUT_WR);
		}
		n = recv(fd, buf, (size_t)rand_r((unsigned *)&seed) % sizeof(buf) + 1, 0);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			if (buf[i] != byte_at(client, round, got + (uint32_t)i)) {
				client_fail("wrong byte", client);
				goto out;
			}
		got += n > 0 ? (uint32_t)n : 0;
	}
	if (got != BYTES)
		client_fail("lost bytes", client);
out:
	close(fd);
}

static void *client_main(void *opaque)
{
	uint32_t client = (uint32_t)(uintptr_t)opaque;

	for (uint32_t round = 0; round < ROUNDS; round++)
		client_round(client, round);
	return NULL;
}

static void listen_and_create(void)
{
	struct vsock_options opt = { 0 };
	struct virtio_config cfg;

	ring_init(&d);
	cfg = ring_config(&d);
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "supermachine-vsock-load-%d", getpid());
	opt.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(opt.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(opt.listener, 128), 0);
	assert_int_equal(vsock_create(&cfg, &opt, &vs, NULL), 0);
	d.vd = vsock_virtio(vs);
}

static void bytes_are_exact_under_load(void **state)
{
	static struct guest g;
	pthread_t loop, guest, clients[CLIENTS];

	(void)state;
	listen_and_create();
	ring_start(&d, RING_FEATURES_ALL, 64);
	g.rx = ring_alloc(&d, SLOTS * (SLOT_LEN + 64ull));
	g.tx = ring_alloc(&d, SLOTS * (SLOT_LEN + 64ull));
	for (uint32_t i = 0; i < SLOTS; i++)
		slot_offer(&g, VSOCK_Q_RX, i, SLOT_LEN);
	ring_kick(&d, VSOCK_Q_RX);
	pthread_create(&loop, NULL, loop_main, d.loop);
	pthread_create(&guest, NULL, guest_main, &g);
	for (uintptr_t i = 0; i < CLIENTS; i++)
		pthread_create(&clients[i], NULL, client_main, (void *)i);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(clients[i], NULL);
	for (int i = 0; i < 5000 && vsock_connections(vs); i++)
		usleep(1000);
	assert_int_equal(vsock_connections(vs), 0);
	__atomic_store_n(&g.stop, true, __ATOMIC_RELEASE);
	pthread_join(guest, NULL);
	loop_stop(d.loop);
	pthread_join(loop, NULL);
	assert_int_equal(failures, 0);
	assert_int_equal(d.vd->nr_guest_faults, 0);
	ring_fini(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_are_exact_under_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
