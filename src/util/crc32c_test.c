/* SPDX-License-Identifier: Apache-2.0 */
#include "util/crc32c.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void crc_has_the_check_value(void **state)
{
	uint32_t crc = crc32c_add(CRC32C_INIT, "12345", 5);

	(void)state;
	/* Of "123456789", inverted at the end as everyone publishes it. */
	assert_int_equal(~crc32c_add(crc, "6789", 4), 0xe3069283);
	assert_int_equal(crc32c_add(crc, "", 0), crc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(crc_has_the_check_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
