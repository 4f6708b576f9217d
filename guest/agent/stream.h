/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of one session's data, between a descriptor of ours and frames, with the
 * credit of guest/proto.h. A source reads only what the host has credit for and the
 * connection has room for; a sink holds at most SMP_WINDOW bytes.
 */
#ifndef AGENT_STREAM_H
#define AGENT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/agent/loop.h"
#include "guest/frame.h"

/* From the process to the host. */
struct source {
	struct watch w;
	enum smp_type type;
	uint64_t credit; /* bytes the host still takes */
	uint64_t left;	 /* bytes read at most; all but UINT64_MAX once the process is gone */
	bool ended;	 /* the empty frame was sent */
	bool refused;	 /* the host wants no more of it */
};

/* At most this much waits on a connection before its sources pause. */
#define STREAM_HIGH_WATER (256u << 10)

/* Reads once into a frame for `out`; a NULL `out` swallows the data. */
void source_read(struct source *s, struct frame_output *out, uint32_t stream);
/* Bytes the host took; false: more than it was given. */
bool source_add_credit(struct source *s, uint32_t bytes);
/* The process is gone: what is in the pipe now is all there will be. */
void source_set_last(struct source *s);
/* Closes it if it has no more to give. */
void source_settle(struct source *s, struct frame_output *out, uint32_t stream);
/* Closes it now; the host is told (NULL: nobody is). */
void source_end(struct source *s, struct frame_output *out, uint32_t stream);

/* From the host to the process. */
struct sink {
	struct watch w;
	enum smp_type type;
	uint8_t *data; /* SMP_WINDOW bytes, there while something waits */
	uint32_t begin, end;
	uint32_t taken; /* bytes not yet told to the host */
	bool eof;	/* the host has sent its last byte */
	bool tty;	/* end of file is a character */
	bool closed;	/* before that, a descriptor of -1 only means: not yet */
};

/* False: more than the window. */
bool sink_put(struct sink *s, const struct frame *f, struct frame_output *out);
void sink_write(struct sink *s, struct frame_output *out, uint32_t stream);
/* Nobody reads it any more. `out` NULL: the host is not told. */
void sink_end(struct sink *s, struct frame_output *out, uint32_t stream);
/* The host is gone: end of file after what waits. */
void sink_set_eof(struct sink *s);

#endif
