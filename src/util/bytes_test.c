/* SPDX-License-Identifier: Apache-2.0 */
#include "util/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void what_was_put_is_got(void **state)
{
	struct buf b;
	struct cursor c;
	size_t len;
	const char *s;

	(void)state;
	buf_init(&b, 100);
	buf_put_u8(&b, 0x12);
	buf_put_u16(&b, 0x3456);
	buf_put_u32(&b, 0x789abcde);
	buf_put_u64(&b, 0xf0e1d2c3b4a59687);
	buf_put_str(&b, "hello");
	assert_false(b.broken);
	assert_int_equal(b.data[1], 0x56);
	c = cursor_of(b.data, b.len);
	assert_int_equal(cursor_u8(&c), 0x12);
	assert_int_equal(cursor_u16(&c), 0x3456);
	assert_int_equal(cursor_u32(&c), 0x789abcde);
	assert_true(cursor_u64(&c) == 0xf0e1d2c3b4a59687);
	s = cursor_str(&c, 5, &len);
	assert_int_equal(len, 5);
	assert_memory_equal(s, "hello", 5);
	assert_true(cursor_done(&c));
	buf_fini(&b);
}

static void a_buffer_breaks_at_its_ceiling_and_stays_broken(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 3);
	buf_put_u16(&b, 1);
	buf_put_u16(&b, 2);
	assert_true(b.broken);
	buf_put_u8(&b, 3);
	assert_int_equal(b.len, 2);
	buf_reset(&b);
	buf_put_u8(&b, 3);
	assert_false(b.broken);
	buf_fini(&b);
}

static void a_short_read_breaks_the_cursor_and_gives_zero(void **state)
{
	struct cursor c = cursor_of("abc", 3);
	uint8_t x[4] = { 1, 1, 1, 1 };

	(void)state;
	cursor_get(&c, x, 4);
	assert_true(c.broken);
	assert_int_equal(x[0], 0);
	assert_int_equal(cursor_u8(&c), 0);
	assert_false(cursor_done(&c));
}

static void a_string_longer_than_allowed_breaks_the_cursor(void **state)
{
	const uint8_t raw[] = { 3, 0, 0, 0, 'a', 'b', 'c' };
	struct cursor c = cursor_of(raw, sizeof(raw));
	size_t len = 9;

	(void)state;
	assert_null(cursor_str(&c, 2, &len));
	assert_true(c.broken);
	assert_int_equal(len, 9);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_got),
		cmocka_unit_test(a_buffer_breaks_at_its_ceiling_and_stays_broken),
		cmocka_unit_test(a_short_read_breaks_the_cursor_and_gives_zero),
		cmocka_unit_test(a_string_longer_than_allowed_breaks_the_cursor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
