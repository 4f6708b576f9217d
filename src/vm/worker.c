/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supermachine-worker: one VM. It is started with a socket and nothing else, takes what
 * it shall be from there (worker-proto.h), closes its jail, and runs the machine until
 * the guest or the owner ends it.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/isolate.h"
#include "vm/config.h"
#include "vm/dialer.h"
#include "vm/jail.h"
#include "vm/machine.h"
#include "vm/worker-proto.h"

/* A guest that floods its console shall not fill the disk. */
#define WORKER_CONSOLE_MAX (16u << 20)
#define WORKER_PORT_READY 1027
#define WORKER_FILES 4096
/* How long a snapshot waits for connections to close. */
#define WORKER_QUIET_NS 500000u
#define WORKER_QUIET_TRIES 4000u

struct worker {
	struct loop *loop;
	struct machine *machine;
	struct log log;
	int console_fd, log_fd, dial_fd;
	int pagemap_fd; /* opened before the jail closes */
	/* A "snapshot" that waits for the last connection to go; -1: none does. */
	int state_fd, memory_fd;
	struct loop_source *retry;
	uint32_t nr_retries;
	uint64_t console_len; /* bytes so far */
	uint64_t start_ns;
	bool ready_told;
	/* Written once by the thread that ends the VM, before it stops the loop. */
	const char *reason;
	char text[160];
};

static uint64_t worker_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Takes `msg`. An owner that is gone is noticed by the loop. */
static void worker_send(json_t *msg)
{
	char *text = json_dumps(msg, JSON_COMPACT);

	if (text)
		fd_send_msg(WORKER_FD, text, strlen(text), NULL, 0);
	free(text);
	json_decref(msg);
}

static int worker_fail(const struct sm_err *e)
{
	worker_send(json_pack("{s:s, s:i, s:s}", "op", "error", "code", e->code, "text", e->text));
	return 1;
}

static void worker_log(void *opaque, enum sm_log_level level, const char *module, const char *text)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };
	struct worker *w = opaque;
	char line[1024];
	int len;

	if (w->log_fd < 0)
		return;
	/* Not dprintf: it asks for the file's position, which no role may. */
	len = snprintf(line, sizeof(line), "%s %s: %s", names[level], module, text);
	if (len < 0)
		return;
	if ((size_t)len > sizeof(line) - 1)
		len = sizeof(line) - 1;
	line[len] = '\n';
	fd_write_full(w->log_fd, line, (size_t)len + 1);
}

static void worker_console(void *opaque, const uint8_t *bytes, uint32_t len)
{
	static const char note[] = "\n[console log is full]\n";
	struct worker *w = opaque;

	if (w->console_fd < 0 || w->console_len >= WORKER_CONSOLE_MAX)
		return;
	w->console_len += len;
	fd_write_full(w->console_fd, bytes, len);
	if (w->console_len >= WORKER_CONSOLE_MAX)
		fd_write_full(w->console_fd, note, sizeof(note) - 1);
}

static void worker_ended(void *opaque, enum hv_exit_reason reason, const char *text)
{
	struct worker *w = opaque;

	w->reason = reason == HV_EXIT_SHUTDOWN ? "shutdown" : reason == HV_EXIT_RESET ? "reset" : "fault";
	snprintf(w->text, sizeof(w->text), "%s", text);
	log_msg(&w->log, reason == HV_EXIT_FAULT ? SM_LOG_ERROR : SM_LOG_INFO, "worker", "guest ended: %s %s",
		w->reason, text);
	loop_stop(w->loop);
}

static void worker_tell_stats(struct worker *w, const char *op)
{
	struct machine_stats s;
	json_int_t all = 0, mmio, pio;

	machine_get_stats(w->machine, &s);
	mmio = (json_int_t)s.exits[HV_EXIT_MMIO];
	pio = (json_int_t)s.exits[HV_EXIT_PIO];
	for (uint32_t i = 0; i < HV_EXIT_REASONS; i++)
		all += (json_int_t)s.exits[i];
	worker_send(json_pack("{s:s, s:I, s:{s:I, s:I, s:I}, s:I}", "op", op, "instructions",
			      (json_int_t)s.instructions, "exits", "mmio", mmio, "pio", pio, "other",
			      all - mmio - pio, "guest_faults", (json_int_t)s.guest_faults));
}

static int worker_dial(void *opaque, uint32_t port)
{
	struct worker *w = opaque;

	/* The agent reports that it is ready: the measure of a boot. */
	if (port == WORKER_PORT_READY && !w->ready_told) {
		w->ready_told = true;
		worker_tell_stats(w, "ready");
	}
	return dialer_dial(w->dial_fd, port);
}

static void worker_stop(struct worker *w, const char *reason)
{
	w->reason = reason;
	loop_stop(w->loop);
}

/* The guest's side of a connection closes soon after ours, unless it does not want to. */
static void worker_snapshot(void *opaque)
{
	struct worker *w = opaque;
	uint64_t begun = worker_now_ns();
	struct sm_err e;
	int r;

	if (!machine_is_quiet(w->machine) && w->nr_retries++ < WORKER_QUIET_TRIES) {
		loop_arm(w->retry, WORKER_QUIET_NS);
		return;
	}
	if (!machine_is_quiet(w->machine))
		r = err_set(&e, EBUSY, "snapshot: the guest keeps a connection open");
	else
		r = machine_save(w->machine, w->pagemap_fd, w->state_fd, w->memory_fd, &e);
	if (r < 0)
		worker_fail(&e);
	else
		worker_send(json_pack("{s:s, s:I}", "op", "saved", "us",
				      (json_int_t)((worker_now_ns() - begun) / 1000)));
	worker_stop(w, NULL);
}

