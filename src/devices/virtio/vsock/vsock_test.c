/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/vsock/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

static void guest_reaches_the_dialled_port_only(void **state)
{
	struct vsock_hdr h;
	char buf[16];

	(void)state;
	vfix_connect_from_guest();
	vfix_put_data(500, 1027, "hello", 5);
	assert_int_equal(read(vfix_dialled[0], buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "hello", 5);
	assert_int_equal(write(vfix_dialled[0], "ok", 2), 2);
	vfix_expect(VIRTIO_VSOCK_OP_RW, &h);
	assert_int_equal(h.len, 2);
	assert_int_equal(h.fwd_cnt, 5);
	vfix_put_op(VIRTIO_VSOCK_OP_REQUEST, 501, 22, 0);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_int_equal(h.dst_port, 501);
	vfix_dial_error = 1;
	vfix_put_op(VIRTIO_VSOCK_OP_REQUEST, 502, 1027, 0);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	close(vfix_dialled[0]);
}

static void host_client_is_told_ok_only_when_accepted(void **state)
{
	uint32_t port;
	int fd = vfix_connect_from_host(&port), other;
	struct vsock_hdr h;
	char c;

	(void)state;
	other = vfix_host_client("CONNECT 9\n");
	vfix_expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	assert_true(h.src_port != port);
	assert_int_equal(read(other, &c, 1), -1);
	vfix_put_op(VIRTIO_VSOCK_OP_RST, 9, h.src_port, 0);
	assert_true(vfix_at_eof(other));
	close(other);
	close(fd);
}

static void host_data_behind_connect_is_kept(void **state)
{
	int fd = vfix_host_client("CONNECT 1028\nfirst");
	struct vsock_hdr h;
	uint8_t buf[RX_LEN];

	(void)state;
	vfix_expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	vfix_expect_nothing();
	vfix_put_op(VIRTIO_VSOCK_OP_RESPONSE, 1028, h.src_port, 0);
	vfix_turn();
	assert_true(vfix_get(&h, buf));
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(h.len, 5);
	assert_memory_equal(buf, "first", 5);
	close(fd);
}

static void connect_line_may_come_in_pieces(void **state)
{
	int fd = vfix_host_client("CONN");
	struct vsock_hdr h;

	(void)state;
	vfix_expect_nothing();
	assert_int_equal(write(fd, "ECT 77", 6), 6);
	vfix_expect_nothing();
	assert_int_equal(write(fd, "\n", 1), 1);
	vfix_expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	assert_int_equal(h.dst_port, 77);
	close(fd);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_int_equal(vsock_connections(vfix_vs), 0);
}

static void client_is_hung_up_before_the_driver_runs(void **state)
{
	int fd;

	(void)state;
	ring_set(&vfix_d, RING_STATUS, 0);
	fd = vfix_host_client("CONNECT 5\n");
	vfix_turn();
	assert_true(vfix_hung_up(fd));
	close(fd);
}

static void host_half_close_leaves_the_other_half(void **state)
{
	uint32_t port;
	int fd = vfix_connect_from_host(&port);
	struct vsock_hdr h;
	char buf[8];

	(void)state;
	assert_int_equal(write(fd, "bye", 3), 3);
	shutdown(fd, SHUT_WR);
	vfix_expect(VIRTIO_VSOCK_OP_RW, &h);
	vfix_expect(VIRTIO_VSOCK_OP_SHUTDOWN, &h);
	assert_int_equal(h.flags, VIRTIO_VSOCK_SHUTDOWN_SEND);
	vfix_put_data(1028, port, "answer", 6);
	assert_int_equal(read(fd, buf, sizeof(buf)), 6);
	vfix_put_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1028, port, 3);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	assert_true(vfix_at_eof(fd));
	assert_int_equal(vsock_connections(vfix_vs), 0);
	close(fd);
}

static void guest_half_close_leaves_the_other_half(void **state)
{
	uint32_t port;
	int fd = vfix_connect_from_host(&port);
	struct vsock_hdr h;
	char buf[8];

	(void)state;
	vfix_put_data(1028, port, "last", 4);
	vfix_put_op(VIRTIO_VSOCK_OP_SHUTDOWN, 1028, port, VIRTIO_VSOCK_SHUTDOWN_SEND);
	assert_int_equal(read(fd, buf, sizeof(buf)), 4);
	assert_true(vfix_at_eof(fd));
	assert_int_equal(write(fd, "more", 4), 4);
	vfix_expect(VIRTIO_VSOCK_OP_RW, &h);
	assert_int_equal(h.len, 4);
	/* Data after the end of the stream is a lie. */
	vfix_put_data(1028, port, "x", 1);
	vfix_expect(VIRTIO_VSOCK_OP_RST, &h);
	close(fd);
}

