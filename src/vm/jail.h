/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's jail, in stages; each may only be taken after the one before.
 *
 *   1 descriptors   only those handed over stay open           (first thing in main)
 *   2 namespaces    an empty root, no network; where the machine allows it (util/isolate.h)
 *   3 privileges    no_new_privs, not dumpable, no capabilities
 *   4 files         a landlock domain without any file
 *   5 system calls  the process's seccomp filter                (before any other thread)
 *   6 thread role   a narrower filter per thread                (before the first guest instruction)
 *
 * 3 to 5 are jail_enter, 6 is jail_thread. The filters are compiled at build time from
 * the `syscalls` comments beside the code that needs the calls (src/vm/jail-filter.py).
 */
#ifndef VM_JAIL_H
#define VM_JAIL_H

#include <stdbool.h>
#include <stddef.h>

#include "util/err.h"

enum jail_role { JAIL_WORKER, JAIL_DIALER, JAIL_LOOP, JAIL_DISK, JAIL_VCPU, JAIL_ROLES };

/* Closes every descriptor but 0, 1, 2 and `keep`; 0 to 2 become /dev/null unless open. */
int jail_keep_only(const int *keep, size_t nr, struct sm_err *e);
int jail_enter(enum jail_role role, struct sm_err *e);
int jail_thread(enum jail_role role, struct sm_err *e);

#endif
