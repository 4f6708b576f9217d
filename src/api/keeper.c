/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The first thread answers requests (keeper.h). One waits in
 * sm_exec_wait(), and each stream has a tap. When the command has ended and the taps have
 * delivered all, the VM goes, the state says so, and only then those who wait are told:
 * whoever saw the end finds everything as it stays.
 */
#include "api/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/command.h"
#include "api/state.h"
#include "api/tap.h"
#include "util/fd.h"
#include "util/num.h"

#define KEEPER_CONNS_MAX 32
#define KEEPER_REQUEST_MAX (64u << 20)

struct keeper_conn {
	int fd; /* -1: free */
	bool waits;
};

struct keeper {
	struct keeper_request request;
	struct sm_ctx *ctx;
	struct sm_image *image;
	struct sm_vm *vm;
	struct sm_exec *exec;
	json_t *state;
	int dir_fd; /* locked; outlives the VM */
	char id[13];

	int owner; /* the starter's socket, -1 when it has gone */
	bool foreground;
	int listener, bell;
	struct keeper_conn conns[KEEPER_CONNS_MAX];

	int stdin_fd, stdin_hold; /* of the command; the writing end that keeps it open */
	struct output_log log;
	struct tap taps[2];
	int ends[2]; /* where the command's output goes */

	pthread_t waiter;
	pthread_mutex_t lock; /* of the following */
	bool over;
	struct sm_exec_result result;

	bool destroyed; /* on request: the status is that of a kill */
};

/* ---- answers ---- */

static void keeper_answer_error(int fd, int code, const char *text)
{
	keeper_send(fd, json_pack("{s:s, s:i, s:s}", "op", "error", "code", code, "text", text), NULL, 0);
}

static void keeper_answer_ended(const struct keeper *k, int fd)
{
	const struct sm_exec_result *r = &k->result;

	keeper_send(fd,
		    json_pack("{s:s, s:i, s:s, s:I, s:I}", "op", "ended", "status", r->status, "reason",
			      r->reason, "duration_us", (json_int_t)r->duration_us, "peak_rss",
			      (json_int_t)r->peak_rss),
		    NULL, 0);
}

/* ---- the state ---- */

static json_t *keeper_make_state(const struct keeper *k, const struct command *c)
{
	const struct keeper_request *r = &k->request;
	const char *image_signal = json_string_value(
		json_object_get(json_object_get(k->image->record->json, "config"), "StopSignal"));
	const char *stop_signal = r->stop_signal ? r->stop_signal : image_signal;
	int signum;

	/* An image may say anything; what is not a signal counts as none. */
	if (!stop_signal || sm_signal_parse(stop_signal, &signum, NULL) < 0)
		stop_signal = "SIGTERM";
	return json_pack(
		"{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:b, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:o}",
		"name", r->name ? r->name : "", "image", k->image->reference, "reason", "", "stop_signal",
		stop_signal, "cwd", c->cwd, "user", c->user, "backend",
		r->vm.backend ? r->vm.backend : "auto", "running", 1, "tty", r->command.tty, "remove",
		r->remove, "status", 0, "worker", sm_vm_pid(k->vm), "stop_timeout_ms",
		r->stop_timeout_ms ? r->stop_timeout_ms : KEEPER_STOP_TIMEOUT_MS, "created",
		(json_int_t)time(NULL), "finished", (json_int_t)0, "memory",
		(json_int_t)(r->vm.memory ? r->vm.memory : SM_MEMORY_DEFAULT), "cpus",
		(json_int_t)(r->vm.cpus ? r->vm.cpus : 1), "argv", state_list(c->argv), "env",
		state_list(c->env), "labels", state_list(r->labels));
}

/* The name is given out and the state written under one lock. */
static int keeper_publish(struct keeper *k, struct sm_err *e)
{
	FD_CLEANUP int names = -1;
	struct command c;
	int r = life_lock_names(k->ctx, &names, e);

	if (!r && k->request.name)
		r = life_check_name(k->ctx, k->request.name, NULL, e);
	if (!r)
		r = command_make(k->vm->defaults, &k->request.command, &c, e);
	if (r < 0)
		return r;
	k->state = keeper_make_state(k, &c);
	command_fini(&c);
	r = k->state ? state_save(k->dir_fd, k->state, e) : err_errno(e, ENOMEM, "state");
	if (!r)
		k->vm->kept = true;
	return r;
}

