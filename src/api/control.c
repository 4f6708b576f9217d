/* SPDX-License-Identifier: Apache-2.0 */
/* What can be asked of a VM that another process keeps: requests to its keeper, and its log. */
#include "api/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/options.h"
#include "api/output.h"
#include "api/state.h"
#include "util/fd.h"
#include "util/num.h"

/* From a request to end a VM to its end: the worker is killed and the state written. */
#define CONTROL_END_MS 20000

int sm_signal_parse(const char *text, int *ret, struct sm_err *e)
{
	const char *name = strncasecmp(text, "SIG", 3) ? text : text + 3;
	uint64_t number;

	if (num_parse_u64(text, 64, &number) && number) {
		*ret = (int)number;
		return 0;
	}
	for (int i = 1; i < NSIG; i++) {
		const char *abbreviation = sigabbrev_np(i);

		if (abbreviation && !strcasecmp(abbreviation, name)) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, EINVAL, "signal %.40s: there is no such signal", text);
}

/* ---- requests ---- */

static int control_connect(struct sm_vm *vm, int *ret, struct sm_err *e)
{
	int r;

	if (!vm->opened)
		return err_set(e, EINVAL, "VM %s: is not kept by another process", vm->id);
	r = rundir_connect_packets(vm->dir_fd, KEEPER_SOCKET, ret, e);
	return r == -ENOENT || r == -ECONNREFUSED ? err_set(e, ESRCH, "VM %s: does not run", vm->id) : r;
}

/* Takes `msg`. The answer's descriptors are in `ret_fds`, the connection in *ret_sock. */
static int control_ask(struct sm_vm *vm, json_t *msg, const int *fds, size_t nr_fds,
		       int ret_fds[KEEPER_FDS_MAX], int *ret_sock, struct sm_err *e)
{
	FD_CLEANUP int sock = -1;
	const char *op = "", *text = "";
	int code = EIO, r = control_connect(vm, &sock, e);
	json_t *answer = NULL;

	if (r < 0) {
		json_decref(msg);
		return r;
	}
	r = keeper_send(sock, msg, fds, nr_fds);
	if (!r)
		r = keeper_receive(sock, &answer, ret_fds);
	if (r == -ECONNRESET || r == -EPIPE)
		return err_set(e, ESRCH, "VM %s: does not run", vm->id);
	if (r < 0)
		return err_errno(e, -r, "VM %s", vm->id);
	json_unpack(answer, "{s:s, s?s, s?i}", "op", &op, "text", &text, "code", &code);
	if (!strcmp(op, "error")) {
		keeper_close_fds(ret_fds);
		r = err_set(e, code > 0 ? code : EIO, "VM %s: %s", vm->id, text);
	}
	json_decref(answer);
	if (!r)
		*ret_sock = fd_steal(&sock);
	return r;
}

static int control_tell(struct sm_vm *vm, json_t *msg, struct sm_err *e)
{
	int fds[KEEPER_FDS_MAX] = { -1, -1, -1, -1 };
	FD_CLEANUP int sock = -1;
	int r = control_ask(vm, msg, NULL, 0, fds, &sock, e);

	keeper_close_fds(fds);
	return r;
}

int sm_vm_signal(struct sm_vm *vm, int signum, struct sm_err *e)
{
	return control_tell(vm, json_pack("{s:s, s:i}", "op", "signal", "signum", signum), e);
}

int sm_vm_winsize(struct sm_vm *vm, uint16_t rows, uint16_t cols, struct sm_err *e)
{
	return control_tell(vm, json_pack("{s:s, s:i, s:i}", "op", "winsize", "rows", rows, "cols", cols), e);
}

