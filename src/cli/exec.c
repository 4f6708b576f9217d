/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that look into a kept VM: exec, attach, logs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/process.h"
#include "cli/terminal.h"

/* ---- exec ---- */

struct exec_args {
	bool interactive, tty;
	struct strv env;
	const char *workdir, *user;
};

#define OPT(field) offsetof(struct exec_args, field)
static const struct opt exec_opts[] = {
	{ "interactive", 'i', OPT_FLAG, NULL, "pass stdin to the program", OPT(interactive) },
	{ "tty", 't', OPT_FLAG, NULL, "give it a terminal", OPT(tty) },
	{ "env", 'e', OPT_LIST, "K=V", "set an environment variable; K alone takes yours", OPT(env) },
	{ "workdir", 'w', OPT_STRING, "DIR", "working directory", OPT(workdir) },
	{ "user", 'u', OPT_STRING, "USER", "name, uid or uid:gid", OPT(user) },
	{ 0 },
};
#undef OPT

static int exec_in_vm(struct sm_vm *vm, const struct exec_args *a, const char *const *argv)
{
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;
	struct process p = { .tty = a->tty, .interactive = a->interactive, .stdin_fd = -1 };
	struct sm_exec_result res = { 0 };
	struct sm_err e;
	int r;

	o.argv = argv;
	o.env = (const char *const *)a->env.v;
	o.cwd = a->workdir;
	o.user = a->user;
	o.tty = a->tty;
	if (a->tty)
		terminal_size(&o.rows, &o.cols);
	o.stdin_fd = a->interactive ? 0 : -1;
	o.stdout_fd = 1;
	o.stderr_fd = 2;
	process_block_signals();
	r = sm_exec_start(vm, &o, &p.exec, &e);
	if (!r)
		r = process_wait(&p, &res, &e);
	sm_exec_destroy(p.exec);
	if (r < 0)
		return cli_fail(&e, CLI_OURS);
	if (res.reason[0])
		cli_error("%s", res.reason);
	return res.status;
}

static int exec_run(int argc, char **argv)
{
	struct exec_args a = { 0 };
	int i = opts_parse(&cmd_exec, argc, argv, &a), status = CLI_OURS;
	struct sm_vm *vm = NULL;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i == -2)
		return CLI_OK;
	if (i >= 0 && i + 2 > argc) {
		cli_error("exec: a VM and a command, please; `supermachine exec --help` shows how");
	} else if (i >= 0 && process_check_terminal(a.tty, a.interactive)) {
		strv_expand_env(&a.env);
		if (cli_ctx(false, &ctx, &e) < 0)
			return cli_fail(&e, CLI_OURS);
		status = sm_vm_open(ctx, argv[i], &vm, &e) < 0
				 ? cli_fail(&e, CLI_OURS)
				 : exec_in_vm(vm, &a, (const char *const *)(uintptr_t)(argv + i + 1));
		sm_vm_destroy(vm);
		sm_ctx_destroy(ctx);
	}
	strv_fini(&a.env);
	return status;
}

const struct cmd cmd_exec = { "exec",	"VM CMD...", "Run another command in a VM", exec_opts, exec_run,
			      CLI_OURS, CMD_VMS };

/* ---- attach ---- */

static const struct opt attach_opts[] = { { 0 } };

static int attach_vm(struct sm_vm *vm)
{
	struct process p = { .vm = vm, .stdin_fd = -1, .may_detach = true };
	struct sm_exec_result res = { 0 };
	struct sm_err e;
	int r;

	process_block_signals();
	r = sm_vm_attach(vm, 1, 2, &p.stdin_fd, &e);
	p.tty = p.interactive = p.stdin_fd >= 0 && terminal_is(0);
	if (!r)
		r = process_wait(&p, &res, &e);
	if (p.stdin_fd >= 0)
		close(p.stdin_fd);
	if (p.detached)
		return CLI_OK;
	return r < 0 ? cli_fail(&e, CLI_FAILED) : res.status;
}

static int attach_run(int argc, char **argv)
{
	int i = opts_parse(&cmd_attach, argc, argv, NULL), status;
	struct sm_vm *vm = NULL;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i + 1 != argc) {
		cli_error("attach: one VM, please");
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	status = sm_vm_open(ctx, argv[i], &vm, &e) < 0 ? cli_fail(&e, CLI_FAILED) : attach_vm(vm);
	sm_vm_destroy(vm);
	sm_ctx_destroy(ctx);
	return status;
}

const struct cmd cmd_attach = {
	"attach",    "VM",	 "Be the terminal of a VM's command; Ctrl-P Ctrl-Q leave it",
	attach_opts, attach_run, CLI_USAGE,
	CMD_VMS
};

/* ---- logs ---- */

struct logs_args {
	bool follow, timestamps;
	const char *tail;
	bool mid_line[2];
};

static const struct opt logs_opts[] = {
	{ "follow", 'f', OPT_FLAG, NULL, "go on until the VM ends", offsetof(struct logs_args, follow) },
	{ "tail", 'n', OPT_STRING, "N", "only the last N lines (all)", offsetof(struct logs_args, tail) },
	{ "timestamps", 't', OPT_FLAG, NULL, "when each line was written",
	  offsetof(struct logs_args, timestamps) },
	{ 0 },
};

static void logs_stamp(FILE *f, uint64_t time_ns)
{
	time_t seconds = (time_t)(time_ns / 1000000000);
	struct tm tm;
	char text[32];

	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	fprintf(f, "%s.%09luZ ", text, (unsigned long)(time_ns % 1000000000));
}

static int logs_print(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len)
{
	struct logs_args *a = opaque;
	FILE *f = stream == 2 ? stderr : stdout;
	bool *mid_line = &a->mid_line[stream == 2];
	const char *p = data, *end = p + len;

	while (a->timestamps && p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *next = nl ? nl + 1 : end;

		if (!*mid_line)
			logs_stamp(f, time_ns);
		*mid_line = !nl;
		fwrite(p, 1, (size_t)(next - p), f);
		p = next;
	}
	fwrite(p, 1, (size_t)(end - p), f);
	return fflush(f) ? 1 : 0;
}

static bool logs_parse_tail(const char *text, struct sm_logs_options *o)
{
	char *end;

	if (!text || !strcmp(text, "all"))
		return true;
	o->tail = strtoull(text, &end, 10);
	o->tailed = true;
	if (*text >= '0' && *text <= '9' && !*end)
		return true;
	cli_error("--tail %s: a number of lines, or all", text);
	return false;
}

static int logs_run(int argc, char **argv)
{
	struct logs_args a = { 0 };
	struct sm_logs_options o = { .size = sizeof(o) };
	int i = opts_parse(&cmd_logs, argc, argv, &a), r;
	struct sm_vm *vm = NULL;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i + 1 != argc) {
		cli_error("logs: one VM, please; `supermachine ps -a` lists them");
		return CLI_USAGE;
	}
	if (!logs_parse_tail(a.tail, &o))
		return CLI_USAGE;
	o.follow = a.follow;
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	r = sm_vm_open(ctx, argv[i], &vm, &e);
	if (!r)
		r = sm_vm_logs(vm, &o, logs_print, &a, &e);
	sm_vm_destroy(vm);
	sm_ctx_destroy(ctx);
	return r < 0 ? cli_fail(&e, CLI_FAILED) : CLI_OK;
}

const struct cmd cmd_logs = { "logs",	 "VM",	 "Print what a VM's command wrote", logs_opts, logs_run,
			      CLI_USAGE, CMD_VMS };
