/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/gmem_io.h"
#include "util/fd.h"
#include "util/num.h"

struct disk_file {
	struct disk disk;
	int fd;
	uint64_t size;
};

static struct disk_file *to_file(struct disk *d)
{
	return (struct disk_file *)d;
}

static int file_preadv(struct disk *d, const struct iovec *iov, int nr, uint64_t off)
{
	return gmem_preadv(to_file(d)->fd, iov, nr, off);
}

static int file_pwritev(struct disk *d, const struct iovec *iov, int nr, uint64_t off)
{
	return gmem_pwritev(to_file(d)->fd, iov, nr, off);
}

/* On the loop when a machine is saved. */
/* syscalls loop disk: fdatasync */
static int file_flush(struct disk *d)
{
	return fdatasync(to_file(d)->fd) ? -errno : 0;
}

/* syscalls disk: fallocate */
static int file_punch(struct disk_file *f, int mode, uint64_t off, uint64_t len)
{
	int err;

	do
		err = fallocate(f->fd, mode | FALLOC_FL_KEEP_SIZE, (off_t)off, (off_t)len) ? errno : 0;
	while (err == EINTR);
	return -err;
}

/* A host file system that cannot punch holes is no reason to fail the guest. */
static int file_discard(struct disk *d, uint64_t off, uint64_t len)
{
	int err = file_punch(to_file(d), FALLOC_FL_PUNCH_HOLE, off, len);

	return err == -EOPNOTSUPP ? 0 : err;
}

static int file_zero_by_hand(struct disk_file *f, uint64_t off, uint64_t len)
{
	static const uint8_t zeroes[64 << 10];

	while (len) {
		size_t n = (size_t)num_min(len, sizeof(zeroes));
		int err = fd_pwrite_full(f->fd, zeroes, n, off);

		if (err)
			return err;
		off += n;
		len -= n;
	}
	return 0;
}

static int file_zero(struct disk *d, uint64_t off, uint64_t len, bool unmap)
{
	struct disk_file *f = to_file(d);
	int err = file_punch(f, unmap ? FALLOC_FL_PUNCH_HOLE : FALLOC_FL_ZERO_RANGE, off, len);

	return err == -EOPNOTSUPP ? file_zero_by_hand(f, off, len) : err;
}

static uint64_t file_size(const struct disk *d)
{
	return ((const struct disk_file *)d)->size;
}

static void file_close(struct disk *d)
{
	fd_close(&to_file(d)->fd);
	free(d);
}

static const struct disk_ops disk_file_ops = {
	.preadv = file_preadv,
	.pwritev = file_pwritev,
	.flush = file_flush,
	.discard = file_discard,
	.zero = file_zero,
	.size = file_size,
	.close = file_close,
};

static const struct disk_ops disk_file_ro_ops = {
	.preadv = file_preadv,
	.size = file_size,
	.close = file_close,
};

static int file_measure(int fd, uint64_t *ret, struct sm_err *e)
{
	struct stat st;

	if (fd_stat(fd, &st) < 0)
		return err_errno(e, errno, "disk");
	if (S_ISREG(st.st_mode))
		*ret = (uint64_t)st.st_size;
	else if (!S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "disk: neither a file nor a block device");
	else if (ioctl(fd, BLKGETSIZE64, ret) < 0)
		return err_errno(e, errno, "disk");
	return 0;
}

int disk_file_open(int fd, bool read_only, struct disk **ret, struct sm_err *e)
{
	FD_CLEANUP int own = fd;
	struct disk_file *f;
	uint64_t size = 0;
	int err = file_measure(own, &size, e);

	if (err)
		return err;
	f = calloc(1, sizeof(*f));
	if (!f)
		return err_errno(e, ENOMEM, "disk");
	f->disk = (struct disk){ read_only ? &disk_file_ro_ops : &disk_file_ops, read_only };
	f->fd = fd_steal(&own);
	f->size = num_align_down(size, 512);
	*ret = &f->disk;
	return 0;
}