int sm_vm_attach(struct sm_vm *vm, int stdout_fd, int stderr_fd, int *ret_stdin_fd, struct sm_err *e)
{
	const int streams[3] = { -1, stdout_fd, stderr_fd };
	int fds[KEEPER_FDS_MAX], got[KEEPER_FDS_MAX] = { -1, -1, -1, -1 }, sock = -1, r;
	size_t nr = 0;
	json_t *names = keeper_put_streams(streams, fds, &nr);

	r = control_ask(vm, json_pack("{s:s, s:o}", "op", "attach", "streams", names), fds, nr, got, &sock,
			e);
	if (r < 0)
		return r;
	fd_close(&vm->keeper_fd);
	vm->keeper_fd = sock;
	if (ret_stdin_fd)
		*ret_stdin_fd = fd_steal(&got[0]);
	keeper_close_fds(got);
	return 0;
}

/* ---- the end ---- */

/* The result as the keeper tells it or, when there is none any more, as the state has it. */
static int control_result_of_state(struct sm_vm *vm, struct sm_exec_result *ret, struct sm_err *e)
{
	struct vm_state s;
	int r = state_load(vm->dir_fd, &s, e);

	if (r < 0)
		return err_set(e, -r, "VM %s: is gone", vm->id);
	if (s.running) {
		r = err_set(e, ESRCH,
			    "VM %s: its keeper was killed; `supermachine ps -a` shows its last words",
			    vm->id);
	} else {
		*ret = (struct sm_exec_result){ .status = s.status };
		snprintf(ret->reason, sizeof(ret->reason), "%s", s.reason);
	}
	state_fini(&s);
	return r;
}

/* 1: no keeper answers any more. */
static int control_await(int sock, int timeout_ms, struct sm_exec_result *ret)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	int fds[KEEPER_FDS_MAX], n;
	json_int_t duration = 0, rss = 0;
	const char *reason = "", *op = "";
	json_t *msg;

	do
		n = poll(&p, 1, timeout_ms);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -ETIMEDOUT;
	if (keeper_receive(sock, &msg, fds) < 0)
		return 1;
	*ret = (struct sm_exec_result){ 0 };
	json_unpack(msg, "{s:s, s:i, s:s, s:I, s:I}", "op", &op, "status", &ret->status, "reason", &reason,
		    "duration_us", &duration, "peak_rss", &rss);
	snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
	ret->duration_us = (uint64_t)duration;
	ret->peak_rss = (uint64_t)rss;
	n = strcmp(op, "detached") ? 0 : -ECANCELED;
	json_decref(msg);
	keeper_close_fds(fds);
	return n;
}

static int control_wait(struct sm_vm *vm, int timeout_ms, struct sm_exec_result *ret, struct sm_err *e)
{
	FD_CLEANUP int sock = -1;
	int r = vm->keeper_fd < 0 ? control_connect(vm, &sock, e) : 0;

	if (!r && vm->keeper_fd < 0)
		r = keeper_send(sock, json_pack("{s:s}", "op", "wait"), NULL, 0) < 0;
	if (!r)
		r = control_await(vm->keeper_fd < 0 ? sock : vm->keeper_fd, timeout_ms, ret);
	if (r == -ETIMEDOUT)
		return err_set(e, ETIMEDOUT, "VM %s: still runs", vm->id);
	if (r == -ECANCELED)
		return err_set(e, ECANCELED, "VM %s: goes on without us", vm->id);
	return r == 1 || r == -ESRCH ? control_result_of_state(vm, ret, e) : r;
}

int sm_vm_wait(struct sm_vm *vm, struct sm_exec_result *ret, struct sm_err *e)
{
	return control_wait(vm, -1, ret, e);
}

static int control_destroy(struct sm_vm *vm, struct sm_err *e)
{
	struct sm_exec_result res;
	int r = control_tell(vm, json_pack("{s:s}", "op", "destroy"), e);

	if (!r)
		r = control_wait(vm, CONTROL_END_MS, &res, e);
	/* Gone in the meantime is what was wanted. */
	return r == -ESRCH || r == -ENOENT ? 0 : r;
}

