/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can run guests here. The library does not link the backends (the worker does), so
 * this table says what they are; until kvm is built in, auto is soft.
 */
#include "api/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/num.h"

static const struct backend backends[] = {
	{ "soft", "linux/arm64", "arm64" },
};

int backend_choose(const char *wanted, const struct backend **ret, struct sm_err *e)
{
	if (!wanted || !strcmp(wanted, "auto")) {
		*ret = &backends[0];
		return 0;
	}
	for (size_t i = 0; i < NUM_COUNTOF(backends); i++) {
		if (!strcmp(backends[i].name, wanted)) {
			*ret = &backends[i];
			return 0;
		}
	}
	return err_set(e, EINVAL, "backend %s: unknown; auto and soft are possible", wanted);
}

int sm_backend_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_backend_info *info),
		    void *opaque, struct sm_err *e)
{
	(void)ctx;
	(void)e;
	for (size_t i = 0; i < NUM_COUNTOF(backends); i++) {
		const struct sm_backend_info info = {
			.name = backends[i].name,
			.platform = backends[i].platform,
			.usable = true,
			.chosen = i == 0,
			.reason = "software arm64 CPU, needs nothing of the machine",
			.hint = "",
		};
		int r = fn(opaque, &info);

		if (r)
			return r;
	}
	return 0;
}
