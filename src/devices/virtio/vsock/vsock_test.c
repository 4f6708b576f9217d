/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/vsock/impl.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/lib/ring.h"
#include "util/fd.h"
#include "util/num.h"

#define RX_BUFS 32u
#define RX_LEN 4096u
#define GUEST_ALLOC (64u << 10)

static struct ring_driver d;
static struct vsock *vs;
static int dialled[2]; /* what the last dial made: ours, the device's */
static int dial_error;
static struct sockaddr_un address;
static uint64_t rx_mem, tx_mem;

static int dial(void *opaque, uint32_t port)
{
	(void)opaque;
	if (dial_error || port != 1027)
		return -ECONNREFUSED;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, dialled), 0);
	fd_nonblock(dialled[0]);
	return dialled[1];
}

static void rx_offer(uint32_t slot)
{
	uint64_t gpa = rx_mem + slot * (RX_LEN + 64ull);

	/* Header and buffer apart, as Linux 6.1 does; the descriptors of a slot are its own. */
	ring_desc(&d, VSOCK_Q_RX, 2 * slot, gpa, VSOCK_HDR_LEN, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT,
		  (uint16_t)(2 * slot + 1));
	ring_desc(&d, VSOCK_Q_RX, 2 * slot + 1, gpa + 64, RX_LEN, VIRTQ_DESC_F_WRITE, 0);
	ring_offer(&d, VSOCK_Q_RX, (uint16_t)(2 * slot));
}

static void start(void)
{
	struct vsock_options opt = { .dial = dial };
	struct virtio_config cfg;

	ring_init(&d);
	cfg = ring_config(&d);
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "supermachine-vsock-test-%d", getpid());
	opt.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(opt.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(opt.listener, 128), 0);
	assert_int_equal(vsock_create(&cfg, &opt, &vs, NULL), 0);
	d.vd = vsock_virtio(vs);
}

static void start_driver(void)
{
	ring_start(&d, RING_FEATURES_ALL, 128);
	rx_mem = ring_alloc(&d, RX_BUFS * (RX_LEN + 64ull));
	tx_mem = ring_alloc(&d, 256 << 10);
	for (uint32_t i = 0; i < RX_BUFS; i++)
		rx_offer(i);
	ring_kick(&d, VSOCK_Q_RX);
	ring_serve(&d);
}

static int set_up(void **state)
{
	(void)state;
	dial_error = 0;
	start();
	start_driver();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ring_fini(&d);
	return 0;
}

/* A new client is accepted in one round and heard in the next. */
static void turn(void)
{
	for (int i = 0; i < 3; i++) {
		vsock_poll(vs);
		ring_serve(&d);
	}
}

/* A packet from the guest. */
static void put(const struct vsock_hdr *h, const void *payload)
{
	struct ring_buf bufs[2] = { { tx_mem, VSOCK_HDR_LEN, false }, { tx_mem + 64, h->len, false } };
	uint8_t raw[VSOCK_HDR_LEN];

	vsock_hdr_format(raw, h);
	ring_write(&d, tx_mem, raw, sizeof(raw));
	if (h->len)
		ring_write(&d, tx_mem + 64, payload, h->len);
	ring_add(&d, VSOCK_Q_TX, bufs, h->len ? 2 : 1);
	ring_kick(&d, VSOCK_Q_TX);
	ring_serve(&d);
	assert_true(ring_used(&d, VSOCK_Q_TX, NULL, NULL));
}

static struct vsock_hdr header(uint16_t op, uint32_t guest_port, uint32_t host_port)
{
	return (struct vsock_hdr){ .src_cid = 3,
				   .dst_cid = 2,
				   .src_port = guest_port,
				   .dst_port = host_port,
				   .type = 1,
				   .op = op,
				   .buf_alloc = GUEST_ALLOC };
}

static void put_op(uint16_t op, uint32_t guest_port, uint32_t host_port, uint32_t flags)
{
	struct vsock_hdr h = header(op, guest_port, host_port);

	h.flags = flags;
	put(&h, NULL);
}

static void put_data(uint32_t guest_port, uint32_t host_port, const void *data, uint32_t len)
{
	struct vsock_hdr h = header(VIRTIO_VSOCK_OP_RW, guest_port, host_port);

	h.len = len;
	put(&h, data);
}

