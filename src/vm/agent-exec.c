/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The waiting thread polls the connection and the caller's
 * descriptors. Those are in blocking mode more often than not and must stay so: data is
 * read once after POLLIN, and written, after POLLOUT, in pieces that a pipe with any room
 * takes whole (PIPE_BUF). The credit of guest/proto.h bounds what has to be kept for a
 * slow reader, so the connection itself is always read, and no stream holds up another.
 *
 * Other threads only append to `out` and send what the socket takes; `bell` tells the
 * waiting thread to wait for room when something is left.
 */
#include "vm/agent.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "guest/frame.h"
#include "util/fd.h"

#define STREAM 1u /* the only session of the connection */
#define STDIN_CHUNK (32u << 10)

/* From the process to one of the caller's descriptors. */
struct outlet {
	enum smp_type type;
	int fd; /* -1: nobody wants it */
	bool is_socket;
	size_t chunk;  /* bytes that may be written at once without blocking */
	uint8_t *data; /* SMP_WINDOW bytes */
	size_t begin, end;
	uint32_t untold; /* taken but not yet credited */
	bool closed;	 /* a write failed: what still comes is dropped */
};

struct agent_exec {
	int fd, bell;
	pthread_mutex_t lock; /* of `out` and `over` */
	struct frame_output out;
	bool over; /* the process has ended or the connection is lost */

	/* The waiting thread's. */
	struct frame_input in;
	struct outlet outlets[2];
	int stdin_fd; /* -1: none, or at its end */
	uint32_t stdin_credit;
	bool exited;
	int failure;	 /* errno of what ended the session without an exit, else 0 */
	int write_errno; /* first failure to deliver output other than EPIPE */
	struct agent_exec_result result;
	char failure_text[200];
};

static int fail(struct agent_exec *x, int code, const char *text)
{
	if (!x->failure) {
		x->failure = code;
		strncpy(x->failure_text, text, sizeof(x->failure_text) - 1);
	}
	return -code;
}

/* ---- sending ---- */

/* With the lock held. A lost connection shows when it is read. */
static void flush_locked(struct agent_exec *x)
{
	if (frame_output_flush(&x->out, x->fd) < 0)
		x->over = true;
}

static void send_numbers(struct agent_exec *x, enum smp_type type, uint16_t a, uint32_t b, size_t b_len)
{
	pthread_mutex_lock(&x->lock);
	frame_begin(&x->out, type, STREAM);
	frame_put_u16(&x->out, a);
	if (b_len == 4)
		frame_put_u32(&x->out, b);
	else if (b_len == 2)
		frame_put_u16(&x->out, (uint16_t)b);
	frame_end(&x->out);
	flush_locked(x);
	pthread_mutex_unlock(&x->lock);
}

static void send_stdin(struct agent_exec *x, const void *data, size_t len)
{
	pthread_mutex_lock(&x->lock);
	frame_send(&x->out, SMP_STDIN, STREAM, data, len);
	flush_locked(x);
	pthread_mutex_unlock(&x->lock);
}

/* ---- output of the process ---- */

static int outlet_init(struct outlet *o, enum smp_type type, int fd)
{
	struct stat st;

	*o = (struct outlet){ .type = type, .fd = fd, .chunk = PIPE_BUF };
	if (fd < 0)
		return 0;
	if (!fstat(fd, &st)) {
		o->is_socket = S_ISSOCK(st.st_mode);
		if (o->is_socket || S_ISREG(st.st_mode))
			o->chunk = SMP_WINDOW;
	}
	o->data = malloc(SMP_WINDOW);
	return o->data ? 0 : -ENOMEM;
}

static void outlet_took(struct agent_exec *x, struct outlet *o, size_t len)
{
	o->untold += (uint32_t)len;
	if (o->untold < SMP_WINDOW / 4)
		return;
	send_numbers(x, SMP_CREDIT, (uint16_t)o->type, o->untold, 4);
	o->untold = 0;
}

