/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/file.h"

#include <errno.h>
#include <sys/stat.h>

#include "mem/gmem_io.h"
#include "util/fd.h"

int file_size(int fd, const char *what, uint64_t *ret, struct sm_err *e)
{
	struct stat st;
	int r = fd_stat(fd, &st);

	if (r < 0)
		return err_errno(e, -r, "%s", what);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s: not a regular file", what);
	*ret = (uint64_t)st.st_size;
	return 0;
}

int file_read(int fd, const char *what, uint64_t off, void *dst, uint64_t len, struct sm_err *e)
{
	ssize_t n = fd_pread_full(fd, dst, len, off);
	unsigned long long off_end = off + len;

	if (n < 0)
		return err_errno(e, (int)-n, "%s", what);
	if ((uint64_t)n < len)
		return err_set(e, ENOEXEC, "%s: it is shorter than %llu bytes", what, off_end);
	return 0;
}

int file_load(struct gmem *gm, int fd, const char *what, uint64_t off, uint64_t gpa, uint64_t len,
	      struct sm_err *e)
{
	struct iovec iov = { .iov_len = len };
	int r;

	if (!len)
		return 0;
	iov.iov_base = gmem_slice_write(gm, gpa, len);
	if (!iov.iov_base)
		return err_set(e, ENOSPC, "%s: does not fit into the guest memory", what);
	r = gmem_preadv(fd, &iov, 1, off);
	return r < 0 ? err_errno(e, -r, "%s", what) : 0;
}
