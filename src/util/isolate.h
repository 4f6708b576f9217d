/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Namespaces: the calling process leaves the machine's file systems, network and System V
 * objects. What it holds open it keeps.
 */
#ifndef UTIL_ISOLATE_H
#define UTIL_ISOLATE_H

#include "util/err.h"

/*
 * Enters user (where allowed), mount, network and IPC namespaces of its own; the root
 * directory is then empty and read-only. Call it while the process has one thread, before
 * capabilities are dropped. On failure as much as was allowed is done: EPERM or ENOSPC where
 * this machine forbids namespaces to the user.
 */
int isolate_process(struct sm_err *e);
/* Would isolate_process work? Asks a child process. */
int isolate_probe(struct sm_err *e);

#endif
