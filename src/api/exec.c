/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/command.h"
#include "api/options.h"
#include "util/fd.h"
#include "vm/agent.h"

/* As timeout(1) has it. */
#define EXEC_TIMED_OUT 124

struct sm_exec {
	struct agent_exec *agent;
	struct sm_vm *vm;
};

int vm_connect_agent(struct sm_vm *vm, int *ret, struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	int r = rundir_connect(vm->dir_fd, "vsock", &fd, e);

	if (!r)
		r = agent_connect(fd, e);
	if (r < 0) {
		err_prefix(e, "VM %s", vm->id);
		return vm_explain(vm, r, e);
	}
	*ret = fd_steal(&fd);
	return 0;
}

int sm_exec_start(struct sm_vm *vm, const struct sm_exec_options *o, struct sm_exec **ret, struct sm_err *e)
{
	struct agent_exec_options ao = { 0 };
	struct sm_exec_options opt;
	struct command cmd;
	struct sm_exec *x;
	int fd = -1, r = o ? 0 : err_set(e, EINVAL, "sm_exec_options: use SM_EXEC_OPTIONS_INIT");

	if (!r)
		r = options_take(&opt, sizeof(opt), OPTIONS_SIZE(struct sm_exec_options, stderr_fd), o,
				 "sm_exec_options", e);
	if (!r && vm->opened && !life_runs(vm))
		r = err_set(e, ESRCH, "VM %s: does not run; `supermachine ps -a` shows it", vm->id);
	if (!r)
		r = command_make(vm->defaults, &opt, &cmd, e);
	if (r < 0)
		return r;
	x = calloc(1, sizeof(*x));
	r = x ? vm_connect_agent(vm, &fd, e) : err_errno(e, ENOMEM, "process");
	if (!r) {
		ao.argv = cmd.argv;
		ao.env = cmd.env;
		ao.cwd = cmd.cwd;
		ao.user = cmd.user;
		ao.tty = opt.tty;
		ao.init = opt.init;
		ao.timeout_ms = opt.timeout_ms;
		ao.rows = opt.rows;
		ao.cols = opt.cols;
		ao.stdin_fd = opt.stdin_fd;
		ao.stdout_fd = opt.stdout_fd;
		ao.stderr_fd = opt.stderr_fd;
		r = agent_exec_start(fd, &ao, &x->agent, e);
	}
	command_fini(&cmd);
	if (r < 0) {
		free(x);
		return r;
	}
	x->vm = vm_get(vm);
	*ret = x;
	return 0;
}

int sm_exec_wait(struct sm_exec *x, struct sm_exec_result *ret, struct sm_err *e)
{
	struct agent_exec_result res;
	int r = agent_exec_wait(x->agent, &res, e);

	if (r < 0)
		return vm_explain(x->vm, r, e);
	*ret = (struct sm_exec_result){ .status = res.timed_out ? EXEC_TIMED_OUT : res.status,
					.duration_us = res.duration_us,
					.peak_rss = res.peak_rss };
	memcpy(ret->reason, res.reason, sizeof(ret->reason));
	return 0;
}

int sm_exec_signal(struct sm_exec *x, int signum, struct sm_err *e)
{
	return agent_exec_signal(x->agent, signum, e);
}

int sm_exec_winsize(struct sm_exec *x, uint16_t rows, uint16_t cols, struct sm_err *e)
{
	return agent_exec_winsize(x->agent, rows, cols, e);
}

void sm_exec_destroy(struct sm_exec *x)
{
	if (!x)
		return;
	agent_exec_destroy(x->agent);
	vm_put(x->vm);
	free(x);
}
