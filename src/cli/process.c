/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "cli/terminal.h"

#define KEY_CTRL_P 0x10
#define KEY_CTRL_Q 0x11

struct process_threads {
	struct process *p;
	sigset_t set;
	int stop; /* eventfd: rung to end the one that reads the terminal */
	bool has_signals, has_input;
	pthread_t signals, input;
};

static void process_set(sigset_t *ret)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

	sigemptyset(ret);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(sigs[0]); i++)
		sigaddset(ret, sigs[i]);
}

void process_block_signals(void)
{
	sigset_t set;

	process_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

bool process_check_terminal(bool tty, bool interactive)
{
	if (!tty || terminal_is(interactive ? 0 : 1))
		return true;
	cli_error("-t: %s is not a terminal; leave -t out", interactive ? "stdin" : "stdout");
	return false;
}

static void process_pass(struct process *p, int sig)
{
	uint16_t rows, cols;

	if (sig == SIGWINCH) {
		if (!p->tty || !terminal_size(&rows, &cols))
			return;
		if (p->exec)
			sm_exec_winsize(p->exec, rows, cols, NULL);
		else
			sm_vm_winsize(p->vm, rows, cols, NULL);
	} else if (p->exec) {
		sm_exec_signal(p->exec, sig, NULL);
	} else {
		sm_vm_signal(p->vm, sig, NULL);
	}
}

/* One thread takes all signals and passes them on, so that no handler needs care. */
static void *process_signal_thread(void *opaque)
{
	struct process_threads *t = opaque;
	int sig;

	while (!sigwait(&t->set, &sig)) {
		if (sig == SIGUSR2)
			return NULL; /* the end, from ourselves */
		process_pass(t->p, sig);
	}
	return NULL;
}

/*
 * Looks for the detach keys in what was typed and puts the rest into `out`; a Ctrl-P waits
 * in *held for what follows it. True: both were there.
 */
static bool process_filter(const char *in, size_t len, bool *held, char *out, size_t *ret_len)
{
	size_t nr = 0;
	bool both = false;

	for (size_t i = 0; i < len; i++) {
		both = *held && in[i] == KEY_CTRL_Q;
		if (both)
			break;
		if (*held)
			out[nr++] = KEY_CTRL_P;
		*held = in[i] == KEY_CTRL_P;
		if (!*held)
			out[nr++] = in[i];
	}
	*ret_len = nr;
	return both;
}

static void process_write(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static void *process_input_thread(void *opaque)
{
	struct process_threads *t = opaque;
	struct pollfd p[2] = { { 0, POLLIN, 0 }, { t->stop, POLLIN, 0 } };
	bool held = false;
	char in[4096], out[2 * sizeof(in)];

	while (poll(p, 2, -1) >= 0 || errno == EINTR) {
		size_t len = 0;
		bool leave;
		ssize_t n;

		if (p[1].revents)
			break;
		n = read(0, in, sizeof(in));
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			break;
		leave = process_filter(in, (size_t)n, &held, out, &len) && t->p->may_detach;
		process_write(t->p->stdin_fd, out, len);
		if (leave) {
			sm_vm_detach(t->p->vm, NULL);
			break;
		}
	}
	return NULL;
}

static int process_start_threads(struct process_threads *t)
{
	int r = pthread_create(&t->signals, NULL, process_signal_thread, t);

	t->has_signals = !r;
	if (!r && t->p->stdin_fd >= 0) {
		r = pthread_create(&t->input, NULL, process_input_thread, t);
		t->has_input = !r;
	}
	return r;
}

static void process_end_threads(struct process_threads *t)
{
	if (t->has_signals) {
		pthread_kill(t->signals, SIGUSR2);
		pthread_join(t->signals, NULL);
	}
	if (t->has_input) {
		eventfd_write(t->stop, 1);
		pthread_join(t->input, NULL);
	}
	close(t->stop);
}

int process_wait(struct process *p, struct sm_exec_result *ret, struct sm_err *e)
{
	struct process_threads t = { .p = p, .stop = eventfd(0, EFD_CLOEXEC) };
	struct terminal term;
	int r;

	process_set(&t.set);
	terminal_raw(&term, p->tty && p->interactive);
	r = process_start_threads(&t);
	if (r) {
		e->code = r;
		snprintf(e->text, sizeof(e->text), "thread: %s", strerror(r));
		r = -r;
	} else if (p->exec) {
		r = sm_exec_wait(p->exec, ret, e);
	} else {
		r = sm_vm_wait(p->vm, ret, e);
		p->detached = r == -ECANCELED;
	}
	process_end_threads(&t);
	terminal_restore(&term);
	return r;
}
