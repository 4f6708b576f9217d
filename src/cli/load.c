/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct load_args {
	const char *input;
	bool quiet;
};

static const struct opt load_opts[] = {
	{ "input", 'i', OPT_STRING, "FILE", "instead of standard input", offsetof(struct load_args, input) },
	{ "quiet", 'q', OPT_FLAG, NULL, "names only", offsetof(struct load_args, quiet) },
	{ 0 },
};

static int load_print(void *opaque, const char *reference)
{
	const struct load_args *a = opaque;

	printf("%s%s\n", a->quiet ? "" : "Loaded image: ", reference);
	return 0;
}

static int load_from(struct load_args *a, int fd)
{
	struct sm_ctx *ctx;
	struct sm_err e;
	int r;

	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	r = sm_image_load(ctx, fd, load_print, a, &e);
	sm_ctx_destroy(ctx);
	return r < 0 ? cli_fail(&e, CLI_FAILED) : CLI_OK;
}

static int load_run(int argc, char **argv)
{
	struct load_args a = { 0 };
	int i = opts_parse(&cmd_load, argc, argv, &a), fd, status;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i != argc) {
		cli_error("load: takes no arguments; `-i FILE` names the archive");
		return CLI_USAGE;
	}
	if (!a.input || !strcmp(a.input, "-")) {
		if (!isatty(0))
			return load_from(&a, 0);
		cli_error("load: standard input is a terminal; `-i FILE` names the archive");
		return CLI_USAGE;
	}
	fd = open(a.input, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		cli_error("%s: %s", a.input, strerror(errno));
		return CLI_FAILED;
	}
	status = load_from(&a, fd);
	close(fd);
	return status;
}

const struct cmd cmd_load = { "load",	 "",	   "Take images out of what docker save wrote",
			      load_opts, load_run, CLI_USAGE };
