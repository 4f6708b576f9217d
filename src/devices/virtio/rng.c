/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "devices/virtio/chain.h"
#include "util/num.h"

/* Bytes answered to one request: the driver asks again for more (5.4.6.1 allows any amount). */
#define RNG_REQUEST_MAX (64u << 10)
/* Requests served before the loop's other sources get their turn. */
#define RNG_BUDGET 64

struct rng {
	struct virtio_dev *vd;
	struct chain chain;
};

/* syscalls loop: getrandom */
static void rng_fill(void *impl, struct chain *c)
{
	uint64_t left = num_min(chain_left_write(c), RNG_REQUEST_MAX);
	uint8_t bytes[256];

	(void)impl;
	while (left) {
		size_t n = (size_t)num_min(left, sizeof(bytes));

		/* Requests of up to 256 bytes are never short nor interrupted. */
		if (getrandom(bytes, n, 0) != (ssize_t)n)
			break;
		chain_write(c, bytes, n);
		left -= n;
	}
	explicit_bzero(bytes, sizeof(bytes));
}

static void rng_notify(void *impl, uint32_t q)
{
	struct rng *r = impl;

	virtio_serve(r->vd, q, &r->chain, RNG_BUDGET, rng_fill);
}

static void rng_reset(void *impl)
{
	(void)impl;
}

static int rng_save(void *impl, struct buf *out, struct sm_err *e)
{
	(void)impl;
	(void)out;
	(void)e;
	return 0;
}

static int rng_load(void *impl, bool active, uint64_t features, struct cursor *in, struct sm_err *e)
{
	(void)impl;
	(void)active;
	(void)features;
	(void)in;
	(void)e;
	return 0;
}

static void rng_destroy(void *impl)
{
	free(impl);
}

static const struct virtio_ops rng_ops = {
	.device_id = 4,
	.type = DEVICE_RNG,
	.nr_queues = 1,
	.queue_max = 64,
	.notify = rng_notify,
	.reset = rng_reset,
	.save = rng_save,
	.load = rng_load,
	.destroy = rng_destroy,
};

int rng_create(const struct virtio_config *cfg, struct virtio_dev **ret, struct sm_err *e)
{
	struct rng *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return err_errno(e, ENOMEM, "rng");
	err = virtio_create(&rng_ops, r, cfg, &r->vd, e);
	if (err) {
		free(r);
		return err;
	}
	*ret = r->vd;
	return 0;
}