static void host_close_ends_both_after_the_data(void **state)
{
	uint32_t port;
	int fd = vfix_connect_from_host(&port);
	struct vsock_hdr h;

	(void)state;
	assert_int_equal(write(fd, "bye", 3), 3);
	close(fd);
	vfix_turn();
	vfix_put_data(1028, port, "nobody reads this", 17);
	assert_true(vfix_get(&h, NULL));
	assert_int_equal(h.op, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(h.len, 3);
	ring_serve(&vfix_d);
	vfix_expect(VIRTIO_VSOCK_OP_SHUTDOWN, &h);
	assert_int_equal(h.flags, VIRTIO_VSOCK_SHUTDOWN_BOTH);
	vfix_put_op(VIRTIO_VSOCK_OP_RST, 1028, port, 0);
	vfix_expect_nothing();
	assert_int_equal(vsock_connections(vfix_vs), 0);
}

/* Data before a guest's close, and before its RST, reaches a host that reads late. */
static void guest_close_does_not_lose_data(void **state)
{
	static uint8_t block[32768];

	(void)state;
	for (int rst = 0; rst < 2; rst++) {
		uint32_t port, total = 0;
		int fd = vfix_connect_from_host(&port);
		struct vsock_hdr h;
		ssize_t n;

		for (uint32_t i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)(i * 31);
		/* As much as credit allows, most of which the socket does not take. */
		for (int i = 0; i < 8; i++)
			vfix_put_data(1028, port, block, sizeof(block));
		vfix_put_op(rst ? VIRTIO_VSOCK_OP_RST : VIRTIO_VSOCK_OP_SHUTDOWN, 1028, port, 3);
		vfix_turn();
		if (!rst) {
			while (vfix_get(&h, NULL) && h.op != VIRTIO_VSOCK_OP_RST)
				ring_serve(&vfix_d);
			assert_int_equal(h.op, VIRTIO_VSOCK_OP_RST);
		}
		while (vfix_get(&h, NULL))
			ring_serve(&vfix_d);
		for (;;) {
			static uint8_t buf[10000];

			n = read(fd, buf, sizeof(buf));
			if (n == 0)
				break;
			if (n < 0) {
				assert_int_equal(errno, EAGAIN);
				vfix_turn();
				continue;
			}
			for (ssize_t i = 0; i < n; i++)
				assert_int_equal(buf[i], block[(total + (size_t)i) % sizeof(block)]);
			total += (uint32_t)n;
		}
		assert_int_equal(total, 8 * sizeof(block));
		close(fd);
		vfix_turn();
		assert_int_equal(vfix_vs->conns[0].state, CONN_FREE);
	}
}

static void reset_drops_everything(void **state)
{
	uint32_t port;
	int fd = vfix_connect_from_host(&port);

	(void)state;
	ring_set(&vfix_d, RING_STATUS, 0);
	assert_true(vfix_at_eof(fd));
	close(fd);
	assert_int_equal(vsock_connections(vfix_vs), 0);
	vfix_d.heap = RING_BASE;
	vfix_start_driver();
	fd = vfix_connect_from_host(&port);
	close(fd);
}

static void nothing_opens_before_the_reset_event_was_seen(void **state)
{
	uint64_t event = ring_alloc(&vfix_d, 64);
	struct ring_buf buf = { event, 8, true };
	uint32_t port, len;
	int fd = vfix_connect_from_host(&port), other;
	struct vsock_hdr h;
	uint32_t id = 9;

	(void)state;
	for (int i = 0; i < 3; i++)
		ring_add(&vfix_d, VSOCK_Q_EVENT, &buf, 1);
	ring_kick(&vfix_d, VSOCK_Q_EVENT);
	ring_serve(&vfix_d);
	ring_write(&vfix_d, event, &id, 4);
	vsock_transport_reset(vfix_vs);
	assert_true(vfix_at_eof(fd));
	close(fd);
	ring_serve(&vfix_d);
	assert_true(ring_used(&vfix_d, VSOCK_Q_EVENT, NULL, &len));
	assert_int_equal(len, 4);
	ring_read(&vfix_d, event, &id, 4);
	assert_int_equal(id, 0);
	other = vfix_host_client("CONNECT 1028\n");
	vfix_expect_nothing();
	ring_add(&vfix_d, VSOCK_Q_EVENT, &buf, 1);
	ring_kick(&vfix_d, VSOCK_Q_EVENT);
	vfix_expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	close(other);
}

static void restored_device_owes_a_reset_only_for_open_connections(void **state)
{
	(void)state;
	for (int open = 0; open < 2; open++) {
		struct virtio_config cfg = ring_config(&vfix_d);
		struct vsock_options opt = { .listener = -1 };
		uint32_t port;
		struct cursor in;
		struct buf b;
		int fd = open ? vfix_connect_from_host(&port) : -1;

		buf_init(&b, 4096);
		vfix_d.vd->dev.ops->quiesce(vfix_d.vd);
		assert_int_equal(vfix_d.vd->dev.ops->save(vfix_d.vd, &b, NULL), 0);
		virtio_destroy(vfix_d.vd);
		assert_int_equal(vsock_create(&cfg, &opt, &vfix_vs, NULL), 0);
		vfix_d.vd = vsock_virtio(vfix_vs);
		in = cursor_of(b.data, b.len);
		assert_int_equal(vfix_d.vd->dev.ops->load(vfix_d.vd, &in, NULL), 0);
		assert_true(cursor_done(&in));
		vfix_d.vd->dev.ops->resume(vfix_d.vd);
		assert_int_equal(vfix_vs->event_owed, open);
		buf_fini(&b);
		fd_close(&fd);
		vfix_tear_down(NULL);
		vfix_set_up(NULL);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, vfix_set_up, vfix_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(guest_reaches_the_dialled_port_only),
		T(host_client_is_told_ok_only_when_accepted),
		T(host_data_behind_connect_is_kept),
		T(connect_line_may_come_in_pieces),
		T(client_is_hung_up_before_the_driver_runs),
		T(host_half_close_leaves_the_other_half),
		T(guest_half_close_leaves_the_other_half),
		T(host_close_ends_both_after_the_data),
		T(guest_close_does_not_lose_data),
		T(reset_drops_everything),
		T(nothing_opens_before_the_reset_event_was_seen),
		T(restored_device_owes_a_reset_only_for_open_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
