/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a block device reads and writes. Offsets and lengths are bytes inside size();
 * callers check that. A disk is used by one thread at a time and works synchronously.
 */
#ifndef DEVICES_VIRTIO_DISK_H
#define DEVICES_VIRTIO_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "util/err.h"

struct disk;

struct disk_ops {
	/* All `nr` (at most GMEM_IOV_MAX) pieces or -errno. */
	int (*preadv)(struct disk *d, const struct iovec *iov, int nr, uint64_t off);
	/* The next four are NULL on disks that can only be read. */
	int (*pwritev)(struct disk *d, const struct iovec *iov, int nr, uint64_t off);
	int (*flush)(struct disk *d);
	/* May do nothing: the content becomes undefined or zero. */
	int (*discard)(struct disk *d, uint64_t off, uint64_t len);
	/* The range reads as zeroes; `unmap` allows to give the space back. */
	int (*zero)(struct disk *d, uint64_t off, uint64_t len, bool unmap);
	uint64_t (*size)(const struct disk *d);
	void (*close)(struct disk *d);
};

struct disk {
	const struct disk_ops *ops;
	bool read_only;
};

/*
 * A regular file or block device; takes `fd` (also on failure). The size is fixed now; a
 * tail of less than 512 bytes does not exist.
 */
int disk_file_open(int fd, bool read_only, struct disk **ret, struct sm_err *e);

#define DISK_LAYERS_MAX 128u
/*
 * A read-only GPT disk composed of one partition per file, bottom layer first. Takes all
 * `fds` (also on failure). The same sizes give the same disk, bit for bit.
 */
int disk_layers_open(const int *fds, uint32_t nr, struct disk **ret, struct sm_err *e);

/* NULL is accepted. */
static inline void disk_close(struct disk *d)
{
	if (d)
		d->ops->close(d);
}

#endif
