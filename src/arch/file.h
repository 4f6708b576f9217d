/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel and initrd files on their way into guest memory; `what` names the file in errors. */
#ifndef ARCH_FILE_H
#define ARCH_FILE_H

#include <stdint.h>

#include "mem/gmem.h"

/* Bytes of a regular file; EINVAL for anything else. */
int file_size(int fd, const char *what, uint64_t *ret, struct sm_err *e);
/* Exactly `len` bytes at `off`; ENOEXEC when the file is shorter. */
int file_read(int fd, const char *what, uint64_t off, void *dst, uint64_t len, struct sm_err *e);
/* `len` bytes at `off` of the file to `gpa`; ENOSPC when that is not in guest memory. */
int file_load(struct gmem *gm, int fd, const char *what, uint64_t off, uint64_t gpa, uint64_t len,
	      struct sm_err *e);

#endif
