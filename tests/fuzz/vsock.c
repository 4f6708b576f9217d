/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "devices/virtio/vsock/impl.h"
#include "tests/fuzz/script.h"
#include "util/fd.h"

#define ENDS 8

static int ends[ENDS]; /* the host's ends of what the guest dialled */
static struct vsock *vs;

static int dial(void *opaque, uint32_t port)
{
	int pair[2];

	(void)opaque;
	if (port % 2)
		return -ECONNREFUSED;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return -errno;
	fd_close(&ends[port / 2 % ENDS]);
	ends[port / 2 % ENDS] = pair[0];
	return pair[1];
}

static void host(uint8_t what)
{
	static uint8_t bytes[4096];
	int *fd = &ends[what % ENDS];

	if (*fd >= 0) {
		switch (what / ENDS % 5) {
		case 0:
			send(*fd, bytes, 1u << what / 40, MSG_NOSIGNAL);
			break;
		case 1:
			recv(*fd, bytes, sizeof(bytes), 0);
			break;
		case 2:
			shutdown(*fd, SHUT_WR);
			break;
		case 3:
			shutdown(*fd, SHUT_RD);
			break;
		default:
			fd_close(fd);
			break;
		}
	}
	vsock_poll(vs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct vsock_options opt = { .listener = -1, .dial = dial };
	struct virtio_config cfg;
	struct ring_driver d;

	for (int i = 0; i < ENDS; i++)
		ends[i] = -1;
	ring_init(&d);
	cfg = ring_config(&d);
	if (!vsock_create(&cfg, &opt, &vs, NULL)) {
		d.vd = vsock_virtio(vs);
		script_run(&d, data, len, host);
		vsock_poll(vs);
	}
	ring_fini(&d);
	for (int i = 0; i < ENDS; i++)
		fd_close(&ends[i]);
	return 0;
}
