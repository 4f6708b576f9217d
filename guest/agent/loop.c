/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

static int loop_fd = -1;

int loop_init(void)
{
	loop_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop_fd < 0 ? -errno : 0;
}

void loop_watch(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int op = !events ? EPOLL_CTL_DEL : w->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (w->fd < 0 || events == w->events)
		return;
	if (!epoll_ctl(loop_fd, op, w->fd, &ev))
		w->events = events;
}

void loop_close(struct watch *w)
{
	if (w->fd < 0)
		return;
	loop_watch(w, 0);
	close(w->fd);
	w->fd = -1;
	w->events = 0;
}

void loop_step(void)
{
	struct epoll_event ev;
	struct watch *w;

	if (epoll_wait(loop_fd, &ev, 1, -1) != 1)
		return;
	w = ev.data.ptr;
	w->fn(w->owner, ev.events);
}
