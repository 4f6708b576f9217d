/* SPDX-License-Identifier: Apache-2.0 */
#include "api/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/fd.h"

#define OUTPUT_NEW "output.log"
#define OUTPUT_OLD "output.log.1"
#define HEADER_LEN 13

/* ---- writing ---- */

static int output_open(struct output_log *l)
{
	l->len = 0;
	l->fd = openat(l->dir_fd, OUTPUT_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
	return l->fd < 0 ? -errno : 0;
}

int output_init(struct output_log *l, int dir_fd, uint64_t max, struct sm_err *e)
{
	int r;

	*l = (struct output_log){ .dir_fd = dir_fd, .max = max };
	r = output_open(l);
	if (r < 0)
		return err_errno(e, -r, OUTPUT_NEW);
	pthread_mutex_init(&l->lock, NULL);
	return 0;
}

void output_fini(struct output_log *l)
{
	fd_close(&l->fd);
	pthread_mutex_destroy(&l->lock);
}

static void output_rotate(struct output_log *l)
{
	if (l->len < l->max)
		return;
	fd_close(&l->fd);
	renameat(l->dir_fd, OUTPUT_NEW, l->dir_fd, OUTPUT_OLD);
	output_open(l);
}

void output_append(struct output_log *l, int stream, const void *data, size_t len)
{
	uint8_t header[HEADER_LEN];
	struct iovec iov[2] = { { header, HEADER_LEN }, { (void *)(uintptr_t)data, len } };
	struct timespec now;
	ssize_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	le64_put(header, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
	le32_put(header + 8, (uint32_t)len);
	header[12] = (uint8_t)stream;
	pthread_mutex_lock(&l->lock);
	output_rotate(l);
	n = l->fd < 0 ? -1 : writev(l->fd, iov, 2);
	/* A full disk: no half record may hide those that come later. */
	if (n == (ssize_t)(HEADER_LEN + len))
		l->len += (uint64_t)n;
	else if (n >= 0 && ftruncate(l->fd, (off_t)l->len) < 0)
		fd_close(&l->fd);
	pthread_mutex_unlock(&l->lock);
}

/* ---- reading ---- */

struct output_cursor {
	const struct output_reader *r;
	int fd, watch;
	uint64_t skip;	/* lines still to be left out */
	uint64_t lines; /* counted */
	bool counting, mid_line;
	uint8_t *data;
};

/* Cuts the lines that are left out from the front of a record. */
static int output_emit(struct output_cursor *c, int stream, uint64_t time_ns, size_t len)
{
	const uint8_t *p = c->data, *end = p + len;

	if (c->counting) {
		while (p < end) {
			const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));

			c->lines += !c->mid_line;
			c->mid_line = !nl;
			p = nl ? nl + 1 : end;
		}
		return 0;
	}
	while (c->skip && p < end) {
		const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));

		c->skip -= nl != NULL;
		p = nl ? nl + 1 : end;
	}
	return p < end ? c->r->fn(c->r->opaque, stream, time_ns, p, (size_t)(end - p)) : 0;
}

/* All whole records from where the file stands; 0, or what `fn` said. */
static int output_drain(struct output_cursor *c)
{
	uint8_t header[HEADER_LEN];

	while (c->fd >= 0) {
		off_t at = lseek(c->fd, 0, SEEK_CUR);
		bool whole = fd_read_full(c->fd, header, HEADER_LEN) == HEADER_LEN;
		uint32_t len = whole ? le32_get(header + 8) : 0;
		int r;

		if (!whole || len > OUTPUT_CHUNK_MAX || fd_read_full(c->fd, c->data, len) != (ssize_t)len) {
			lseek(c->fd, at, SEEK_SET);
			return 0;
		}
		r = output_emit(c, header[12], le64_get(header), len);
		if (r)
			return r;
	}
	return 0;
}

static bool output_is_current(const struct output_cursor *c)
{
	struct stat a, b;

	return c->fd >= 0 && !fstat(c->fd, &a) && !fstatat(c->r->dir_fd, OUTPUT_NEW, &b, 0) &&
	       a.st_ino == b.st_ino;
}

static int output_read_file(struct output_cursor *c, const char *name)
{
	fd_close(&c->fd);
	c->fd = openat(c->r->dir_fd, name, O_RDONLY | O_CLOEXEC);
	return output_drain(c);
}

static int output_read_all(struct output_cursor *c)
{
	int r = output_read_file(c, OUTPUT_OLD);

	return r ? r : output_read_file(c, OUTPUT_NEW);
}

/* Until the directory changes; now and then besides, as a killed owner changes nothing. */
static void output_pause(struct output_cursor *c)
{
	struct pollfd p = { .fd = c->watch, .events = POLLIN };
	char events[4096];

	if (poll(&p, 1, 1000) > 0 && read(c->watch, events, sizeof(events)) < 0)
		fd_close(&c->watch);
}

static int output_follow(struct output_cursor *c)
{
	bool more = true;
	int r = 0;

	while (!r && more) {
		more = c->r->goes_on(c->r->opaque);
		r = output_drain(c);
		if (!r && !output_is_current(c)) {
			/* What was written between the last look and the rotation, then the next file. */
			r = output_drain(c);
			if (!r)
				r = output_read_file(c, OUTPUT_NEW);
		}
		if (!r && more)
			output_pause(c);
	}
	return r;
}

int output_read(const struct output_reader *r, struct sm_err *e)
{
	struct output_cursor c = { .r = r, .fd = -1, .watch = -1, .data = malloc(OUTPUT_CHUNK_MAX) };
	char path[40];
	int ret = 0;

	if (!c.data)
		return err_errno(e, ENOMEM, "output");
	if (r->follow) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", r->dir_fd);
		c.watch = inotify_init1(IN_CLOEXEC);
		if (c.watch >= 0)
			inotify_add_watch(c.watch, path, IN_MODIFY | IN_MOVED_TO | IN_CREATE);
	}
	if (r->tail >= 0) {
		c.counting = true;
		output_read_all(&c);
		c.counting = false;
		c.skip = c.lines > (uint64_t)r->tail ? c.lines - (uint64_t)r->tail : 0;
	}
	ret = output_read_all(&c);
	if (!ret && r->follow)
		ret = output_follow(&c);
	fd_close(&c.fd);
	fd_close(&c.watch);
	free(c.data);
	return ret;
}