/* The next packet for the guest; its buffer goes back. False: none. */
static bool get(struct vsock_hdr *h, uint8_t *payload)
{
	uint32_t head, len;
	uint8_t raw[VSOCK_HDR_LEN];
	uint64_t gpa;

	if (!ring_used(&d, VSOCK_Q_RX, &head, &len))
		return false;
	gpa = rx_mem + head / 2 * (RX_LEN + 64ull);
	ring_read(&d, gpa, raw, sizeof(raw));
	vsock_hdr_parse(raw, h);
	assert_int_equal(len, VSOCK_HDR_LEN + h->len);
	assert_int_equal(h->src_cid, 2);
	assert_int_equal(h->dst_cid, 3);
	if (payload && h->len)
		ring_read(&d, gpa + 64, payload, h->len);
	rx_offer(head / 2);
	ring_kick(&d, VSOCK_Q_RX);
	return true;
}

static void expect(uint16_t op, struct vsock_hdr *h)
{
	turn();
	assert_true(get(h, NULL));
	assert_int_equal(h->op, op);
	ring_serve(&d);
}

static void expect_nothing(void)
{
	struct vsock_hdr h;

	turn();
	assert_false(get(&h, NULL));
}

/* Guest port 500 to host port 1027. */
static void connect_from_guest(void)
{
	struct vsock_hdr h;

	put_op(VIRTIO_VSOCK_OP_REQUEST, 500, 1027, 0);
	expect(VIRTIO_VSOCK_OP_RESPONSE, &h);
	assert_int_equal(h.src_port, 1027);
	assert_int_equal(h.dst_port, 500);
	assert_int_equal(h.buf_alloc, VSOCK_BUF);
}

static int host_client(const char *line)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	return fd;
}

/* To guest port 1028, accepted; *ret_port is the host's. */
static int connect_from_host(uint32_t *ret_port)
{
	int fd = host_client("CONNECT 1028\n");
	struct vsock_hdr h;
	char line[64], want[64];
	ssize_t n;

	expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	assert_int_equal(h.dst_port, 1028);
	*ret_port = h.src_port;
	put_op(VIRTIO_VSOCK_OP_RESPONSE, 1028, h.src_port, 0);
	n = read(fd, line, sizeof(line));
	snprintf(want, sizeof(want), "OK %u\n", h.src_port);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(line, want, strlen(want));
	return fd;
}

