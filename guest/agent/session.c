/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/session-priv.h"
#include "guest/agent/text.h"

static struct session *sessions;
static unsigned int nr_sessions;

unsigned int session_count(void)
{
	return nr_sessions;
}

static struct session *find(const struct conn *c, uint32_t id)
{
	struct session *s = sessions;

	while (s && (s->conn != c || s->id != id))
		s = s->next;
	return s;
}

static struct session *create(struct conn *c, const struct frame *f)
{
	static uint64_t serial;
	struct session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->request = malloc(f->len + 1);
	if (!s->request) {
		free(s);
		return NULL;
	}
	memcpy(s->request, f->data, f->len);
	s->frame = *f;
	s->frame.data = s->request;
	s->conn = c;
	s->id = f->stream;
	s->serial = ++serial;
	s->is_file = f->type != SMP_EXEC;
	s->pid = -1;
	s->status.fd = s->timer.fd = s->in.w.fd = s->out.w.fd = s->err.w.fd = -1;
	s->out.credit = s->err.credit = SMP_WINDOW;
	s->out.left = s->err.left = UINT64_MAX;
	s->out.ended = s->err.ended = true;
	s->next = sessions;
	sessions = s;
	nr_sessions++;
	return s;
}

static void destroy(struct session *s)
{
	loop_close(&s->status);
	loop_close(&s->timer);
	sink_end(&s->in, NULL, s->id);
	source_end(&s->out, NULL, s->id);
	source_end(&s->err, NULL, s->id);
	if (s->has_cgroup)
		container_remove_cgroup(s->serial);
	free(s->request);
	free(s);
	nr_sessions--;
}

static struct frame_output *output_of(struct session *s)
{
	return s->conn ? &s->conn->out : NULL;
}

/* ---- the end ---- */

static uint32_t exit_status(const struct session *s)
{
	if (s->failed)
		return s->fail_value;
	if (s->killed_by && WIFSIGNALED(s->wait_status))
		return 128u + (uint32_t)s->killed_by;
	return WIFSIGNALED(s->wait_status) ? 128u + (uint32_t)WTERMSIG(s->wait_status)
					   : (uint32_t)WEXITSTATUS(s->wait_status);
}

static void send_exit(struct session *s, struct frame_output *out)
{
	uint32_t flags = s->exit_flags;

	if (s->failed)
		flags |= SMP_EXIT_NOT_STARTED;
	if (WIFSIGNALED(s->wait_status) && WTERMSIG(s->wait_status) == SIGKILL && !s->killed_by &&
	    container_count_oom() > s->oom_before)
		flags |= SMP_EXIT_OOM;
	frame_begin(out, SMP_EXIT, s->id);
	frame_put_u32(out, exit_status(s));
	frame_put_u64(out, s->started ? (s->ended_ns - s->started_ns) / 1000 : 0);
	frame_put_u64(out, s->peak_rss);
	frame_put_u32(out, flags);
	frame_put_str(out, s->text);
	frame_end(out);
}

static void send_file_result(struct session *s, struct frame_output *out)
{
	if (s->done)
		frame_send(out, SMP_OK, s->id, s->text, s->fail_value);
	else if (s->failed)
		conn_send_error(s->conn, s->id, (int)s->fail_value, s->text, NULL);
	else
		conn_send_error(s->conn, s->id, EIO, "the file helper died", NULL);
}

static void finish(struct session *s)
{
	struct frame_output *out = output_of(s);

	if (!out)
		return;
	if (s->is_file)
		send_file_result(s, out);
	else
		send_exit(s, out);
}

static void fail_unstarted(struct session *s, uint32_t value, const char *text)
{
	s->failed = s->reaped = true;
	s->fail_value = value;
	text_join(s->text, sizeof(s->text), text, NULL);
}

/* ---- settling ---- */

static void settle_source(struct session *s, struct source *src)
{
	struct frame_output *out = output_of(s);
	bool may = !out || (src->credit && frame_output_len(out) < STREAM_HIGH_WATER);

	if (src->refused && src->w.fd >= 0)
		source_end(src, out, s->id);
	if (s->reaped)
		source_settle(src, out, s->id);
	loop_watch(&src->w, s->started && may ? EPOLLIN : 0);
}

/* True when the session is over. */
static bool settle(struct session *s)
{
	bool waits;

	if (s->pid < 0 && !s->reaped)
		session_start(s);
	settle_source(s, &s->out);
	settle_source(s, &s->err);
	waits = s->in.begin < s->in.end || s->in.eof;
	if (s->started && s->in.w.fd >= 0 && s->in.eof)
		sink_write(&s->in, output_of(s), s->id);
	loop_watch(&s->in.w, s->started && waits ? EPOLLOUT : 0);
	return s->reaped && s->status.fd < 0 && s->out.w.fd < 0 && s->err.w.fd < 0;
}

void session_settle_all(void)
{
	struct session **p = &sessions;

	while (*p) {
		struct session *s = *p;

		if (!settle(s)) {
			p = &s->next;
			continue;
		}
		finish(s);
		*p = s->next;
		destroy(s);
	}
}

/* ---- requests ---- */

