/* SPDX-License-Identifier: Apache-2.0 */
/* Public option structs: they begin with `size` and only ever grow, so callers may be older or newer than us.
 */
#ifndef API_OPTIONS_H
#define API_OPTIONS_H

#include <stddef.h>

#include "util/err.h"

/* Size of `type` when `last` was its last member. */
#define OPTIONS_SIZE(type, last) (offsetof(type, last) + sizeof(((type *)0)->last))

/*
 * Fills `ret`, `len` bytes, from the caller's struct; members it has not yet got are zero,
 * and all are when `from` is NULL. EINVAL: `size` was not set (it is below `first`, the size
 * of the struct's first version), or a member that we do not know is.
 */
int options_take(void *ret, size_t len, size_t first, const void *from, const char *name, struct sm_err *e);

#endif
