/* SPDX-License-Identifier: Apache-2.0 */
/* supermachine run: an image, a VM, one command; gone when it ends unless it is to be kept. */
#include "cli/cli.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/process.h"
#include "cli/terminal.h"

struct run_args {
	bool rm, detach, interactive, tty, init, quiet, debug, tmpfs_root, timings;
	bool read_only, boot;
	struct strv env, env_files, labels, tmpfs, ulimits, hosts, dns, dns_search;
	const char *workdir, *user, *entrypoint, *backend, *pull, *platform, *kernel, *hostname, *console;
	const char *name, *stop_signal, *progress;
	uint64_t memory;
	uint32_t cpus, stop_timeout_ms, timeout_ms;
	bool has_memory, has_cpus;
};

#define NO_VOLUMES "volumes are not there yet; put files into the image"
#define NO_NETWORK "there is no guest network yet"
#define NO_SHARING "a VM has a kernel of its own and shares no namespaces with this machine"
#define NO_LIMITS "--memory and --cpus are a VM's limits"
#define OWN_KERNEL "in its VM every program has all capabilities; the VM is the wall"

#define OPT(field) offsetof(struct run_args, field)
static const struct opt run_opts[] = {
	{ "detach", 'd', OPT_FLAG, NULL, "let it run in the background and print its id", OPT(detach) },
	{ "name", 0, OPT_STRING, "NAME", "keep state and output under this name until rm", OPT(name) },
	{ "rm", 0, OPT_FLAG, NULL, "keep nothing when it ends, also of -d and --name", OPT(rm) },
	{ "interactive", 'i', OPT_FLAG, NULL, "pass stdin to the program", OPT(interactive) },
	{ "tty", 't', OPT_FLAG, NULL, "give it a terminal; Ctrl-P Ctrl-Q leave it", OPT(tty) },
	{ "env", 'e', OPT_LIST, "K=V", "set an environment variable; K alone takes yours", OPT(env) },
	{ "env-file", 0, OPT_LIST, "FILE", "set those of a file, one a line", OPT(env_files) },
	{ "workdir", 'w', OPT_STRING, "DIR", "working directory", OPT(workdir) },
	{ "user", 'u', OPT_STRING, "USER", "name, uid or uid:gid", OPT(user) },
	{ "entrypoint", 0, OPT_STRING, "CMD", "instead of the image's entrypoint", OPT(entrypoint) },
	{ "init", 0, OPT_FLAG, NULL, "a PID 1 that reaps, in front of the program", OPT(init) },
	{ "label", 'l', OPT_LIST, "K=V", "note something about the VM", OPT(labels) },
	{ "memory", 'm', OPT_SIZE, "SIZE", "guest memory (512m)", OPT(memory) },
	{ "cpus", 0, OPT_COUNT, "N", "virtual CPUs (1)", OPT(cpus) },
	{ "backend", 0, OPT_STRING, "NAME", "auto, kvm or soft", OPT(backend) },
	{ "hostname", 'h', OPT_STRING, "NAME", "the guest's host name", OPT(hostname) },
	{ "pull", 0, OPT_STRING, "WHEN", "always, missing or never", OPT(pull) },
	{ "platform", 0, OPT_STRING, "OS/ARCH", "which image of several", OPT(platform) },
	{ "stop-signal", 0, OPT_STRING, "SIGNAL", "what asks it to end (the image's, TERM)",
	  OPT(stop_signal) },
	{ "stop-timeout", 0, OPT_TIME, "SECONDS", "from that to its kill (10)", OPT(stop_timeout_ms) },
	{ "timeout", 0, OPT_TIME, "SECONDS", "kill it after that; status 124", OPT(timeout_ms) },
	{ "read-only", 0, OPT_FLAG, NULL, "a root that cannot be written to", OPT(read_only) },
	{ "tmpfs", 0, OPT_LIST, "DIR[:OPTS]", "a directory in guest memory", OPT(tmpfs) },
	{ "ulimit", 0, OPT_LIST, "NAME=N[:N]", "a resource limit, soft and hard", OPT(ulimits) },
	{ "add-host", 0, OPT_LIST, "NAME:IP", "another line for /etc/hosts", OPT(hosts) },
	{ "dns", 0, OPT_LIST, "IP", "a name server for /etc/resolv.conf", OPT(dns) },
	{ "dns-search", 0, OPT_LIST, "DOMAIN", "a search domain", OPT(dns_search) },
	{ "kernel", 0, OPT_STRING, "FILE", "another guest kernel", OPT(kernel) },
	{ "console", 0, OPT_STRING, "FILE", "append the guest kernel's console to FILE", OPT(console) },
	{ "root-tmpfs", 0, OPT_FLAG, NULL, "keep what the program writes in guest memory", OPT(tmpfs_root) },
	{ "boot", 0, OPT_FLAG, NULL, "boot the kernel, do not go on from a snapshot", OPT(boot) },
	{ "timings", 0, OPT_FLAG, NULL, "print where the time went", OPT(timings) },
	{ "quiet", 'q', OPT_FLAG, NULL, "no progress", OPT(quiet) },
	{ "progress", 0, OPT_STRING, "HOW", "auto, plain, json or none", OPT(progress) },
	{ "debug", 0, OPT_FLAG, NULL, "log what happens", OPT(debug) },
	{ "volume", 'v', OPT_REFUSED, NULL, NO_VOLUMES, 0 },
	{ "mount", 0, OPT_REFUSED, NULL, NO_VOLUMES, 0 },
	{ "volumes-from", 0, OPT_REFUSED, NULL, NO_VOLUMES, 0 },
	{ "publish", 'p', OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "publish-all", 'P', OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "expose", 0, OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "network", 0, OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "net", 0, OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "ip", 0, OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "link", 0, OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "mac-address", 0, OPT_REFUSED, NULL, NO_NETWORK, 0 },
	{ "privileged", 0, OPT_REFUSED, NULL, OWN_KERNEL, 0 },
	{ "cap-add", 0, OPT_REFUSED, NULL, OWN_KERNEL, 0 },
	{ "cap-drop", 0, OPT_REFUSED, NULL, OWN_KERNEL, 0 },
	{ "security-opt", 0, OPT_REFUSED, NULL, OWN_KERNEL, 0 },
	{ "device", 0, OPT_REFUSED, NULL, "devices of this machine cannot be given to a VM", 0 },
	{ "gpus", 0, OPT_REFUSED, NULL, "devices of this machine cannot be given to a VM", 0 },
	{ "ipc", 0, OPT_REFUSED, NULL, NO_SHARING, 0 },
	{ "pid", 0, OPT_REFUSED, NULL, NO_SHARING, 0 },
	{ "uts", 0, OPT_REFUSED, NULL, NO_SHARING, 0 },
	{ "userns", 0, OPT_REFUSED, NULL, NO_SHARING, 0 },
	{ "cgroupns", 0, OPT_REFUSED, NULL, NO_SHARING, 0 },
	{ "memory-swap", 0, OPT_REFUSED, NULL, NO_LIMITS, 0 },
	{ "cpu-shares", 'c', OPT_REFUSED, NULL, NO_LIMITS, 0 },
	{ "cpuset-cpus", 0, OPT_REFUSED, NULL, NO_LIMITS, 0 },
	{ "pids-limit", 0, OPT_REFUSED, NULL, NO_LIMITS, 0 },
	{ "restart", 0, OPT_REFUSED, NULL, "VMs are not restarted yet", 0 },
	{ 0 },
};
#undef OPT

