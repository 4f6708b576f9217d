/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers on one thread, the device's loop on another, host clients on a third: resets
 * come in the middle of everything. Meant for TSan and ASan; without them it shows that
 * nothing hangs and that the device works afterwards.
 */
#include "devices/virtio/blk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "devices/virtio/vsock/vsock.h"
#include "tests/lib/ring.h"

#define ROUNDS 150

static struct ring_driver d;
static pthread_t loop;

static void *loop_main(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

static void start_loop(void)
{
	assert_int_equal(pthread_create(&loop, NULL, loop_main, d.loop), 0);
}

static void finish(void)
{
	loop_stop(d.loop);
	pthread_join(loop, NULL);
	ring_fini(&d);
}

static bool wait_used(uint32_t q)
{
	for (int i = 0; i < 20000; i++) {
		if (ring_used(&d, q, NULL, NULL))
			return true;
		usleep(100);
	}
	return false;
}

static void blk_add_write(uint64_t header, uint64_t data, uint64_t status)
{
	struct ring_buf bufs[3] = { { header, 16, false }, { data, 64 << 10, false }, { status, 1, true } };

	ring_add(&d, 0, bufs, 3);
}

static void blk_reset_meets_requests(void **state)
{
	struct blk_options opt = { .serial = "x" };
	struct virtio_config cfg;
	uint8_t raw[16] = { 1 }, s = 9;
	int file = memfd_create("disk", MFD_CLOEXEC);
	struct blk *b;

	(void)state;
	ring_init(&d);
	assert_int_equal(ftruncate(file, 1 << 20), 0);
	assert_int_equal(disk_file_open(file, false, &opt.disk, NULL), 0);
	cfg = ring_config(&d);
	assert_int_equal(blk_create(&cfg, &opt, &b, NULL), 0);
	d.vd = blk_virtio(b);
	start_loop();
	for (int round = 0; round < ROUNDS; round++) {
		uint64_t header, data, status;

		d.heap = RING_BASE + (round % 2 ? 2u << 20 : 0);
		ring_start(&d, RING_FEATURES_ALL, 64);
		header = ring_alloc(&d, 16);
		data = ring_alloc(&d, 64 << 10);
		status = ring_alloc(&d, 1);
		ring_write(&d, header, raw, sizeof(raw));
		for (int i = 0; i < 16; i++)
			blk_add_write(header, data, status);
		ring_kick(&d, 0);
		if (round % 3 == 0)
			assert_true(wait_used(0));
		if (round % 5 == 0)
			blk_attach(b, NULL, NULL);
		ring_config_get(&d, 0, 8);
		ring_set(&d, RING_STATUS, 0);
		if (round % 5 == 0) {
			int again = memfd_create("disk", MFD_CLOEXEC);

			assert_int_equal(ftruncate(again, 1 << 20), 0);
			assert_int_equal(disk_file_open(again, false, &opt.disk, NULL), 0);
			blk_attach(b, opt.disk, "y");
		}
	}
	ring_start(&d, RING_FEATURES_ALL, 64);
	ring_write(&d, RING_BASE + (5u << 20), raw, sizeof(raw));
	blk_add_write(RING_BASE + (5u << 20), RING_BASE + (6u << 20), RING_BASE + (5u << 20) + 64);
	ring_kick(&d, 0);
	assert_true(wait_used(0));
	ring_read(&d, RING_BASE + (5u << 20) + 64, &s, 1);
	assert_int_equal(s, 0);
	finish();
}

struct clients {
	struct sockaddr_un address;
	bool stop; /* atomic */
};

static void *clients_main(void *opaque)
{
	struct clients *c = opaque;
	char line[64];

	while (!__atomic_load_n(&c->stop, __ATOMIC_ACQUIRE)) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!connect(fd, (struct sockaddr *)&c->address, sizeof(c->address)) &&
		    send(fd, "CONNECT 7\nhello", 15, MSG_NOSIGNAL) == 15)
			recv(fd, line, sizeof(line), MSG_DONTWAIT);
		close(fd);
	}
	return NULL;
}

static void vsock_reset_meets_clients(void **state)
{
	static struct clients c = { .address.sun_family = AF_UNIX };
	struct vsock_options opt = { 0 };
	struct virtio_config cfg;
	pthread_t clients;
	struct vsock *vs;

	(void)state;
	ring_init(&d);
	cfg = ring_config(&d);
	snprintf(c.address.sun_path + 1, sizeof(c.address.sun_path) - 1, "supermachine-race-%d", getpid());
	opt.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(opt.listener, (struct sockaddr *)&c.address, sizeof(c.address)), 0);
	assert_int_equal(listen(opt.listener, 16), 0);
	assert_int_equal(vsock_create(&cfg, &opt, &vs, NULL), 0);
	d.vd = vsock_virtio(vs);
	start_loop();
	assert_int_equal(pthread_create(&clients, NULL, clients_main, &c), 0);
	for (int round = 0; round < ROUNDS; round++) {
		d.heap = RING_BASE;
		ring_start(&d, RING_FEATURES_ALL, 64);
		for (int i = 0; i < 8; i++) {
			struct ring_buf buf = { ring_alloc(&d, 4096), 4096, true };

			ring_add(&d, 0, &buf, 1);
		}
		ring_kick(&d, 0);
		if (round % 4 == 0)
			assert_true(wait_used(0));
		if (round % 7 == 0)
			vsock_transport_reset(vs);
		ring_set(&d, RING_STATUS, 0);
	}
	assert_int_equal(vsock_connections(vs), 0);
	__atomic_store_n(&c.stop, true, __ATOMIC_RELEASE);
	pthread_join(clients, NULL);
	finish();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blk_reset_meets_requests),
		cmocka_unit_test(vsock_reset_meets_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
