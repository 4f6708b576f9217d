/* SPDX-License-Identifier: Apache-2.0 */
/* supermachine run: an image, a VM, one command; gone when it ends. */
#include "cli/cli.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal.h"

struct run_args {
	bool rm, interactive, tty, quiet, debug, tmpfs_root, timings;
	struct strv env;
	const char *workdir, *user, *entrypoint, *backend, *pull, *kernel, *hostname, *console;
	uint64_t memory;
	uint32_t cpus;
	bool has_memory, has_cpus;
};

#define OPT(field) offsetof(struct run_args, field)
static const struct opt run_opts[] = {
	{ "rm", 0, OPT_FLAG, NULL, "accepted for Docker's sake: a foreground run leaves nothing behind",
	  OPT(rm) },
	{ "interactive", 'i', OPT_FLAG, NULL, "pass stdin to the program", OPT(interactive) },
	{ "tty", 't', OPT_FLAG, NULL, "give it a terminal", OPT(tty) },
	{ "env", 'e', OPT_LIST, "K=V", "set an environment variable; K alone takes yours", OPT(env) },
	{ "workdir", 'w', OPT_STRING, "DIR", "working directory", OPT(workdir) },
	{ "user", 'u', OPT_STRING, "USER", "name, uid or uid:gid", OPT(user) },
	{ "entrypoint", 0, OPT_STRING, "CMD", "instead of the image's entrypoint", OPT(entrypoint) },
	{ "memory", 'm', OPT_SIZE, "SIZE", "guest memory (512m)", OPT(memory) },
	{ "cpus", 0, OPT_COUNT, "N", "virtual CPUs (1)", OPT(cpus) },
	{ "backend", 0, OPT_STRING, "NAME", "auto, kvm or soft", OPT(backend) },
	{ "hostname", 0, OPT_STRING, "NAME", "the guest's host name", OPT(hostname) },
	{ "pull", 0, OPT_STRING, "WHEN", "always, missing or never", OPT(pull) },
	{ "kernel", 0, OPT_STRING, "FILE", "another guest kernel", OPT(kernel) },
	{ "console", 0, OPT_STRING, "FILE", "append the guest kernel's console to FILE", OPT(console) },
	{ "root-tmpfs", 0, OPT_FLAG, NULL, "keep what the program writes in guest memory", OPT(tmpfs_root) },
	{ "timings", 0, OPT_FLAG, NULL, "print where the time went", OPT(timings) },
	{ "quiet", 'q', OPT_FLAG, NULL, "no progress", OPT(quiet) },
	{ "debug", 0, OPT_FLAG, NULL, "log what happens", OPT(debug) },
	{ 0 },
};
#undef OPT

/* One thread takes all signals and passes them on, so that no handler needs care. */
struct run_signals {
	sigset_t set;
	struct sm_exec *exec;
	struct sm_vm *vm;
	pthread_t thread;
	bool tty;
};

static void run_pass_winsize(struct run_signals *s)
{
	uint16_t rows, cols;

	if (s->tty && terminal_size(&rows, &cols))
		sm_exec_winsize(s->exec, rows, cols, NULL);
}

static void *run_signal_thread(void *opaque)
{
	struct run_signals *s = opaque;
	int sig;

	while (!sigwait(&s->set, &sig)) {
		if (sig == SIGUSR2)
			return NULL; /* the end, from ourselves */
		if (sig == SIGWINCH)
			run_pass_winsize(s);
		else
			sm_exec_signal(s->exec, sig, NULL);
	}
	return NULL;
}

static void run_signals_block(sigset_t *ret)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaddset(ret, sigs[i]);
	pthread_sigmask(SIG_BLOCK, ret, NULL);
}

static int run_exec(struct sm_vm *vm, const struct run_args *a, const char *const *argv,
		    struct sm_exec_result *res, struct sm_err *e)
{
	struct sm_exec_options o = SM_EXEC_OPTIONS_INIT;
	struct run_signals s = { .tty = a->tty, .vm = vm };
	struct terminal term;
	int r;

