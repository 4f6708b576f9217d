/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections with the host. A connection is never destroyed in the middle of an event:
 * it is marked dead, and conn_settle_all(), called after each event, buries it.
 */
#ifndef AGENT_CONN_H
#define AGENT_CONN_H

#include <stdbool.h>

#include "guest/agent/loop.h"
#include "guest/frame.h"

struct conn;
/* False: the frame breaks the protocol, and the connection ends. */
typedef bool conn_frame_fn(struct conn *c, const struct frame *f);

struct conn {
	struct conn *next;
	struct watch w;
	struct frame_input in;
	struct frame_output out;
	conn_frame_fn *on_frame;
	void (*on_close)(struct conn *c); /* may be NULL */
	bool connecting;		  /* what is in `out` goes when it is writable */
	bool dead;
};

#define CONN_MAX 64

/* Takes `sock`. NULL (and `sock` closed) when there are too many. */
struct conn *conn_add(int sock, conn_frame_fn *on_frame, void (*on_close)(struct conn *c));
/* Sends what waits, decides what to wait for, buries the dead. */
void conn_settle_all(void);
unsigned int conn_count(void);

/* The request of `stream` failed: one sentence from strings up to a NULL. */
void conn_send_error(struct conn *c, uint32_t stream, int err, ...) __attribute__((sentinel));
void conn_send_ok(struct conn *c, uint32_t stream);

#endif