static void run_exec_options(const struct run_args *a, const char *const *argv, struct sm_exec_options *o)
{
	o->argv = argv;
	o->env = (const char *const *)a->env.v;
	o->entrypoint = a->entrypoint;
	o->cwd = a->workdir;
	o->user = a->user;
	o->tty = a->tty;
	o->init = a->init;
	o->timeout_ms = a->timeout_ms;
	if (a->tty)
		terminal_size(&o->rows, &o->cols);
	o->stdin_fd = a->interactive ? 0 : -1;
	o->stdout_fd = 1;
	o->stderr_fd = 2;
}

static int run_exec(struct sm_vm *vm, const struct run_args *a, const char *const *argv,
		    struct sm_exec_result *res, struct sm_err *e)
{
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;
	struct process p = { .tty = a->tty, .interactive = a->interactive, .stdin_fd = -1 };
	int r;

	run_exec_options(a, argv, &o);
	process_block_signals();
	r = sm_exec_start(vm, &o, &p.exec, e);
	if (!r)
		r = process_wait(&p, res, e);
	sm_exec_destroy(p.exec);
	return r;
}

static void run_print_timings(struct sm_vm *vm, const struct sm_exec_result *res)
{
	struct sm_timings t;

	sm_vm_timings(vm, &t);
	fprintf(stderr, "began %s\n", t.restored ? "restored" : "booted");
	fprintf(stderr, "snapshot%7.1f ms\n", (double)t.snapshot_us / 1000);
	fprintf(stderr, "worker %8.1f ms\nmachine%8.1f ms\nagent  %8.1f ms\nprogram%8.1f ms\n",
		(double)t.worker_us / 1000, (double)t.machine_us / 1000, (double)t.agent_us / 1000,
		(double)res->duration_us / 1000);
	fprintf(stderr, "exits  %8llu (mmio %llu, pio %llu, other %llu)\n",
		(unsigned long long)(t.exits_mmio + t.exits_pio + t.exits_other),
		(unsigned long long)t.exits_mmio, (unsigned long long)t.exits_pio,
		(unsigned long long)t.exits_other);
}

