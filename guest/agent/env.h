/* SPDX-License-Identifier: Apache-2.0 */
/* The environment of a process and how a command is found in it. */
#ifndef AGENT_ENV_H
#define AGENT_ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "guest/proto.h"

#define ENV_PATH_DEFAULT "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What is added where `given` does not say otherwise. */
struct env_defaults {
	const char *hostname, *home;
	bool tty;
};

struct env {
	char *v[SMP_LIST_MAX + 8]; /* NULL-terminated; point into `given` or `own` */
	size_t nr;
	char own[1024];
	size_t own_len;
};

/* Entries without a "=" or a name are left out. `given` holds at most SMP_LIST_MAX. */
void env_build(struct env *e, char *const *given, const struct env_defaults *d);
/* The value of `name`, or NULL. */
const char *env_get(const struct env *e, const char *name);

/*
 * Executes argv[0] as execvpe(3) does, along the environment's own PATH. Returns only on
 * failure: 126 or 127, and `why`.
 */
int env_exec(char *const *argv, const struct env *e, char *why, size_t why_size);

#endif
