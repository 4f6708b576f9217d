/* SPDX-License-Identifier: Apache-2.0 */
/* Helper programs: started with exactly the descriptors they get, and always reaped. */
#ifndef API_CHILD_H
#define API_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/err.h"

/*
 * Starts `path` with `argv`; `fd` becomes the child's descriptor `child_fd` (1: its
 * stdout, 3: the worker's socket). stdout is /dev/null unless child_fd is 1; stdin and stderr
 * are `stdin_fd` and `stderr_fd`, or /dev/null where they are -1.
 */
int child_start(const char *path, const char *const *argv, int stdin_fd, int fd, int child_fd, int stderr_fd,
		pid_t *ret, struct sm_err *e);
/* Waits; the status as of waitpid, -1 when there was no such child. */
int child_wait(pid_t pid);
/* "exit status 3" or "signal 9 (Killed)". */
const char *child_describe(int status, char *buf, size_t len);

#endif
