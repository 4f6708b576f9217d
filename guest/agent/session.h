/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: a process (tree) started for the host and its streams.
 *
 * Theory of operation. A session is born by SMP_EXEC or a file request and forks a child
 * (child.h). It is over when three things have happened, in any order: the child's
 * status socket reached its end, the child was reaped, and its output ended or, once it
 * is gone, is empty (a grandchild may keep a pipe open for ever, and Docker does not wait
 * for it either). Then SMP_EXIT, or SMP_OK or SMP_ERROR for a file, is its last frame.
 *
 * What each descriptor waits for is decided anew after every event in
 * session_settle_all(), from credit, room and state; callbacks only move bytes.
 *
 * A session whose connection is lost goes on detached: stdin ends, output is dropped. A
 * file request is killed instead.
 */
#ifndef AGENT_SESSION_H
#define AGENT_SESSION_H

#include <stdbool.h>
#include <sys/resource.h>

#include "guest/agent/conn.h"

#define SESSION_MAX 256

/* All of these: false when the frame breaks the protocol. */
bool session_exec(struct conn *c, const struct frame *f);
bool session_file(struct conn *c, const struct frame *f);
/* SMP_STDIN, SMP_DATA, SMP_CREDIT, SMP_CLOSE, SMP_SIGNAL, SMP_WINSIZE. */
bool session_frame(struct conn *c, const struct frame *f);

void session_detach_all(struct conn *c);
/* `pid` was reaped; others than sessions' are ignored. */
void session_reaped(pid_t pid, int wait_status, const struct rusage *ru);
void session_settle_all(void);
unsigned int session_count(void);

#endif
