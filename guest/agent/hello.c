/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/serve.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h> /* needs sys/socket.h */
#include <unistd.h>

#include "guest/agent/conn.h"
#include "guest/agent/container.h"
#include "guest/agent/identity.h"
#include "guest/agent/text.h"

static bool on_frame(struct conn *c, const struct frame *f)
{
	struct frame_reader r = frame_reader_of(f);

	if (f->type != SMP_HELLO_OK || f->stream)
		return false;
	frame_get_u32(&r); /* the host's version: this side speaks its own */
	if (!identity_greet(&r))
		return false;
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
	frame_put_u32(&c->out, container_get_place()->refusal ? SMP_HELLO_REFUSES : 0);
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