static int outlet_put(struct agent_exec *x, struct outlet *o, const struct frame *f)
{
	if (o->closed)
		return 0;
	if (f->len > SMP_WINDOW - (o->end - o->begin) - o->untold)
		return fail(x, EPROTO, "the guest agent sent more output than it may");
	if (o->fd < 0) {
		outlet_took(x, o, f->len);
		return 0;
	}
	if (f->len > SMP_WINDOW - o->end) {
		memmove(o->data, o->data + o->begin, o->end - o->begin);
		o->end -= o->begin;
		o->begin = 0;
	}
	memcpy(o->data + o->end, f->data, f->len);
	o->end += f->len;
	return 0;
}

static void outlet_write(struct agent_exec *x, struct outlet *o)
{
	size_t len = o->end - o->begin < o->chunk ? o->end - o->begin : o->chunk;
	ssize_t n;

	if (o->is_socket)
		n = send(o->fd, o->data + o->begin, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	else
		n = write(o->fd, o->data + o->begin, len);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		if (errno != EPIPE && !x->write_errno)
			x->write_errno = errno;
		o->closed = true;
		o->begin = o->end = 0;
		send_numbers(x, SMP_CLOSE, (uint16_t)o->type, 0, 0);
		return;
	}
	o->begin += (size_t)n;
	if (o->begin == o->end)
		o->begin = o->end = 0;
	outlet_took(x, o, (size_t)n);
}

/* ---- frames ---- */

static int take_exit(struct agent_exec *x, struct frame_reader *r)
{
	struct agent_exec_result *res = &x->result;
	uint32_t status = frame_get_u32(r), flags;
	const char *reason;

	res->duration_us = frame_get_u64(r);
	res->peak_rss = frame_get_u64(r);
	flags = frame_get_u32(r);
	reason = frame_get_str(r);
	if (!frame_reader_done(r) || status > 255)
		return fail(x, EPROTO, "the guest agent's exit frame is not valid");
	res->status = (int)status;
	res->timed_out = flags & SMP_EXIT_TIMEOUT;
	res->out_of_memory = flags & SMP_EXIT_OOM;
	res->not_started = flags & SMP_EXIT_NOT_STARTED;
	strncpy(res->reason, reason, sizeof(res->reason) - 1);
	x->exited = true;
	return 0;
}

static int take_error(struct agent_exec *x, struct frame_reader *r)
{
	uint32_t code = frame_get_u32(r);
	const char *text = frame_get_str(r);

	if (!frame_reader_done(r) || !code || code > 4095)
		return fail(x, EPROTO, "the guest agent's error frame is not valid");
	return fail(x, (int)code, text);
}

static int take_credit(struct agent_exec *x, struct frame_reader *r)
{
	uint16_t type = frame_get_u16(r);
	uint32_t bytes = frame_get_u32(r);

	if (!frame_reader_done(r) || type != SMP_STDIN || bytes > SMP_WINDOW - x->stdin_credit)
		return fail(x, EPROTO, "the guest agent's credit frame is not valid");
	x->stdin_credit += bytes;
	return 0;
}

static int take_close(struct agent_exec *x, struct frame_reader *r)
{
	if (frame_get_u16(r) != SMP_STDIN || !frame_reader_done(r))
		return fail(x, EPROTO, "the guest agent's close frame is not valid");
	x->stdin_fd = -1;
	return 0;
}

static int take_frame(struct agent_exec *x, const struct frame *f)
{
	struct frame_reader r = frame_reader_of(f);

	if (f->stream != STREAM)
		return fail(x, EPROTO, "the guest agent sent a frame of no session");
	switch (f->type) {
	case SMP_STARTED:
		return 0;
	case SMP_STDOUT:
		return outlet_put(x, &x->outlets[0], f);
	case SMP_STDERR:
		return outlet_put(x, &x->outlets[1], f);
	case SMP_CREDIT:
		return take_credit(x, &r);
	case SMP_CLOSE:
		return take_close(x, &r);
	case SMP_EXIT:
		return take_exit(x, &r);
	case SMP_ERROR:
		return take_error(x, &r);
	default:
		return fail(x, EPROTO, "the guest agent sent a frame that does not belong here");
	}
}

