/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static const struct opt tag_opts[] = { { 0 } };

static int tag_run(int argc, char **argv)
{
	int i = opts_parse(&cmd_tag, argc, argv, NULL), status = CLI_OK;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i + 2 != argc) {
		cli_error("tag: an image and its new name, please");
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	if (sm_image_tag(ctx, argv[i], argv[i + 1], &e) < 0)
		status = cli_fail(&e, CLI_FAILED);
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_tag = { "tag",	"IMAGE NAME[:TAG]", "Give an image another name", tag_opts, tag_run,
			     CLI_USAGE, CMD_IMAGES };
