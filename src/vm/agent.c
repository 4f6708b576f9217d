/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/agent.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest/frame.h"
#include "util/fd.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Until `events` or the deadline. */
static int wait_for(int fd, short events, int64_t deadline, struct sm_err *e)
{
	struct pollfd p = { .fd = fd, .events = events };

	for (;;) {
		int64_t left = deadline - now_ms();
		int n = left > 0 ? poll(&p, 1, (int)left) : 0;

		if (n > 0)
			return 0;
		if (!n)
			return err_set(e, ETIMEDOUT, "the guest agent did not answer in time");
		if (errno != EINTR)
			return err_errno(e, errno, "guest agent");
	}
}

static int send_all(int fd, struct frame_output *out, int64_t deadline, struct sm_err *e)
{
	for (;;) {
		int r = frame_output_flush(out, fd);

		if (r < 0)
			return err_errno(e, -r, "guest agent");
		if (!frame_output_len(out))
			return 0;
		r = wait_for(fd, POLLOUT, deadline, e);
		if (r < 0)
			return r;
	}
}

static int receive(int fd, struct frame_input *in, int64_t deadline, struct frame *ret, struct sm_err *e)
{
	for (;;) {
		int r = frame_input_next(in, ret);
		ssize_t n;

		if (r > 0)
			return 0;
		if (r < 0)
			return err_set(e, EPROTO, "the guest agent sent something that is no frame");
		r = wait_for(fd, POLLIN, deadline, e);
		if (r < 0)
			return r;
		n = frame_input_fill(in, fd);
		if (!n)
			return err_set(e, ECONNRESET, "the guest agent closed the connection");
		if (n < 0 && n != -EAGAIN)
			return err_errno(e, (int)-n, "guest agent");
	}
}

/* The answer's payload is in *ret until the next receive. */
static int receive_ok(int fd, struct frame_input *in, int64_t deadline, struct frame *ret, struct sm_err *e)
{
	struct frame *f = ret;
	int r = receive(fd, in, deadline, f, e);

	if (r < 0 || f->type == SMP_OK)
		return r;
	if (f->type == SMP_ERROR) {
		struct frame_reader rd = frame_reader_of(f);
		uint32_t code = frame_get_u32(&rd);
		const char *text = frame_get_str(&rd);

		if (frame_reader_done(&rd) && code && code < 4096)
			return err_set(e, (int)code, "guest agent: %s", text);
	}
	return err_set(e, EPROTO, "the guest agent sent frame %u where an answer belongs", f->type);
}

static bool hello_take(const struct frame *f, uint32_t *ret_flags)
{
	struct frame_reader r = frame_reader_of(f);
	uint32_t version = frame_get_u32(&r);

	frame_get_str(&r);
	*ret_flags = frame_get_u32(&r);
	return f->type == SMP_HELLO && frame_reader_done(&r) && version >= 1;
}

static void put_identity(struct frame_output *out, const struct agent_identity *id)
{
	frame_put_str(out, id->hostname);
	frame_put_u64(out, id->realtime_ns);
	frame_put_blob(out, id->entropy, sizeof(id->entropy));
}

static void put_hello(struct frame_output *out, const struct agent_identity *id)
{
	frame_begin(out, SMP_HELLO_OK, 0);
	frame_put_u32(out, SMP_VERSION);
	put_identity(out, id);
	frame_end(out);
}

/* A random UUID (RFC 4122, version 4) of the 16 bytes. */
static void put_generation(struct frame_output *out, const uint8_t g[16])
{
	char text[37];

	snprintf(text, sizeof(text), "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		 g[0], g[1], g[2], g[3], g[4], g[5], (g[6] & 0x0f) | 0x40, g[7], (g[8] & 0x3f) | 0x80, g[9],
		 g[10], g[11], g[12], g[13], g[14], g[15]);
	frame_put_str(out, text);
}

static void put_resume(struct frame_output *out, const struct agent_identity *id)
{
	frame_begin(out, SMP_RESUME, 1);
	put_identity(out, id);
	put_generation(out, id->generation);
	frame_end(out);
}

int agent_hello(int fd, const struct agent_identity *id, bool *ret_refuses, struct sm_err *e)
{
	int64_t deadline = now_ms() + AGENT_TIMEOUT_MS;
	struct frame_output out = { 0 };
	struct frame_input in = { 0 };
	struct frame f;
	uint32_t flags = 0;
	int r;

	if (strlen(id->hostname) > 64)
		return err_set(e, EINVAL, "hostname %s: longer than 64 bytes", id->hostname);
	r = receive(fd, &in, deadline, &f, e);
	if (!r && !hello_take(&f, &flags))
		r = err_set(e, EPROTO, "the guest agent's hello is not valid");
	if (!r) {
		put_hello(&out, id);
		r = send_all(fd, &out, deadline, e);
	}
	if (!r)
		r = receive_ok(fd, &in, deadline, &f, e);
	if (!r)
		*ret_refuses = flags & SMP_HELLO_REFUSES;
	frame_input_fini(&in);
	frame_output_fini(&out);
	return r;
}

