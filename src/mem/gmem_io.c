/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/gmem_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The raw calls are what TSan does not intercept; 64-bit hosts take the offset in one register. */
/* syscalls disk: preadv */
static ssize_t io_preadv(int fd, const struct iovec *iov, int nr, uint64_t off)
{
#if GMEM_TSAN
	return syscall(SYS_preadv, fd, iov, nr, off, 0);
#else
	return preadv(fd, iov, nr, (off_t)off);
#endif
}

/* syscalls disk: pwritev */
static ssize_t io_pwritev(int fd, const struct iovec *iov, int nr, uint64_t off)
{
#if GMEM_TSAN
	return syscall(SYS_pwritev, fd, iov, nr, off, 0);
#else
	return pwritev(fd, iov, nr, (off_t)off);
#endif
}

typedef ssize_t io_fn(int fd, const struct iovec *iov, int nr, uint64_t off);

static int io_full(io_fn *fn, int fd, const struct iovec *iov, int nr, uint64_t off, int at_end)
{
	struct iovec left[GMEM_IOV_MAX];
	struct iovec *p = left;

	assert(nr >= 0 && nr <= GMEM_IOV_MAX);
	memcpy(left, iov, (size_t)nr * sizeof(*iov));
	while (nr) {
		ssize_t n = fn(fd, p, nr, off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return at_end;
		off += (uint64_t)n;
		while (nr && (size_t)n >= p->iov_len) {
			n -= (ssize_t)p->iov_len;
			p++;
			nr--;
		}
		if (nr) {
			p->iov_base = (uint8_t *)p->iov_base + n;
			p->iov_len -= (size_t)n;
		}
	}
	return 0;
}

int gmem_preadv(int fd, const struct iovec *iov, int nr, uint64_t off)
{
	return io_full(io_preadv, fd, iov, nr, off, -EIO);
}

int gmem_pwritev(int fd, const struct iovec *iov, int nr, uint64_t off)
{
	return io_full(io_pwritev, fd, iov, nr, off, -ENOSPC);
}

/* syscalls loop: recvmsg */
ssize_t gmem_recvv(int fd, const struct iovec *iov, int nr)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)nr };
	ssize_t n;

	do
#if GMEM_TSAN
		n = syscall(SYS_recvmsg, fd, &msg, MSG_DONTWAIT);
#else
		n = recvmsg(fd, &msg, MSG_DONTWAIT);
#endif
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* syscalls loop: sendmsg */
ssize_t gmem_sendv(int fd, const struct iovec *iov, int nr)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)nr };
	ssize_t n;

	do
#if GMEM_TSAN
		n = syscall(SYS_sendmsg, fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
#else
		n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
#endif
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