	o.argv = argv;
	o.env = (const char *const *)a->env.v;
	o.entrypoint = a->entrypoint;
	o.cwd = a->workdir;
	o.user = a->user;
	o.tty = a->tty;
	if (a->tty)
		terminal_size(&o.rows, &o.cols);
	o.stdin_fd = a->interactive ? 0 : -1;
	o.stdout_fd = 1;
	o.stderr_fd = 2;
	run_signals_block(&s.set);
	r = sm_exec_start(vm, &o, &s.exec, e);
	if (r < 0)
		return r;
	terminal_raw(&term, a->tty && a->interactive);
	r = pthread_create(&s.thread, NULL, run_signal_thread, &s);
	if (!r) {
		r = sm_exec_wait(s.exec, res, e);
		pthread_kill(s.thread, SIGUSR2);
		pthread_join(s.thread, NULL);
	} else if (e) {
		e->code = r;
		snprintf(e->text, sizeof(e->text), "signal thread: %s", strerror(r));
		r = -r;
	}
	terminal_restore(&term);
	sm_exec_destroy(s.exec);
	return r;
}

static void run_print_timings(struct sm_vm *vm, const struct sm_exec_result *res)
{
	struct sm_timings t;

	sm_vm_timings(vm, &t);
	fprintf(stderr, "worker %8.1f ms\nmachine%8.1f ms\nagent  %8.1f ms\nprogram%8.1f ms\n",
		(double)t.worker_us / 1000, (double)t.machine_us / 1000, (double)t.agent_us / 1000,
		(double)res->duration_us / 1000);
	fprintf(stderr, "exits  %8llu (mmio %llu, pio %llu, other %llu)\n",
		(unsigned long long)(t.exits_mmio + t.exits_pio + t.exits_other),
		(unsigned long long)t.exits_mmio, (unsigned long long)t.exits_pio,
		(unsigned long long)t.exits_other);
}

static int run_in_vm(struct sm_image *image, const struct run_args *a, const char *const *argv)
{
	const struct sm_vm_options o = {
		.size = sizeof(o),
		.memory = a->memory,
		.cpus = a->cpus,
		.backend = a->backend,
		.kernel = a->kernel,
		.hostname = a->hostname,
		.console = a->console,
		.tmpfs_root = a->tmpfs_root,
	};
	struct sm_exec_result res = { 0 };
	struct sm_vm *vm;
	struct sm_err e;
	int r = sm_vm_start(image, &o, &vm, &e);

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
	if (a->tty && !(terminal_is(a->interactive ? 0 : 1))) {
		cli_error("-t: %s is not a terminal; leave -t out", a->interactive ? "stdin" : "stdout");
		return false;
	}
	return true;
}

/* "-e K" takes the caller's value, or nothing when there is none. */
static void run_expand_env(struct strv *env)
{
	struct strv out = { 0 };

	for (size_t i = 0; i < env->nr; i++) {
		const char *value;
		char *text;

		if (strchr(env->v[i], '=')) {
			strv_add(&out, env->v[i]);
		} else if ((value = getenv(env->v[i])) && asprintf(&text, "%s=%s", env->v[i], value) > 0) {
			strv_add(&out, text);
			free(text);
		}
	}
	strv_fini(env);
	*env = out;
}

static int run_image(const struct run_args *a, const char *reference, const char *const *argv)
{
	struct sm_pull_options po = { .size = sizeof(po), .progress = progress_show, .backend = a->backend };
	struct sm_image *image = NULL;
	struct progress progress;
	struct sm_ctx *ctx;
	struct sm_err e;
	int status;

	if (!run_pull_policy(a->pull, &po.policy))
		return CLI_OURS;
	if (cli_ctx(a->debug, &ctx, &e) < 0)
		return cli_fail(&e, CLI_OURS);
	progress_init(&progress, a->quiet || !isatty(2));
	po.progress_opaque = &progress;
	status = sm_image_open(ctx, reference, &po, &image, &e);
	progress_end(&progress);
	status = status < 0 ? cli_fail(&e, CLI_OURS) : run_in_vm(image, a, argv);
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
	} else if (i >= 0 && run_check_args(&a)) {
		run_expand_env(&a.env);
		status = run_image(&a, argv[i],
				   i + 1 < argc ? (const char *const *)(uintptr_t)(argv + i + 1) : NULL);
	}
	strv_fini(&a.env);
	return status;
}

const struct cmd cmd_run = { "run",    "IMAGE [CMD...]", "Run a command in a new VM of an image",
			     run_opts, run_run,		 CLI_OURS };
