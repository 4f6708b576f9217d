/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The disk is a list of ascending extents: table, files, table; what lies between them
 * reads as zeroes. A file's last sector is filled up with zeroes.
 */
#include "devices/virtio/disk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "devices/virtio/gpt.h"
#include "mem/gmem.h"
#include "mem/gmem_io.h"
#include "util/fd.h"
#include "util/num.h"

#define LAYER_SIZE_MAX (1ull << 40)

struct disk_layers {
	struct disk disk;
	uint64_t size;
	uint32_t nr;
	struct layer {
		int fd;
		uint64_t off, file_len;
	} layers[DISK_LAYERS_MAX];
	uint8_t head[GPT_HEAD_LEN], tail[GPT_TAIL_LEN];
};

/* What serves the bytes at an offset: memory, a file or (neither) zeroes. */
struct extent {
	const uint8_t *mem;
	int fd;
	uint64_t off; /* within mem or file */
	uint64_t len;
};

static struct extent extent_between(uint64_t off, uint64_t end)
{
	return (struct extent){ NULL, -1, 0, end - off };
}

static struct extent extent_at(const struct disk_layers *l, uint64_t off)
{
	uint64_t tail = l->size - GPT_TAIL_LEN;
	uint32_t lo = 0, hi = l->nr;

	if (off < GPT_HEAD_LEN)
		return (struct extent){ l->head + off, -1, 0, GPT_HEAD_LEN - off };
	if (off >= tail)
		return (struct extent){ l->tail + (off - tail), -1, 0, l->size - off };
	while (lo < hi) { /* the first layer that ends above `off` */
		uint32_t mid = (lo + hi) / 2;

		if (off >= l->layers[mid].off + l->layers[mid].file_len)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == l->nr)
		return extent_between(off, tail);
	if (off < l->layers[lo].off)
		return extent_between(off, l->layers[lo].off);
	off -= l->layers[lo].off;
	return (struct extent){ NULL, l->layers[lo].fd, off, l->layers[lo].file_len - off };
}

static int extent_read(const struct extent *x, const struct iovec *iov, int nr)
{
	uint64_t done = 0;

	if (x->fd >= 0)
		return gmem_preadv(x->fd, iov, nr, x->off);
	for (int i = 0; i < nr; i++) {
		static const uint8_t zeroes[4096];
		size_t at = 0;

		while (at < iov[i].iov_len) {
			size_t n = iov[i].iov_len - at;

			if (!x->mem)
				n = (size_t)num_min(n, sizeof(zeroes));
			gmem_copy((uint8_t *)iov[i].iov_base + at, x->mem ? x->mem + done : zeroes, n);
			at += n;
			done += n;
		}
	}
	return 0;
}

/* Moves up to `max` bytes from the front of `iov` to `ret`; returns how many. */
static uint64_t iov_take(struct iovec **iov, int *nr, uint64_t max, struct iovec *ret, int *ret_nr)
{
	uint64_t done = 0;

	*ret_nr = 0;
	while (*nr && done < max) {
		struct iovec *v = *iov;
		size_t n = (size_t)num_min(v->iov_len, max - done);

		ret[(*ret_nr)++] = (struct iovec){ v->iov_base, n };
		done += n;
		v->iov_base = (uint8_t *)v->iov_base + n;
		v->iov_len -= n;
		if (!v->iov_len) {
			(*iov)++;
			(*nr)--;
		}
	}
	return done;
}

static int layers_preadv(struct disk *d, const struct iovec *iov, int nr, uint64_t off)
{
	const struct disk_layers *l = (const struct disk_layers *)d;
	struct iovec left[GMEM_IOV_MAX], part[GMEM_IOV_MAX];
	struct iovec *p = left;

	if (nr > GMEM_IOV_MAX)
		return -EINVAL;
	memcpy(left, iov, (size_t)nr * sizeof(*iov));
	while (nr) {
		struct extent x = extent_at(l, off);
		int part_nr, err;

		off += iov_take(&p, &nr, x.len, part, &part_nr);
		err = extent_read(&x, part, part_nr);
		if (err)
			return err;
	}
	return 0;
}

static uint64_t layers_size(const struct disk *d)
{
	return ((const struct disk_layers *)d)->size;
}

static void layers_close(struct disk *d)
{
	struct disk_layers *l = (struct disk_layers *)d;

	for (uint32_t i = 0; i < l->nr; i++)
		fd_close(&l->layers[i].fd);
	free(l);
}

static const struct disk_ops disk_layers_ops = {
	.preadv = layers_preadv,
	.size = layers_size,
	.close = layers_close,
};

static int layers_plan(struct disk_layers *l, struct sm_err *e)
{
	struct gpt_part parts[DISK_LAYERS_MAX];
	uint64_t off = GPT_ALIGN;

	for (uint32_t i = 0; i < l->nr; i++) {
		struct stat st;

		if (fd_stat(l->layers[i].fd, &st) < 0)
			return err_errno(e, errno, "layer %u", i);
		if (!S_ISREG(st.st_mode) || st.st_size <= 0 || (uint64_t)st.st_size > LAYER_SIZE_MAX)
			return err_set(e, EINVAL, "layer %u: not a file of 1 byte to 1 TiB", i);
		l->layers[i].off = off;
		l->layers[i].file_len = (uint64_t)st.st_size;
		parts[i] = (struct gpt_part){ off, num_align_up((uint64_t)st.st_size, GPT_SECTOR) };
		off = num_align_up(off + parts[i].len, GPT_ALIGN);
	}
	l->size = off + GPT_ALIGN; /* the backup table has the last piece */
	gpt_format(parts, l->nr, l->size, l->head, l->tail);
	return 0;
}

int disk_layers_open(const int *fds, uint32_t nr, struct disk **ret, struct sm_err *e)
{
	struct disk_layers *l = nr <= DISK_LAYERS_MAX ? calloc(1, sizeof(*l)) : NULL;
	int err;

	if (!l) {
		for (uint32_t i = 0; i < nr; i++) {
			int fd = fds[i];

			fd_close(&fd);
		}
		return nr > DISK_LAYERS_MAX ? err_set(e, E2BIG, "%u layers: at most %u", nr, DISK_LAYERS_MAX)
					    : err_errno(e, ENOMEM, "layers disk");
	}
	l->disk = (struct disk){ &disk_layers_ops, true };
	l->nr = nr;
	for (uint32_t i = 0; i < nr; i++)
		l->layers[i].fd = fds[i];
	err = layers_plan(l, e);
	if (err) {
		layers_close(&l->disk);
		return err;
	}
	*ret = &l->disk;
	return 0;
}