/* One at a time, with the two files. */
static void worker_take_snapshot(struct worker *w, int *fds, size_t nr_fds)
{
	if (nr_fds == 2 && w->state_fd < 0) {
		w->state_fd = fd_steal(&fds[0]);
		w->memory_fd = fd_steal(&fds[1]);
		worker_snapshot(w);
	}
	while (nr_fds)
		fd_close(&fds[--nr_fds]);
}

/* A message of the owner, or its end. */
static void worker_control(void *opaque, uint32_t events)
{
	struct worker *w = opaque;
	char text[WORKER_MSG_MAX];
	const char *op = "";
	int fds[2] = { -1, -1 };
	size_t nr_fds = 0;
	ssize_t n = fd_recv_msg(WORKER_FD, text, sizeof(text), fds, 2, &nr_fds);
	json_t *o = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;

	(void)events;
	if (n <= 0 && n != -EAGAIN)
		worker_stop(w, NULL);
	else if (!json_unpack(o, "{s:s}", "op", &op) && !strcmp(op, "stop"))
		worker_stop(w, "stop");
	else if (!strcmp(op, "stats"))
		worker_tell_stats(w, "stats");
	else if (!strcmp(op, "snapshot"))
		worker_take_snapshot(w, fds, nr_fds);
	json_decref(o);
}

/* One message with descriptors, still outside the jail. */
static ssize_t worker_receive(char *text, int *fds, size_t *nr_fds, struct sm_err *e)
{
	ssize_t n = fd_recv_msg(WORKER_FD, text, WORKER_MSG_MAX, fds, WORKER_FDS_MAX, nr_fds);

	if (n <= 0)
		return err_set(e, EPIPE, "worker: no start message");
	return n;
}

static int worker_take_config(struct vm_config *cfg, struct sm_err *e)
{
	char text[WORKER_MSG_MAX];
	int fds[WORKER_FDS_MAX], r;
	size_t nr_fds;
	ssize_t n = worker_receive(text, fds, &nr_fds, e);

	if (n < 0)
		return (int)n;
	r = vm_config_parse(text, (size_t)n, fds, nr_fds, cfg, e);
	while (!r && cfg->nr_layers < cfg->layers_wanted) {
		n = worker_receive(text, fds, &nr_fds, e);
		if (n < 0 || !nr_fds)
			r = err_set(e, EBADMSG, "worker: layer images missing");
		else
			r = vm_config_add_layers(cfg, fds, nr_fds, e);
	}
	return r ? r : vm_config_check(cfg, e);
}

/* A thousand vsock connections, the layers, an eventfd a queue: more than the usual 1,024. */
static void worker_raise_files(void)
{
	struct rlimit lim;

	if (getrlimit(RLIMIT_NOFILE, &lim) < 0)
		return;
	lim.rlim_cur = lim.rlim_max < WORKER_FILES ? lim.rlim_max : WORKER_FILES;
	setrlimit(RLIMIT_NOFILE, &lim);
}

/* The machine built inside the jail, and running. */
static int worker_build(struct worker *w, struct vm_config *cfg, struct sm_err *e)
{
	static const int nothing_inherited[] = { WORKER_FD };
	const struct machine_events ev = { worker_ended, worker_dial, worker_console, w };
	int r = jail_keep_only(nothing_inherited, 1, e);

	worker_raise_files();
	if (!r)
		r = worker_take_config(cfg, e);
	w->start_ns = worker_now_ns();
	if (!r && cfg->save)
		w->pagemap_fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	/* Where it is forbidden, landlock and seccomp stand alone; doctor says so. */
	if (!r)
		isolate_process(NULL);
	if (!r)
		r = dialer_start(cfg->run_fd, &w->dial_fd, e);
	if (r < 0)
		return r;
	fd_close(&cfg->run_fd);
	w->console_fd = fd_steal(&cfg->console_fd);
	w->log_fd = fd_steal(&cfg->log_fd);
	w->log = (struct log){ worker_log, w, SM_LOG_INFO };
	r = jail_enter(JAIL_WORKER, e);
	if (!r)
		r = loop_create(&w->loop, e);
	if (!r && !(w->retry = loop_add_timer(w->loop, worker_snapshot, w)))
		r = err_errno(e, ENOMEM, "worker");
	if (!r)
		r = machine_create(cfg, w->loop, &ev, &w->log, &w->machine, e);
	if (!r && !loop_add_fd(w->loop, WORKER_FD, EPOLLIN, worker_control, w))
		r = err_errno(e, errno, "worker: control socket");
	if (!r)
		r = machine_start(w->machine, e);
	return r ? r : jail_thread(JAIL_LOOP, e);
}

int main(void)
{
	struct worker w = {
		.console_fd = -1,
		.log_fd = -1,
		.dial_fd = -1,
		.pagemap_fd = -1,
		.state_fd = -1,
		.memory_fd = -1,
	};
	struct vm_config cfg;
	struct sm_err e;
	int r;

	vm_config_init(&cfg);
	r = worker_build(&w, &cfg, &e);
	vm_config_fini(&cfg);
	if (r < 0)
		return worker_fail(&e);
	worker_send(json_pack("{s:s, s:I}", "op", "started", "us",
			      (json_int_t)((worker_now_ns() - w.start_ns) / 1000)));
	loop_run(w.loop);
	if (w.reason)
		worker_send(json_pack("{s:s, s:s, s:s}", "op", "ended", "reason", w.reason, "text", w.text));
	/* The rest is the process's memory: the kernel is the quickest at freeing it. */
	_exit(0);
}
