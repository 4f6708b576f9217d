/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs about kept VMs that need no terminal: ps, stop, kill, wait, rm, rename. */
#include "cli/cli.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- each of the VMs named ---- */

struct vms_job {
	const struct cmd *cmd;
	int (*fn)(struct sm_vm *vm, void *args, struct sm_err *e);
	void *args;
	bool names; /* print the name when done */
};

static int vms_each(const struct vms_job *job, int argc, char **argv, int i)
{
	int status = CLI_OK;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (i == argc) {
		cli_error("%s: which VM? `supermachine ps -a` lists them", job->cmd->name);
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	for (; i < argc; i++) {
		struct sm_vm *vm = NULL;
		int r = sm_vm_open(ctx, argv[i], &vm, &e);

		if (!r)
			r = job->fn(vm, job->args, &e);
		sm_vm_destroy(vm);
		if (r < 0)
			status = cli_fail(&e, CLI_FAILED);
		else if (job->names)
			printf("%s\n", argv[i]);
	}
	sm_ctx_destroy(ctx);
	return status;
}

/* ---- ps ---- */

struct ps_args {
	bool all, quiet, untruncated;
	const char *format;
	bool json, names, measures; /* `measures`: only how wide the columns must be */
	int image_width, status_width;
};

static const struct opt ps_opts[] = {
	{ "all", 'a', OPT_FLAG, NULL, "also VMs that have ended", offsetof(struct ps_args, all) },
	{ "quiet", 'q', OPT_FLAG, NULL, "ids only", offsetof(struct ps_args, quiet) },
	{ "no-trunc", 0, OPT_FLAG, NULL, "whole commands", offsetof(struct ps_args, untruncated) },
	{ "format", 0, OPT_STRING, "json|names", "one JSON object, or one name, a line",
	  offsetof(struct ps_args, format) },
	{ 0 },
};

static void ps_status(const struct sm_vm_info *v, char *ret, size_t max)
{
	const char *colon = v->reason[0] ? ": " : "";
	char age[32];

	cli_format_age(v->status == SM_VM_RUNNING ? v->created : v->finished, age);
	if (v->status == SM_VM_EXITED) {
		snprintf(ret, max, "Exited (%d) %s%s%s", v->exit_status, age, colon, v->reason);
	} else if (v->status == SM_VM_DEAD) {
		snprintf(ret, max, "Dead%s%s", colon, v->reason);
	} else {
		/* "5 minutes ago" without the last word. */
		char *ago = strstr(age, " ago");

		if (ago)
			*ago = 0;
		snprintf(ret, max, "Up %s", ago ? age : "less than a second");
	}
}

static void ps_command(const struct sm_vm_info *v, bool whole, char *ret, size_t max)
{
	size_t len = 0;

	ret[0] = 0;
	for (size_t i = 0; v->argv[i] && len < max; i++)
		len += (size_t)snprintf(ret + len, max - len, "%s%s", i ? " " : "", v->argv[i]);
	for (char *p = ret; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	if (!whole && len > 20)
		snprintf(ret + 17, max - 17, "...");
}

static json_t *ps_list(const char *const *v)
{
	json_t *list = json_array();

	for (size_t i = 0; v[i]; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

static void ps_print_json(const struct sm_vm_info *v)
{
	static const char *const states[] = { "running", "exited", "dead" };
	json_t *o = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:i, s:s, s:I, s:I, s:I, s:i, s:s, s:i}", "id",
			      v->id, "name", v->name, "image", v->image, "command", ps_list(v->argv),
			      "labels", ps_list(v->labels), "state", states[v->status], "exit_status",
			      v->exit_status, "reason", v->reason, "created", (json_int_t)v->created,
			      "finished", (json_int_t)v->finished, "memory", (json_int_t)v->memory, "cpus",
			      (int)v->cpus, "backend", v->backend, "pid", v->pid);

	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void ps_widen(int *width, const char *text)
{
	int len = (int)strlen(text);

	*width = len > *width ? len : *width;
}

static void ps_print_row(const struct sm_vm_info *v, const struct ps_args *a, const char *status)
{
	char command[4096], age[32];

	ps_command(v, a->untruncated, command, sizeof(command));
	cli_format_age(v->created, age);
	printf("%-14s %-*s  %-20s  %-14s  %-*s  %s\n", v->id, a->image_width, v->image, command, age,
	       a->status_width, status, v->name[0] ? v->name : v->id);
}

static int ps_print(void *opaque, const struct sm_vm_info *v)
{
	struct ps_args *a = opaque;
	char status[400];

	if (!a->all && v->status != SM_VM_RUNNING)
		return 0;
	if (a->measures) {
		ps_status(v, status, sizeof(status));
		ps_widen(&a->image_width, v->image);
		ps_widen(&a->status_width, status);
	} else if (a->quiet) {
		printf("%s\n", v->id);
	} else if (a->names) {
		printf("%s\n", v->name[0] ? v->name : v->id);
	} else if (a->json) {
		ps_print_json(v);
	} else {
		ps_status(v, status, sizeof(status));
		ps_print_row(v, a, status);
	}
	return 0;
}

static int ps_run(int argc, char **argv)
{
	struct ps_args a = { 0 };
	int i = opts_parse(&cmd_ps, argc, argv, &a), r;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	a.json = a.format && !strcmp(a.format, "json");
	a.names = a.format && !strcmp(a.format, "names");
	if (i != argc || (a.format && !a.json && !a.names)) {
		cli_error(i != argc ? "ps: takes no arguments" : "--format %s: json or names", a.format);
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	if (!a.quiet && !a.format) {
		a.measures = true;
		a.image_width = a.status_width = 12;
		sm_vm_list(ctx, ps_print, &a, NULL);
		a.measures = false;
		printf("%-14s %-*s  %-20s  %-14s  %-*s  %s\n", "CONTAINER ID", a.image_width, "IMAGE",
		       "COMMAND", "CREATED", a.status_width, "STATUS", "NAMES");
	}
	r = sm_vm_list(ctx, ps_print, &a, &e);
	sm_ctx_destroy(ctx);
	return r < 0 ? cli_fail(&e, CLI_FAILED) : CLI_OK;
}

const struct cmd cmd_ps = { "ps",    "",     "List VMs that run in the background or are kept",
			    ps_opts, ps_run, CLI_USAGE };

/* ---- stop ---- */

struct stop_args {
	uint32_t time_ms;
};

static const struct opt stop_opts[] = {
	{ "time", 't', OPT_TIME, "SECONDS", "until it is killed (the VM's own, 10)",
	  offsetof(struct stop_args, time_ms) },
	{ 0 },
};

static int stop_one(struct sm_vm *vm, void *opaque, struct sm_err *e)
{
	const struct stop_args *a = opaque;

	return sm_vm_stop(vm, a->time_ms == UINT32_MAX ? -1 : (int64_t)a->time_ms, e);
}

static int stop_run(int argc, char **argv)
{
	struct stop_args a = { UINT32_MAX };
	const struct vms_job job = { &cmd_stop, stop_one, &a, true };

	return vms_each(&job, argc, argv, opts_parse(&cmd_stop, argc, argv, &a));
}

const struct cmd cmd_stop = { "stop",	 "VM...",  "Ask VMs to end, and kill those that do not",
			      stop_opts, stop_run, CLI_USAGE,
			      CMD_VMS };

/* ---- kill ---- */

struct kill_args {
	const char *signal;
	int signum;
};

static const struct opt kill_opts[] = {
	{ "signal", 's', OPT_STRING, "SIGNAL", "name or number (KILL)", offsetof(struct kill_args, signal) },
	{ 0 },
};

static int kill_one(struct sm_vm *vm, void *opaque, struct sm_err *e)
{
	const struct kill_args *a = opaque;

	return sm_vm_signal(vm, a->signum, e);
}

static int kill_run(int argc, char **argv)
{
	struct kill_args a = { .signal = "KILL" };
	const struct vms_job job = { &cmd_kill, kill_one, &a, true };
	int i = opts_parse(&cmd_kill, argc, argv, &a);
	struct sm_err e;

	if (i >= 0 && sm_signal_parse(a.signal, &a.signum, &e) < 0)
		return cli_fail(&e, CLI_USAGE);
	return vms_each(&job, argc, argv, i);
}

const struct cmd cmd_kill = { "kill",	 "VM...", "Send a signal to the VMs' commands", kill_opts, kill_run,
			      CLI_USAGE, CMD_VMS };

/* ---- wait ---- */

static const struct opt no_opts[] = { { 0 } };

static int wait_one(struct sm_vm *vm, void *opaque, struct sm_err *e)
{
	struct sm_exec_result res;
	int r = sm_vm_wait(vm, &res, e);

	(void)opaque;
	if (r < 0)
		return r;
	if (res.reason[0])
		cli_error("%s", res.reason);
	printf("%d\n", res.status);
	return 0;
}

static int wait_run(int argc, char **argv)
{
	const struct vms_job job = { &cmd_wait, wait_one, NULL, false };

	return vms_each(&job, argc, argv, opts_parse(&cmd_wait, argc, argv, NULL));
}

const struct cmd cmd_wait = { "wait",  "VM...",	 "Wait until VMs end, and print their exit statuses",
			      no_opts, wait_run, CLI_USAGE,
			      CMD_VMS };

/* ---- rm ---- */

struct rm_args {
	bool force;
};

static const struct opt rm_opts[] = {
	{ "force", 'f', OPT_FLAG, NULL, "also one that runs: it is killed", offsetof(struct rm_args, force) },
	{ 0 },
};

static int rm_one(struct sm_vm *vm, void *opaque, struct sm_err *e)
{
	const struct rm_args *a = opaque;

	return sm_vm_remove(vm, a->force, e);
}

static int rm_run(int argc, char **argv)
{
	struct rm_args a = { 0 };
	const struct vms_job job = { &cmd_rm, rm_one, &a, true };

	return vms_each(&job, argc, argv, opts_parse(&cmd_rm, argc, argv, &a));
}

const struct cmd cmd_rm = {
	"rm", "VM...", "Forget VMs and their output", rm_opts, rm_run, CLI_USAGE, CMD_VMS
};

/* ---- rename ---- */

static int rename_one(struct sm_vm *vm, void *opaque, struct sm_err *e)
{
	return sm_vm_rename(vm, opaque, e);
}

static int rename_run(int argc, char **argv)
{
	struct vms_job job = { &cmd_rename, rename_one, NULL, false };
	int i = opts_parse(&cmd_rename, argc, argv, NULL);

	if (i >= 0 && i + 2 != argc) {
		cli_error("rename: a VM and its new name, please");
		return CLI_USAGE;
	}
	if (i >= 0)
		job.args = argv[i + 1];
	return vms_each(&job, i + 1, argv, i);
}

const struct cmd cmd_rename = { "rename",  "VM NAME", "Give a VM another name", no_opts, rename_run,
				CLI_USAGE, CMD_VMS };
