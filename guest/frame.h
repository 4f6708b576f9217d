/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames of guest/proto.h: taking them out of a byte stream and putting them into one.
 * Used by the agent and by the host's client of it; depends on nothing but libc.
 *
 * Sockets are read and written without ever blocking, whatever their O_NONBLOCK says.
 */
#ifndef GUEST_FRAME_H
#define GUEST_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "guest/proto.h"

/* A whole frame. `data` is inside the input and the receiver's to overwrite. */
struct frame {
	uint16_t type;
	uint32_t stream;
	uint32_t len;
	uint8_t *data;
};

/* ---- receiving ---- */

/* Bytes [begin, end) are not yet taken; zero-initialised it is empty. */
struct frame_input {
	uint8_t *data;
	size_t begin, end, cap;
};

void frame_input_fini(struct frame_input *in);
/* One read: bytes, 0 at end of file, -EAGAIN, -errno. Invalidates earlier frames. */
ssize_t frame_input_fill(struct frame_input *in, int sock);
/* 1 and a frame, 0 when more bytes are needed, -EPROTO when it is no frame of ours. */
int frame_input_next(struct frame_input *in, struct frame *ret);

/*
 * Reads a payload in place. The first value that is not there makes it `broken`, later
 * ones are zero or "", and the owner asks once with frame_reader_done().
 */
struct frame_reader {
	uint8_t *p;
	size_t left;
	bool broken;
};

static inline struct frame_reader frame_reader_of(const struct frame *f)
{
	return (struct frame_reader){ f->data, f->len, false };
}
uint16_t frame_get_u16(struct frame_reader *r);
uint32_t frame_get_u32(struct frame_reader *r);
uint64_t frame_get_u64(struct frame_reader *r);
/* NUL-terminated, in place: it moves one byte towards its own length field. */
char *frame_get_str(struct frame_reader *r);
/* Like a str, for bytes that may be anything. */
uint8_t *frame_get_blob(struct frame_reader *r, uint32_t *ret_len);
/* Fills `v` (SMP_LIST_MAX + 1 places) and ends it with NULL; the count. */
uint32_t frame_get_list(struct frame_reader *r, char **v);
/* Everything was read and nothing was missing. */
bool frame_reader_done(const struct frame_reader *r);

/* ---- sending ---- */

/*
 * Frames waiting to be sent. A frame is made by frame_begin, puts, frame_end. The first
 * failure (memory, a payload above the limit, FRAME_OUTPUT_MAX waiting) makes it
 * `broken`: nothing more can be sent.
 */
struct frame_output {
	uint8_t *data;
	size_t begin, end, cap;
	size_t frame; /* where the open frame's header is */
	bool broken;
};
#define FRAME_OUTPUT_MAX (4u << 20)

void frame_output_fini(struct frame_output *o);
static inline size_t frame_output_len(const struct frame_output *o)
{
	return o->end - o->begin;
}
/* Sends what the socket takes; 0 (some may be left) or -errno. */
int frame_output_flush(struct frame_output *o, int sock);

void frame_begin(struct frame_output *o, enum smp_type type, uint32_t stream);
void frame_put_u16(struct frame_output *o, uint16_t v);
void frame_put_u32(struct frame_output *o, uint32_t v);
void frame_put_u64(struct frame_output *o, uint64_t v);
void frame_put_str(struct frame_output *o, const char *s);
/* Like a str, for bytes that may be anything. */
void frame_put_blob(struct frame_output *o, const void *data, size_t len);
/* The bytes alone. */
void frame_put_bytes(struct frame_output *o, const void *data, size_t len);
/* NULL-terminated; NULL is an empty list. */
void frame_put_list(struct frame_output *o, const char *const *v);
/* Room for `len` bytes of payload, to be filled and then committed in part or whole; or NULL. */
uint8_t *frame_reserve(struct frame_output *o, size_t len);
void frame_commit(struct frame_output *o, size_t len);
void frame_end(struct frame_output *o);
/* Drops the open frame. */
void frame_cancel(struct frame_output *o);
/* A frame whose payload is just these bytes. */
void frame_send(struct frame_output *o, enum smp_type type, uint32_t stream, const void *data, size_t len);

/* ---- SMP_EXEC ---- */

struct frame_exec {
	uint32_t flags; /* SMP_EXEC_* */
	char *argv[SMP_LIST_MAX + 1];
	char *env[SMP_LIST_MAX + 1];
	uint32_t nr_argv, nr_env;
	char *cwd, *user;
	uint16_t rows, cols;
	uint32_t timeout_ms;
};

/* Strings stay inside the frame. False: not a valid request. */
bool frame_get_exec(const struct frame *f, struct frame_exec *ret);

#endif
