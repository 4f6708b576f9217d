/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>

struct inspect_args {
	const char *format, *platform;
};

static const struct opt inspect_opts[] = {
	{ "format", 'f', OPT_STRING, "TEXT", "fields in a text: '{{.Id}} {{json .Config.Env}}'",
	  offsetof(struct inspect_args, format) },
	{ "platform", 0, OPT_STRING, "OS/ARCH", "instead of what this machine runs",
	  offsetof(struct inspect_args, platform) },
	{ 0 },
};

static int inspect_one(struct sm_ctx *ctx, const struct inspect_args *a, const char *name, char **ret,
		       struct sm_err *e)
{
	struct sm_pull_options po = { .size = sizeof(po), .policy = SM_PULL_NEVER, .platform = a->platform };
	struct sm_image *image;
	int r = sm_image_open(ctx, name, &po, &image, e);

	if (r < 0)
		return r;
	r = sm_image_inspect(image, a->format, ret, e);
	sm_image_close(image);
	return r;
}

/* As docker has it: a JSON array of those there are, or a line for each. */
static int inspect_all(struct sm_ctx *ctx, const struct inspect_args *a, char **names)
{
	int status = CLI_OK, nr = 0;

	for (; *names; names++) {
		char *text;
		struct sm_err e;

		if (inspect_one(ctx, a, *names, &text, &e) < 0) {
			status = cli_fail(&e, CLI_FAILED);
			continue;
		}
		printf("%s%s%s", a->format ? "" : nr ? ",\n" : "[\n", text, a->format ? "\n" : "");
		free(text);
		nr++;
	}
	if (!a->format)
		fputs(nr ? "\n]\n" : "[]\n", stdout);
	return status;
}

static int inspect_run(int argc, char **argv)
{
	struct inspect_args a = { 0 };
	int i = opts_parse(&cmd_inspect, argc, argv, &a), status;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i == argc) {
		cli_error("inspect: which image? `supermachine images` lists them");
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	status = inspect_all(ctx, &a, argv + i);
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_inspect = { "inspect",    "IMAGE...",  "Show what is known of images, as JSON",
				 inspect_opts, inspect_run, CLI_USAGE,
				 CMD_IMAGES };
