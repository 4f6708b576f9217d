/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <errno.h>

struct store_checker {
	int (*fn)(void *opaque, const struct sm_problem_info *info);
	void *opaque;
	uint64_t problems;
};

static int store_check_result(void *opaque, const json_t *object)
{
	struct store_checker *c = opaque;
	const json_t *p = json_object_get(object, "problem");
	const char *path = json_string_value(json_object_get(p, "path"));
	const char *text = json_string_value(json_object_get(p, "text"));
	const struct sm_problem_info info = { path, text, json_is_true(json_object_get(p, "repaired")) };

	if (!path || !text)
		return 0;
	c->problems++;
	return c->fn ? c->fn(c->opaque, &info) : 0;
}

int sm_store_check(struct sm_ctx *ctx, bool repair,
		   int (*fn)(void *opaque, const struct sm_problem_info *info), void *opaque,
		   uint64_t *ret_problems, struct sm_err *e)
{
	const char *argv[] = { "supermachine-image",	   "check", "--home", ctx->places.home,
			       repair ? "--repair" : NULL, NULL };
	struct store_checker c = { .fn = fn, .opaque = opaque };
	const struct image_tool_calls calls = { .result = store_check_result, .opaque = &c };
	struct store *store;
	int r = store_open(ctx->places.home, false, &store, e);

	if (!r) {
		store_close(store);
		r = image_tool_run(ctx, argv, &calls, e);
	} else if (r == -ENOENT) {
		r = 0; /* nothing was ever pulled */
	}
	if (!r)
		*ret_problems = c.problems;
	return r;
}
