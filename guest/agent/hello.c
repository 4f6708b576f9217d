/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h> /* needs sys/socket.h */
#include <time.h>
#include <unistd.h>

#include "guest/agent/conn.h"
#include "guest/agent/container.h"
#include "guest/agent/text.h"

#define ENTROPY_MIN 32u
#define ENTROPY_MAX 4096u

static void add_entropy(const uint8_t *data, uint32_t len)
{
	/* struct rand_pool_info: bits, bytes, the bytes. */
	uint32_t pool[2 + ENTROPY_MAX / 4] = { len * 8, len };
	int fd = open("/dev/random", O_RDWR | O_CLOEXEC);

	memcpy(pool + 2, data, len);
	if (fd < 0 || ioctl(fd, RNDADDENTROPY, pool))
		text_log("entropy: ", text_errno(errno), NULL);
	if (fd >= 0)
		close(fd);
}

static void set_clock(uint64_t ns)
{
	struct timespec t = { .tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u) };

	if (ns && clock_settime(CLOCK_REALTIME, &t))
		text_log("clock: ", text_errno(errno), NULL);
}

static bool on_frame(struct conn *c, const struct frame *f)
{
	struct frame_reader r = frame_reader_of(f);
	const char *hostname;
	const uint8_t *entropy;
	uint32_t len;
	uint64_t ns;

	if (f->type != SMP_HELLO_OK || f->stream)
		return false;
	frame_get_u32(&r); /* the host's version: this side speaks its own */
	hostname = frame_get_str(&r);
	ns = frame_get_u64(&r);
	entropy = frame_get_blob(&r, &len);
	if (!frame_reader_done(&r) || len < ENTROPY_MIN || len > ENTROPY_MAX || strlen(hostname) > 64)
		return false;
	add_entropy(entropy, len);
	set_clock(ns);
	if (*hostname)
		container_set_hostname(hostname);
	conn_send_ok(c, 0);
	return true;
}

static void say_hello(struct conn *c)
{
	char id[64];
	int len = text_read_file("/proc/sys/kernel/random/boot_id", id, sizeof(id));

	id[len > 0 ? strcspn(id, "\n") : 0] = 0;
	frame_begin(&c->out, SMP_HELLO, 0);
	frame_put_u32(&c->out, SMP_VERSION);
	frame_put_str(&c->out, id);
	frame_put_u32(&c->out, 0);
	frame_end(&c->out);
}

void hello_add(int sock)
{
	struct conn *c = conn_add(sock, on_frame, NULL);

	if (c)
		say_hello(c);
}

void hello_dial(void)
{
	struct sockaddr_vm a = { .svm_family = AF_VSOCK,
				 .svm_port = SMP_PORT_READY,
				 .svm_cid = VMADDR_CID_HOST };
	int sock = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct conn *c;

	if (sock < 0)
		return;
	if (connect(sock, (struct sockaddr *)&a, sizeof(a)) && errno != EINPROGRESS) {
		text_log("no host: ", text_errno(errno), NULL);
		close(sock);
		return;
	}
	c = conn_add(sock, on_frame, NULL);
	if (!c)
		return;
	c->connecting = true;
	say_hello(c);
}
