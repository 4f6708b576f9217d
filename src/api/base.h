/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base snapshots: a VM of an image at the moment its agent is ready, before any command.
 * The first start of an image makes one, later starts go on from it.
 *
 * Theory of operation. A base is the directory snapshots/KEY in the store. KEY is a hash
 * of everything that has a part in what the guest's memory holds: layers, kernel, initrd,
 * worker, backend, memory, CPUs, kind of root. snapshot.json has the same in full and is
 * compared, so a base that does not fit is never used. Whoever makes a base holds a lock
 * of its name; who comes second waits and uses it.
 */
#ifndef API_BASE_H
#define API_BASE_H

#include "api/internal.h"

/* The open files of a base; -1: there is none. */
struct base {
	int state, memory, disk;
};
#define BASE_NONE                                                                                            \
	{                                                                                                    \
		-1, -1, -1                                                                                   \
	}

/* Opens the base for such a VM, made first when there is none yet. -errno: start without. */
int base_get(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o, struct base *ret,
	     struct sm_err *e);
void base_close(struct base *base);
/* It turned out not to work: the next start makes another. */
void base_drop(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o);
/*
 * Removes the bases of images whose layers are gone, and those that `key` (may be NULL)
 * supersedes: of the same VM, but of a kernel, initrd or worker that was replaced.
 */
void base_sweep(struct store *store, const char *key);
bool base_key_supersedes(const char *key, const char *old);

#endif
