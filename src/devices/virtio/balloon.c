/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/balloon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/chain.h"
#include "util/num.h"

#define VIRTIO_BALLOON_F_STATS_VQ (1ull << 1)
#define VIRTIO_BALLOON_F_DEFLATE_ON_OOM (1ull << 2)
#define VIRTIO_BALLOON_F_REPORTING (1ull << 5)

enum { Q_INFLATE, Q_DEFLATE, NR_QUEUES = 4 };
#define Q_NONE UINT32_MAX

#define BALLOON_PAGE 4096u
#define BALLOON_CONFIG_LEN 16u
#define BALLOON_CONFIG_ACTUAL 4u
/* Page numbers taken from one request; Linux sends 256. */
#define BALLOON_PFNS_MAX 4096u
#define BALLOON_STAT_LEN 10u
#define BALLOON_BUDGET 32

struct balloon {
	struct virtio_dev *vd;
	uint32_t target, actual; /* pages */
	/*
	 * Where the optional queues are: they move up when the driver leaves out a feature,
	 * as Linux and QEMU number them.
	 */
	uint32_t q_stats, q_reporting;
	struct balloon_stats stats;
	uint64_t reported; /* bytes */
	struct chain chain;
};

static uint64_t balloon_features(void *impl)
{
	(void)impl;
	return VIRTIO_BALLOON_F_STATS_VQ | VIRTIO_BALLOON_F_DEFLATE_ON_OOM | VIRTIO_BALLOON_F_REPORTING;
}

static void balloon_config_read(void *impl, uint32_t off, void *dst, uint32_t len)
{
	const struct balloon *b = impl;
	uint8_t config[BALLOON_CONFIG_LEN] = { 0 };

	le32_put(config, b->target);
	le32_put(config + BALLOON_CONFIG_ACTUAL, b->actual);
	memset(dst, 0, len);
	if (off < sizeof(config))
		memcpy(dst, config + off, num_min(len, sizeof(config) - off));
}

static void balloon_config_write(void *impl, uint32_t off, const void *src, uint32_t len)
{
	struct balloon *b = impl;

	if (off == BALLOON_CONFIG_ACTUAL && len == 4)
		b->actual = le32_get(src);
}

static int balloon_activate(void *impl, uint64_t features)
{
	struct balloon *b = impl;
	uint32_t q = Q_DEFLATE + 1;

	b->q_stats = features & VIRTIO_BALLOON_F_STATS_VQ ? q++ : Q_NONE;
	b->q_reporting = features & VIRTIO_BALLOON_F_REPORTING ? q++ : Q_NONE;
	return 0;
}

/* A run of pages, collected so that neighbours cost one system call. */
struct run {
	uint64_t first, end; /* page numbers */
};

static void run_flush(struct balloon *b, struct run *r)
{
	if (r->first < r->end)
		gmem_discard(b->vd->gm, r->first * BALLOON_PAGE, (r->end - r->first) * BALLOON_PAGE);
}

static void run_add(struct balloon *b, struct run *r, uint64_t pfn)
{
	if (r->first < r->end && pfn == r->end) {
		r->end++;
	} else if (r->first < r->end && pfn + 1 == r->first) {
		r->first--;
	} else {
		run_flush(b, r);
		*r = (struct run){ pfn, pfn + 1 };
	}
}

static void balloon_inflate(void *impl, struct chain *c)
{
	struct balloon *b = impl;
	uint64_t left = num_min(chain_left_read(c) / 4, BALLOON_PFNS_MAX);
	struct run run = { 0, 0 };
	uint8_t pfns[256 * 4];

	while (left) {
		uint64_t n = num_min(left, sizeof(pfns) / 4);

		if (!chain_read(c, pfns, n * 4))
			break;
		for (uint64_t i = 0; i < n; i++)
			run_add(b, &run, le32_get(pfns + 4 * i));
		left -= n;
	}
	run_flush(b, &run);
}

/* Pages come back by being touched. */
static void balloon_deflate(void *impl, struct chain *c)
{
	(void)impl;
	(void)c;
}

static void balloon_report(void *impl, struct chain *c)
{
	struct balloon *b = impl;
	uint64_t gpa;
	uint32_t len;

	while (chain_next_range(c, &gpa, &len)) {
		uint64_t first = num_align_up(gpa, BALLOON_PAGE),
			 end = num_align_down(gpa + len, BALLOON_PAGE);

		if (first >= end)
			continue;
		gmem_discard(b->vd->gm, first, end - first);
		b->reported += end - first;
	}
}

static void stats_parse(struct balloon *b, struct chain *c)
{
	uint8_t stat[BALLOON_STAT_LEN];

	b->stats.valid = 0;
	for (uint32_t i = 0; i < 2 * BALLOON_STATS && chain_read(c, stat, sizeof(stat)); i++) {
		uint16_t tag = le16_get(stat);

		if (tag >= BALLOON_STATS)
			continue;
		b->stats.valid |= 1u << tag;
		b->stats.values[tag] = le64_get(stat + 2);
	}
	b->stats.nr_updates++;
}