static void take_input(struct agent_exec *x)
{
	ssize_t n = frame_input_fill(&x->in, x->fd);
	struct frame f;
	int r = 0;

	if (n == -EAGAIN)
		return;
	while (n > 0 && !x->exited && !r && (r = frame_input_next(&x->in, &f)) > 0)
		r = take_frame(x, &f);
	if (r == -EPROTO)
		fail(x, EPROTO, "the guest agent sent something that is no frame");
	if (!n)
		fail(x, ECONNRESET, "the VM ended before the process did");
	else if (n < 0)
		fail(x, (int)-n, "the connection to the guest agent is lost");
	if (!x->exited && !x->failure)
		return;
	pthread_mutex_lock(&x->lock);
	x->over = true;
	pthread_mutex_unlock(&x->lock);
}

static void take_stdin(struct agent_exec *x)
{
	static _Thread_local uint8_t chunk[STDIN_CHUNK];
	size_t max = x->stdin_credit < STDIN_CHUNK ? x->stdin_credit : STDIN_CHUNK;
	/* Not under the lock: another reader of the same descriptor may make this block. */
	ssize_t n = read(x->stdin_fd, chunk, max);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		n = 0;
		x->stdin_fd = -1;
	}
	x->stdin_credit -= (uint32_t)n;
	send_stdin(x, chunk, (size_t)n);
}

/* ---- the loop ---- */

enum { AT_SOCK, AT_BELL, AT_STDIN, AT_OUT, AT_ERR, NR_AT };

static bool is_done(const struct agent_exec *x)
{
	if (x->failure)
		return true;
	return x->exited && x->outlets[0].begin == x->outlets[0].end &&
	       x->outlets[1].begin == x->outlets[1].end;
}

/* A negative descriptor is one that poll() skips. */
static void choose(struct agent_exec *x, struct pollfd *p)
{
	bool queued;

	pthread_mutex_lock(&x->lock);
	queued = frame_output_len(&x->out);
	pthread_mutex_unlock(&x->lock);
	p[AT_SOCK] = (struct pollfd){ x->exited ? -1 : x->fd, queued ? POLLIN | POLLOUT : POLLIN, 0 };
	p[AT_BELL] = (struct pollfd){ x->bell, POLLIN, 0 };
	p[AT_STDIN] =
		(struct pollfd){ x->stdin_credit && !queued && !x->exited ? x->stdin_fd : -1, POLLIN, 0 };
	for (int i = 0; i < 2; i++) {
		const struct outlet *o = &x->outlets[i];

		p[AT_OUT + i] = (struct pollfd){ o->begin < o->end ? o->fd : -1, POLLOUT, 0 };
	}
}

static void step(struct agent_exec *x)
{
	struct pollfd p[NR_AT];

	choose(x, p);
	if (poll(p, NR_AT, -1) < 0) {
		if (errno != EINTR)
			fail(x, errno, "poll");
		return;
	}
	if (p[AT_BELL].revents)
		fd_event_clear(x->bell);
	if (p[AT_SOCK].revents & POLLOUT) {
		pthread_mutex_lock(&x->lock);
		flush_locked(x);
		pthread_mutex_unlock(&x->lock);
	}
	for (int i = 0; i < 2; i++) {
		if (p[AT_OUT + i].revents)
			outlet_write(x, &x->outlets[i]);
	}
	if (p[AT_STDIN].revents)
		take_stdin(x);
	if (p[AT_SOCK].revents & ~POLLOUT)
		take_input(x);
}

