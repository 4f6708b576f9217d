/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The frame that `o` holds, by way of a socket. */
static void pass(struct frame_output *o, struct frame_input *in)
{
	int sp[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
	while (frame_output_len(o)) {
		assert_int_equal(frame_output_flush(o, sp[0]), 0);
		assert_true(frame_input_fill(in, sp[1]) > 0);
	}
	close(sp[0]);
	while (frame_input_fill(in, sp[1]) > 0)
		;
	close(sp[1]);
}

static void values_come_back(void **state)
{
	static const char *const list[] = { "a", "", "long string with spaces", NULL };
	struct frame_output o = { 0 };
	struct frame_input in = { 0 };
	char *v[SMP_LIST_MAX + 1];
	struct frame_reader r;
	struct frame f;
	uint32_t len;

	(void)state;
	frame_begin(&o, SMP_HELLO, 0x01020304);
	frame_put_u16(&o, 0xbeef);
	frame_put_u32(&o, 0xdeadbeef);
	frame_put_u64(&o, 0x0123456789abcdef);
	frame_put_str(&o, "text");
	frame_put_list(&o, list);
	frame_put_blob(&o, "\0x", 2);
	frame_end(&o);
	pass(&o, &in);
	assert_int_equal(frame_input_next(&in, &f), 1);
	assert_int_equal(f.type, SMP_HELLO);
	assert_int_equal(f.stream, 0x01020304);
	r = frame_reader_of(&f);
	assert_int_equal(frame_get_u16(&r), 0xbeef);
	assert_int_equal(frame_get_u32(&r), 0xdeadbeef);
	assert_int_equal(frame_get_u64(&r), 0x0123456789abcdef);
	assert_string_equal(frame_get_str(&r), "text");
	assert_int_equal(frame_get_list(&r, v), 3);
	for (int i = 0; i < 3; i++)
		assert_string_equal(v[i], list[i]);
	assert_null(v[3]);
	assert_memory_equal(frame_get_blob(&r, &len), "\0x", 2);
	assert_int_equal(len, 2);
	assert_true(frame_reader_done(&r));
	assert_int_equal(frame_input_next(&in, &f), 0);
	frame_input_fini(&in);
	frame_output_fini(&o);
}

static void encoding_is_little_endian(void **state)
{
	static const uint8_t want[] = { 4, 0, 0, 0, 22, 0, 0, 0, 7, 0, 0, 0, 15, 0, 0, 0 };
	struct frame_output o = { 0 };

	(void)state;
	frame_begin(&o, SMP_SIGNAL, 7);
	frame_put_u32(&o, 15);
	frame_end(&o);
	assert_int_equal(frame_output_len(&o), sizeof(want));
	assert_memory_equal(o.data, want, sizeof(want));
	frame_output_fini(&o);
}

static void largest_frame_passes_and_larger_does_not(void **state)
{
	uint8_t *data = calloc(1, SMP_PAYLOAD_MAX + 1);
	struct frame_output o = { 0 };
	struct frame_input in = { 0 };
	struct frame f;

	(void)state;
	data[SMP_PAYLOAD_MAX - 1] = 42;
	frame_send(&o, SMP_DATA, 1, data, SMP_PAYLOAD_MAX);
	assert_false(o.broken);
	pass(&o, &in);
	assert_int_equal(frame_input_next(&in, &f), 1);
	assert_int_equal(f.len, SMP_PAYLOAD_MAX);
	assert_int_equal(f.data[SMP_PAYLOAD_MAX - 1], 42);
	frame_send(&o, SMP_DATA, 1, data, SMP_PAYLOAD_MAX + 1);
	assert_true(o.broken);
	frame_input_fini(&in);
	frame_output_fini(&o);
	free(data);
}

static void output_has_a_ceiling(void **state)
{
	static uint8_t data[SMP_PAYLOAD_MAX];
	struct frame_output o = { 0 };

	(void)state;
	for (int i = 0; i < 5; i++)
		frame_send(&o, SMP_DATA, 1, data, sizeof(data));
	assert_true(o.broken);
	assert_true(frame_output_len(&o) <= FRAME_OUTPUT_MAX);
	frame_output_fini(&o);
}

static void frames_split_anywhere_are_joined(void **state)
{
	struct frame_output o = { 0 };
	struct frame_input in = { 0 };
	struct frame f;
	int sp[2], seen = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, sp), 0);
	for (uint32_t i = 0; i < 5; i++)
		frame_send(&o, SMP_STDIN, i + 1, "0123456789", i * 2);
	for (size_t i = o.begin; i < o.end; i++) {
		assert_int_equal(write(sp[0], o.data + i, 1), 1);
		assert_int_equal(frame_input_fill(&in, sp[1]), 1);
		while (frame_input_next(&in, &f) > 0) {
			assert_int_equal(f.stream, seen + 1);
			assert_int_equal(f.len, seen * 2);
			seen++;
		}
	}
	assert_int_equal(seen, 5);
	assert_int_equal(frame_input_fill(&in, sp[1]), -EAGAIN);
	close(sp[0]);
	assert_int_equal(frame_input_fill(&in, sp[1]), 0);
	close(sp[1]);
	frame_input_fini(&in);
	frame_output_fini(&o);
}

