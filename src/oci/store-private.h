/* SPDX-License-Identifier: Apache-2.0 */
/* What store.c (readers) and store-write.c (writers) share. */
#ifndef OCI_STORE_PRIVATE_H
#define OCI_STORE_PRIVATE_H

#include <limits.h>

#include "oci/store.h"

struct store {
	int fd;
	int lock_fd; /* -1 unless locked */
	char path[PATH_MAX];
};

/* ENOENT when there is no such file, and then *e is set too. */
int store_read_json(struct store *s, const char *path, json_t **ret, struct sm_err *e);
/* Makes the folders and the version file. */
int store_init(struct store *s, struct sm_err *e);

/* Takes out every entry of `reference` (and of `platform`, unless NULL); how many there were. */
size_t store_drop_ref(json_t *refs, const char *reference, const char *platform);

#endif
