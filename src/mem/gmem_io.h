/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System calls straight into or out of guest memory. EINTR and short transfers are
 * handled here. A guest may race with them, so TSan does not see them.
 */
#ifndef MEM_GMEM_IO_H
#define MEM_GMEM_IO_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#if defined(__SANITIZE_THREAD__)
#define GMEM_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GMEM_TSAN 1
#endif
#endif
#ifndef GMEM_TSAN
#define GMEM_TSAN 0
#endif

/* Pieces of one transfer; more are refused by assertion. */
#define GMEM_IOV_MAX 64

/* All bytes of `iov` at file offset `off`: 0 or -errno; -EIO at the end of the file. */
int gmem_preadv(int fd, const struct iovec *iov, int nr, uint64_t off);
int gmem_pwritev(int fd, const struct iovec *iov, int nr, uint64_t off);
/* One non-blocking transfer on a socket: bytes, 0 for end of stream on receive, or -errno. */
ssize_t gmem_recvv(int fd, const struct iovec *iov, int nr);
ssize_t gmem_sendv(int fd, const struct iovec *iov, int nr);

#endif