static void run_vm_options(const struct run_args *a, struct sm_vm_options *ret)
{
	*ret = (struct sm_vm_options){
		.size = sizeof(*ret),
		.memory = a->memory,
		.cpus = a->cpus,
		.backend = a->backend,
		.kernel = a->kernel,
		.hostname = a->hostname,
		.console = a->console,
		.tmpfs_root = a->tmpfs_root,
		.read_only = a->read_only,
		.tmpfs = (const char *const *)a->tmpfs.v,
		.ulimits = (const char *const *)a->ulimits.v,
		.hosts = (const char *const *)a->hosts.v,
		.dns = (const char *const *)a->dns.v,
		.dns_search = (const char *const *)a->dns_search.v,
		.boot = a->boot,
	};
}

/* Ours from the first to the last moment. */
static int run_in_vm(struct sm_image *image, const struct run_args *a, const char *const *argv)
{
	struct sm_exec_result res = { 0 };
	struct sm_vm_options o;
	struct sm_vm *vm;
	struct sm_err e;
	int r;

	run_vm_options(a, &o);
	r = sm_vm_start(image, &o, &vm, &e);
	if (r < 0)
		return cli_fail(&e, CLI_OURS);
	r = run_exec(vm, a, argv, &res, &e);
	if (r < 0) {
		cli_fail(&e, 0);
		res.status = CLI_OURS;
	} else if (res.reason[0]) {
		cli_error("%s", res.reason);
	}
	if (a->timings && r >= 0)
		run_print_timings(vm, &res);
	sm_vm_destroy(vm);
	return res.status;
}

/* To the end, or until the detach keys. */
static int run_accompany(struct sm_vm *vm, const struct run_args *a, int stdin_fd)
{
	struct process p = { .tty = a->tty,
			     .interactive = a->interactive,
			     .vm = vm,
			     .stdin_fd = stdin_fd,
			     .may_detach = true };
	struct sm_exec_result res = { 0 };
	struct sm_err e;
	int r = process_wait(&p, &res, &e);

	if (p.detached)
		return CLI_OK;
	if (r < 0)
		return cli_fail(&e, CLI_OURS);
	if (res.reason[0])
		cli_error("%s", res.reason);
	return res.status;
}

/* In a keeper process, so that it can outlive us. */
static int run_kept(struct sm_image *image, const struct run_args *a, const char *const *argv)
{
	struct sm_exec_options command = SM_EXEC_OPTIONS_INIT;
	struct sm_vm_options vo;
	struct sm_run_options o = {
		.size = sizeof(o),
		.vm = &vo,
		.command = &command,
		.name = a->name,
		.labels = (const char *const *)a->labels.v,
		.stop_signal = a->stop_signal,
		.stop_timeout_ms = a->stop_timeout_ms,
		.remove = a->rm || (!a->detach && !a->name),
		.foreground = !a->detach,
	};
	int stdin_fd = -1, status = CLI_OK;
	struct sm_vm *vm;
	struct sm_err e;

	run_vm_options(a, &vo);
	run_exec_options(a, argv, &command);
	/* A terminal's input, or that of a VM we leave, must not end with ours. */
	if (a->interactive && (a->tty || a->detach))
		o.ret_stdin_fd = &stdin_fd;
	if (a->detach)
		command.stdin_fd = command.stdout_fd = command.stderr_fd = -1;
	process_block_signals();
	if (sm_vm_run(image, &o, &vm, &e) < 0)
		return cli_fail(&e, CLI_OURS);
	if (a->detach)
		printf("%s\n", sm_vm_id(vm));
	else
		status = run_accompany(vm, a, stdin_fd);
	if (stdin_fd >= 0)
		close(stdin_fd);
	sm_vm_destroy(vm);
	return status;
}

