/* SPDX-License-Identifier: Apache-2.0 */
/* sm_vm_run(): a VM in a keeper process (keeper.h). */
#include "api/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/child.h"
#include "api/options.h"
#include "util/fd.h"

/* The caller's structs, made as long as ours. */
struct run_options {
	struct sm_run_options run;
	struct sm_vm_options vm;
	struct sm_exec_options command;
};

static int run_take_options(struct sm_image *image, const struct sm_run_options *o, struct run_options *ret,
			    struct sm_err *e)
{
	int signum, r = o && o->command ? 0 : err_set(e, EINVAL, "sm_run_options: there is no command");

	if (!r)
		r = options_take(&ret->run, sizeof(ret->run),
				 OPTIONS_SIZE(struct sm_run_options, ret_stdin_fd), o, "sm_run_options", e);
	if (!r)
		r = options_take(&ret->vm, sizeof(ret->vm), OPTIONS_SIZE(struct sm_vm_options, tmpfs_root),
				 ret->run.vm, "sm_vm_options", e);
	if (!r)
		r = options_take(&ret->command, sizeof(ret->command),
				 OPTIONS_SIZE(struct sm_exec_options, stderr_fd), ret->run.command,
				 "sm_exec_options", e);
	if (!r && o->stop_signal)
		r = sm_signal_parse(o->stop_signal, &signum, e);
	/* The keeper looks again, under the lock. */
	if (!r && o->name)
		r = life_check_name(image->ctx, o->name, NULL, e);
	ret->run.vm = &ret->vm;
	ret->run.command = &ret->command;
	return r;
}

/* As a descriptor there is no limit to arguments and environment. */
static int run_write_request(struct sm_image *image, const struct sm_run_options *o, int *ret,
			     struct sm_err *e)
{
	json_t *json = keeper_request_pack(image, o);
	char *text = json ? json_dumps(json, JSON_COMPACT) : NULL;
	FD_CLEANUP int fd = memfd_create("request", MFD_CLOEXEC);
	int r = !text ? -ENOMEM : fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));

	json_decref(json);
	free(text);
	if (r < 0)
		return err_errno(e, -r, "request for the VM");
	*ret = fd_steal(&fd);
	return 0;
}

static int run_start_keeper(struct sm_image *image, int *ret, struct sm_err *e)
{
	static const char *const argv[] = { KEEPER_PROGRAM, NULL };
	char path[PATH_MAX];
	pid_t pid;
	int sv[2], r;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", image->ctx->places.libexec, argv[0]) >=
	    sizeof(path))
		return err_set(e, ENAMETOOLONG, "%s: path too long", argv[0]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "%s: socket", argv[0]);
	r = child_start(path, argv, -1, sv[1], KEEPER_FD, -1, &pid, e);
	close(sv[1]);
	if (r < 0) {
		close(sv[0]);
		return r;
	}
	/* It leaves a child of its own, which is nobody's to wait for, and ends. */
	child_wait(pid);
	*ret = sv[0];
	return 0;
}

static int run_send_start(int sock, int request, const struct sm_run_options *o, struct sm_err *e)
{
	const struct sm_exec_options *c = o->command;
	const int streams[3] = { o->ret_stdin_fd ? -1 : c->stdin_fd, c->stdout_fd, c->stderr_fd };
	int fds[KEEPER_FDS_MAX] = { request }, r;
	size_t nr = 1;
	json_t *names = keeper_put_streams(streams, fds, &nr);

	r = keeper_send(sock, json_pack("{s:s, s:o}", "op", "start", "streams", names), fds, nr);
	return r < 0 ? err_errno(e, -r, KEEPER_PROGRAM) : 0;
}

static int run_take_answer(struct sm_ctx *ctx, int sock, int *ret_stdin, struct sm_vm **ret, struct sm_err *e)
{
	const char *op, *id = "", *text = "";
	int fds[KEEPER_FDS_MAX], code = EIO, r;
	json_t *msg;

	r = keeper_receive(sock, &msg, fds);
	if (r < 0)
		return err_set(e, EIO, "%s ended without a word", KEEPER_PROGRAM);
	json_unpack(msg, "{s:s, s?s, s?s, s?i}", "op", &op, "id", &id, "text", &text, "code", &code);
	if (strcmp(op, "started") != 0)
		r = err_set(e, code > 0 ? code : EIO, "%s", text);
	else
		r = sm_vm_open(ctx, id, ret, e);
	json_decref(msg);
	if (!r && ret_stdin)
		*ret_stdin = fd_steal(&fds[0]);
	keeper_close_fds(fds);
	return r;
}

int sm_vm_run(struct sm_image *image, const struct sm_run_options *o, struct sm_vm **ret, struct sm_err *e)
{
	FD_CLEANUP int request = -1, sock = -1;
	struct run_options opt;
	int r = run_take_options(image, o, &opt, e);

	if (!r)
		r = run_write_request(image, &opt.run, &request, e);
	if (!r)
		r = run_start_keeper(image, &sock, e);
	if (!r)
		r = run_send_start(sock, request, &opt.run, e);
	if (!r)
		r = run_take_answer(image->ctx, sock, opt.run.ret_stdin_fd, ret, e);
	if (!r)
		(*ret)->keeper_fd = fd_steal(&sock);
	return r;
}

int sm_vm_detach(struct sm_vm *vm, struct sm_err *e)
{
	int r;

	if (vm->keeper_fd < 0)
		return err_set(e, EINVAL, "VM %s: nobody is attached here", vm->id);
	r = keeper_send(vm->keeper_fd, json_pack("{s:s}", "op", "detach"), NULL, 0);
	return r < 0 ? err_errno(e, -r, "VM %s", vm->id) : 0;
}
