/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of guest/proto.h.
 *
 * A VM's agent is reached by its vsock unix socket: agent_connect() asks for the agent's
 * port there. One connection carries one session, so that waiting for one process never
 * holds up another. The guest is not trusted: a frame that breaks the protocol, or more
 * data than it had credit for, fails the call with EPROTO and nothing else.
 */
#ifndef VM_AGENT_H
#define VM_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define AGENT_TIMEOUT_MS 30000 /* for an answer that does not depend on the command */
#define AGENT_ENTROPY_LEN 64

/* What a VM shall be, told to its agent before the first command. */
struct agent_identity {
	const char *hostname; /* at most 64 bytes */
	uint64_t realtime_ns; /* 0: leave the clock alone */
	uint8_t entropy[AGENT_ENTROPY_LEN];
	uint8_t generation[16]; /* random; what the guest's boot id becomes after a restore */
};

/*
 * On a connection the agent made to port 1027: takes its hello and gives it its identity;
 * returns when the agent has applied it. *ret_refuses: it says that it will run no command.
 * The descriptor stays the caller's.
 */
int agent_hello(int fd, const struct agent_identity *id, bool *ret_refuses, struct sm_err *e);

/*
 * On a connection that agent_connect() prepared, to a guest that goes on from a snapshot:
 * gives it its identity and fresh randomness; returns when the agent has applied them.
 */
int agent_resume(int fd, const struct agent_identity *id, struct sm_err *e);

/* On a fresh connection to the VM's vsock socket: asks for the agent's port. */
int agent_connect(int fd, struct sm_err *e);

/* One request without payload (SMP_SYNC, ...) on a connection of its own. */
int agent_control(int fd, uint16_t type, struct sm_err *e);

struct agent_stats {
	uint64_t memory, free; /* bytes */
	uint64_t uptime;       /* seconds */
	uint64_t processes, oom_kills;
};
int agent_stats(int fd, struct agent_stats *ret, struct sm_err *e);

/* What the container shall have besides its command; lists are NULL-terminated or NULL. */
struct agent_settings {
	bool read_only;
	const char *const *hosts, *const *resolv; /* lines */
	size_t nr_tmpfs, nr_limits;		  /* at most SMP_CONTAINER_MAX */
	struct agent_tmpfs {
		const char *target, *data;
		uint64_t flags;
	} * tmpfs;
	struct agent_limit {
		uint32_t resource;
		uint64_t soft, hard;
	} * limits;
};
/* On a connection of its own, before the first process. */
int agent_set(int fd, const struct agent_settings *s, struct sm_err *e);

/* ---- one process ---- */

struct agent_exec;

struct agent_exec_options {
	const char *const *argv; /* NULL-terminated, at least one */
	const char *const *env;	 /* NULL-terminated; NULL: none */
	const char *cwd;	 /* NULL: "/" */
	const char *user;	 /* NULL: root */
	bool tty, init;
	uint16_t rows, cols; /* of the tty; 0: 24 and 80 */
	uint32_t timeout_ms; /* 0: none */
	/* Never closed here, their flags never changed. -1: /dev/null. */
	int stdin_fd, stdout_fd, stderr_fd;
};

struct agent_exec_result {
	int status;
	bool not_started, timed_out, out_of_memory;
	uint64_t duration_us, peak_rss;
	char reason[120];
};

/* Takes `fd`, a connection that agent_connect() prepared; it is closed on failure too. */
int agent_exec_start(int fd, const struct agent_exec_options *o, struct agent_exec **ret, struct sm_err *e);
/*
 * Copies the streams until the process has ended and its output was delivered. One
 * thread. A second call gives the same result again.
 */
int agent_exec_wait(struct agent_exec *x, struct agent_exec_result *ret, struct sm_err *e);
/* Any thread, also while another waits. ESRCH: it has ended. */
int agent_exec_signal(struct agent_exec *x, int signum, struct sm_err *e);
int agent_exec_winsize(struct agent_exec *x, uint16_t rows, uint16_t cols, struct sm_err *e);
/* Kills the process if it still runs. NULL is accepted. */
void agent_exec_destroy(struct agent_exec *x);

#endif
