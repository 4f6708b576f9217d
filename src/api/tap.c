/* SPDX-License-Identifier: Apache-2.0 */
#include "api/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/fd.h"

/* How long a stuck sink may hide that it was replaced. */
#define TAP_LOOK_MS 100

/* Has the source a reason to go on without a sink? */
static bool tap_look(struct tap *t)
{
	pthread_mutex_lock(&t->lock);
	if (t->changed) {
		fd_close(&t->sink);
		t->sink = t->next;
		t->next = -1;
		t->changed = t->sink_is_all = false;
	}
	pthread_mutex_unlock(&t->lock);
	return !t->sink_is_all || t->sink >= 0;
}

/* The sink may be a terminal in blocking mode that others use: only what it takes at once is written. */
static void tap_write(struct tap *t, const char *data, size_t len)
{
	while (len && tap_look(t) && t->sink >= 0) {
		struct pollfd p = { .fd = t->sink, .events = POLLOUT };
		int n = poll(&p, 1, TAP_LOOK_MS);
		ssize_t done;

		if (n <= 0)
			continue;
		done = write(t->sink, data, len < PIPE_BUF ? len : PIPE_BUF);
		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (done < 0) {
			fd_close(&t->sink);
			return;
		}
		data += done;
		len -= (size_t)done;
	}
}

static void *tap_thread(void *opaque)
{
	struct tap *t = opaque;
	char *data = malloc(OUTPUT_CHUNK_MAX);
	ssize_t n;

	while (data && tap_look(t)) {
		n = read(t->source, data, OUTPUT_CHUNK_MAX);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		output_append(t->log, t->stream, data, (size_t)n);
		tap_write(t, data, (size_t)n);
	}
	free(data);
	fd_close(&t->source);
	pthread_mutex_lock(&t->lock);
	t->ended = true;
	pthread_mutex_unlock(&t->lock);
	fd_event_ring(t->bell);
	return NULL;
}

int tap_start(struct tap *t, struct output_log *log, int stream, int sink, bool sink_is_all, int bell,
	      int *ret, struct sm_err *e)
{
	int p[2], err;

	*t = (struct tap){ .log = log,
			   .stream = stream,
			   .sink = sink,
			   .next = -1,
			   .source = -1,
			   .bell = bell,
			   .sink_is_all = sink_is_all && sink >= 0 };
	pthread_mutex_init(&t->lock, NULL);
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(e, errno, "output pipe");
	t->source = p[0];
	err = pthread_create(&t->thread, NULL, tap_thread, t);
	if (err) {
		fd_close(&t->source);
		close(p[1]);
		return err_errno(e, err, "output thread");
	}
	t->started = true;
	*ret = p[1];
	return 0;
}

void tap_set_sink(struct tap *t, int sink)
{
	pthread_mutex_lock(&t->lock);
	if (t->changed)
		fd_close(&t->next);
	t->next = sink;
	t->changed = true;
	pthread_mutex_unlock(&t->lock);
}

bool tap_has_ended(struct tap *t)
{
	bool ended;

	pthread_mutex_lock(&t->lock);
	ended = t->ended;
	pthread_mutex_unlock(&t->lock);
	return ended;
}

void tap_finish(struct tap *t)
{
	if (!t->log)
		return;
	if (t->started)
		pthread_join(t->thread, NULL);
	fd_close(&t->source);
	fd_close(&t->sink);
	if (t->changed)
		fd_close(&t->next);
	pthread_mutex_destroy(&t->lock);
}