/*
 * The driver leaves one buffer with us, filled; giving it back asks for the next one
 * (5.5.6.3). It stays in the available ring meanwhile, so nothing is in flight.
 */
static void stats_notify(struct balloon *b)
{
	struct virtq *vq = virtio_queue(b->vd, b->q_stats);
	enum virtq_result r;

	if (!vq)
		return;
	r = chain_pop(vq, &b->chain);
	if (r == VIRTQ_BROKEN) {
		virtio_broken(b->vd, "balloon: broken statistics buffer");
		return;
	}
	if (r == VIRTQ_OK) {
		stats_parse(b, &b->chain);
		chain_unpop(&b->chain);
	}
	virtq_listen_more(vq);
}

bool balloon_ask_stats(struct balloon *b)
{
	enum virtq_result r;
	bool asked = false;
	struct virtq *vq;

	pthread_mutex_lock(&b->vd->lock);
	vq = virtio_queue(b->vd, b->q_stats);
	r = vq ? chain_pop(vq, &b->chain) : VIRTQ_EMPTY;
	if (r == VIRTQ_BROKEN)
		virtio_broken(b->vd, "balloon: broken statistics buffer");
	if (r == VIRTQ_OK) {
		chain_push(&b->chain);
		virtio_interrupt(b->vd, vq);
		asked = true;
	}
	pthread_mutex_unlock(&b->vd->lock);
	return asked;
}

static void balloon_notify(void *impl, uint32_t q)
{
	struct balloon *b = impl;

	if (q == Q_INFLATE)
		virtio_serve(b->vd, q, &b->chain, BALLOON_BUDGET, balloon_inflate);
	else if (q == Q_DEFLATE)
		virtio_serve(b->vd, q, &b->chain, BALLOON_BUDGET, balloon_deflate);
	else if (q == b->q_stats)
		stats_notify(b);
	else if (q == b->q_reporting)
		virtio_serve(b->vd, q, &b->chain, BALLOON_BUDGET, balloon_report);
}

static void balloon_reset(void *impl)
{
	struct balloon *b = impl;

	b->actual = 0;
	b->q_stats = b->q_reporting = Q_NONE;
	memset(&b->stats, 0, sizeof(b->stats));
}

static int balloon_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct balloon *b = impl;

	(void)e;
	buf_put_u32(out, b->target);
	buf_put_u32(out, b->actual);
	return 0;
}

static int balloon_load(void *impl, bool active, uint64_t features, struct cursor *in, struct sm_err *e)
{
	struct balloon *b = impl;

	b->target = cursor_u32(in);
	b->actual = cursor_u32(in);
	if (in->broken)
		return err_set(e, EBADMSG, "balloon: state cut short");
	return active ? balloon_activate(b, features) : 0;
}

static void balloon_destroy(void *impl)
{
	free(impl);
}

static const struct virtio_ops balloon_ops = {
	.device_id = 5,
	.type = DEVICE_BALLOON,
	.nr_queues = NR_QUEUES,
	.queue_max = 128,
	.features = balloon_features,
	.config_read = balloon_config_read,
	.config_write = balloon_config_write,
	.activate = balloon_activate,
	.notify = balloon_notify,
	.reset = balloon_reset,
	.save = balloon_save,
	.load = balloon_load,
	.destroy = balloon_destroy,
};

int balloon_create(const struct virtio_config *cfg, struct balloon **ret, struct sm_err *e)
{
	struct balloon *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return err_errno(e, ENOMEM, "balloon");
	b->q_stats = b->q_reporting = Q_NONE;
	err = virtio_create(&balloon_ops, b, cfg, &b->vd, e);
	if (err) {
		free(b);
		return err;
	}
	*ret = b;
	return 0;
}

struct virtio_dev *balloon_virtio(struct balloon *b)
{
	return b->vd;
}

void balloon_set_target(struct balloon *b, uint64_t bytes)
{
	pthread_mutex_lock(&b->vd->lock);
	b->target = (uint32_t)num_min(bytes / BALLOON_PAGE, UINT32_MAX);
	virtio_config_changed(b->vd);
	pthread_mutex_unlock(&b->vd->lock);
}

uint64_t balloon_actual(struct balloon *b)
{
	uint64_t v;

	pthread_mutex_lock(&b->vd->lock);
	v = (uint64_t)b->actual * BALLOON_PAGE;
	pthread_mutex_unlock(&b->vd->lock);
	return v;
}

void balloon_get_stats(struct balloon *b, struct balloon_stats *ret)
{
	pthread_mutex_lock(&b->vd->lock);
	*ret = b->stats;
	pthread_mutex_unlock(&b->vd->lock);
}

uint64_t balloon_reported(struct balloon *b)
{
	uint64_t v;

	pthread_mutex_lock(&b->vd->lock);
	v = b->reported;
	pthread_mutex_unlock(&b->vd->lock);
	return v;
}