/* Sends what is in `out` and takes the answer. */
static int ask(int fd, struct frame_output *out, bool answered, struct sm_err *e)
{
	int64_t deadline = now_ms() + AGENT_TIMEOUT_MS;
	struct frame_input in = { 0 };
	struct frame f;
	int r = out->broken ? err_errno(e, E2BIG, "request to the guest agent")
			    : send_all(fd, out, deadline, e);

	if (!r && answered)
		r = receive_ok(fd, &in, deadline, &f, e);
	frame_input_fini(&in);
	frame_output_fini(out);
	return r;
}

int agent_control(int fd, uint16_t type, struct sm_err *e)
{
	struct frame_output out = { 0 };

	frame_send(&out, type, 1, NULL, 0);
	return ask(fd, &out, type != SMP_POWEROFF, e);
}

/* Pairs of a number of docs/agent-protocol.md and its value; unknown ones are skipped. */
static int take_stats(const struct frame *f, struct agent_stats *ret, struct sm_err *e)
{
	struct frame_reader r = frame_reader_of(f);
	uint64_t values[10] = { 0 };

	while (!r.broken && r.left) {
		uint64_t number = frame_get_u64(&r), value = frame_get_u64(&r);

		if (number < sizeof(values) / sizeof(values[0]))
			values[number] = value;
	}
	if (!frame_reader_done(&r))
		return err_set(e, EPROTO, "the guest agent's statistics are not valid");
	*ret = (struct agent_stats){ .memory = values[1],
				     .free = values[2],
				     .uptime = values[5],
				     .processes = values[6],
				     .oom_kills = values[9] };
	return 0;
}

int agent_stats(int fd, struct agent_stats *ret, struct sm_err *e)
{
	int64_t deadline = now_ms() + AGENT_TIMEOUT_MS;
	struct frame_output out = { 0 };
	struct frame_input in = { 0 };
	struct frame f;
	int r;

	frame_send(&out, SMP_STATS, 1, NULL, 0);
	r = send_all(fd, &out, deadline, e);
	if (!r)
		r = receive_ok(fd, &in, deadline, &f, e);
	if (!r)
		r = take_stats(&f, ret, e);
	frame_input_fini(&in);
	frame_output_fini(&out);
	return r;
}

int agent_set(int fd, const struct agent_settings *s, struct sm_err *e)
{
	struct frame_output out = { 0 };

	frame_begin(&out, SMP_CONTAINER, 1);
	frame_put_u32(&out, s->read_only ? SMP_CONTAINER_READ_ONLY : 0);
	frame_put_list(&out, s->hosts);
	frame_put_list(&out, s->resolv);
	frame_put_u32(&out, (uint32_t)s->nr_tmpfs);
	for (size_t i = 0; i < s->nr_tmpfs; i++) {
		frame_put_str(&out, s->tmpfs[i].target);
		frame_put_u64(&out, s->tmpfs[i].flags);
		frame_put_str(&out, s->tmpfs[i].data);
	}
	frame_put_u32(&out, (uint32_t)s->nr_limits);
	for (size_t i = 0; i < s->nr_limits; i++) {
		frame_put_u32(&out, s->limits[i].resource);
		frame_put_u64(&out, s->limits[i].soft);
		frame_put_u64(&out, s->limits[i].hard);
	}
	frame_end(&out);
	return ask(fd, &out, true, e);
}

int agent_resume(int fd, const struct agent_identity *id, struct sm_err *e)
{
	struct frame_output out = { 0 };

	if (strlen(id->hostname) > 64)
		return err_set(e, EINVAL, "hostname %s: longer than 64 bytes", id->hostname);
	put_resume(&out, id);
	return ask(fd, &out, true, e);
}

int agent_connect(int fd, struct sm_err *e)
{
	int64_t deadline = now_ms() + AGENT_TIMEOUT_MS;
	char line[32];
	size_t len = 0;
	int r;

	snprintf(line, sizeof(line), "CONNECT %u\n", SMP_PORT_SERVE);
	r = fd_write_full(fd, line, strlen(line));
	if (r < 0)
		return err_errno(e, -r, "vsock");
	/* Byte by byte: what follows the line already belongs to the agent. */
	do {
		ssize_t n;

		r = wait_for(fd, POLLIN, deadline, e);
		if (r < 0)
			return r;
		n = read(fd, line + len, 1);
		if (!n)
			return err_set(e, ECONNREFUSED, "the guest agent does not take connections");
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			return err_errno(e, errno, "vsock");
		len += n > 0;
	} while (len < sizeof(line) && (!len || line[len - 1] != '\n'));
	if (len == sizeof(line) || strncmp(line, "OK ", 3))
		return err_set(e, EPROTO, "the VM's vsock socket gave no OK");
	return 0;
}
