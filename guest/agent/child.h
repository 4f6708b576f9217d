/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runs between fork and exec (or instead of exec) on behalf of a session. It tells
 * the agent how it went in packets over its status socket, which is close-on-exec: end of
 * file without a CHILD_FAILED means that the command runs.
 */
#ifndef AGENT_CHILD_H
#define AGENT_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/frame.h"

enum child_msg_kind {
	CHILD_PID = 1, /* value: pid in the container */
	CHILD_TTY,     /* a descriptor comes with it: the terminal's master */
	CHILD_FAILED,  /* value: 126 or 127, of a file request an errno; text: why */
	CHILD_DONE,    /* a file request succeeded; text[0..value): payload of the OK */
};

/* Never leaves this program, so it is sent as it is. */
struct child_msg {
	uint32_t kind, value;
	char text[248];
};

/* Descriptors the child starts with; -1: none. */
struct child_fds {
	int in, out, err, status;
};

/* Arranges them as 0, 1, 2 and CHILD_STATUS_FD, closes all others, resets signals. */
void child_begin(const struct child_fds *fds);
#define CHILD_STATUS_FD 3

void child_send(enum child_msg_kind kind, uint32_t value, const char *text);
void child_send_fd(enum child_msg_kind kind, int fd);
/* Says why from strings up to a NULL, and ends. */
void child_fail(uint32_t value, const char *s, ...) __attribute__((sentinel, noreturn));
/* The whole file as text in static memory, "" when there is none. */
const char *child_read_text(const char *path, unsigned int slot);

/* Executes a command in the container; `first` makes the container. */
void child_exec(const struct frame_exec *x, bool first, const struct child_fds *fds)
	__attribute__((noreturn));
/* Serves SMP_FILE_READ, SMP_FILE_WRITE or SMP_STAT. */
void child_file(const struct frame *f, const struct child_fds *fds) __attribute__((noreturn));

/* Makes a terminal in this container, its slave the controlling terminal and 0, 1, 2. */
void pty_make(uint16_t rows, uint16_t cols, uid_t owner, bool is_console);

/*
 * Forks; returns in the child, which goes on to execute the command. The parent stays:
 * it passes signals on, reaps whatever is orphaned, and ends as the child did.
 */
void reaper_fork(bool tty);

#endif
