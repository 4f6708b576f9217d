/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An event loop on epoll. It belongs to the thread that runs it: only loop_stop() and
 * loop_post() may be called from elsewhere. Sources are called in no particular order;
 * a source may remove itself or any other while it is being called.
 */
#ifndef UTIL_LOOP_H
#define UTIL_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

struct loop;
struct loop_source;

/* `events` is a set of EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR. */
typedef void loop_fd_fn(void *opaque, uint32_t events);
typedef void loop_timer_fn(void *opaque);

int loop_create(struct loop **ret, struct sm_err *e);
/* Removes what is left; the descriptors stay the caller's. */
void loop_destroy(struct loop *l);

/* Level-triggered. `fd` stays the caller's and must outlive the source. NULL when out of memory or
 * descriptors. */
struct loop_source *loop_add_fd(struct loop *l, int fd, uint32_t events, loop_fd_fn *fn, void *opaque);
/* Changes what is waited for; 0 pauses the source. */
void loop_set_events(struct loop_source *s, uint32_t events);
/* A one-shot timer that is not armed yet. */
struct loop_source *loop_add_timer(struct loop *l, loop_timer_fn *fn, void *opaque);
/* `ns` from now on CLOCK_MONOTONIC; 0 disarms. */
void loop_arm(struct loop_source *s, uint64_t ns);
/* NULL is accepted. */
void loop_remove(struct loop_source *s);

/* Calls `fn` once on the loop's thread, soon. Any thread. */
int loop_post(struct loop *l, void (*fn)(void *opaque), void *opaque);
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
/* Any thread; also before loop_run(), which then returns at once. */
void loop_stop(struct loop *l);

#endif
