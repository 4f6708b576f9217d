/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's output as it is kept: records of a fixed header (little-endian time in
 * nanoseconds, length, stream) and the bytes, so that binary output comes back byte by
 * byte. Two files of OUTPUT_FILE_MAX each: the older one goes when the newer is full. A
 * torn record, left by a killed writer, ends its file.
 */
#ifndef API_OUTPUT_H
#define API_OUTPUT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define OUTPUT_FILE_MAX (8u << 20)
#define OUTPUT_CHUNK_MAX (64u << 10)

struct output_log {
	pthread_mutex_t lock;
	int dir_fd, fd;
	uint64_t len, max;
};

/* `dir_fd` stays the caller's. */
int output_init(struct output_log *l, int dir_fd, uint64_t max, struct sm_err *e);
void output_fini(struct output_log *l);
/* At most OUTPUT_CHUNK_MAX bytes of stream 1 or 2; any thread. What does not fit on the disk is lost. */
void output_append(struct output_log *l, int stream, const void *data, size_t len);

struct output_reader {
	int dir_fd;
	int64_t tail; /* lines; negative: all */
	bool follow;
	/* Asked before each look for more: false ends a follow. */
	bool (*goes_on)(void *opaque);
	int (*fn)(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len);
	void *opaque;
};
/* What `fn` returned when not 0, else 0 at the end. */
int output_read(const struct output_reader *r, struct sm_err *e);

#endif
