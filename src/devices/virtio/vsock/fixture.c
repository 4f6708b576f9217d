/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/vsock/fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/fd.h"

struct ring_driver vfix_d;
struct vsock *vfix_vs;
int vfix_dialled[2];
int vfix_dial_error;
uint64_t vfix_tx_mem;
static uint64_t vfix_rx_mem;
static struct sockaddr_un address;

static int vfix_dial(void *opaque, uint32_t port)
{
	(void)opaque;
	if (vfix_dial_error || port != 1027)
		return -ECONNREFUSED;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, vfix_dialled), 0);
	fd_nonblock(vfix_dialled[0]);
	return vfix_dialled[1];
}

static void vfix_rx_offer(uint32_t slot)
{
	uint64_t gpa = vfix_rx_mem + slot * (RX_LEN + 64ull);

	/* Header and buffer apart, as Linux 6.1 does; the descriptors of a slot are its own. */
	ring_desc(&vfix_d, VSOCK_Q_RX, 2 * slot, gpa, VSOCK_HDR_LEN, VIRTQ_DESC_F_WRITE | VIRTQ_DESC_F_NEXT,
		  (uint16_t)(2 * slot + 1));
	ring_desc(&vfix_d, VSOCK_Q_RX, 2 * slot + 1, gpa + 64, RX_LEN, VIRTQ_DESC_F_WRITE, 0);
	ring_offer(&vfix_d, VSOCK_Q_RX, (uint16_t)(2 * slot));
}

static void vfix_start(void)
{
	struct vsock_options opt = { .dial = vfix_dial };
	struct virtio_config cfg;

	ring_init(&vfix_d);
	cfg = ring_config(&vfix_d);
	address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "supermachine-vsock-test-%d", getpid());
	opt.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(opt.listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(opt.listener, 128), 0);
	assert_int_equal(vsock_create(&cfg, &opt, &vfix_vs, NULL), 0);
	vfix_d.vd = vsock_virtio(vfix_vs);
}

void vfix_start_driver(void)
{
	ring_start(&vfix_d, RING_FEATURES_ALL, 128);
	vfix_rx_mem = ring_alloc(&vfix_d, RX_BUFS * (RX_LEN + 64ull));
	vfix_tx_mem = ring_alloc(&vfix_d, 256 << 10);
	for (uint32_t i = 0; i < RX_BUFS; i++)
		vfix_rx_offer(i);
	ring_kick(&vfix_d, VSOCK_Q_RX);
	ring_serve(&vfix_d);
}

int vfix_set_up(void **state)
{
	(void)state;
	vfix_dial_error = 0;
	vfix_start();
	vfix_start_driver();
	return 0;
}

int vfix_tear_down(void **state)
{
	(void)state;
	ring_fini(&vfix_d);
	return 0;
}

/* A new client is accepted in one round and heard in the next. */
void vfix_turn(void)
{
	for (int i = 0; i < 3; i++) {
		vsock_poll(vfix_vs);
		ring_serve(&vfix_d);
	}
}

void vfix_put(const struct vsock_hdr *h, const void *payload)
{
	struct ring_buf bufs[2] = { { vfix_tx_mem, VSOCK_HDR_LEN, false },
				    { vfix_tx_mem + 64, h->len, false } };
	uint8_t raw[VSOCK_HDR_LEN];

	vsock_hdr_format(raw, h);
	ring_write(&vfix_d, vfix_tx_mem, raw, sizeof(raw));
	if (h->len)
		ring_write(&vfix_d, vfix_tx_mem + 64, payload, h->len);
	ring_add(&vfix_d, VSOCK_Q_TX, bufs, h->len ? 2 : 1);
	ring_kick(&vfix_d, VSOCK_Q_TX);
	ring_serve(&vfix_d);
	assert_true(ring_used(&vfix_d, VSOCK_Q_TX, NULL, NULL));
}

struct vsock_hdr vfix_header(uint16_t op, uint32_t guest_port, uint32_t host_port)
{
	return (struct vsock_hdr){ .src_cid = 3,
				   .dst_cid = 2,
				   .src_port = guest_port,
				   .dst_port = host_port,
				   .type = 1,
				   .op = op,
				   .buf_alloc = GUEST_ALLOC };
}

void vfix_put_op(uint16_t op, uint32_t guest_port, uint32_t host_port, uint32_t flags)
{
	struct vsock_hdr h = vfix_header(op, guest_port, host_port);

	h.flags = flags;
	vfix_put(&h, NULL);
}

void vfix_put_data(uint32_t guest_port, uint32_t host_port, const void *data, uint32_t len)
{
	struct vsock_hdr h = vfix_header(VIRTIO_VSOCK_OP_RW, guest_port, host_port);

	h.len = len;
	vfix_put(&h, data);
}

bool vfix_get(struct vsock_hdr *h, uint8_t *payload)
{
	uint32_t head, len;
	uint8_t raw[VSOCK_HDR_LEN];
	uint64_t gpa;

	if (!ring_used(&vfix_d, VSOCK_Q_RX, &head, &len))
		return false;
	gpa = vfix_rx_mem + head / 2 * (RX_LEN + 64ull);
	ring_read(&vfix_d, gpa, raw, sizeof(raw));
	vsock_hdr_parse(raw, h);
	assert_int_equal(len, VSOCK_HDR_LEN + h->len);
	assert_int_equal(h->src_cid, 2);
	assert_int_equal(h->dst_cid, 3);
	if (payload && h->len)
		ring_read(&vfix_d, gpa + 64, payload, h->len);
	vfix_rx_offer(head / 2);
	ring_kick(&vfix_d, VSOCK_Q_RX);
	return true;
}

void vfix_expect(uint16_t op, struct vsock_hdr *h)
{
	*h = (struct vsock_hdr){ 0 };
	vfix_turn();
	assert_true(vfix_get(h, NULL));
	assert_int_equal(h->op, op);
	ring_serve(&vfix_d);
}

void vfix_expect_nothing(void)
{
	struct vsock_hdr h;

	vfix_turn();
	assert_false(vfix_get(&h, NULL));
}

void vfix_connect_from_guest(void)
{
	struct vsock_hdr h;

	vfix_put_op(VIRTIO_VSOCK_OP_REQUEST, 500, 1027, 0);
	vfix_expect(VIRTIO_VSOCK_OP_RESPONSE, &h);
	assert_int_equal(h.src_port, 1027);
	assert_int_equal(h.dst_port, 500);
	assert_int_equal(h.buf_alloc, VSOCK_BUF);
}

int vfix_host_client(const char *line)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(write(fd, line, strlen(line)), strlen(line));
	return fd;
}

int vfix_connect_from_host(uint32_t *ret_port)
{
	int fd = vfix_host_client("CONNECT 1028\n");
	struct vsock_hdr h;
	char line[64], want[64];
	ssize_t n;

	vfix_expect(VIRTIO_VSOCK_OP_REQUEST, &h);
	assert_int_equal(h.dst_port, 1028);
	*ret_port = h.src_port;
	vfix_put_op(VIRTIO_VSOCK_OP_RESPONSE, 1028, h.src_port, 0);
	n = read(fd, line, sizeof(line));
	snprintf(want, sizeof(want), "OK %u\n", h.src_port);
	assert_int_equal(n, strlen(want));
	assert_memory_equal(line, want, strlen(want));
	return fd;
}

bool vfix_at_eof(int fd)
{
	char c;

	return read(fd, &c, 1) == 0;
}

bool vfix_hung_up(int fd)
{
	char c;
	ssize_t n = read(fd, &c, 1);

	return n == 0 || (n < 0 && errno == ECONNRESET);
}
