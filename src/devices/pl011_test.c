/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/pl011.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "devices/pl031.h"

static bool level;
static uint32_t nr_edges;
static char out[100];
static uint32_t out_len, nr_rooms;
static struct pl011 *uart;

static void on_irq(void *opaque, uint32_t irq, bool l)
{
	(void)opaque;
	assert_int_equal(irq, 33);
	assert_true(l != level); /* told only when it changes */
	level = l;
	nr_edges++;
}

static void on_output(void *opaque, const uint8_t *bytes, uint32_t len)
{
	(void)opaque;
	assert_true(out_len + len < sizeof(out));
	memcpy(out + out_len, bytes, len);
	out_len += len;
}

static void on_room(void *opaque)
{
	(void)opaque;
	nr_rooms++;
}

static uint32_t reg(uint32_t off)
{
	return (uint32_t)pl011_bus_ops.read(uart, off, 4);
}

static void set(uint32_t off, uint32_t v)
{
	pl011_bus_ops.write(uart, off, 4, v);
}

static int set_up(void **state)
{
	struct irq_line irq = { on_irq, NULL, 33 };

	(void)state;
	level = false;
	nr_edges = out_len = nr_rooms = 0;
	return pl011_create(irq, on_output, NULL, &uart, NULL);
}

static int tear_down(void **state)
{
	(void)state;
	pl011_destroy(uart);
	return 0;
}

static void pl011_has_its_amba_ids(void **state)
{
	uint32_t id = 0, cid = 0;

	(void)state;
	for (uint32_t i = 0; i < 4; i++) {
		id |= reg(0xfe0 + 4 * i) << 8 * i;
		cid |= reg(0xff0 + 4 * i) << 8 * i;
	}
	assert_int_equal(id & 0xfffff, 0x41011);
	assert_int_equal(cid, 0xb105f00d);
}

static void pl011_prints_and_asks_for_more(void **state)
{
	(void)state;
	set(0x00, 'h');
	pl011_bus_ops.write(uart, 0, 1, 'i');
	assert_int_equal(out_len, 2);
	assert_memory_equal(out, "hi", 2);
	assert_int_equal(reg(0x18) & 0x20, 0); /* never full */
	assert_false(level);
	set(0x38, 0x20);
	assert_true(level);
	set(0x44, 0x20);
	assert_false(level);
}

static void pl011_takes_no_more_than_its_fifo(void **state)
{
	uint8_t in[100];

	(void)state;
	for (uint32_t i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	set(0x2c, 0x70); /* FIFO on */
	set(0x38, 0x50);
	pl011_on_room(uart, on_room, NULL);
	assert_int_equal(pl011_feed(uart, in, sizeof(in)), 32);
	assert_int_equal(pl011_feed(uart, in, 1), 0);
	assert_true(level);
	assert_int_equal(reg(0x18) & 0x50, 0x40);
	assert_int_equal(nr_rooms, 0);
	for (uint32_t i = 0; i < 32; i++) {
		assert_true(level); /* below the trigger by the timeout interrupt */
		assert_int_equal(reg(0), i);
	}
	assert_int_equal(nr_rooms, 1);
	assert_false(level);
	assert_int_equal(reg(0x18) & 0x50, 0x10);
	assert_int_equal(reg(0), 0);
	assert_int_equal(pl011_feed(uart, in, 1), 1);
}

static void pl011_state_survives(void **state)
{
	struct device *dev = pl011_device(uart);
	struct cursor in;
	struct sm_err e;
	struct buf b;

	(void)state;
	set(0x24, 39);
	set(0x2c, 0x70);
	set(0x30, 0x301);
	set(0x38, 0x50);
	pl011_feed(uart, (const uint8_t *)"x", 1);
	assert_true(level);
	buf_init(&b, 1000);
	assert_int_equal(dev->ops->save(uart, &b, NULL), 0);
	tear_down(NULL);
	set_up(NULL);
	level = true; /* as the interrupt controller was restored */
	dev = pl011_device(uart);
	in = cursor_of(b.data, b.len - 1);
	assert_int_equal(dev->ops->load(uart, &in, &e), -EBADMSG);
	in = cursor_of(b.data, b.len);
	assert_int_equal(dev->ops->load(uart, &in, &e), 0);
	assert_true(cursor_done(&in));
	dev->ops->resume(uart);
	assert_false(level); /* the byte was not kept */
	assert_int_equal(reg(0x24), 39);
	assert_int_equal(reg(0x30), 0x301);
	buf_fini(&b);
}

static void pl031_is_the_hosts_clock(void **state)
{
	struct pl031 *rtc;
	int64_t diff;

	(void)state;
	assert_int_equal(pl031_create(&rtc, NULL), 0);
	diff = (int64_t)pl031_bus_ops.read(rtc, 0, 4) - (int64_t)time(NULL);
	assert_true(diff >= -1 && diff <= 1);
	assert_int_equal(pl031_bus_ops.read(rtc, 0xfe0, 4), 0x31);
	pl031_bus_ops.write(rtc, 8, 4, 1000);
	diff = (int64_t)pl031_bus_ops.read(rtc, 0, 4) - 1000;
	assert_true(diff >= 0 && diff <= 1);
	pl031_destroy(rtc);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(pl011_has_its_amba_ids),
		T(pl011_prints_and_asks_for_more),
		T(pl011_takes_no_more_than_its_fifo),
		T(pl011_state_survives),
		cmocka_unit_test(pl031_is_the_hosts_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
