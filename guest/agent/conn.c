/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/conn.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "guest/agent/stream.h"
#include "guest/agent/text.h"

/* With this much waiting the host is not listening: no more requests are taken. */
#define OUTPUT_HIGH_WATER (1u << 20)

static struct conn *conns;
static unsigned int nr_conns;

unsigned int conn_count(void)
{
	return nr_conns;
}

static void dispatch(struct conn *c)
{
	struct frame f;
	int r = 0;

	while (!c->dead && (r = frame_input_next(&c->in, &f)) > 0) {
		if (!c->on_frame(c, &f))
			r = -EPROTO;
		if (r < 0)
			break;
	}
	if (r < 0) {
		text_log("the host broke the protocol; connection closed", NULL);
		c->dead = true;
	}
}

static void on_event(void *owner, uint32_t events)
{
	struct conn *c = owner;
	ssize_t n;

	if (c->connecting && (events & (EPOLLERR | EPOLLHUP))) {
		c->dead = true;
		return;
	}
	if (events & EPOLLOUT)
		c->connecting = false;
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	n = frame_input_fill(&c->in, c->w.fd);
	if (n > 0)
		dispatch(c);
	else if (n != -EAGAIN)
		c->dead = true;
}

struct conn *conn_add(int sock, conn_frame_fn *on_frame, void (*on_close)(struct conn *c))
{
	struct conn *c = nr_conns < CONN_MAX ? calloc(1, sizeof(*c)) : NULL;

	if (!c) {
		close(sock);
		return NULL;
	}
	c->w = (struct watch){ .fd = sock, .fn = on_event, .owner = c };
	c->on_frame = on_frame;
	c->on_close = on_close;
	c->next = conns;
	conns = c;
	nr_conns++;
	return c;
}

static void settle(struct conn *c)
{
	uint32_t events = EPOLLIN;

	if (!c->connecting && !c->dead && frame_output_flush(&c->out, c->w.fd))
		c->dead = true;
	if (c->dead)
		return;
	if (frame_output_len(&c->out) > OUTPUT_HIGH_WATER)
		events = 0;
	if (frame_output_len(&c->out) || c->connecting)
		events |= EPOLLOUT;
	loop_watch(&c->w, events);
}

static void bury(struct conn *c)
{
	if (c->on_close)
		c->on_close(c);
	loop_close(&c->w);
	frame_input_fini(&c->in);
	frame_output_fini(&c->out);
	free(c);
	nr_conns--;
}

void conn_settle_all(void)
{
	struct conn **p = &conns;

	while (*p) {
		struct conn *c = *p;

		settle(c);
		if (c->dead) {
			*p = c->next;
			bury(c);
		} else {
			p = &c->next;
		}
	}
}

void conn_send_error(struct conn *c, uint32_t stream, int err, ...)
{
	char text[512];
	size_t len = 0;
	const char *s;
	va_list ap;

	text[0] = 0;
	va_start(ap, err);
	while ((s = va_arg(ap, const char *))) {
		text_join(text + len, sizeof(text) - len, s, NULL);
		len += strlen(text + len);
	}
	va_end(ap);
	frame_begin(&c->out, SMP_ERROR, stream);
	frame_put_u32(&c->out, (uint32_t)err);
	frame_put_str(&c->out, text);
	frame_end(&c->out);
}

void conn_send_ok(struct conn *c, uint32_t stream)
{
	frame_send(&c->out, SMP_OK, stream, NULL, 0);
}
