/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/vsock/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/num.h"

static void bad_connect_lines_are_hung_up(void **state)
{
	static const char *const lines[] = {
		"CONNECT\n",   "CONNECT 4294967296\n", "CONNECT -1\n",
		"connect 5\n", "CONNECT 5 \n",	       "GET / HTTP/1.1\r\nHost: localhost\r\n",
		"\n"
	};

	(void)state;
	for (size_t i = 0; i < NUM_COUNTOF(lines); i++) {
		int fd = vfix_host_client(lines[i]);

		vfix_expect_nothing();
		assert_true(vfix_hung_up(fd));
		close(fd);
	}
	assert_int_equal(vfix_vs->conns[0].state, CONN_FREE);
}

/* CVE-2026-23086: what is held for the guest has a local limit. */
static void guest_that_overruns_its_credit_is_reset(void **state)
{
	static uint8_t block[65536];
	uint32_t port;
	int fd = vfix_connect_from_host(&port), sent = 0;
	struct vsock_hdr h;

	(void)state;
	do {
		vfix_put_data(1028, port, block, sizeof(block));
		vfix_turn();
		h.op = 0;
		vfix_get(&h, NULL);
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
	int fd = vfix_connect_from_host(&port);
	struct vsock_hdr h;

	(void)state;
	assert_true(write(fd, block, sizeof(block)) > GUEST_ALLOC);
	for (;;) {
		vfix_turn();
		if (!vfix_get(&h, NULL))
			break;
		total += h.len;
	}
	assert_int_equal(total, GUEST_ALLOC);
	h = vfix_header(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 1028, port);
	h.fwd_cnt = 1000;
	vfix_put(&h, NULL);
	vfix_expect(VIRTIO_VSOCK_OP_RW, &h);
	assert_int_equal(h.len, 1000);
	vfix_expect_nothing();
	close(fd);
}

static void malformed_packets_are_survived(void **state)
{
	struct vsock_hdr h;
	struct ring_buf cut = { vfix_tx_mem, VSOCK_HDR_LEN - 1, false },
			writable = { vfix_tx_mem, 100, true };

	(void)state;
	vfix_connect_from_guest();
	h = vfix_header(VIRTIO_VSOCK_OP_REQUEST, 600, 1027);
	h.src_cid = 9;
	vfix_put(&h, NULL);
	vfix_expect_nothing();
	h = vfix_header(VIRTIO_VSOCK_OP_REQUEST, 600, 1027);
	h.dst_cid = 9;
	vfix_put(&h, NULL);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	h = vfix_header(VIRTIO_VSOCK_OP_REQUEST, 600, 1027);
	h.type = 2; /* seqpacket is not offered */
	vfix_put(&h, NULL);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_int_equal(h.type, 2);
	vfix_put_op(VIRTIO_VSOCK_OP_RST, 77, 88, 0);
	vfix_expect_nothing();
	vfix_put_op(VIRTIO_VSOCK_OP_RW, 77, 88, 0);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	ring_add(&vfix_d, VSOCK_Q_TX, &cut, 1);
	ring_add(&vfix_d, VSOCK_Q_TX, &writable, 1);
	ring_kick(&vfix_d, VSOCK_Q_TX);
	vfix_expect_nothing();
	assert_true(ring_used(&vfix_d, VSOCK_Q_TX, NULL, NULL));
	assert_true(ring_used(&vfix_d, VSOCK_Q_TX, NULL, NULL));
	/* An unknown op ends the connection it names. */
	vfix_put_op(99, 500, 1027, 0);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_true(vfix_at_eof(vfix_dialled[0]));
	close(vfix_dialled[0]);
	assert_int_equal(ring_reg(&vfix_d, RING_STATUS), 15);
}

static void packet_longer_than_its_chain_is_reset(void **state)
{
	struct vsock_hdr h = vfix_header(VIRTIO_VSOCK_OP_RW, 500, 1027);
	struct ring_buf buf = { vfix_tx_mem, VSOCK_HDR_LEN + 10, false };
	uint8_t raw[VSOCK_HDR_LEN];

	(void)state;
	vfix_connect_from_guest();
	h.len = UINT32_MAX;
	vsock_hdr_format(raw, &h);
	ring_write(&vfix_d, vfix_tx_mem, raw, sizeof(raw));
	ring_add(&vfix_d, VSOCK_Q_TX, &buf, 1);
	ring_kick(&vfix_d, VSOCK_Q_TX);
	ring_serve(&vfix_d);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	close(vfix_dialled[0]);
}

/* CVE-2020-27174: resets owed to nobody are bounded, and none is lost. */
static void resets_owed_are_bounded_and_not_lost(void **state)
{
	struct vsock_hdr h;
	uint32_t sent = 0, seen = 0;

	(void)state;
	for (; sent < 120; sent++) {
		struct ring_buf buf = { vfix_tx_mem + 64ull * sent, VSOCK_HDR_LEN, false };
		uint8_t raw[VSOCK_HDR_LEN];

		h = vfix_header(VIRTIO_VSOCK_OP_RW, sent, 5);
		vsock_hdr_format(raw, &h);
		ring_write(&vfix_d, buf.gpa, raw, sizeof(raw));
		ring_add(&vfix_d, VSOCK_Q_TX, &buf, 1);
	}
	ring_kick(&vfix_d, VSOCK_Q_TX);
	ring_serve(&vfix_d);
	assert_true(vfix_vs->nr_rsts <= VSOCK_RSTS);
	while (seen < sent) {
		assert_true(vfix_get(&h, NULL));
		assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
		assert_int_equal(h.dst_port, seen++);
		ring_serve(&vfix_d);
	}
	vfix_expect_nothing();
}

static void busy_connection_does_not_starve_another(void **state)
{
	static uint8_t block[100000];
	uint32_t busy_port, port, packets = 0;
	int busy = vfix_connect_from_host(&busy_port), fd = vfix_connect_from_host(&port);
	struct vsock_hdr h;

	(void)state;
	assert_true(write(busy, block, sizeof(block)) > 60000);
	vfix_turn(); /* fills what buffers there are */
	assert_int_equal(write(fd, "me", 2), 2);
	vsock_poll(vfix_vs);
	do {
		assert_true(vfix_get(&h, NULL));
		ring_serve(&vfix_d);
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
			fds[nr++] = vfix_host_client("CONNECT 3\n");
		vfix_turn();
		while (vfix_get(&h, NULL))
			ring_serve(&vfix_d);
	}
	assert_int_equal(vsock_connections(vfix_vs), VSOCK_CONNS);
	extra = vfix_host_client("CONNECT 3\n");
	vfix_turn();
	assert_true(vfix_hung_up(extra));
	close(extra);
	vfix_put_op(VIRTIO_VSOCK_OP_REQUEST, 500, 1027, 0);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	close(vfix_dialled[0]);
	for (uint32_t i = 0; i < VSOCK_CONNS; i++)
		close(fds[i]);
	for (int i = 0; i < 100; i++) {
		vfix_turn();
		while (vfix_get(&h, NULL))
			ring_serve(&vfix_d);
	}
	for (uint32_t i = 0; i < VSOCK_CONNS; i++)
		held += vfix_vs->conns[i].state != CONN_FREE;
	assert_int_equal(held, 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, vfix_set_up, vfix_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(bad_connect_lines_are_hung_up),
		T(guest_that_overruns_its_credit_is_reset),
		T(credit_saturates),
		T(host_data_waits_for_guest_credit),
		T(malformed_packets_are_survived),
		T(packet_longer_than_its_chain_is_reset),
		T(resets_owed_are_bounded_and_not_lost),
		T(busy_connection_does_not_starve_another),
		T(table_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