static void keeper_save_end(struct keeper *k)
{
	json_object_set_new(k->state, "running", json_false());
	json_object_set_new(k->state, "status", json_integer(k->result.status));
	json_object_set_new(k->state, "reason", json_string(k->result.reason));
	json_object_set_new(k->state, "finished", json_integer((json_int_t)time(NULL)));
	state_save(k->dir_fd, k->state, NULL);
}

/* ---- start ---- */

static int keeper_read_request(int memfd, struct keeper_request *ret, struct sm_err *e)
{
	char *text;
	size_t len;
	char path[40];
	json_t *json;
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", memfd);
	r = fd_read_file(AT_FDCWD, path, KEEPER_REQUEST_MAX, &text, &len, e);
	if (r < 0)
		return r;
	json = json_loadb(text, len, 0, NULL);
	free(text);
	return keeper_request_unpack(json, ret, e);
}

/* Takes the streams. */
static int keeper_start_streams(struct keeper *k, int streams[3], struct sm_err *e)
{
	int p[2], r = output_init(&k->log, k->dir_fd, OUTPUT_FILE_MAX, e);

	for (int i = 0; !r && i < 2; i++)
		r = tap_start(&k->taps[i], &k->log, i + 1, fd_steal(&streams[i + 1]), k->foreground, k->bell,
			      &k->ends[i], e);
	k->stdin_fd = fd_steal(&streams[0]);
	if (r < 0 || !k->request.hold_stdin)
		return r;
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, errno, "stdin pipe");
	fd_close(&k->stdin_fd);
	k->stdin_fd = p[0];
	k->stdin_hold = p[1];
	return 0;
}

