/* SPDX-License-Identifier: Apache-2.0 */
/* Being the terminal, the streams and the signals of a process in a VM until it ends. */
#ifndef CLI_PROCESS_H
#define CLI_PROCESS_H

#include "cli/cli.h"

struct process {
	bool tty, interactive;
	/* Which one: an exec of ours, else the command of a kept VM. */
	struct sm_exec *exec;
	struct sm_vm *vm;
	int stdin_fd;	 /* of a kept VM with a terminal: where what is typed goes, else -1 */
	bool may_detach; /* Ctrl-P Ctrl-Q leave it */
	bool detached;	 /* they did */
};

/* Before anything is started, so that no thread takes a signal away. */
void process_block_signals(void);
/* Passes signals, sizes and input on until the process has ended or we were detached from it. */
int process_wait(struct process *p, struct sm_exec_result *ret, struct sm_err *e);
/* -t needs one; says so. */
bool process_check_terminal(bool tty, bool interactive);

#endif
