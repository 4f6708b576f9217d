/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Enough for every frame but a huge exec; what grew above it is given back when empty. */
#define KEEP (128u << 10)

static uint32_t get_le(const uint8_t *p, unsigned int bytes)
{
	uint32_t v = 0;

	while (bytes--)
		v = v << 8 | p[bytes];
	return v;
}

static void put_le(uint8_t *p, uint64_t v, unsigned int bytes)
{
	for (; bytes--; v >>= 8)
		*p++ = (uint8_t)v;
}

static bool type_is_known(uint16_t type)
{
	return (type >= SMP_HELLO && type <= SMP_OK) || (type >= SMP_EXEC && type <= SMP_CLOSE) ||
	       (type >= SMP_FILE_READ && type <= SMP_STAT) || type == SMP_DIAL ||
	       (type >= SMP_MOUNT && type <= SMP_CONTAINER);
}

/* ---- receiving ---- */

void frame_input_fini(struct frame_input *in)
{
	free(in->data);
	*in = (struct frame_input){ 0 };
}

/* What the frame at `begin` needs, as far as its header is there; else a good read size. */
static size_t input_need(const struct frame_input *in)
{
	size_t len = in->end - in->begin;

	if (len < SMP_HEADER_LEN)
		return KEEP;
	len = SMP_HEADER_LEN + (size_t)get_le(in->data + in->begin, 4);
	return len < KEEP ? KEEP : len;
}

static int input_make_room(struct frame_input *in)
{
	size_t need = input_need(in);
	uint8_t *data;

	if (in->begin) {
		memmove(in->data, in->data + in->begin, in->end - in->begin);
		in->end -= in->begin;
		in->begin = 0;
	}
	if (!in->end && in->cap > KEEP)
		frame_input_fini(in);
	if (need <= in->cap)
		return 0;
	data = realloc(in->data, need);
	if (!data)
		return -ENOMEM;
	in->data = data;
	in->cap = need;
	return 0;
}

