/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

struct store_args {
	bool repair;
};

static const struct opt store_opts[] = {
	{ "repair", 0, OPT_FLAG, NULL, "drop what is damaged; a pull brings it back",
	  offsetof(struct store_args, repair) },
	{ 0 },
};

static int store_print(void *opaque, const struct sm_problem_info *info)
{
	(void)opaque;
	printf("%s: %s%s\n", info->path, info->text, info->repaired ? " (dropped)" : "");
	return 0;
}

static int store_check(const struct store_args *a)
{
	struct sm_ctx *ctx;
	uint64_t problems;
	struct sm_err e;
	int r;

	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	r = sm_store_check(ctx, a->repair, store_print, NULL, &problems, &e);
	sm_ctx_destroy(ctx);
	if (r < 0)
		return cli_fail(&e, CLI_FAILED);
	if (problems && !a->repair)
		cli_error("store: %llu problems; `supermachine store check --repair` drops what is damaged",
			  (unsigned long long)problems);
	return problems && !a->repair ? CLI_FAILED : CLI_OK;
}

/* Docker has verbs of two words for such things; ours has options on both sides of the second. */
static int store_run(int argc, char **argv)
{
	struct store_args a = { 0 };
	int i = opts_parse(&cmd_store, argc, argv, &a), more;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i == argc || strcmp(argv[i], "check") != 0) {
		cli_error("store: the only thing to do with it is `supermachine store check [--repair]`");
		return CLI_USAGE;
	}
	more = opts_parse(&cmd_store, argc - i, argv + i, &a);
	if (more < 0)
		return more == -2 ? CLI_OK : CLI_USAGE;
	if (more != argc - i) {
		cli_error("store check: takes no arguments");
		return CLI_USAGE;
	}
	return store_check(&a);
}

const struct cmd cmd_store = { "store",	   "check",   "Look whether the store is sound",
			       store_opts, store_run, CLI_USAGE };
