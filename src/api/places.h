/* SPDX-License-Identifier: Apache-2.0 */
/* Where things are: the store, the runtime directory, the helper programs, the guest's files. */
#ifndef API_PLACES_H
#define API_PLACES_H

#include <limits.h>

#include "util/err.h"

struct places {
	char home[PATH_MAX]; /* holds store/ */
	char run[PATH_MAX];
	char libexec[PATH_MAX]; /* of supermachine-worker and supermachine-image */
	char data[PATH_MAX];	/* of arm64/Image and arm64/initrd */
};

/* Finds all places and makes the two directories that are ours; `home` may be NULL. */
int places_find(const char *home, struct places *ret, struct sm_err *e);

/* <data>/<arch>/<name>, or the path in $SUPERMACHINE_KERNEL for the kernel. ENOENT names both. */
int places_guest_file(const struct places *p, const char *arch, const char *name, char ret[PATH_MAX],
		      struct sm_err *e);

#endif
