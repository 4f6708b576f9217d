/* SPDX-License-Identifier: Apache-2.0 */
#include "el1.h"

void el1_main(void);
void el1_main_other(uint64_t index);

static void power_off(void)
{
	register uint64_t x0 __asm__("x0") = 0x84000008;

	__asm__ volatile("hvc #0" : "+r"(x0)::"x1", "x2", "x3", "memory");
}

void el1_main(void)
{
	tables_init();
	test_exceptions();
	test_pstate();
	test_sysreg();
	test_sysins();
	test_mmu();
	test_translate();
	test_debug();
	put("end\n");
	power_off();
}

void el1_main_other(uint64_t index)
{
	(void)index;
}
