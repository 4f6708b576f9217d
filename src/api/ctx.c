/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "api/options.h"

const char *sm_version(void)
{
	return SM_VERSION;
}

int sm_ctx_create(const struct sm_ctx_options *o, struct sm_ctx **ret, struct sm_err *e)
{
	struct sm_ctx_options opt;
	struct sm_ctx *ctx;
	int r = options_take(&opt, sizeof(opt), OPTIONS_SIZE(struct sm_ctx_options, log_level), o,
			     "sm_ctx_options", e);

	if (r < 0)
		return r;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return err_errno(e, ENOMEM, "context");
	pthread_mutex_init(&ctx->lock, NULL);
	ctx->log = (struct log){ opt.log, opt.log_opaque, opt.log_level };
	r = places_find(opt.home, &ctx->places, e);
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
