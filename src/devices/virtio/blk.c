/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/blk.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/chain.h"
#include "util/num.h"

#define VIRTIO_BLK_F_SEG_MAX (1ull << 2)
#define VIRTIO_BLK_F_RO (1ull << 5)
#define VIRTIO_BLK_F_FLUSH (1ull << 9)
#define VIRTIO_BLK_F_DISCARD (1ull << 13)
#define VIRTIO_BLK_F_WRITE_ZEROES (1ull << 14)

enum {
	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
};

enum { VIRTIO_BLK_S_OK = 0, VIRTIO_BLK_S_IOERR = 1, VIRTIO_BLK_S_UNSUPP = 2 };

#define VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP 1u

#define BLK_QUEUE 256u
#define BLK_SEG_MAX (BLK_QUEUE - 2) /* header and status take one each */
#define BLK_SECTOR 512u
/* Descriptors may name the same memory many times: without a limit one request could take hours. */
#define BLK_REQUEST_MAX (64u << 20)
/* A request that unmaps: how far one segment reaches and how many there are. */
#define BLK_RANGE_SECTORS_MAX (1u << 22) /* 2 GiB */
#define BLK_RANGES_MAX 16u
#define BLK_RANGE_LEN 16u
#define BLK_CONFIG_LEN 60u
#define BLK_BUDGET 64

struct blk {
	struct virtio_dev *vd;
	struct disk *disk;
	bool read_only;
	uint64_t features; /* agreed */
	char serial[BLK_ID_LEN];
	struct chain chain;
};

static uint64_t disk_len(const struct blk *b)
{
	return b->disk ? b->disk->ops->size(b->disk) : 0;
}

static uint64_t blk_features(void *impl)
{
	const struct blk *b = impl;
	uint64_t f = VIRTIO_BLK_F_SEG_MAX;

	if (b->read_only)
		return f | VIRTIO_BLK_F_RO;
	return f | VIRTIO_BLK_F_FLUSH | VIRTIO_BLK_F_DISCARD | VIRTIO_BLK_F_WRITE_ZEROES;
}

/* struct virtio_blk_config, 5.2.4. */
static void blk_config_read(void *impl, uint32_t off, void *dst, uint32_t len)
{
	const struct blk *b = impl;
	uint8_t config[BLK_CONFIG_LEN] = { 0 };

	le64_put(config, disk_len(b) / BLK_SECTOR);
	le32_put(config + 12, BLK_SEG_MAX);
	if (!b->read_only) {
		le32_put(config + 36, BLK_RANGE_SECTORS_MAX); /* discard */
		le32_put(config + 40, BLK_RANGES_MAX);
		le32_put(config + 44, 4096 / BLK_SECTOR);     /* discard_sector_alignment */
		le32_put(config + 48, BLK_RANGE_SECTORS_MAX); /* write zeroes */
		le32_put(config + 52, BLK_RANGES_MAX);
		config[56] = 1; /* write_zeroes_may_unmap */
	}
	memset(dst, 0, len);
	if (off < sizeof(config))
		memcpy(dst, config + off, num_min(len, sizeof(config) - off));
}

static int blk_activate(void *impl, uint64_t features)
{
	struct blk *b = impl;

	b->features = features;
	return 0;
}

struct blk_io {
	struct blk *b;
	uint64_t off;
};

static int io_read(void *opaque, const struct iovec *iov, int nr, uint64_t done)
{
	struct blk_io *io = opaque;

	return io->b->disk->ops->preadv(io->b->disk, iov, nr, io->off + done);
}

static int io_write(void *opaque, const struct iovec *iov, int nr, uint64_t done)
{
	struct blk_io *io = opaque;

	return io->b->disk->ops->pwritev(io->b->disk, iov, nr, io->off + done);
}

/* Is [sector, sector + len bytes) on the disk? Then *ret_off is where, in bytes. */
static bool range_ok(const struct blk *b, uint64_t sector, uint64_t len, uint64_t *ret_off)
{
	return len % BLK_SECTOR == 0 && num_mul(sector, BLK_SECTOR, ret_off) &&
	       num_range_ok(*ret_off, len, disk_len(b));
}

