/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about images: pull, images, rmi. */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

struct pull_args {
	bool quiet, debug;
	const char *platform, *progress;
};

static const struct opt pull_opts[] = {
	{ "platform", 0, OPT_STRING, "OS/ARCH", "instead of what this machine runs",
	  offsetof(struct pull_args, platform) },
	{ "quiet", 'q', OPT_FLAG, NULL, "no progress", offsetof(struct pull_args, quiet) },
	{ "progress", 0, OPT_STRING, "HOW", "auto, plain, json or none",
	  offsetof(struct pull_args, progress) },
	{ "debug", 0, OPT_FLAG, NULL, "log what happens", offsetof(struct pull_args, debug) },
	{ 0 },
};

/* NAME@sha256:..., without the tag. */
static void pull_print(struct sm_image *image)
{
	const char *ref = sm_image_reference(image), *slash = strrchr(ref, '/');
	const char *end = strchr(ref, '@'), *tag = strrchr(slash ? slash : ref, ':');

	if (!end)
		end = tag && (slash || strncmp(ref, "oci:", 4) != 0) ? tag : ref + strlen(ref);
	printf("%.*s@%s\n", (int)(end - ref), ref, sm_image_digest(image));
}

static int pull_run(int argc, char **argv)
{
	struct pull_args a = { 0 };
	struct sm_pull_options po = { .size = sizeof(po),
				      .policy = SM_PULL_ALWAYS,
				      .progress = progress_show };
	int i = opts_parse(&cmd_pull, argc, argv, &a), status = CLI_OK;
	struct sm_image *image = NULL;
	struct progress progress;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i + 1 != argc) {
		cli_error("pull: one image, please; `supermachine pull --help` shows how");
		return CLI_USAGE;
	}
	if (!progress_init(&progress, a.progress, a.quiet))
		return CLI_USAGE;
	if (cli_ctx(a.debug, &ctx, &e) < 0)
		return cli_fail(&e, CLI_OURS);
	po.progress_opaque = &progress;
	po.platform = a.platform;
	if (sm_image_open(ctx, argv[i], &po, &image, &e) < 0) {
		progress_end(&progress);
		status = cli_fail(&e, CLI_OURS);
	} else {
		progress_end(&progress);
		pull_print(image);
	}
	sm_image_close(image);
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_pull = { "pull",	 "IMAGE",   "Fetch an image into the store", pull_opts, pull_run,
			      CLI_USAGE, CMD_IMAGES };

struct images_args {
	bool quiet;
	const char *format;
};

static const struct opt images_opts[] = {
	{ "quiet", 'q', OPT_FLAG, NULL, "ids only", offsetof(struct images_args, quiet) },
	{ "format", 0, OPT_STRING, "json", "one JSON object a line", offsetof(struct images_args, format) },
	{ 0 },
};

/* Splits "name:tag"; the tag's colon stands behind the last slash. */
static int images_name_len(const char *ref)
{
	const char *slash = strrchr(ref, '/'), *at = strchr(ref, '@');
	const char *colon = strrchr(slash ? slash : ref, ':');

	return (int)((at ? at : colon ? colon : ref + strlen(ref)) - ref);
}

static void images_print_json(const struct sm_image_info *info)
{
	fputs("{\"reference\":", stdout);
	cli_print_json_string(info->reference);
	printf(",\"platform\":\"%s\",\"digest\":\"%s\",\"id\":\"%s\",\"created\":%llu,\"size\":%llu}\n",
	       info->platform, info->digest, info->id, (unsigned long long)info->created,
	       (unsigned long long)info->size);
}

static int images_print(void *opaque, const struct sm_image_info *info)
{
	const struct images_args *a = opaque;
	const char *id = strchr(info->id, ':') ? strchr(info->id, ':') + 1 : info->id;
	int len = images_name_len(info->reference);
	const char *tag = info->reference[len] == ':' ? info->reference + len + 1 : "<none>";
	char size[16], age[32];

	cli_format_size(info->size, size);
	cli_format_age(info->created, age);
	if (a->quiet)
		printf("%.12s\n", id);
	else if (a->format)
		images_print_json(info);
	else
		printf("%-40.*s %-12s %-14.12s %-18s %-10s %s\n", len, info->reference, tag, id, age, size,
		       info->platform);
	return 0;
}

static int images_run(int argc, char **argv)
{
	struct images_args a = { 0 };
	int i = opts_parse(&cmd_images, argc, argv, &a), r;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i != argc) {
		cli_error("images: takes no arguments");
		return CLI_USAGE;
	}
	if (a.format && strcmp(a.format, "json") != 0) {
		cli_error("--format %s: only json is known", a.format);
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	if (!a.quiet && !a.format)
		printf("%-40s %-12s %-14s %-18s %-10s %s\n", "REPOSITORY", "TAG", "IMAGE ID", "CREATED",
		       "SIZE", "PLATFORM");
	r = sm_image_list(ctx, images_print, &a, &e);
	sm_ctx_destroy(ctx);
	return r < 0 ? cli_fail(&e, CLI_FAILED) : CLI_OK;
}

const struct cmd cmd_images = { "images",    "",	 "List the images in the store",
				images_opts, images_run, CLI_USAGE };

static const struct opt rmi_opts[] = { { 0 } };

static int rmi_run(int argc, char **argv)
{
	int i = opts_parse(&cmd_rmi, argc, argv, NULL), status = CLI_OK;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i == argc) {
		cli_error("rmi: which image? `supermachine images` lists them");
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	for (; i < argc; i++) {
		if (sm_image_remove(ctx, argv[i], &e) < 0)
			status = cli_fail(&e, CLI_FAILED);
		else
			printf("%s\n", argv[i]);
	}
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_rmi = { "rmi",	"IMAGE...", "Remove images from the store", rmi_opts, rmi_run,
			     CLI_USAGE, CMD_IMAGES };
