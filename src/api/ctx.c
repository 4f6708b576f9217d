/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

const char *sm_version(void)
{
	return SM_VERSION;
}

int sm_ctx_create(const struct sm_ctx_options *o, struct sm_ctx **ret, struct sm_err *e)
{
	static const struct sm_ctx_options none = { .size = sizeof(none) };
	struct sm_ctx *ctx;
	int r;

	if (!o)
		o = &none;
	if (o->size < sizeof(none))
		return err_set(e, EINVAL, "sm_ctx_options.size is %zu: set it to sizeof", o->size);
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return err_errno(e, ENOMEM, "context");
	pthread_mutex_init(&ctx->lock, NULL);
	ctx->log = (struct log){ o->log, o->log_opaque, o->log_level };
	r = places_find(o->home, &ctx->places, e);
	if (r < 0) {
		pthread_mutex_destroy(&ctx->lock);
		free(ctx);
		return r;
	}
	rundir_sweep(ctx);
	*ret = ctx;
	return 0;
}

void sm_ctx_destroy(struct sm_ctx *ctx)
{
	if (!ctx)
		return;
	assert(!__atomic_load_n(&ctx->nr_users, __ATOMIC_RELAXED));
	pthread_mutex_destroy(&ctx->lock);
	free(ctx);
}
