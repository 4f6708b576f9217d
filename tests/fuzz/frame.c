/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest/frame.h"

static struct frame_exec exec, again;

/* What was understood can be said, and is then understood the same. */
static void frame_say_again(void)
{
	struct frame_output out = { 0 };
	struct frame_input in = { 0 };
	struct frame f;
	int pair[2];

	frame_begin(&out, SMP_EXEC, 1);
	frame_put_u32(&out, exec.flags);
	frame_put_list(&out, (const char *const *)(uintptr_t)exec.argv);
	frame_put_list(&out, (const char *const *)(uintptr_t)exec.env);
	frame_put_str(&out, exec.cwd);
	frame_put_str(&out, exec.user);
	frame_put_u16(&out, exec.rows);
	frame_put_u16(&out, exec.cols);
	frame_put_u32(&out, exec.timeout_ms);
	frame_end(&out);
	if (!out.broken && !socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
		assert(!frame_output_flush(&out, pair[0]) && !frame_output_len(&out));
		while (!frame_input_next(&in, &f))
			assert(frame_input_fill(&in, pair[1]) > 0);
		assert(frame_get_exec(&f, &again) && again.nr_argv == exec.nr_argv);
		assert(again.nr_env == exec.nr_env && !strcmp(again.cwd, exec.cwd));
		assert(!strcmp(again.argv[0], exec.argv[0]) && again.timeout_ms == exec.timeout_ms);
		close(pair[0]);
		close(pair[1]);
	}
	frame_input_fini(&in);
	frame_output_fini(&out);
}

/* What a peer may send in any frame, read the way requests are read. */
static void frame_read_all(const struct frame *f)
{
	struct frame_reader r = frame_reader_of(f);
	uint32_t n;

	if (f->type == SMP_EXEC && frame_get_exec(f, &exec)) {
		assert(exec.nr_argv >= 1 && exec.nr_argv <= SMP_LIST_MAX);
		for (uint32_t i = 0; i < exec.nr_argv; i++)
			assert(strlen(exec.argv[i]) <= SMP_STRING_MAX);
		frame_say_again();
		return;
	}
	frame_get_u32(&r);
	assert(strlen(frame_get_str(&r)) <= SMP_STRING_MAX);
	frame_get_u64(&r);
	frame_get_blob(&r, &n);
	assert(n <= SMP_PAYLOAD_MAX);
	frame_get_u16(&r);
	(void)frame_reader_done(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct frame_input in = { 0 };
	struct frame f;
	int pair[2];

	if (len > (64 << 10) || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	if (!len || send(pair[0], data, len, MSG_DONTWAIT) == (ssize_t)len) {
		close(pair[0]);
		while (frame_input_fill(&in, pair[1]) > 0) {
			int r;

			while ((r = frame_input_next(&in, &f)) > 0) {
				assert(f.len <= SMP_PAYLOAD_MAX);
				frame_read_all(&f);
			}
			if (r < 0)
				break;
		}
	} else {
		close(pair[0]);
	}
	close(pair[1]);
	frame_input_fini(&in);
	return 0;
}
