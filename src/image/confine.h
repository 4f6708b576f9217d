/* SPDX-License-Identifier: Apache-2.0 */
/*
 * This program parses what strangers send, so before the first byte of it: no new
 * privileges, no capabilities, no core dumps; landlock (kernel 5.19 and later) leaves
 * writing beneath the store only and reading of what is listed; seccomp takes away
 * starting programs, debugging, mounting, keys, BPF and sockets other than IP and unix.
 */
#ifndef IMAGE_CONFINE_H
#define IMAGE_CONFINE_H

#include <stdbool.h>

#include "util/err.h"

struct confine {
	int store;		 /* directory: everything but running programs */
	const char *const *read; /* further paths to read, NULL-terminated; missing ones are skipped */
	bool run;		 /* may start programs of /usr (template) */
};

/* Binds this thread and those it starts. */
int confine_enter(const struct confine *c, struct sm_err *e);

#endif
