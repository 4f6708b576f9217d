/* SPDX-License-Identifier: Apache-2.0 */
/* supermachine doctor and version. */
#include "cli/cli.h"

#include <stdio.h>

struct doctor_state {
	bool runs_linux, fatal;
};

static int doctor_backend(void *opaque, const struct sm_backend_info *b)
{
	struct doctor_state *s = opaque;

	printf("backend %-9s %-4s %s: %s%s\n", b->name, b->usable ? "ok" : "no", b->platform, b->reason,
	       b->chosen ? " (default)" : "");
	if (b->hint[0])
		printf("        hint: %s\n", b->hint);
	s->runs_linux |= b->usable;
	return 0;
}

static int doctor_check(void *opaque, const struct sm_check_info *c)
{
	struct doctor_state *s = opaque;

	printf("%-17s %-4s %s\n", c->name, c->ok ? "ok" : c->fatal ? "no" : "warn", c->detail);
	if (!c->ok && c->hint[0])
		printf("        hint: %s\n", c->hint);
	s->fatal |= !c->ok && c->fatal;
	return 0;
}

static const struct opt doctor_opts[] = { { 0 } };

static int doctor_run(int argc, char **argv)
{
	int i = opts_parse(&cmd_doctor, argc, argv, NULL);
	struct doctor_state s = { 0 };
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	if (sm_backend_list(ctx, doctor_backend, &s, &e) < 0 ||
	    sm_check_list(ctx, doctor_check, &s, &e) < 0) {
		sm_ctx_destroy(ctx);
		return cli_fail(&e, CLI_FAILED);
	}
	sm_ctx_destroy(ctx);
	return s.runs_linux && !s.fatal ? CLI_OK : CLI_FAILED;
}

const struct cmd cmd_doctor = { "doctor",    "",	 "Say what this machine can run, and what is missing",
				doctor_opts, doctor_run, CLI_USAGE };

static int version_run(int argc, char **argv)
{
	if (argc > 1) {
		int i = opts_parse(&cmd_version, argc, argv, NULL);

		if (i < 0)
			return i == -2 ? CLI_OK : CLI_USAGE;
	}
	printf("supermachine %s\n", sm_version());
	return CLI_OK;
}

const struct cmd cmd_version = { "version", "", "Print the version", NULL, version_run, CLI_USAGE };
