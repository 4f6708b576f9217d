/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define READ_MAX (64u << 10)
#define CTRL_D "\004"

/* ---- source ---- */

void source_end(struct source *s, struct frame_output *out, uint32_t stream)
{
	loop_close(&s->w);
	if (out && !s->ended)
		frame_send(out, s->type, stream, NULL, 0);
	s->ended = true;
}

static ssize_t read_into(struct source *s, size_t max, struct frame_output *out, uint32_t stream)
{
	static uint8_t scratch[READ_MAX];
	uint8_t *p = scratch;
	ssize_t n;

	if (out) {
		frame_begin(out, s->type, stream);
		p = frame_reserve(out, max);
	}
	if (!p)
		return -ENOMEM;
	do
		n = read(s->w.fd, p, max);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		n = -errno;
	if (out && n > 0) {
		frame_commit(out, (size_t)n);
		frame_end(out);
	} else if (out) {
		frame_cancel(out);
	}
	return n;
}

void source_read(struct source *s, struct frame_output *out, uint32_t stream)
{
	uint64_t max = s->left < READ_MAX ? s->left : READ_MAX;
	ssize_t n;

	if (out && s->credit < max)
		max = s->credit;
	if (s->w.fd < 0 || !max)
		return;
	n = read_into(s, max, out, stream);
	if (n == -EAGAIN)
		return;
	if (n <= 0) { /* EIO: the last process has left the terminal */
		source_end(s, out, stream);
		return;
	}
	if (out)
		s->credit -= (uint64_t)n;
	if (s->left != UINT64_MAX)
		s->left -= (uint64_t)n;
}

bool source_add_credit(struct source *s, uint32_t bytes)
{
	if (bytes > SMP_WINDOW - s->credit)
		return false;
	s->credit += bytes;
	return true;
}

void source_set_last(struct source *s)
{
	int n;

	/* Of a terminal there is no count; its other end is hung up, so it ends by itself. */
	if (s->w.fd >= 0 && !isatty(s->w.fd) && !ioctl(s->w.fd, FIONREAD, &n))
		s->left = (uint64_t)n;
}

void source_settle(struct source *s, struct frame_output *out, uint32_t stream)
{
	struct pollfd p = { .fd = s->w.fd, .events = POLLIN };

	if (s->w.fd >= 0 && (!s->left || poll(&p, 1, 0) < 1 || !(p.revents & POLLIN)))
		source_end(s, out, stream);
}

/* ---- sink ---- */

static void tell_taken(struct sink *s, uint32_t bytes, struct frame_output *out, uint32_t stream)
{
	s->taken += bytes;
	if (!out || s->taken < SMP_WINDOW / 4)
		return;
	frame_begin(out, SMP_CREDIT, stream);
	frame_put_u16(out, (uint16_t)s->type);
	frame_put_u32(out, s->taken);
	frame_end(out);
	s->taken = 0;
}

static void close_sink(struct sink *s)
{
	loop_close(&s->w);
	free(s->data);
	s->data = NULL;
	s->begin = s->end = 0;
	s->closed = true;
}

void sink_end(struct sink *s, struct frame_output *out, uint32_t stream)
{
	if (s->closed)
		return;
	close_sink(s);
	if (!out || s->eof)
		return;
	frame_begin(out, SMP_CLOSE, stream);
	frame_put_u16(out, (uint16_t)s->type);
	frame_end(out);
}

void sink_set_eof(struct sink *s)
{
	s->eof = true;
}

/* False when nothing was written. */
static bool write_some(struct sink *s, struct frame_output *out, uint32_t stream)
{
	ssize_t n = write(s->w.fd, s->data + s->begin, s->end - s->begin);

	if (n < 0) {
		if (errno != EAGAIN && errno != EINTR)
			sink_end(s, out, stream);
		return false;
	}
	s->begin += (uint32_t)n;
	tell_taken(s, (uint32_t)n, out, stream);
	return true;
}

void sink_write(struct sink *s, struct frame_output *out, uint32_t stream)
{
	while (s->w.fd >= 0 && s->begin < s->end) {
		if (!write_some(s, out, stream))
			return;
	}
	if (s->w.fd < 0)
		return;
	if (!s->eof) {
		free(s->data);
		s->data = NULL;
		s->begin = s->end = 0;
		return;
	}
	/* A full terminal drops the character, but then it has input to end on its own. */
	if (s->tty && write(s->w.fd, CTRL_D, 1) < 0 && errno == EAGAIN)
		return;
	close_sink(s);
}

bool sink_put(struct sink *s, const struct frame *f, struct frame_output *out)
{
	if (s->eof)
		return false;
	if (!f->len) {
		s->eof = true;
		return true;
	}
	if (s->closed)
		return true;
	if (!s->data)
		s->data = malloc(SMP_WINDOW);
	if (!s->data || f->len > SMP_WINDOW - (s->end - s->begin))
		return false;
	if (f->len > SMP_WINDOW - s->end) {
		memmove(s->data, s->data + s->begin, s->end - s->begin);
		s->end -= s->begin;
		s->begin = 0;
	}
	memcpy(s->data + s->end, f->data, f->len);
	s->end += f->len;
	sink_write(s, out, f->stream);
	return true;
}