static int judge(const uint8_t header[12])
{
	struct frame_input in = { .data = malloc(12), .end = 12, .cap = 12 };
	struct frame f;
	int r;

	memcpy(in.data, header, 12);
	r = frame_input_next(&in, &f);
	frame_input_fini(&in);
	return r;
}

static void broken_header_is_refused(void **state)
{
	static const uint8_t good[12] = { 0, 0, 0, 0, SMP_SYNC }, unknown[12] = { 0, 0, 0, 0, 15 },
			     zero[12] = { 0 }, flags[12] = { 0, 0, 0, 0, SMP_SYNC, 0, 0, 1 },
			     long_one[12] = { 1, 0, 0x10, 0, SMP_DATA },
			     huge[12] = { 0xff, 0xff, 0xff, 0xff, SMP_DATA },
			     high[12] = { 0, 0, 0, 0, 66, 1 };

	(void)state;
	assert_int_equal(judge(good), 1);
	assert_int_equal(judge(unknown), -EPROTO);
	assert_int_equal(judge(zero), -EPROTO);
	assert_int_equal(judge(flags), -EPROTO);
	assert_int_equal(judge(long_one), -EPROTO);
	assert_int_equal(judge(huge), -EPROTO);
	assert_int_equal(judge(high), -EPROTO);
}

static struct frame payload(uint8_t *data, size_t len)
{
	return (struct frame){ .type = SMP_EXEC, .stream = 1, .data = data, .len = (uint32_t)len };
}

static void short_values_break_the_reader(void **state)
{
	uint8_t data[] = { 5, 0, 0, 0, 'a', 'b' };
	struct frame f = payload(data, sizeof(data));
	struct frame_reader r = frame_reader_of(&f);

	(void)state;
	assert_string_equal(frame_get_str(&r), "");
	assert_false(frame_reader_done(&r));
	assert_int_equal(frame_get_u32(&r), 0);
	f.len = 3;
	r = frame_reader_of(&f);
	assert_int_equal(frame_get_u32(&r), 0);
	assert_true(r.broken);
}

static void string_with_nul_is_refused(void **state)
{
	uint8_t data[] = { 3, 0, 0, 0, 'a', 0, 'b' };
	struct frame f = payload(data, sizeof(data));
	struct frame_reader r = frame_reader_of(&f);

	(void)state;
	frame_get_str(&r);
	assert_true(r.broken);
}

static void list_count_is_capped(void **state)
{
	uint8_t data[4 + 4 * 8] = { 0x01, 0x10, 0, 0 };
	char *v[SMP_LIST_MAX + 1];
	struct frame f = payload(data, sizeof(data));
	struct frame_reader r = frame_reader_of(&f);

	(void)state;
	assert_int_equal(frame_get_list(&r, v), 0);
	assert_null(v[0]);
	assert_true(r.broken);
}

static void exec_needs_a_command_and_nothing_more(void **state)
{
	static struct frame_exec x;
	static const char *const none[] = { NULL }, *const one[] = { "true", NULL };
	const char *const *lists[] = { one, none, one, one };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct frame_output o = { 0 };
		struct frame f;

		frame_begin(&o, SMP_EXEC, 1);
		frame_put_u32(&o, i == 2 ? 8 : SMP_EXEC_TTY); /* 8: no such flag */
		frame_put_list(&o, lists[i]);
		frame_put_list(&o, NULL);
		frame_put_str(&o, "/dir");
		frame_put_str(&o, "me");
		frame_put_u16(&o, 1);
		frame_put_u16(&o, 2);
		frame_put_u32(&o, 3);
		if (i == 3)
			frame_put_u16(&o, 0); /* trailing bytes */
		frame_end(&o);
		f = payload(o.data + SMP_HEADER_LEN, o.end - SMP_HEADER_LEN);
		assert_int_equal(frame_get_exec(&f, &x), i == 0);
		if (!i) {
			assert_string_equal(x.argv[0], "true");
			assert_string_equal(x.cwd, "/dir");
			assert_string_equal(x.user, "me");
			assert_int_equal(x.timeout_ms, 3);
		}
		frame_output_fini(&o);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_come_back),
		cmocka_unit_test(encoding_is_little_endian),
		cmocka_unit_test(largest_frame_passes_and_larger_does_not),
		cmocka_unit_test(output_has_a_ceiling),
		cmocka_unit_test(frames_split_anywhere_are_joined),
		cmocka_unit_test(broken_header_is_refused),
		cmocka_unit_test(short_values_break_the_reader),
		cmocka_unit_test(string_with_nul_is_refused),
		cmocka_unit_test(list_count_is_capped),
		cmocka_unit_test(exec_needs_a_command_and_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