bool session_exec(struct conn *c, const struct frame *f)
{
	const char *refusal = container_get_place()->refusal;
	struct session *s;

	if (!f->stream || find(c, f->stream))
		return false;
	s = nr_sessions < SESSION_MAX ? create(c, f) : NULL;
	if (!s) {
		conn_send_error(c, f->stream, EAGAIN, "too many sessions", NULL);
		return true;
	}
	if (!session_parse(s)) {
		fail_unstarted(s, 126, "not a valid request");
		return false;
	}
	if (refusal)
		fail_unstarted(s, 126, refusal);
	else
		session_start(s);
	return true;
}

static bool file_request_is_valid(const struct frame *f, uint8_t *copy)
{
	struct frame g = *f;
	struct frame_reader r;

	memcpy(copy, f->data, f->len);
	g.data = copy;
	r = frame_reader_of(&g);
	frame_get_str(&r);
	if (f->type == SMP_FILE_READ) {
		frame_get_u64(&r);
		frame_get_u64(&r);
	} else if (f->type == SMP_FILE_WRITE) {
		frame_get_u32(&r);
		frame_get_u32(&r);
		frame_get_u32(&r);
	}
	return frame_reader_done(&r);
}

bool session_file(struct conn *c, const struct frame *f)
{
	const char *refusal = container_get_place()->refusal;
	struct session *s;
	uint8_t *copy;
	bool ok;

	if (!f->stream || find(c, f->stream))
		return false;
	copy = malloc(f->len + 1);
	ok = copy && file_request_is_valid(f, copy);
	free(copy);
	if (!ok)
		return false;
	s = nr_sessions < SESSION_MAX ? create(c, f) : NULL;
	if (!s) {
		conn_send_error(c, f->stream, EAGAIN, "too many sessions", NULL);
		return true;
	}
	s->in.type = f->type == SMP_FILE_WRITE ? SMP_DATA : 0;
	s->out.type = f->type == SMP_FILE_READ ? SMP_DATA : 0;
	if (refusal)
		fail_unstarted(s, ENXIO, refusal);
	else
		session_start(s);
	return true;
}

static struct source *source_of(struct session *s, uint16_t type)
{
	if (!type)
		return NULL;
	if (type == s->out.type)
		return &s->out;
	return type == s->err.type ? &s->err : NULL;
}

static bool handle_data(struct session *s, const struct frame *f)
{
	return f->type == s->in.type && sink_put(&s->in, f, output_of(s));
}

static bool handle_credit(struct session *s, struct frame_reader *r)
{
	struct source *src = source_of(s, frame_get_u16(r));
	uint32_t bytes = frame_get_u32(r);

	return frame_reader_done(r) && src && source_add_credit(src, bytes);
}

static bool handle_close(struct session *s, struct frame_reader *r)
{
	struct source *src = source_of(s, frame_get_u16(r));

	if (!frame_reader_done(r) || !src)
		return false;
	src->refused = true;
	/* A terminal hangs up when nobody holds its other end. */
	if (s->in.tty)
		sink_end(&s->in, output_of(s), s->id);
	return true;
}

static bool handle_signal(struct session *s, struct frame_reader *r)
{
	uint32_t sig = frame_get_u32(r);

	if (!frame_reader_done(r) || sig < 1 || sig >= NSIG)
		return false;
	session_signal(s, (int)sig);
	return true;
}

static bool handle_winsize(struct session *s, struct frame_reader *r)
{
	struct winsize size = { 0 };

	size.ws_row = frame_get_u16(r);
	size.ws_col = frame_get_u16(r);
	if (!frame_reader_done(r))
		return false;
	if (s->in.tty && s->out.w.fd >= 0)
		ioctl(s->out.w.fd, TIOCSWINSZ, &size);
	return true;
}

bool session_frame(struct conn *c, const struct frame *f)
{
	struct session *s = find(c, f->stream);
	struct frame_reader r = frame_reader_of(f);

	if (!f->stream)
		return false;
	if (!s) /* it may just have ended */
		return true;
	switch (f->type) {
	case SMP_STDIN:
	case SMP_DATA:
		return handle_data(s, f);
	case SMP_CREDIT:
		return handle_credit(s, &r);
	case SMP_CLOSE:
		return handle_close(s, &r);
	case SMP_SIGNAL:
		return !s->is_file && handle_signal(s, &r);
	case SMP_WINSIZE:
		return !s->is_file && handle_winsize(s, &r);
	default:
		return false;
	}
}

void session_detach_all(struct conn *c)
{
	for (struct session *s = sessions; s; s = s->next) {
		if (s->conn != c)
			continue;
		s->conn = NULL;
		sink_set_eof(&s->in);
		if (s->is_file && s->pid > 0 && !s->reaped)
			kill(s->pid, SIGKILL);
		if (s->pid < 0 && !s->reaped)
			fail_unstarted(s, 126, "its connection is gone");
	}
}

void session_reaped(pid_t pid, int wait_status, const struct rusage *ru)
{
	struct session *s = sessions;

	while (s && (s->pid != pid || s->reaped))
		s = s->next;
	if (!s)
		return;
	session_read_status(s);
	s->reaped = true;
	s->ended_ns = session_now();
	s->wait_status = wait_status;
	s->peak_rss = (uint64_t)ru->ru_maxrss << 10;
	source_set_last(&s->out);
	source_set_last(&s->err);
	if (s->is_first)
		container_ended();
}