static bool can_write(const struct blk *b)
{
	return !b->read_only && b->disk && !b->disk->read_only;
}

static uint8_t do_read(struct blk *b, uint64_t sector)
{
	/* The last writable byte is the status. */
	uint64_t len = chain_left_write(&b->chain) - 1;
	struct blk_io io = { .b = b };

	if (!b->disk || len > BLK_REQUEST_MAX || !range_ok(b, sector, len, &io.off))
		return VIRTIO_BLK_S_IOERR;
	return chain_write_io(&b->chain, len, io_read, &io) ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t do_flush(struct blk *b)
{
	if (b->disk && b->disk->ops->flush && b->disk->ops->flush(b->disk))
		return VIRTIO_BLK_S_IOERR;
	return VIRTIO_BLK_S_OK;
}

static uint8_t do_write(struct blk *b, uint64_t sector)
{
	uint64_t len = chain_left_read(&b->chain);
	struct blk_io io = { .b = b };

	if (!can_write(b) || len > BLK_REQUEST_MAX || !range_ok(b, sector, len, &io.off))
		return VIRTIO_BLK_S_IOERR;
	if (chain_read_io(&b->chain, len, io_write, &io))
		return VIRTIO_BLK_S_IOERR;
	/* 5.2.6.2: a driver that did not take FLUSH relies on write-through. */
	return b->features & VIRTIO_BLK_F_FLUSH ? VIRTIO_BLK_S_OK : do_flush(b);
}

static uint8_t do_get_id(struct blk *b)
{
	uint64_t len = num_min(chain_left_write(&b->chain) - 1, BLK_ID_LEN);

	return chain_write(&b->chain, b->serial, len) ? VIRTIO_BLK_S_OK : VIRTIO_BLK_S_IOERR;
}

/* One segment of a discard or write-zeroes request, 5.2.6. */
static uint8_t range_apply(struct blk *b, uint32_t type, const uint8_t *range)
{
	uint32_t sectors = le32_get(range + 8), flags = le32_get(range + 12);
	uint32_t allowed = type == VIRTIO_BLK_T_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
	uint64_t off, len = (uint64_t)sectors * BLK_SECTOR;
	int err;

	if (flags & ~allowed)
		return VIRTIO_BLK_S_UNSUPP;
	if (sectors > BLK_RANGE_SECTORS_MAX || !range_ok(b, le64_get(range), len, &off))
		return VIRTIO_BLK_S_IOERR;
	if (!sectors)
		return VIRTIO_BLK_S_OK;
	if (type == VIRTIO_BLK_T_DISCARD)
		err = b->disk->ops->discard(b->disk, off, len);
	else
		err = b->disk->ops->zero(b->disk, off, len, flags);
	return err ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK;
}

static uint8_t do_ranges(struct blk *b, uint32_t type)
{
	uint8_t ranges[BLK_RANGES_MAX][BLK_RANGE_LEN];
	uint64_t len = chain_left_read(&b->chain);

	if (!can_write(b))
		return VIRTIO_BLK_S_IOERR;
	if (!len || len % BLK_RANGE_LEN || len > sizeof(ranges) || !chain_read(&b->chain, ranges, len))
		return VIRTIO_BLK_S_IOERR;
	for (uint64_t i = 0; i < len / BLK_RANGE_LEN; i++) {
		uint8_t status = range_apply(b, type, ranges[i]);

		if (status != VIRTIO_BLK_S_OK)
			return status;
	}
	return VIRTIO_BLK_S_OK;
}

static uint8_t request_do(struct blk *b, uint32_t type, uint64_t sector)
{
	switch (type) {
	case VIRTIO_BLK_T_IN:
		return do_read(b, sector);
	case VIRTIO_BLK_T_OUT:
		return do_write(b, sector);
	case VIRTIO_BLK_T_FLUSH:
		return do_flush(b);
	case VIRTIO_BLK_T_GET_ID:
		return do_get_id(b);
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		return do_ranges(b, type);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

static void blk_request(void *impl, struct chain *c)
{
	struct blk *b = impl;
	uint8_t header[16], status = VIRTIO_BLK_S_IOERR;

	/* Without room for a status there is no way to say anything: the chain goes back unwritten. */
	if (!c->w_total) {
		b->vd->nr_guest_faults++;
		return;
	}
	if (chain_read(c, header, sizeof(header)))
		status = request_do(b, le32_get(header), le64_get(header + 8));
	else
		b->vd->nr_guest_faults++;
	chain_write_at(c, c->w_total - 1, &status, 1);
}

static void blk_notify(void *impl, uint32_t q)
{
	struct blk *b = impl;

	virtio_serve(b->vd, q, &b->chain, BLK_BUDGET, blk_request);
}

static void blk_reset(void *impl)
{
	struct blk *b = impl;

	b->features = 0;
}

static void serial_set(struct blk *b, const char *serial)
{
	memset(b->serial, 0, sizeof(b->serial));
	if (serial)
		memcpy(b->serial, serial, strnlen(serial, sizeof(b->serial)));
}

/* The capacity is kept to refuse a restore over another disk. */
static int blk_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct blk *b = impl;

	if (do_flush(b) != VIRTIO_BLK_S_OK)
		return err_set(e, EIO, "disk %u: cannot be flushed", b->vd->dev.index);
	buf_put_u8(out, b->read_only);
	buf_put_u64(out, disk_len(b));
	buf_put(out, b->serial, sizeof(b->serial));
	return 0;
}

static int blk_load(void *impl, bool active, uint64_t features, struct cursor *in, struct sm_err *e)
{
	struct blk *b = impl;
	uint8_t read_only = cursor_u8(in);
	uint64_t len = cursor_u64(in);

	cursor_get(in, b->serial, sizeof(b->serial));
	if (in->broken || read_only != b->read_only)
		return err_set(e, EBADMSG, "disk %u: impossible state", b->vd->dev.index);
	if (len != disk_len(b))
		return err_set(e, EBADMSG, "disk %u: has %llu bytes, the snapshot's had %llu",
			       b->vd->dev.index, (unsigned long long)disk_len(b), (unsigned long long)len);
	b->features = active ? features : 0;
	return 0;
}

static void blk_destroy(void *impl)
{
	struct blk *b = impl;

	disk_close(b->disk);
	free(b);
}

static const struct virtio_ops blk_ops = {
	.device_id = 2,
	.type = DEVICE_BLK,
	.nr_queues = 1,
	.queue_max = BLK_QUEUE,
	.features = blk_features,
	.config_read = blk_config_read,
	.activate = blk_activate,
	.notify = blk_notify,
	.reset = blk_reset,
	.save = blk_save,
	.load = blk_load,
	.destroy = blk_destroy,
};

int blk_create(const struct virtio_config *cfg, const struct blk_options *opt, struct blk **ret,
	       struct sm_err *e)
{
	struct blk *b = calloc(1, sizeof(*b));
	int err;

	if (!b) {
		disk_close(opt->disk);
		return err_errno(e, ENOMEM, "disk %u", cfg->index);
	}
	b->disk = opt->disk;
	b->read_only = opt->read_only;
	serial_set(b, opt->serial);
	err = virtio_create(&blk_ops, b, cfg, &b->vd, e);
	if (err) {
		blk_destroy(b);
		return err;
	}
	*ret = b;
	return 0;
}

struct virtio_dev *blk_virtio(struct blk *b)
{
	return b->vd;
}

void blk_attach(struct blk *b, struct disk *disk, const char *serial)
{
	struct disk *old;

	pthread_mutex_lock(&b->vd->lock);
	old = b->disk;
	b->disk = disk;
	serial_set(b, serial);
	virtio_config_changed(b->vd);
	pthread_mutex_unlock(&b->vd->lock);
	disk_close(old);
}
