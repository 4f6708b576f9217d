/* SPDX-License-Identifier: Apache-2.0 */
#include "el1.h"

void el1_main(uint64_t argument)
{
	(void)argument;
	tables_init();
	test_exceptions();
	test_pstate();
	test_sysreg();
	test_sysins();
	test_mmu();
	test_translate();
	test_debug();
	put("end\n");
	psci(PSCI_SYSTEM_OFF, 0, 0, 0);
}

void el1_main_other(uint64_t index)
{
	(void)index;
}
