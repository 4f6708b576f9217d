/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Landlock: a thread gives up access to files by name, but for what it is granted. It
 * binds the calling thread and what it creates later; it needs no_new_privs.
 */
#ifndef UTIL_LANDLOCK_H
#define UTIL_LANDLOCK_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

struct landlock_grant {
	int fd; /* a directory: everything beneath; or a file */
	bool write;
};

/* The kernel's ABI version, or -errno where it has no landlock. */
int landlock_abi(void);
/*
 * Every right this kernel knows is taken away and only the grants given back. On a kernel
 * without landlock nothing happens and 0 is returned: callers have a second fence.
 */
int landlock_restrict(const struct landlock_grant *grants, size_t nr, struct sm_err *e);

#endif