static int keeper_boot(struct keeper *k, struct sm_err *e)
{
	const struct keeper_request *q = &k->request;
	const struct sm_ctx_options co = { .size = sizeof(co), .home = q->home };
	const struct sm_pull_options po = {
		.size = sizeof(po), .policy = SM_PULL_NEVER, .platform = q->platform, .backend = q->vm.backend
	};
	int err_fd, r = sm_ctx_create(&co, &k->ctx, e);

	if (!r)
		r = sm_image_open(k->ctx, q->image, &po, &k->image, e);
	if (!r)
		r = sm_vm_start(k->image, &q->vm, &k->vm, e);
	if (r < 0)
		return r;
	memcpy(k->id, sm_vm_id(k->vm), sizeof(k->id));
	/* Shares the lock. */
	k->dir_fd = dup(k->vm->dir_fd);
	fcntl(k->dir_fd, F_SETFD, FD_CLOEXEC);
	err_fd = openat(k->dir_fd, "keeper.err", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (err_fd >= 0)
		dup2(err_fd, 2);
	fd_close(&err_fd);
	return rundir_listen_packets(k->dir_fd, KEEPER_SOCKET, &k->listener, e);
}

static void *keeper_waiter(void *opaque)
{
	struct keeper *k = opaque;
	struct sm_exec_result result = { 0 };
	struct sm_err e;

	if (sm_exec_wait(k->exec, &result, &e) < 0) {
		result.status = 125;
		snprintf(result.reason, sizeof(result.reason), "%.119s", e.text);
	}
	pthread_mutex_lock(&k->lock);
	k->result = result;
	k->over = true;
	pthread_mutex_unlock(&k->lock);
	fd_event_ring(k->bell);
	return NULL;
}

static int keeper_start_command(struct keeper *k, struct sm_err *e)
{
	struct sm_exec_options o = k->request.command;
	int r;

	o.stdin_fd = k->stdin_fd;
	o.stdout_fd = k->ends[0];
	o.stderr_fd = k->ends[1];
	r = sm_exec_start(k->vm, &o, &k->exec, e);
	if (r < 0)
		return r;
	r = pthread_create(&k->waiter, NULL, keeper_waiter, k);
	return r ? err_errno(e, r, "keeper thread") : 0;
}

/* Takes the streams. */
static int keeper_start(struct keeper *k, int streams[3], struct sm_err *e)
{
	int r = keeper_boot(k, e);

	if (!r)
		r = keeper_start_streams(k, streams, e);
	if (!r)
		r = keeper_publish(k, e);
	if (!r)
		r = keeper_start_command(k, e);
	return r;
}

/* ---- requests ---- */

static void keeper_destroy_vm(struct keeper *k)
{
	for (int i = 0; i < 2; i++)
		tap_set_sink(&k->taps[i], -1);
	k->destroyed = true;
	sm_vm_destroy(k->vm);
	k->vm = NULL;
}

static int keeper_signal(struct keeper *k, const json_t *msg, struct sm_err *e)
{
	return sm_exec_signal(k->exec, (int)json_integer_value(json_object_get(msg, "signum")), e);
}

static int keeper_winsize(struct keeper *k, const json_t *msg, struct sm_err *e)
{
	return sm_exec_winsize(k->exec, (uint16_t)json_integer_value(json_object_get(msg, "rows")),
			       (uint16_t)json_integer_value(json_object_get(msg, "cols")), e);
}

static int keeper_rename(struct keeper *k, const json_t *msg, struct sm_err *e)
{
	const char *name = json_string_value(json_object_get(msg, "name"));

	if (!name)
		return err_set(e, EINVAL, "rename: no name");
	json_object_set_new(k->state, "name", json_string(name));
	return state_save(k->dir_fd, k->state, e);
}

static void keeper_attach(struct keeper *k, const json_t *msg, int fds[KEEPER_FDS_MAX])
{
	int streams[3];

	keeper_take_streams(msg, fds, 0, streams);
	fd_close(&streams[0]);
	for (int i = 0; i < 2; i++)
		tap_set_sink(&k->taps[i], streams[i + 1]);
}

static void keeper_detach(struct keeper *k, int fd)
{
	for (int i = 0; i < 2; i++)
		tap_set_sink(&k->taps[i], -1);
	keeper_send(fd, json_pack("{s:s}", "op", "detached"), NULL, 0);
}

/* False: the connection is done with. */
static bool keeper_request(struct keeper *k, struct keeper_conn *c)
{
	int fds[KEEPER_FDS_MAX], r = 0, nr_answer = 0;
	bool answer = true, stays = false;
	struct sm_err e = { 0 };
	const char *op;
	json_t *msg;

	if (keeper_receive(c->fd, &msg, fds) < 0)
		return false;
	op = json_string_value(json_object_get(msg, "op"));
	if (!strcmp(op, "wait")) {
		answer = false;
		stays = true;
	} else if (!strcmp(op, "detach")) {
		keeper_detach(k, c->fd);
		answer = false;
	} else if (!strcmp(op, "signal")) {
		r = keeper_signal(k, msg, &e);
	} else if (!strcmp(op, "winsize")) {
		r = keeper_winsize(k, msg, &e);
	} else if (!strcmp(op, "rename")) {
		r = keeper_rename(k, msg, &e);
	} else if (!strcmp(op, "attach")) {
		keeper_attach(k, msg, fds);
		nr_answer = k->stdin_hold >= 0;
		stays = true;
	} else if (!strcmp(op, "destroy")) {
		keeper_destroy_vm(k);
	} else {
		r = err_set(&e, EPROTO, "keeper: no such request");
	}
	json_decref(msg);
	keeper_close_fds(fds);
	if (r < 0)
		keeper_answer_error(c->fd, e.code, e.text);
	else if (answer)
		keeper_send(c->fd, json_pack("{s:s}", "op", "ok"), &k->stdin_hold, (size_t)nr_answer);
	c->waits = stays;
	return stays;
}

/* From the starter only "detach" comes, or nothing more. */
static void keeper_owner(struct keeper *k)
{
	int fds[KEEPER_FDS_MAX];
	json_t *msg;

	if (keeper_receive(k->owner, &msg, fds) < 0) {
		fd_close(&k->owner);
		if (k->foreground)
			keeper_destroy_vm(k);
		return;
	}
	if (!strcmp(json_string_value(json_object_get(msg, "op")), "detach")) {
		k->foreground = false;
		keeper_detach(k, k->owner);
		fd_close(&k->owner);
	}
	json_decref(msg);
	keeper_close_fds(fds);
}

static void keeper_accept(struct keeper *k)
{
	int fd = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	for (size_t i = 0; fd >= 0 && i < KEEPER_CONNS_MAX; i++)
		if (k->conns[i].fd < 0)
			k->conns[i] = (struct keeper_conn){ .fd = fd_steal(&fd) };
	fd_close(&fd);
}

/* ---- the loop ---- */

/* Closes the pipes once nothing more comes; true when all of it was delivered. */
static bool keeper_is_done(struct keeper *k)
{
	bool over;

	pthread_mutex_lock(&k->lock);
	over = k->over;
	pthread_mutex_unlock(&k->lock);
	if (!over)
		return false;
	for (int i = 0; i < 2; i++)
		fd_close(&k->ends[i]);
	return tap_has_ended(&k->taps[0]) && tap_has_ended(&k->taps[1]);
}

static void keeper_serve(struct keeper *k)
{
	struct pollfd p[3 + KEEPER_CONNS_MAX];

	while (!keeper_is_done(k)) {
		p[0] = (struct pollfd){ k->bell, POLLIN, 0 };
		p[1] = (struct pollfd){ k->owner, POLLIN, 0 };
		p[2] = (struct pollfd){ k->listener, POLLIN, 0 };
		for (size_t i = 0; i < KEEPER_CONNS_MAX; i++)
			p[3 + i] = (struct pollfd){ k->conns[i].fd, POLLIN, 0 };
		if (poll(p, NUM_COUNTOF(p), -1) < 0)
			continue;
		if (p[0].revents)
			fd_event_clear(k->bell);
		if (p[1].revents)
			keeper_owner(k);
		for (size_t i = 0; i < KEEPER_CONNS_MAX; i++)
			if (p[3 + i].revents && !keeper_request(k, &k->conns[i]))
				fd_close(&k->conns[i].fd);
		if (p[2].revents)
			keeper_accept(k);
	}
}

static void keeper_finish(struct keeper *k)
{
	pthread_join(k->waiter, NULL);
	for (int i = 0; i < 2; i++)
		tap_finish(&k->taps[i]);
	output_fini(&k->log);
	sm_exec_destroy(k->exec);
	if (k->destroyed)
		k->result = (struct sm_exec_result){ .status = 128 + SIGKILL };
	sm_vm_destroy(k->vm);
	keeper_save_end(k);
	fd_close(&k->listener);
	unlinkat(k->dir_fd, KEEPER_SOCKET, 0);
	if (k->request.remove)
		rundir_remove(k->ctx, k->id, &k->dir_fd);
	fd_close(&k->dir_fd);
	for (size_t i = 0; i < KEEPER_CONNS_MAX; i++)
		if (k->conns[i].waits)
			keeper_answer_ended(k, k->conns[i].fd);
	if (k->owner >= 0)
		keeper_answer_ended(k, k->owner);
}

static int keeper_main(struct keeper *k)
{
	int fds[KEEPER_FDS_MAX], streams[3] = { -1, -1, -1 }, r;
	struct sm_err e;
	json_t *msg;

	if (keeper_receive(k->owner, &msg, fds) < 0)
		return 1;
	keeper_take_streams(msg, fds, 1, streams);
	json_decref(msg);
	r = keeper_read_request(fds[0], &k->request, &e);
	keeper_close_fds(fds);
	if (!r) {
		k->foreground = k->request.foreground;
		r = keeper_start(k, streams, &e);
	}
	if (r < 0) {
		keeper_answer_error(k->owner, e.code, e.text);
		if (k->vm) {
			k->vm->kept = false;
			sm_vm_destroy(k->vm);
		}
		return 1;
	}
	if (chdir("/") < 0 || keeper_send(k->owner, json_pack("{s:s, s:s}", "op", "started", "id", k->id),
					  &k->stdin_hold, k->stdin_hold >= 0) < 0)
		fd_close(&k->owner);
	keeper_serve(k);
	keeper_finish(k);
	return 0;
}

int main(void)
{
	static struct keeper k = { .dir_fd = -1,
				   .owner = KEEPER_FD,
				   .listener = -1,
				   .stdin_fd = -1,
				   .stdin_hold = -1,
				   .ends = { -1, -1 },
				   .lock = PTHREAD_MUTEX_INITIALIZER };
	pid_t pid = fork();

	/* Neither the starter's child nor of its session, and so not hung up with it. */
	if (pid)
		return pid < 0;
	setsid();
	signal(SIGPIPE, SIG_IGN);
	fcntl(KEEPER_FD, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < KEEPER_CONNS_MAX; i++)
		k.conns[i].fd = -1;
	k.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return k.bell < 0 ? 1 : keeper_main(&k);
}