ssize_t frame_input_fill(struct frame_input *in, int sock)
{
	int err = input_make_room(in);
	ssize_t n;

	if (err)
		return err;
	do
		n = recv(sock, in->data + in->end, in->cap - in->end, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->end += (size_t)n;
	return n;
}

int frame_input_next(struct frame_input *in, struct frame *ret)
{
	size_t have = in->end - in->begin;
	const uint8_t *h;
	struct frame f;

	if (have < SMP_HEADER_LEN)
		return 0;
	h = in->data + in->begin;
	f.len = get_le(h, 4);
	f.type = (uint16_t)get_le(h + 4, 2);
	f.stream = get_le(h + 8, 4);
	if (f.len > SMP_PAYLOAD_MAX || !type_is_known(f.type) || get_le(h + 6, 2))
		return -EPROTO;
	if (have - SMP_HEADER_LEN < f.len)
		return 0;
	f.data = in->data + in->begin + SMP_HEADER_LEN;
	in->begin += SMP_HEADER_LEN + f.len;
	*ret = f;
	return 1;
}

static uint8_t *reader_take(struct frame_reader *r, size_t len)
{
	uint8_t *p = r->p;

	if (r->broken || len > r->left) {
		r->broken = true;
		return NULL;
	}
	r->p += len;
	r->left -= len;
	return p;
}

uint16_t frame_get_u16(struct frame_reader *r)
{
	const uint8_t *p = reader_take(r, 2);

	return p ? (uint16_t)get_le(p, 2) : 0;
}

uint32_t frame_get_u32(struct frame_reader *r)
{
	const uint8_t *p = reader_take(r, 4);

	return p ? get_le(p, 4) : 0;
}

uint64_t frame_get_u64(struct frame_reader *r)
{
	const uint8_t *p = reader_take(r, 8);

	return p ? get_le(p, 4) | (uint64_t)get_le(p + 4, 4) << 32 : 0;
}

uint8_t *frame_get_blob(struct frame_reader *r, uint32_t *ret_len)
{
	uint32_t len = frame_get_u32(r);
	uint8_t *p;

	if (len > SMP_STRING_MAX)
		r->broken = true;
	p = reader_take(r, len);
	*ret_len = p ? len : 0;
	return p;
}

char *frame_get_str(struct frame_reader *r)
{
	static char empty[1];
	uint32_t len;
	uint8_t *p = frame_get_blob(r, &len);

	if (p && memchr(p, 0, len))
		r->broken = true;
	if (r->broken) {
		empty[0] = 0;
		return empty;
	}
	memmove(p - 1, p, len);
	p[-1 + (ptrdiff_t)len] = 0;
	return (char *)p - 1;
}

uint32_t frame_get_list(struct frame_reader *r, char **v)
{
	uint32_t count = frame_get_u32(r), i;

	if (count > SMP_LIST_MAX)
		r->broken = true;
	for (i = 0; i < count && !r->broken; i++)
		v[i] = frame_get_str(r);
	if (r->broken)
		i = 0;
	v[i] = NULL;
	return i;
}

bool frame_reader_done(const struct frame_reader *r)
{
	return !r->broken && !r->left;
}

/* ---- sending ---- */

void frame_output_fini(struct frame_output *o)
{
	free(o->data);
	*o = (struct frame_output){ 0 };
}

int frame_output_flush(struct frame_output *o, int sock)
{
	while (o->begin < o->end) {
		ssize_t n = send(sock, o->data + o->begin, o->end - o->begin, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		o->begin += (size_t)n;
	}
	o->begin = o->end = 0;
	if (o->cap > KEEP * 2) {
		free(o->data);
		o->data = NULL;
		o->cap = 0;
	}
	return o->broken ? -ENOBUFS : 0;
}

static bool output_make_room(struct frame_output *o, size_t len)
{
	size_t cap = o->cap ? o->cap : 4096;
	uint8_t *data;

	if (o->broken || len > FRAME_OUTPUT_MAX - o->end) {
		o->broken = true;
		return false;
	}
	while (cap - o->end < len)
		cap *= 2;
	if (cap == o->cap)
		return true;
	data = realloc(o->data, cap);
	if (!data) {
		o->broken = true;
		return false;
	}
	o->data = data;
	o->cap = cap;
	return true;
}

uint8_t *frame_reserve(struct frame_output *o, size_t len)
{
	return output_make_room(o, len) ? o->data + o->end : NULL;
}

void frame_commit(struct frame_output *o, size_t len)
{
	o->end += len;
}

void frame_put_bytes(struct frame_output *o, const void *data, size_t len)
{
	uint8_t *p = frame_reserve(o, len);

	if (!p)
		return;
	if (len)
		memcpy(p, data, len);
	frame_commit(o, len);
}

static void put_int(struct frame_output *o, uint64_t v, unsigned int bytes)
{
	uint8_t b[8];

	put_le(b, v, bytes);
	frame_put_bytes(o, b, bytes);
}

void frame_put_u16(struct frame_output *o, uint16_t v)
{
	put_int(o, v, 2);
}

void frame_put_u32(struct frame_output *o, uint32_t v)
{
	put_int(o, v, 4);
}

void frame_put_u64(struct frame_output *o, uint64_t v)
{
	put_int(o, v, 8);
}

void frame_put_blob(struct frame_output *o, const void *data, size_t len)
{
	if (len > SMP_STRING_MAX) {
		o->broken = true;
		return;
	}
	put_int(o, len, 4);
	frame_put_bytes(o, data, len);
}

void frame_put_str(struct frame_output *o, const char *s)
{
	frame_put_blob(o, s, strlen(s));
}

void frame_put_list(struct frame_output *o, const char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	if (n > SMP_LIST_MAX) {
		o->broken = true;
		return;
	}
	put_int(o, n, 4);
	for (size_t i = 0; i < n; i++)
		frame_put_str(o, v[i]);
}

void frame_begin(struct frame_output *o, enum smp_type type, uint32_t stream)
{
	if (o->begin == o->end)
		o->begin = o->end = 0;
	else if (o->begin > KEEP) {
		memmove(o->data, o->data + o->begin, o->end - o->begin);
		o->end -= o->begin;
		o->begin = 0;
	}
	o->frame = o->end;
	put_int(o, 0, 4);
	put_int(o, type, 2);
	put_int(o, 0, 2);
	put_int(o, stream, 4);
}

void frame_end(struct frame_output *o)
{
	size_t len;

	if (o->broken)
		return;
	len = o->end - o->frame - SMP_HEADER_LEN;
	if (len > SMP_PAYLOAD_MAX) {
		o->broken = true;
		frame_cancel(o);
		return;
	}
	put_le(o->data + o->frame, len, 4);
}

void frame_cancel(struct frame_output *o)
{
	if (o->end > o->frame)
		o->end = o->frame;
}

void frame_send(struct frame_output *o, enum smp_type type, uint32_t stream, const void *data, size_t len)
{
	frame_begin(o, type, stream);
	frame_put_bytes(o, data, len);
	frame_end(o);
}

/* ---- SMP_EXEC ---- */

bool frame_get_exec(const struct frame *f, struct frame_exec *ret)
{
	struct frame_reader r = frame_reader_of(f);

	ret->flags = frame_get_u32(&r);
	ret->nr_argv = frame_get_list(&r, ret->argv);
	ret->nr_env = frame_get_list(&r, ret->env);
	ret->cwd = frame_get_str(&r);
	ret->user = frame_get_str(&r);
	ret->rows = frame_get_u16(&r);
	ret->cols = frame_get_u16(&r);
	ret->timeout_ms = frame_get_u32(&r);
	return frame_reader_done(&r) && ret->nr_argv &&
	       !(ret->flags & ~(SMP_EXEC_TTY | SMP_EXEC_INIT | SMP_EXEC_STDIN));
}
