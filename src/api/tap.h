/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stream of a kept VM's command: a thread that copies from a pipe into the log and,
 * while somebody is attached, to him. He may be as slow as he likes without holding up
 * whoever attaches, detaches or ends the tap.
 */
#ifndef API_TAP_H
#define API_TAP_H

#include <pthread.h>

#include "api/output.h"

struct tap {
	struct output_log *log;
	int stream;
	int source; /* the thread's; closed by it */
	int bell;   /* eventfd, rung when the thread ends */
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* of what follows */
	int next;	      /* descriptor that replaces `sink`, -1: none */
	bool changed;	      /* `next` is valid */
	bool sink_is_all;     /* when the sink breaks, so does the source */
	bool ended;

	int sink; /* the thread's */
};

/* Makes the pipe; *ret is its writing end, the caller's. `sink` is taken; -1: nobody. */
int tap_start(struct tap *t, struct output_log *log, int stream, int sink, bool sink_is_all, int bell,
	      int *ret, struct sm_err *e);
/* Takes `sink`, -1: nobody any more. */
void tap_set_sink(struct tap *t, int sink);
bool tap_has_ended(struct tap *t);
/* After the pipe's writing end was closed everywhere. */
void tap_finish(struct tap *t);

#endif