/* A reader that goes away is told to the guest, not to the caller's process as SIGPIPE. */
static void run_without_sigpipe(struct agent_exec *x)
{
	static const struct timespec none;
	sigset_t pipe_set, old, pending;
	bool was_pending;

	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	while (!is_done(x))
		step(x);
	sigpending(&pending);
	if (!was_pending && sigismember(&pending, SIGPIPE)) {
		while (sigtimedwait(&pipe_set, NULL, &none) < 0 && errno == EINTR)
			;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

int agent_exec_wait(struct agent_exec *x, struct agent_exec_result *ret, struct sm_err *e)
{
	run_without_sigpipe(x);
	if (x->failure)
		return err_set(e, x->failure, "%s", x->failure_text);
	if (x->write_errno)
		return err_errno(e, x->write_errno, "output of the process");
	*ret = x->result;
	return 0;
}

/* ---- from any thread ---- */

/* After a frame was put; releases the lock. */
static void send_unlock(struct agent_exec *x)
{
	bool left;

	flush_locked(x);
	left = frame_output_len(&x->out);
	pthread_mutex_unlock(&x->lock);
	if (left)
		fd_event_ring(x->bell);
}

static int lock_live(struct agent_exec *x, struct sm_err *e)
{
	pthread_mutex_lock(&x->lock);
	if (!x->over)
		return 0;
	pthread_mutex_unlock(&x->lock);
	return err_set(e, ESRCH, "the process has ended");
}

int agent_exec_signal(struct agent_exec *x, int signum, struct sm_err *e)
{
	int r;

	if (signum < 1 || signum > 64)
		return err_set(e, EINVAL, "signal %d: no such signal", signum);
	r = lock_live(x, e);
	if (r < 0)
		return r;
	frame_begin(&x->out, SMP_SIGNAL, STREAM);
	frame_put_u32(&x->out, (uint32_t)signum);
	frame_end(&x->out);
	send_unlock(x);
	return 0;
}

int agent_exec_winsize(struct agent_exec *x, uint16_t rows, uint16_t cols, struct sm_err *e)
{
	int r = lock_live(x, e);

	if (r < 0)
		return r;
	frame_begin(&x->out, SMP_WINSIZE, STREAM);
	frame_put_u16(&x->out, rows);
	frame_put_u16(&x->out, cols);
	frame_end(&x->out);
	send_unlock(x);
	return 0;
}

/* ---- life ---- */

static void put_exec(struct frame_output *out, const struct agent_exec_options *o)
{
	uint32_t flags = (o->tty ? SMP_EXEC_TTY : 0) | (o->init ? SMP_EXEC_INIT : 0) |
			 (o->stdin_fd >= 0 ? SMP_EXEC_STDIN : 0);

	frame_begin(out, SMP_EXEC, STREAM);
	frame_put_u32(out, flags);
	frame_put_list(out, o->argv);
	frame_put_list(out, o->env);
	frame_put_str(out, o->cwd ? o->cwd : "");
	frame_put_str(out, o->user ? o->user : "");
	frame_put_u16(out, o->rows);
	frame_put_u16(out, o->cols);
	frame_put_u32(out, o->timeout_ms);
	frame_end(out);
}

int agent_exec_start(int fd, const struct agent_exec_options *o, struct agent_exec **ret, struct sm_err *e)
{
	struct agent_exec *x = calloc(1, sizeof(*x));

	if (!x || outlet_init(&x->outlets[0], SMP_STDOUT, o->stdout_fd) ||
	    outlet_init(&x->outlets[1], SMP_STDERR, o->tty ? -1 : o->stderr_fd)) {
		if (x)
			free(x->outlets[0].data);
		free(x);
		fd_close(&fd);
		return err_errno(e, ENOMEM, "process");
	}
	pthread_mutex_init(&x->lock, NULL);
	x->fd = fd;
	x->stdin_fd = o->stdin_fd;
	x->stdin_credit = SMP_WINDOW;
	x->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	put_exec(&x->out, o);
	if (x->bell < 0 || x->out.broken) {
		int code = x->out.broken ? E2BIG : errno;

		x->over = true;
		agent_exec_destroy(x);
		return err_errno(e, code, code == E2BIG ? "command line and environment" : "process");
	}
	flush_locked(x);
	*ret = x;
	return 0;
}

void agent_exec_destroy(struct agent_exec *x)
{
	if (!x)
		return;
	if (!x->over)
		agent_exec_signal(x, SIGKILL, NULL);
	fd_close(&x->fd);
	fd_close(&x->bell);
	pthread_mutex_destroy(&x->lock);
	frame_input_fini(&x->in);
	frame_output_fini(&x->out);
	free(x->outlets[0].data);
	free(x->outlets[1].data);
	free(x);
}
