/* SPDX-License-Identifier: Apache-2.0 */
/* An agent made by hand: the one at the other end of a socket pair is the test. */
#ifndef VM_AGENT_TEST_H
#define VM_AGENT_TEST_H

#include "vm/agent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <sys/socket.h>

#include "guest/frame.h"
#include "util/fd.h"

struct peer {
	int fd;
	struct frame_input in;
	struct frame_output out;
};

static inline int peer_open(struct peer *p)
{
	int sp[2];

	*p = (struct peer){ 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sp), 0);
	p->fd = sp[0];
	return sp[1];
}

static inline void peer_close(struct peer *p)
{
	fd_close(&p->fd);
	frame_input_fini(&p->in);
	frame_output_fini(&p->out);
}

static inline void peer_flush(struct peer *p)
{
	assert_int_equal(frame_output_flush(&p->out, p->fd), 0);
	assert_int_equal(frame_output_len(&p->out), 0);
}

static inline struct frame peer_next(struct peer *p)
{
	struct frame f = { 0 };

	while (!frame_input_next(&p->in, &f)) {
		struct pollfd pfd = { .fd = p->fd, .events = POLLIN };

		assert_int_equal(poll(&pfd, 1, 10000), 1);
		assert_true(frame_input_fill(&p->in, p->fd) > 0);
	}
	return f;
}

#endif
