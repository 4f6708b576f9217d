/* SPDX-License-Identifier: Apache-2.0 */
/* supermachine stats: what running VMs cost, once or again and again. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"

#define STATS_VMS_MAX 256
/* Between two looks; a processor's share is what was used in between. */
#define STATS_FIRST_MS 500
#define STATS_NEXT_MS 1000

struct stats_args {
	bool once;
	const char *format;
};

static const struct opt stats_opts[] = {
	{ "no-stream", 0, OPT_FLAG, NULL, "once, and no more", offsetof(struct stats_args, once) },
	{ "format", 0, OPT_STRING, "json", "one JSON object a line", offsetof(struct stats_args, format) },
	{ 0 },
};

struct stats_row {
	char id[13], name[130];
	uint64_t cpu_us, at_us;
};

struct stats_table {
	struct stats_row rows[STATS_VMS_MAX];
	size_t nr;
};

static uint64_t stats_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void stats_sleep(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

static struct stats_row *stats_find(struct stats_table *t, const char *id)
{
	for (size_t i = 0; i < t->nr; i++)
		if (!strcmp(t->rows[i].id, id))
			return &t->rows[i];
	return NULL;
}

static int stats_add(void *opaque, const struct sm_vm_info *v)
{
	struct stats_table *t = opaque;
	struct stats_row *row = stats_find(t, v->id);

	if (v->status != SM_VM_RUNNING || (!row && t->nr == STATS_VMS_MAX))
		return 0;
	if (!row) {
		row = &t->rows[t->nr++];
		snprintf(row->id, sizeof(row->id), "%s", v->id);
	}
	snprintf(row->name, sizeof(row->name), "%s", v->name[0] ? v->name : v->id);
	return 0;
}

static void stats_add_named(void *opaque, const struct sm_vm_info *v)
{
	stats_add(opaque, v);
}

static void stats_print(const struct stats_row *row, const struct sm_vm_stats *s, double cpu, bool json)
{
	char used[16], memory[16], host[16];

	if (json) {
		json_t *o =
			json_pack("{s:s, s:s, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "id", row->id, "name",
				  row->name, "cpu_percent", cpu, "memory_used", (json_int_t)s->memory_used,
				  "memory", (json_int_t)s->memory, "host_memory", (json_int_t)s->host_memory,
				  "processes", (json_int_t)s->processes, "uptime", (json_int_t)s->uptime,
				  "oom_kills", (json_int_t)s->oom_kills);

		json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(4));
		putchar('\n');
		json_decref(o);
		return;
	}
	cli_format_size(s->memory_used, used);
	cli_format_size(s->memory, memory);
	cli_format_size(s->host_memory, host);
	printf("%-14s %-20s %7.2f%%  %8s / %-8s  %-10s %llu\n", row->id, row->name, cpu, used, memory, host,
	       (unsigned long long)s->processes);
}

/* One VM: its share of a processor since the last look. */
static int stats_look(struct sm_ctx *ctx, struct stats_row *row, bool print, bool json, struct sm_err *e)
{
	struct sm_vm_stats s;
	struct sm_vm *vm;
	uint64_t now;
	int r = sm_vm_open(ctx, row->id, &vm, e);

	if (r < 0)
		return r;
	r = sm_vm_stats(vm, &s, e);
	sm_vm_destroy(vm);
	if (r < 0)
		return r;
	now = stats_now_us();
	if (print)
		stats_print(row, &s,
			    now > row->at_us
				    ? (double)(s.cpu_us - row->cpu_us) * 100 / (double)(now - row->at_us)
				    : 0,
			    json);
	row->cpu_us = s.cpu_us;
	row->at_us = now;
	return 0;
}

/* A VM that ends meanwhile is just no longer there. */
static void stats_round(struct sm_ctx *ctx, struct stats_table *t, bool print, const struct stats_args *a)
{
	struct sm_err e;

	if (print && !a->format) {
		if (!a->once && isatty(1))
			fputs("\033[H\033[J", stdout);
		printf("%-14s %-20s %8s  %-19s  %-10s %s\n", "CONTAINER ID", "NAME", "CPU %",
		       "MEM USAGE / LIMIT", "HOST MEM", "PIDS");
	}
	for (size_t i = 0; i < t->nr; i++)
		stats_look(ctx, &t->rows[i], print, a->format != NULL, &e);
	fflush(stdout);
}

static int stats_name_vms(struct sm_ctx *ctx, char **names, struct stats_table *t, struct sm_err *e)
{
	int r = 0;

	for (; !r && *names; names++) {
		struct sm_vm_stats s;
		struct sm_vm *vm;

		r = sm_vm_open(ctx, *names, &vm, e);
		if (r < 0)
			break;
		/* Says so of one that does not run. */
		r = sm_vm_stats(vm, &s, e);
		if (!r)
			r = sm_vm_inspect(vm, stats_add_named, t, e);
		sm_vm_destroy(vm);
	}
	return r;
}

static int stats_show(struct sm_ctx *ctx, char **names, const struct stats_args *a, struct sm_err *e)
{
	static struct stats_table t;
	int r = *names ? stats_name_vms(ctx, names, &t, e) : sm_vm_list(ctx, stats_add, &t, e);

	if (r < 0)
		return r;
	stats_round(ctx, &t, false, a);
	stats_sleep(STATS_FIRST_MS);
	stats_round(ctx, &t, true, a);
	while (!r && !a->once && !ferror(stdout)) {
		stats_sleep(STATS_NEXT_MS);
		if (!*names)
			r = sm_vm_list(ctx, stats_add, &t, e);
		stats_round(ctx, &t, true, a);
	}
	return r;
}

static int stats_run(int argc, char **argv)
{
	struct stats_args a = { 0 };
	int i = opts_parse(&cmd_stats, argc, argv, &a), r;
	struct sm_ctx *ctx;
	struct sm_err e;

	if (i < 0)
		return i == -2 ? CLI_OK : CLI_USAGE;
	if (a.format && strcmp(a.format, "json") != 0) {
		cli_error("--format %s: only json is known", a.format);
		return CLI_USAGE;
	}
	if (cli_ctx(false, &ctx, &e) < 0)
		return cli_fail(&e, CLI_FAILED);
	r = stats_show(ctx, argv + i, &a, &e);
	sm_ctx_destroy(ctx);
	return r < 0 ? cli_fail(&e, CLI_FAILED) : CLI_OK;
}

const struct cmd cmd_stats = { "stats",	  "[VM...]", "Show what running VMs cost", stats_opts, stats_run,
			       CLI_USAGE, CMD_VMS };
