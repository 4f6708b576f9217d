/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <unistd.h>

struct prune_args {
	bool all, force, dry;
};

static const struct opt prune_opts[] = {
	{ "all", 'a', OPT_FLAG, NULL, "every image, not only what no name reaches",
	  offsetof(struct prune_args, all) },
	{ "force", 'f', OPT_FLAG, NULL, "do not ask", offsetof(struct prune_args, force) },
	{ "dry-run", 0, OPT_FLAG, NULL, "only say what would be freed", offsetof(struct prune_args, dry) },
	{ 0 },
};

static int prune_list_one(void *opaque, const struct sm_image_info *info)
{
	(void)opaque;
	fprintf(stderr, "  %s (%s)\n", info->reference, info->platform);
	return 0;
}

/* What would go, and whether the user wants that. Without a terminal nobody can say no. */
static int prune_ask(struct sm_ctx *ctx, const struct prune_args *a, bool *ret_yes, struct sm_err *e)
{
	char size[16], answer[16] = "";
	uint64_t bytes;
	int r = sm_image_prune(ctx, a->all, true, &bytes, e);

	if (r < 0)
		return r;
	cli_format_size(bytes, size);
	if (a->all) {
		fputs("These images go:\n", stderr);
		r = sm_image_list(ctx, prune_list_one, NULL, e);
	}
	fprintf(stderr, "%s would be freed.%s", size, a->dry ? "\n" : " Go on? [y/N] ");
	if (a->dry || r < 0)
		return r;
	*ret_yes = fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y');
	if (!isatty(0))
		fputc('\n', stderr);
	return 0;
}

static int prune_do(struct sm_ctx *ctx, const struct prune_args *a, struct sm_err *e)
{
	bool yes = a->force && !a->dry;
	char size[16];
	uint64_t freed;
	int r = yes ? 0 : prune_ask(ctx, a, &yes, e);

	if (r < 0 || !yes)
		return r;
	r = sm_image_prune(ctx, a->all, false, &freed, e);
	if (r < 0)
		return r;
	cli_format_size(freed, size);
	printf("Total reclaimed space: %s\n", size);
	return 0;
}

static int prune_run(int argc, char **argv)
{
	struct prune_args a = { 0 };
	int i = opts_parse(&cmd_prune, argc, argv, &a), status = CLI_OK;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i != argc) {
		cli_error("prune: takes no arguments");
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	if (prune_do(ctx, &a, &e) < 0)
		status = cli_fail(&e, CLI_FAILED);
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_prune = { "prune",	   "",	      "Free the disk space of images without a name",
			       prune_opts, prune_run, CLI_USAGE };
