/* SPDX-License-Identifier: Apache-2.0 */
#include "util/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "util/fd.h"

struct loop_source {
	struct loop *loop;
	struct loop_source *prev, *next;
	int fd;
	bool own_fd; /* a timer's */
	bool dead;   /* removed while a round of events is being delivered */
	uint32_t events;
	loop_fd_fn *fn;
	loop_timer_fn *timer_fn;
	void *opaque;
};

struct loop_post {
	struct loop_post *next;
	void (*fn)(void *opaque);
	void *opaque;
};

struct loop {
	int epfd, wake_fd;
	bool stop; /* atomic */
	bool delivering;
	struct loop_source *sources, *graveyard;
	pthread_mutex_t lock; /* guards posts; innermost */
	struct loop_post *posts, **posts_tail;
};

/* syscalls worker: epoll_create1 eventfd2 timerfd_create */
int loop_create(struct loop **ret, struct sm_err *e)
{
	struct loop *l = calloc(1, sizeof(*l));
	struct epoll_event ev = { .events = EPOLLIN };

	if (!l)
		return err_errno(e, ENOMEM, "event loop");
	pthread_mutex_init(&l->lock, NULL);
	l->posts_tail = &l->posts;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epfd < 0 || l->wake_fd < 0 || epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->wake_fd, &ev) < 0) {
		int err = errno;

		loop_destroy(l);
		return err_errno(e, err, "event loop");
	}
	*ret = l;
	return 0;
}

static void source_free(struct loop_source *s)
{
	if (s->own_fd)
		fd_close(&s->fd);
	free(s);
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	for (struct loop_source *s = l->sources, *next; s; s = next) {
		next = s->next;
		source_free(s);
	}
	while (l->posts) {
		struct loop_post *p = l->posts;

		l->posts = p->next;
		free(p);
	}
	fd_close(&l->epfd);
	fd_close(&l->wake_fd);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

static struct loop_source *source_add(struct loop *l, int fd, uint32_t events)
{
	struct loop_source *s = calloc(1, sizeof(*s));
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (!s)
		return NULL;
	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		free(s);
		return NULL;
	}
	s->loop = l;
	s->fd = fd;
	s->events = events;
	s->next = l->sources;
	if (s->next)
		s->next->prev = s;
	l->sources = s;
	return s;
}

struct loop_source *loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *opaque)
{
	struct loop_source *s = source_add(l, fd, events);

	if (s) {
		s->fn = fn;
		s->opaque = opaque;
	}
	return s;
}

void loop_set_events(struct loop_source *s, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = s };

	if (s->events == events)
		return;
	s->events = events;
	/* Cannot fail: the descriptor is registered and the set needs no memory. */
	epoll_ctl(s->loop->epfd, EPOLL_CTL_MOD, s->fd, &ev);
}

struct loop_source *loop_add_timer(struct loop *l, loop_timer_fn *fn, void *opaque)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	struct loop_source *s;

	if (fd < 0)
		return NULL;
	s = source_add(l, fd, EPOLLIN);
	if (!s) {
		close(fd);
		return NULL;
	}
	s->own_fd = true;
	s->timer_fn = fn;
	s->opaque = opaque;
	return s;
}

void loop_arm(struct loop_source *s, uint64_t ns)
{
	struct itimerspec its = { .it_value = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) } };

	assert(s->timer_fn);
	timerfd_settime(s->fd, 0, &its, NULL);
}

void loop_remove(struct loop_source *s)
{
	struct loop *l;

	if (!s || s->dead)
		return;
	l = s->loop;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, s->fd, NULL);
	if (s->prev)
		s->prev->next = s->next;
	else
		l->sources = s->next;
	if (s->next)
		s->next->prev = s->prev;
	if (!l->delivering) {
		source_free(s);
		return;
	}
	/* Its events may already stand in the array being delivered. */
	s->dead = true;
	s->next = l->graveyard;
	l->graveyard = s;
}

int loop_post(struct loop *l, void (*fn)(void *opaque), void *opaque)
{
	struct loop_post *p = malloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	*p = (struct loop_post){ NULL, fn, opaque };
	pthread_mutex_lock(&l->lock);
	*l->posts_tail = p;
	l->posts_tail = &p->next;
	pthread_mutex_unlock(&l->lock);
	fd_event_ring(l->wake_fd);
	return 0;
}

static void loop_run_posts(struct loop *l)
{
	struct loop_post *p;

	pthread_mutex_lock(&l->lock);
	p = l->posts;
	l->posts = NULL;
	l->posts_tail = &l->posts;
	pthread_mutex_unlock(&l->lock);
	while (p) {
		struct loop_post *next = p->next;

		p->fn(p->opaque);
		free(p);
		p = next;
	}
}

static void loop_deliver(struct loop *l, const struct epoll_event *ev)
{
	struct loop_source *s = ev->data.ptr;

	if (!s) {
		fd_event_clear(l->wake_fd);
		loop_run_posts(l);
	} else if (s->dead) {
		return;
	} else if (s->timer_fn) {
		if (fd_event_clear(s->fd))
			s->timer_fn(s->opaque);
	} else {
		s->fn(s->opaque, ev->events);
	}
}

/* syscalls loop disk: epoll_wait epoll_pwait epoll_ctl timerfd_settime */
void loop_run(struct loop *l)
{
	struct epoll_event evs[32];

	while (!__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE)) {
		int n = epoll_wait(l->epfd, evs, 32, -1);

		l->delivering = true;
		for (int i = 0; i < n && !__atomic_load_n(&l->stop, __ATOMIC_ACQUIRE); i++)
			loop_deliver(l, &evs[i]);
		l->delivering = false;
		while (l->graveyard) {
			struct loop_source *s = l->graveyard;

			l->graveyard = s->next;
			source_free(s);
		}
	}
}

void loop_stop(struct loop *l)
{
	__atomic_store_n(&l->stop, true, __ATOMIC_RELEASE);
	fd_event_ring(l->wake_fd);
}