static bool at_eof(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

/* As at_eof; or the device closed without having read everything. */
static bool hung_up(int fd)
{
	char c;
	ssize_t n = read(fd, &c, 1);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void guest_reaches_the_dialled_port_only(void **state)
{
	struct vsock_hdr h;
	char buf[16];

	(void)state;
	connect_from_guest();
	put_data(500, 1027, "hello", 5);
	assert_int_equal(read(dialled[0], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(write(dialled[0], "ok", 2), 2);
	expect(VIRTIO_VSOCK_OP_RW, &h);
	assert_int_equal(h.len, 2);
	assert_int_equal(h.fwd_cnt, 5);
	put_op(VIRTIO_VSOCK_OP_REQUEST, 501, 22, 0);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_int_equal(h.dst_port, 501);
	dial_error = 1;
	put_op(VIRTIO_VSOCK_OP_REQUEST, 502, 1027, 0);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	close(dialled[0]);
}

static void host_client_is_told_ok_only_when_accepted(void **state)
{
	uint32_t port;
	int fd = connect_from_host(&port), other;
	struct vsock_hdr h;
	char c;

	(void)state;
	other = host_client("CONNECT 9\n");
	expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	assert_true(h.src_port != port);
	assert_int_equal(read(other, &c, 1), -1);
	put_op(VIRTIO_VSOCK_OP_RST, 9, h.src_port, 0);
	assert_true(at_eof(other));
	close(other);
	close(fd);
}

static void host_data_behind_connect_is_kept(void **state)
{
	int fd = host_client("CONNECT 1028\nfirst");
	struct vsock_hdr h;
	uint8_t buf[RX_LEN];

	(void)state;
	expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	expect_nothing();
	put_op(VIRTIO_VSOCK_OP_RESPONSE, 1028, h.src_port, 0);
	turn();
	assert_true(get(&h, buf));
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(h.len, 5);
	assert_memory_equal(buf, "first", 5);
	close(fd);
}

static void bad_connect_lines_are_hung_up(void **state)
{
	static const char *const lines[] = {
		"CONNECT\n",   "CONNECT 4294967296\n", "CONNECT -1\n",
		"connect 5\n", "CONNECT 5 \n",	       "GET / HTTP/1.1\r\nHost: localhost\r\n",
		"\n"
	};

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(lines); i++) {
		int fd = host_client(lines[i]);

		expect_nothing();
		assert_true(hung_up(fd));
		close(fd);
	}
	assert_int_equal(vs->conns[0].state, CONN_FREE);
}

static void connect_line_may_come_in_pieces(void **state)
{
	int fd = host_client("CONN");
	struct vsock_hdr h;

	(void)state;
	expect_nothing();
	assert_int_equal(write(fd, "ECT 77", 6), 6);
	expect_nothing();
	assert_int_equal(write(fd, "\n", 1), 1);
	expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	assert_int_equal(h.dst_port, 77);
	close(fd);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_int_equal(vsock_connections(vs), 0);
}

static void client_is_hung_up_before_the_driver_runs(void **state)
{
	int fd;

	(void)state;
	ring_set(&d, RING_STATUS, 0);
	fd = host_client("CONNECT 5\n");
	turn();
	assert_true(hung_up(fd));
	close(fd);
}

static void host_half_close_leaves_the_other_half(void **state)
{
	uint32_t port;
	int fd = connect_from_host(&port);
	struct vsock_hdr h;
	char buf[8];

	(void)state;
	assert_int_equal(write(fd, "bye", 3), 3);
	shutdown(fd, SHUT_WR);
	expect(VIRTIO_VSOCK_OP_RW, &h);
	expect(VIRTIO_VSOCK_OP_SHUTDOWN, &h);
	assert_int_equal(h.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	put_data(1028, port, "answer", 6);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	put_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1028, port, 3);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_true(at_eof(fd));
	assert_int_equal(vsock_connections(vs), 0);
	close(fd);
}

static void guest_half_close_leaves_the_other_half(void **state)
{
	uint32_t port;
	int fd = connect_from_host(&port);
	struct vsock_hdr h;
	char buf[8];

	(void)state;
	put_data(1028, port, "last", 4);
	put_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1028, port, VIRTIO_VSOCK_SHUTDOWN_SEND);
	assert_int_equal(read(fd, buf, sizeof(buf)), 4);
	assert_true(at_eof(fd));
	assert_int_equal(write(fd, "more", 4), 4);
	expect(VIRTIO_VSOCK_OP_RW, &h);
	assert_int_equal(h.len, 4);
	/* Data after the end of the stream is a lie. */
	put_data(1028, port, "x", 1);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	close(fd);
}

static void host_close_ends_both_after_the_data(void **state)
{
	uint32_t port;
	int fd = connect_from_host(&port);
	struct vsock_hdr h;

	(void)state;
	assert_int_equal(write(fd, "bye", 3), 3);
	close(fd);
	turn();
	put_data(1028, port, "nobody reads this", 17);
	assert_true(get(&h, NULL));
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(h.len, 3);
	ring_serve(&d);
	expect(VIRTIO_VSOCK_OP_SHUTDOWN, &h);
	assert_int_equal(h.flags, VIRTIO_VSOCK_SHUTDOWN_BOTH);
	put_op(VIRTIO_VSOCK_OP_RST, 1028, port, 0);
	expect_nothing();
	assert_int_equal(vsock_connections(vs), 0);
}

/* Data before a guest's close, and before its RST, reaches a host that reads late. */
static void guest_close_does_not_lose_data(void **state)
{
	static uint8_t block[32768];

	(void)state;
	for (int rst = 0; rst < 2; rst++) {
		uint32_t port, total = 0;
		int fd = connect_from_host(&port);
		struct vsock_hdr h;
		ssize_t n;

		for (uint32_t i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)(i * 31);
		/* As much as credit allows, most of which the socket does not take. */
		for (int i = 0; i < 8; i++)
			put_data(1028, port, block, sizeof(block));
		put_op(rst ? VIRTIO_VSOCK_OP_RST : VIRTIO_VSOCK_OP_SHUTDOWN, 1028, port, 3);
		turn();
		if (!rst) {
			while (get(&h, NULL) && h.op != VIRTIO_VSOCK_OP_RST)
				ring_serve(&d);
			assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
		}
		while (get(&h, NULL))
			ring_serve(&d);
		for (;;) {
			static uint8_t buf[10000];

			n = read(fd, buf, sizeof(buf));
			if (n == 0)
				break;
			if (n < 0) {
				assert_int_equal(errno, EAGAIN);
				turn();
				continue;
			}
			for (ssize_t i = 0; i < n; i++)
				assert_int_equal(buf[i], block[(total + (size_t)i) % sizeof(block)]);
			total += (uint32_t)n;
		}
		assert_int_equal(total, 8 * sizeof(block));
		close(fd);
		turn();
		assert_int_equal(vs->conns[0].state, CONN_FREE);
	}
}

/* CVE-2026-23086: what is held for the guest has a local limit. */
static void guest_that_overruns_its_credit_is_reset(void **state)
{
	static uint8_t block[65536];
	uint32_t port;
	int fd = connect_from_host(&port), sent = 0;
	struct vsock_hdr h;

	(void)state;
	do {
		put_data(1028, port, block, sizeof(block));
		turn();
		h.op = 0;
		get(&h, NULL);
		sent++;
	} while (h.op != VIRTIO_VSOCK_OP_RST && sent < 1000);
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
	assert_true(sent < 20);
	close(fd);
}

/* CVE-2026-23069: a peer that shrinks its buffer or lies about what it took gets nothing, no underflow. */
static void credit_saturates(void **state)
{
	struct conn c = { .sent = 1000, .peer_alloc = 500, .peer_fwd = 0 };

	(void)state;
	assert_int_equal(conn_credit(&c), 0);
	c.peer_fwd = 600;
	assert_int_equal(conn_credit(&c), 100);
	c.peer_fwd = 2000; /* more than was sent */
	assert_int_equal(conn_credit(&c), 0);
	c.sent = 10;
	c.peer_fwd = UINT32_MAX - 9; /* counters wrap */
	assert_int_equal(conn_credit(&c), 480);
	c.peer_alloc = UINT32_MAX;
	c.peer_fwd = 10;
	assert_int_equal(conn_credit(&c), UINT32_MAX);
}

static void host_data_waits_for_guest_credit(void **state)
{
	static uint8_t block[200000];
	uint32_t port, total = 0;
	int fd = connect_from_host(&port);
	struct vsock_hdr h;

	(void)state;
	assert_true(write(fd, block, sizeof(block)) > GUEST_ALLOC);
	for (;;) {
		turn();
		if (!get(&h, NULL))
			break;
		total += h.len;
	}
	assert_int_equal(total, GUEST_ALLOC);
	h = header(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 1028, port);
	h.fwd_cnt = 1000;
	put(&h, NULL);
	expect(VIRTIO_VSOCK_OP_RW, &h);
	assert_int_equal(h.len, 1000);
	expect_nothing();
	close(fd);
}

static void malformed_packets_are_survived(void **state)
{
	struct vsock_hdr h;
	struct ring_buf cut = { tx_mem, VSOCK_HDR_LEN - 1, false }, writable = { tx_mem, 100, true };

	(void)state;
	connect_from_guest();
	h = header(VIRTIO_VSOCK_OP_REQUEST, 600, 1027);
	h.src_cid = 9;
	put(&h, NULL);
	expect_nothing();
	h = header(VIRTIO_VSOCK_OP_REQUEST, 600, 1027);
	h.dst_cid = 9;
	put(&h, NULL);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	h = header(VIRTIO_VSOCK_OP_REQUEST, 600, 1027);
	h.type = 2; /* seqpacket is not offered */
	put(&h, NULL);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_int_equal(h.type, 2);
	put_op(VIRTIO_VSOCK_OP_RST, 77, 88, 0);
	expect_nothing();
	put_op(VIRTIO_VSOCK_OP_RW, 77, 88, 0);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	ring_add(&d, VSOCK_Q_TX, &cut, 1);
	ring_add(&d, VSOCK_Q_TX, &writable, 1);
	ring_kick(&d, VSOCK_Q_TX);
	expect_nothing();
	assert_true(ring_used(&d, VSOCK_Q_TX, NULL, NULL));
	assert_true(ring_used(&d, VSOCK_Q_TX, NULL, NULL));
	/* An unknown op ends the connection it names. */
	put_op(99, 500, 1027, 0);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_true(at_eof(dialled[0]));
	close(dialled[0]);
	assert_int_equal(ring_reg(&d, RING_STATUS), 15);
}

static void packet_longer_than_its_chain_is_reset(void **state)
{
	struct vsock_hdr h = header(VIRTIO_VSOCK_OP_RW, 500, 1027);
	struct ring_buf buf = { tx_mem, VSOCK_HDR_LEN + 10, false };
	uint8_t raw[VSOCK_HDR_LEN];

	(void)state;
	connect_from_guest();
	h.len = UINT32_MAX;
	vsock_hdr_format(raw, &h);
	ring_write(&d, tx_mem, raw, sizeof(raw));
	ring_add(&d, VSOCK_Q_TX, &buf, 1);
	ring_kick(&d, VSOCK_Q_TX);
	ring_serve(&d);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	close(dialled[0]);
}

/* CVE-2020-27174: resets owed to nobody are bounded, and none is lost. */
static void resets_owed_are_bounded_and_not_lost(void **state)
{
	struct vsock_hdr h;
	uint32_t sent = 0, seen = 0;

	(void)state;
	for (; sent < 120; sent++) {
		struct ring_buf buf = { tx_mem + 64ull * sent, VSOCK_HDR_LEN, false };
		uint8_t raw[VSOCK_HDR_LEN];

		h = header(VIRTIO_VSOCK_OP_RW, sent, 5);
		vsock_hdr_format(raw, &h);
		ring_write(&d, buf.gpa, raw, sizeof(raw));
		ring_add(&d, VSOCK_Q_TX, &buf, 1);
	}
	ring_kick(&d, VSOCK_Q_TX);
	ring_serve(&d);
	assert_true(vs->nr_rsts <= VSOCK_RSTS);
	while (seen < sent) {
		assert_true(get(&h, NULL));
		assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
		assert_int_equal(h.dst_port, seen++);
		ring_serve(&d);
	}
	expect_nothing();
}

static void busy_connection_does_not_starve_another(void **state)
{
	static uint8_t block[100000];
	uint32_t busy_port, port, packets = 0;
	int busy = connect_from_host(&busy_port), fd = connect_from_host(&port);
	struct vsock_hdr h;

	(void)state;
	assert_true(write(busy, block, sizeof(block)) > 60000);
	turn(); /* fills what buffers there are */
	assert_int_equal(write(fd, "me", 2), 2);
	vsock_poll(vs);
	do {
		assert_true(get(&h, NULL));
		ring_serve(&d);
		packets++;
	} while (h.src_port != port);
	assert_true(packets <= RX_BUFS + 1);
	close(busy);
	close(fd);
}

static void table_is_bounded(void **state)
{
	static int fds[VSOCK_CONNS];
	uint32_t nr = 0, held = 0;
	struct vsock_hdr h;
	struct rlimit lim;
	int extra;

	(void)state;
	/* Both ends of every connection live in this process. */
	getrlimit(RLIMIT_NOFILE, &lim);
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	if (lim.rlim_cur < 2 * VSOCK_CONNS + 64)
		skip();
	while (nr < VSOCK_CONNS) {
		for (uint32_t i = 0; i < 100 && nr < VSOCK_CONNS; i++)
			fds[nr++] = host_client("CONNECT 3\n");
		turn();
		while (get(&h, NULL))
			ring_serve(&d);
	}
	assert_int_equal(vsock_connections(vs), VSOCK_CONNS);
	extra = host_client("CONNECT 3\n");
	turn();
	assert_true(hung_up(extra));
	close(extra);
	put_op(VIRTIO_VSOCK_OP_REQUEST, 500, 1027, 0);
	expect(VIRTIO_VSOCK_OP_RST, &h);
	close(dialled[0]);
	for (uint32_t i = 0; i < VSOCK_CONNS; i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++) {
		turn();
		while (get(&h, NULL))
			ring_serve(&d);
	}
	for (uint32_t i = 0; i < VSOCK_CONNS; i++)
		held += vs->conns[i].state != CONN_FREE;
	assert_int_equal(held, 0);
}

static void reset_drops_everything(void **state)
{
	uint32_t port;
	int fd = connect_from_host(&port);

	(void)state;
	ring_set(&d, RING_STATUS, 0);
	assert_true(at_eof(fd));
	close(fd);
	assert_int_equal(vsock_connections(vs), 0);
	d.heap = RING_BASE;
	start_driver();
	fd = connect_from_host(&port);
	close(fd);
}

static void nothing_opens_before_the_reset_event_was_seen(void **state)
{
	uint64_t event = ring_alloc(&d, 64);
	struct ring_buf buf = { event, 8, true };
	uint32_t port, len;
	int fd = connect_from_host(&port), other;
	struct vsock_hdr h;
	uint32_t id = 9;

	(void)state;
	for (int i = 0; i < 3; i++)
		ring_add(&d, VSOCK_Q_EVENT, &buf, 1);
	ring_kick(&d, VSOCK_Q_EVENT);
	ring_serve(&d);
	ring_write(&d, event, &id, 4);
	vsock_transport_reset(vs);
	assert_true(at_eof(fd));
	close(fd);
	ring_serve(&d);
	assert_true(ring_used(&d, VSOCK_Q_EVENT, NULL, &len));
	assert_int_equal(len, 4);
	ring_read(&d, event, &id, 4);
	assert_int_equal(id, 0);
	other = host_client("CONNECT 1028\n");
	expect_nothing();
	ring_add(&d, VSOCK_Q_EVENT, &buf, 1);
	ring_kick(&d, VSOCK_Q_EVENT);
	expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	close(other);
}

static void restored_device_owes_a_reset_only_for_open_connections(void **state)
{
	(void)state;
	for (int open = 0; open < 2; open++) {
		struct virtio_config cfg = ring_config(&d);
		struct vsock_options opt = { .listener = -1 };
		uint32_t port;
		struct cursor in;
		struct buf b;
		int fd = open ? connect_from_host(&port) : -1;

		buf_init(&b, 4096);
		d.vd->dev.ops->quiesce(d.vd);
		assert_int_equal(d.vd->dev.ops->save(d.vd, &b, NULL), 0);
		virtio_destroy(d.vd);
		assert_int_equal(vsock_create(&cfg, &opt, &vs, NULL), 0);
		d.vd = vsock_virtio(vs);
		in = cursor_of(b.data, b.len);
		assert_int_equal(d.vd->dev.ops->load(d.vd, &in, NULL), 0);
		assert_true(cursor_done(&in));
		d.vd->dev.ops->resume(d.vd);
		assert_int_equal(vs->event_owed, open);
		buf_fini(&b);
		fd_close(&fd);
		tear_down(NULL);
		set_up(NULL);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(guest_reaches_the_dialled_port_only),
		T(host_client_is_told_ok_only_when_accepted),
		T(host_data_behind_connect_is_kept),
		T(bad_connect_lines_are_hung_up),
		T(connect_line_may_come_in_pieces),
		T(client_is_hung_up_before_the_driver_runs),
		T(host_half_close_leaves_the_other_half),
		T(guest_half_close_leaves_the_other_half),
		T(host_close_ends_both_after_the_data),
		T(guest_close_does_not_lose_data),
		T(guest_that_overruns_its_credit_is_reset),
		T(credit_saturates),
		T(host_data_waits_for_guest_credit),
		T(malformed_packets_are_survived),
		T(packet_longer_than_its_chain_is_reset),
		T(resets_owed_are_bounded_and_not_lost),
		T(busy_connection_does_not_starve_another),
		T(table_is_bounded),
		T(reset_drops_everything),
		T(nothing_opens_before_the_reset_event_was_seen),
		T(restored_device_owes_a_reset_only_for_open_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
