/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent/text.h"

/* Ends the reaper once `main_pid` is among the dead. */
static void reap(pid_t main_pid)
{
	pid_t pid;
	int st;

	while ((pid = waitpid(-1, &st, WNOHANG)) > 0) {
		if (pid == main_pid)
			_exit(WIFSIGNALED(st) ? 128 + WTERMSIG(st) : WEXITSTATUS(st));
	}
}

static void run(pid_t main_pid, const sigset_t *all) __attribute__((noreturn));

static void run(pid_t main_pid, const sigset_t *all)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* The streams belong to the command: only it decides when they end. */
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	close_range(3, ~0u, 0);
	for (;;) {
		int sig = sigwaitinfo(all, NULL);

		if (sig == SIGCHLD)
			reap(main_pid);
		else if (sig > 0)
			kill(-main_pid, sig);
	}
}

void reaper_fork(bool tty)
{
	sigset_t all, none;
	pid_t pid;

	sigfillset(&all);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &all, NULL);
	pid = fork();
	if (pid < 0)
		child_fail(126, "fork: ", text_errno(errno), NULL);
	if (pid > 0) {
		setpgid(pid, pid);
		run(pid, &all);
	}
	setpgid(0, 0);
	if (tty)
		tcsetpgrp(STDIN_FILENO, getpid()); /* SIGTTOU is blocked here */
	sigprocmask(SIG_SETMASK, &none, NULL);
}
