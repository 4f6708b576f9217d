/* SPDX-License-Identifier: Apache-2.0 */
#include "snap/state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "util/crc32c.h"

static void write_two(struct snap_writer *w)
{
	snap_writer_init(w);
	buf_put_u32(snap_writer_begin(w, SNAP_VCPU, 1), 7);
	snap_writer_end(w);
	snap_writer_begin(w, SNAP_BACKEND, 0);
	snap_writer_end(w);
	assert_int_equal(snap_writer_finish(w, NULL), 0);
}

static void state_comes_back(void **state)
{
	struct snap_writer w;
	struct snap_state s;
	struct cursor in;

	(void)state;
	write_two(&w);
	assert_int_equal(snap_state_parse(w.out.data, w.out.len, &s, NULL), 0);
	assert_int_equal(s.nr, 2);
	assert_int_equal(snap_state_find(&s, SNAP_VCPU, 1, &in, NULL), 0);
	assert_int_equal(cursor_u32(&in), 7);
	assert_true(cursor_done(&in));
	assert_int_equal(snap_state_find(&s, SNAP_VCPU, 0, &in, NULL), -EBADMSG);
	snap_writer_fini(&w);
}

static void state_refuses_each_flipped_bit_and_cut(void **state)
{
	struct snap_writer w;
	struct snap_state s;

	(void)state;
	write_two(&w);
	for (size_t i = 0; i < w.out.len; i++) {
		assert_true(snap_state_parse(w.out.data, i, &s, NULL) < 0);
		for (int bit = 0; bit < 8; bit++) {
			w.out.data[i] ^= (uint8_t)(1 << bit);
			assert_true(snap_state_parse(w.out.data, w.out.len, &s, NULL) < 0);
			w.out.data[i] ^= (uint8_t)(1 << bit);
		}
	}
	buf_put_u8(&w.out, 0);
	assert_int_equal(snap_state_parse(w.out.data, w.out.len, &s, NULL), -EBADMSG);
	snap_writer_fini(&w);
}

static void state_refuses_counts_and_doubles(void **state)
{
	struct snap_writer w;
	struct snap_state s;

	(void)state;
	write_two(&w);
	le32_put(w.out.data + 12, UINT32_MAX);
	le32_put(w.out.data + 16, crc32c_add(CRC32C_INIT, w.out.data, 16));
	assert_int_equal(snap_state_parse(w.out.data, w.out.len, &s, NULL), -EBADMSG);
	snap_writer_fini(&w);

	snap_writer_init(&w);
	for (int i = 0; i < 2; i++) {
		snap_writer_begin(&w, SNAP_BACKEND, 0);
		snap_writer_end(&w);
	}
	assert_int_equal(snap_writer_finish(&w, NULL), 0);
	assert_int_equal(snap_state_parse(w.out.data, w.out.len, &s, NULL), -EBADMSG);
	snap_writer_fini(&w);
}

static void state_names_another_version(void **state)
{
	struct snap_writer w;
	struct snap_state s;

	(void)state;
	write_two(&w);
	le32_put(w.out.data + 8, SNAP_VERSION + 1);
	assert_int_equal(snap_state_parse(w.out.data, w.out.len, &s, NULL), -ENOTSUP);
	snap_writer_fini(&w);
}

static void writer_stops_at_the_limit(void **state)
{
	struct snap_writer w;

	(void)state;
	snap_writer_init(&w);
	buf_grow(snap_writer_begin(&w, SNAP_DEVICE, 0), SNAP_STATE_MAX);
	snap_writer_end(&w);
	assert_int_equal(snap_writer_finish(&w, NULL), -EFBIG);
	snap_writer_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_comes_back),
		cmocka_unit_test(state_refuses_each_flipped_bit_and_cut),
		cmocka_unit_test(state_refuses_counts_and_doubles),
		cmocka_unit_test(state_names_another_version),
		cmocka_unit_test(writer_stops_at_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
