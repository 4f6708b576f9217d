/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is kept of a VM in its directory: run/<id>/state.json, written whole by its owner
 * and never changed in place. The owner holds the directory's flock, so a state that says
 * "running" without a lock is that of a VM whose owner was killed.
 */
#ifndef API_STATE_H
#define API_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define STATE_FILE "state.json"

/* Every pointer belongs to `json` but those of lists. */
struct vm_state {
	json_t *json;
	const char *name, *image, *reason, *stop_signal, *cwd, *user, *backend;
	const char **argv, **env, **labels; /* NULL-terminated */
	bool running, tty, remove;
	int status, worker, stop_timeout_ms;
	uint64_t created, finished, memory; /* seconds, 0: not yet; bytes */
	uint32_t cpus;
};

/* Takes `json`, also when it fails. EBADMSG: it is no state. */
int state_create(json_t *json, struct vm_state *ret, struct sm_err *e);
/* ENOENT: the directory holds none. */
int state_load(int dir_fd, struct vm_state *ret, struct sm_err *e);
int state_save(int dir_fd, const json_t *json, struct sm_err *e);
void state_fini(struct vm_state *s);

/* An array of `v`; NULL is an empty one. */
json_t *state_list(const char *const *v);
/* The strings of an array, NULL-terminated, to be freed; NULL when it is no such array. */
const char **state_strings(const json_t *array);

/* Is the directory's owner alive? */
bool state_is_owned(int dir_fd);

#endif
