/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of an archive (tar, also compressed) laid out in a directory under numbers, with
 * their paths in memory: an archive may come through a pipe, and its parts in any order.
 */
#ifndef OCI_SPOOL_H
#define OCI_SPOOL_H

#include <stdatomic.h>

#include "util/err.h"

#define SPOOL_FILES_MAX 16384

struct spool;

/*
 * `fd` is read to the end and stays the caller's; `dir` is where the files go, and must stay
 * open. Hostile input: EBADMSG, EFBIG. `what` names it in sentences.
 */
int spool_read(int fd, int dir, const char *what, const atomic_bool *cancel, struct spool **ret,
	       struct sm_err *e);
/* NULL is accepted; the files stay. */
void spool_destroy(struct spool *s);
/* The file at a path of the archive, links followed; ENOENT. */
int spool_open(const struct spool *s, const char *path, int *ret_fd, struct sm_err *e);

#endif
