/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

struct history_args {
	const char *format, *platform;
	bool whole;
};

static const struct opt history_opts[] = {
	{ "format", 0, OPT_STRING, "json", "one JSON object a line", offsetof(struct history_args, format) },
	{ "no-trunc", 0, OPT_FLAG, NULL, "commands in full length", offsetof(struct history_args, whole) },
	{ "platform", 0, OPT_STRING, "OS/ARCH", "instead of what this machine runs",
	  offsetof(struct history_args, platform) },
	{ 0 },
};

/* Seconds since the epoch of an RFC 3339 time in UTC, 0 for anything else. */
static uint64_t history_time(const char *s)
{
	struct tm tm = { 0 };
	const char *end = strptime(s, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t t = end ? timegm(&tm) : 0;

	return t > 0 ? (uint64_t)t : 0;
}

static void history_print_json(const struct sm_history_info *info)
{
	fputs("{\"created\":", stdout);
	cli_print_json_string(info->created);
	fputs(",\"created_by\":", stdout);
	cli_print_json_string(info->created_by);
	fputs(",\"comment\":", stdout);
	cli_print_json_string(info->comment);
	printf(",\"size\":%llu,\"empty\":%s}\n", (unsigned long long)info->size,
	       info->empty ? "true" : "false");
}

static int history_print(void *opaque, const struct sm_history_info *info)
{
	const struct history_args *a = opaque;
	bool cut = !a->whole && strlen(info->created_by) > 45;
	char size[16], age[32], command[64];

	if (a->format) {
		history_print_json(info);
		return 0;
	}
	cli_format_size(info->size, size);
	cli_format_age(history_time(info->created), age);
	snprintf(command, sizeof(command), "%.42s...", info->created_by);
	printf("%-18s %-46s %-10s %s\n", age, cut ? command : info->created_by, size, info->comment);
	return 0;
}

static int history_show(struct sm_ctx *ctx, struct history_args *a, const char *name, struct sm_err *e)
{
	struct sm_pull_options po = { .size = sizeof(po), .policy = SM_PULL_NEVER, .platform = a->platform };
	struct sm_image *image;
	int r = sm_image_open(ctx, name, &po, &image, e);

	if (r < 0)
		return r;
	if (!a->format)
		printf("%-18s %-46s %-10s %s\n", "CREATED", "CREATED BY", "SIZE", "COMMENT");
	r = sm_image_history(image, history_print, a, e);
	sm_image_close(image);
	return r;
}

static int history_run(int argc, char **argv)
{
	struct history_args a = { 0 };
	int i = opts_parse(&cmd_history, argc, argv, &a), status = CLI_OK;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i + 1 != argc || (a.format && strcmp(a.format, "json") != 0)) {
		cli_error(i + 1 != argc ? "history: one image, please" : "history: --format knows only json");
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	if (history_show(ctx, &a, argv[i], &e) < 0)
		status = cli_fail(&e, CLI_FAILED);
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_history = { "history",    "IMAGE",	    "Show the steps an image was built in",
				 history_opts, history_run, CLI_USAGE,
				 CMD_IMAGES };