int sm_vm_stop(struct sm_vm *vm, int64_t timeout_ms, struct sm_err *e)
{
	struct sm_exec_result res;
	struct vm_state s;
	int signum = SIGTERM, r = state_load(vm->dir_fd, &s, e);

	if (r < 0)
		return err_prefix(e, "VM %s", vm->id);
	if (timeout_ms < 0)
		timeout_ms = s.stop_timeout_ms;
	sm_signal_parse(s.stop_signal, &signum, NULL);
	state_fini(&s);
	r = sm_vm_signal(vm, signum, e);
	if (!r)
		r = control_wait(vm, (int)num_min((uint64_t)timeout_ms, INT32_MAX), &res, e);
	if (r == -ETIMEDOUT)
		r = control_destroy(vm, e);
	return r == -ESRCH ? 0 : r;
}

/* ---- what is kept ---- */

/* 0 and the lock when nobody runs it. */
static int control_lock(struct sm_vm *vm, int *ret, struct sm_err *e)
{
	FD_CLEANUP int fd = openat(vm->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ENOENT, "VM %s: is gone", vm->id);
	/* Those who only look hold it for a moment, and so does a keeper that has said its last word. */
	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) < 0; i++) {
		if (i == 100)
			return err_set(e, EBUSY, "VM %s: runs; stop it first, or use force", vm->id);
		usleep(10000);
	}
	*ret = fd_steal(&fd);
	return 0;
}

int sm_vm_remove(struct sm_vm *vm, bool force, struct sm_err *e)
{
	int fd, r = 0;

	if (life_runs(vm)) {
		if (!force)
			return err_set(e, EBUSY, "VM %s: runs; `supermachine stop` it first, or rm -f",
				       vm->id);
		r = control_destroy(vm, e);
	}
	if (!r)
		r = control_lock(vm, &fd, e);
	if (r < 0)
		return r == -ENOENT && force ? 0 : r;
	rundir_remove(vm->ctx, vm->id, &fd);
	return 0;
}

static int control_rename_kept(struct sm_vm *vm, const char *name, struct sm_err *e)
{
	struct vm_state s;
	int r = state_load(vm->dir_fd, &s, e);

	if (r < 0)
		return r;
	json_object_set_new(s.json, "name", json_string(name));
	r = state_save(vm->dir_fd, s.json, e);
	state_fini(&s);
	return r;
}

int sm_vm_rename(struct sm_vm *vm, const char *name, struct sm_err *e)
{
	FD_CLEANUP int names = -1;
	int r = life_lock_names(vm->ctx, &names, e);

	if (!r)
		r = life_check_name(vm->ctx, name, vm->id, e);
	if (r < 0)
		return r;
	/* A running VM's state is its keeper's. */
	if (life_runs(vm))
		return control_tell(vm, json_pack("{s:s, s:s}", "op", "rename", "name", name), e);
	return control_rename_kept(vm, name, e);
}

struct control_reader {
	struct sm_vm *vm;
	int (*fn)(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len);
	void *opaque;
};

static bool control_reader_goes_on(void *opaque)
{
	return life_runs(((struct control_reader *)opaque)->vm);
}

static int control_reader_take(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len)
{
	const struct control_reader *c = opaque;

	return c->fn(c->opaque, stream, time_ns, data, len);
}

int sm_vm_logs(struct sm_vm *vm, const struct sm_logs_options *o,
	       int (*fn)(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len),
	       void *opaque, struct sm_err *e)
{
	struct control_reader c = { vm, fn, opaque };
	struct sm_logs_options opt;
	int r = options_take(&opt, sizeof(opt), OPTIONS_SIZE(struct sm_logs_options, tail), o,
			     "sm_logs_options", e);

	if (r < 0)
		return r;
	return output_read(
		&(struct output_reader){
			.dir_fd = vm->dir_fd,
			.tail = opt.tailed ? (int64_t)num_min(opt.tail, INT64_MAX) : -1,
			.follow = opt.follow,
			.goes_on = control_reader_goes_on,
			.fn = control_reader_take,
			.opaque = &c,
		},
		e);
}
