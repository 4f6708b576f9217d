/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File descriptors: EINTR and short transfers are handled here and nowhere else.
 * Every descriptor made here is O_CLOEXEC; a closed one becomes -1.
 */
#ifndef UTIL_FD_H
#define UTIL_FD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "util/err.h"

/* Closes *fd unless it is negative, and makes it -1. */
void fd_close(int *fd);
#define FD_CLEANUP __attribute__((cleanup(fd_close)))

/* Hands the descriptor over to the caller of the caller. */
static inline int fd_steal(int *fd)
{
	int v = *fd;
	*fd = -1;
	return v;
}

/* Bytes read until `len` or end of file, or -errno. */
ssize_t fd_read_full(int fd, void *buf, size_t len);
ssize_t fd_pread_full(int fd, void *buf, size_t len, uint64_t off);
/* 0 or -errno; everything was written. */
int fd_write_full(int fd, const void *buf, size_t len);
int fd_pwrite_full(int fd, const void *buf, size_t len, uint64_t off);
int fd_nonblock(int fd);
/* fstat by descriptor alone: the C library's goes through a call that takes paths, which a jail forbids. */
int fd_stat(int fd, struct stat *ret);
/* The whole file beneath `dirfd` in malloc'd memory (NUL-terminated besides); EFBIG above `max` bytes. */
int fd_read_file(int dirfd, const char *path, size_t max, char **ret, size_t *ret_len, struct sm_err *e);

/* One datagram with up to `nr_fds` descriptors on a unix socket; 0 or -errno. */
int fd_send_msg(int sock, const void *data, size_t len, const int *fds, size_t nr_fds);
/* Bytes received (0: peer gone) or -errno; *ret_nr_fds <= max_fds descriptors are the caller's. */
ssize_t fd_recv_msg(int sock, void *data, size_t max, int *fds, size_t max_fds, size_t *ret_nr_fds);

/* Eventfd as a doorbell: ring never blocks; clear says whether it had been rung. */
void fd_event_ring(int fd);
int fd_event_clear(int fd);

#endif