static bool run_pull_policy(const char *text, enum sm_pull *ret)
{
	static const char *const names[] = { "missing", "always", "never" };

	for (size_t i = 0; i < 3; i++) {
		if (text && strcmp(text, names[i]) != 0)
			continue;
		*ret = (enum sm_pull)i;
		return true;
	}
	cli_error("--pull %s: not always, missing or never", text);
	return false;
}

static bool run_check_args(const struct run_args *a)
{
	if (a->has_cpus && (!a->cpus || a->cpus > SM_CPUS_MAX)) {
		cli_error("--cpus %u: from 1 to %d are possible", a->cpus, SM_CPUS_MAX);
		return false;
	}
	if (a->has_memory && a->memory < SM_MEMORY_MIN) {
		cli_error("--memory %llu KiB: at least 64m are needed", (unsigned long long)a->memory >> 10);
		return false;
	}
	if (a->timings && (a->detach || a->name)) {
		cli_error("--timings: not of a VM that is kept");
		return false;
	}
	return a->detach || process_check_terminal(a->tty, a->interactive);
}

/* Docker's format: K=V or K a line, no quotes; "#" begins a comment. */
static bool run_read_env_file(const char *path, struct strv *ret)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;

	if (!f) {
		cli_error("--env-file %s: %s", path, strerror(errno));
		return false;
	}
	while ((n = getline(&line, &cap, f)) >= 0) {
		char *p = line;

		while (n && strchr("\r\n", line[n - 1]))
			line[--n] = 0;
		while (isspace((unsigned char)*p))
			p++;
		if (*p && *p != '#')
			strv_add(ret, p);
	}
	free(line);
	fclose(f);
	return true;
}

/* Files first, so that -e wins. */
static bool run_gather_env(struct run_args *a)
{
	struct strv all = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < a->env_files.nr; i++)
		ok = run_read_env_file(a->env_files.v[i], &all);
	for (size_t i = 0; i < a->env.nr; i++)
		strv_add(&all, a->env.v[i]);
	strv_fini(&a->env);
	a->env = all;
	strv_expand_env(&a->env);
	return ok;
}

static int run_image(const struct run_args *a, const char *reference, const char *const *argv)
{
	struct sm_pull_options po = { .size = sizeof(po), .progress = progress_show, .backend = a->backend };
	struct sm_image *image = NULL;
	struct progress progress;
	struct sm_ctx *ctx;
	struct sm_err e;
	int status;

	if (!run_pull_policy(a->pull, &po.policy) ||
	    /* Where nobody watches, only the program writes unless more was asked for. */
	    !progress_init(&progress, a->progress, a->quiet || (!a->progress && !isatty(2))))
		return CLI_OURS;
	if (cli_ctx(a->debug, &ctx, &e) < 0)
		return cli_fail(&e, CLI_OURS);
	po.progress_opaque = &progress;
	po.platform = a->platform;
	status = sm_image_open(ctx, reference, &po, &image, &e);
	progress_end(&progress);
	if (status < 0)
		status = cli_fail(&e, CLI_OURS);
	else if (a->detach || a->name || (a->tty && a->interactive && !a->timings))
		status = run_kept(image, a, argv);
	else
		status = run_in_vm(image, a, argv);
	sm_image_close(image);
	sm_ctx_destroy(ctx);
	return status;
}

static int run_run(int argc, char **argv)
{
	struct run_args a = { .cpus = UINT32_MAX, .memory = UINT64_MAX };
	int i = opts_parse(&cmd_run, argc, argv, &a), status = CLI_OURS;

	a.has_cpus = a.cpus != UINT32_MAX;
	a.has_memory = a.memory != UINT64_MAX;
	a.cpus = a.has_cpus ? a.cpus : 0;
	a.memory = a.has_memory ? a.memory : 0;
	if (i == -2) {
		status = CLI_OK;
	} else if (i >= 0 && i >= argc) {
		cli_error("run: which image? `supermachine run --help` shows how");
	} else if (i >= 0 && run_check_args(&a) && run_gather_env(&a)) {
		status = run_image(&a, argv[i],
				   i + 1 < argc ? (const char *const *)(uintptr_t)(argv + i + 1) : NULL);
	}
	strv_fini(&a.env);
	strv_fini(&a.env_files);
	strv_fini(&a.labels);
	strv_fini(&a.tmpfs);
	strv_fini(&a.ulimits);
	strv_fini(&a.hosts);
	strv_fini(&a.dns);
	strv_fini(&a.dns_search);
	return status;
}

const struct cmd cmd_run = { "run",	"IMAGE [CMD...]", "Run a command in a new VM of an image",
			     run_opts,	run_run,	  CLI_OURS,
			     CMD_IMAGES };
