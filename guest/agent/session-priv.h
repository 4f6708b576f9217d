/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by session.c (life and frames) and start.c (processes) only. */
#ifndef AGENT_SESSION_PRIV_H
#define AGENT_SESSION_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "guest/agent/conn.h"
#include "guest/agent/stream.h"

struct session {
	struct session *next;
	struct conn *conn;  /* NULL: detached */
	uint32_t id;	    /* within `conn` */
	uint64_t serial;    /* unique in this VM */
	struct frame frame; /* the request, `request` its payload, until started */
	uint8_t *request;
	bool is_file, is_first;
	uint32_t timeout_ms;

	uint32_t child_pid;   /* as the container sees it */
	pid_t pid;	      /* -1: not forked yet; waits for the container */
	bool started, reaped; /* the command runs (a file request: at once); it is dead */
	struct watch status;  /* from the child; closed at its end */
	struct watch timer;
	bool has_cgroup; /* of its own */

	struct sink in; /* type 0: none */
	struct source out, err;

	bool failed, done;   /* CHILD_FAILED, CHILD_DONE */
	uint32_t fail_value; /* also the length of a file's result in `text` */
	char text[248];
	uint32_t exit_flags; /* SMP_EXIT_* */
	int wait_status;
	int killed_by; /* the signal SIGKILL stands for, 0: none */
	uint64_t started_ns, ended_ns, peak_rss, oom_before;
};

/* Takes what must be known before the child is forked; false: not a valid request. */
bool session_parse(struct session *s);
/* Forks the child, or leaves the session alone if the container is not ready for it. */
void session_start(struct session *s);
/* Handles all packets of the child that have arrived. */
void session_read_status(struct session *s);
void session_signal(struct session *s, int sig);
uint64_t session_now(void);

#endif
