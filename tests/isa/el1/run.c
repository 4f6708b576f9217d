/* SPDX-License-Identifier: Apache-2.0 */
/* Console, page tables and one run of a test's instructions. */
#include "el1.h"

uint64_t psci(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3)
{
	register uint64_t r0 __asm__("x0") = function, r1 __asm__("x1") = x1;
	register uint64_t r2 __asm__("x2") = x2, r3 __asm__("x3") = x3;

	__asm__ volatile("hvc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)::"memory");
	return r0;
}

/* ---- console ---- */

void put_char(char c)
{
	*(volatile uint32_t *)UART = (uint8_t)c;
}

void put(const char *s)
{
	while (*s)
		put_char(*s++);
}

void put_hex(uint64_t v)
{
	int shift = 60;

	while (shift && !(v >> shift))
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		put_char("0123456789abcdef"[v >> shift & 15]);
}

void put_field(const char *name, uint64_t v)
{
	put_char(' ');
	put(name);
	put_char('=');
	put_hex(v);
}

/* ---- page tables: RAM and devices where they are, the tests' pages from CODE_VA on ---- */

#define TABLE __attribute__((aligned(4096)))

static uint64_t table_l0[512] TABLE, table_l1[512] TABLE, table_l2[512] TABLE, table_l3[512] TABLE;
static uint64_t table_devices[512] TABLE;
uint64_t table_spare[2][512] TABLE;
uint8_t test_page[4][4096] TABLE, code_page[4096] TABLE;

uint64_t tables_pa(const void *p)
{
	return (uint64_t)p;
}

void tables_flush(void)
{
	__asm__ volatile("dsb ish\n\ttlbi vmalle1\n\tdsb ish\n\tisb" ::: "memory");
}

uint64_t *tables_slot(uint64_t va, uint32_t level)
{
	switch (level) {
	case 0:
		return &table_l0[va >> 39 & 511];
	case 1:
		return &table_l1[va >> 30 & 511];
	case 2:
		return &table_l2[va >> 21 & 511];
	default:
		return &table_l3[va >> 12 & 511];
	}
}

void tables_set(uint64_t va, uint32_t level, uint64_t desc)
{
	*tables_slot(va, level) = desc;
	tables_flush();
}

void tables_init(void)
{
	uint64_t ram = (uint64_t)code_page & ~0x3ffffffful, user = PTE_NORMAL | PTE_PXN | PTE_UXN | PTE_AP(1);

	table_l0[0] = tables_pa(table_l1) | PTE_PAGE;
	table_l1[0] = tables_pa(table_devices) | PTE_PAGE;
	for (uint64_t pa = 0x08000000; pa < 0x0a000000; pa += 0x200000)
		table_devices[pa >> 21] = pa | PTE_VALID | PTE_DEVICE | PTE_AF | PTE_PXN | PTE_UXN;
	table_l1[ram >> 30] = ram | PTE_VALID | PTE_SH | PTE_AF | PTE_UXN;
	table_l1[CODE_VA >> 30 & 511] = tables_pa(table_l2) | PTE_PAGE;
	table_l2[0] = tables_pa(table_l3) | PTE_PAGE;
	*tables_slot(CODE_VA, 3) = tables_pa(code_page) | PTE_NORMAL | PTE_AP(3);
	*tables_slot(USER_VA, 3) = tables_pa(test_page[2]) | user;
	*tables_slot(USER_VA + 0x1000, 3) = tables_pa(test_page[3]) | user;
	tables_use();
}

void tables_use(void)
{
	sysreg_write(mair_el1, 0x00ff);
	sysreg_write(tcr_el1, TCR_BASE);
	sysreg_write(ttbr0_el1, tables_pa(table_l0));
	sysreg_write(ttbr1_el1, tables_pa(table_l0));
	sysreg_write(cpacr_el1, 3ul << 20);
	tables_flush();
	/* RES1 bits; SA, SA0, C, I, M; SPAN. */
	sysreg_write(sctlr_el1, 0x30d0181dul | 1ul << 23);
}

/* ---- runs ---- */

void run_init(struct el1_run *run, uint64_t spsr, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3)
{
	for (uint32_t i = 0; i < 31; i++)
		run->x[i] = 0x1111111100000000ul + i;
	run->x[0] = x0;
	run->x[1] = x1;
	run->x[2] = x2;
	run->x[3] = x3;
	run->sp = USER_VA + 0x1000;
	run->spsr = spsr;
	run->pc = CODE_VA;
}

void run_words(struct el1_run *run, const uint32_t *words, uint32_t nr)
{
	volatile uint32_t *code = (volatile uint32_t *)code_page;

	for (uint32_t i = 0; i < nr; i++)
		code[i] = words[i];
	code[nr] = END;
	for (uint32_t i = 0; i <= nr; i += 16)
		__asm__ volatile("dc cvau, %0\n\tdsb ish\n\tic ivau, %0\n\tdsb ish\n\tisb" ::"r"(code + i)
				 : "memory");
	el1_enter(run);
}

static bool has_far(uint64_t esr)
{
	uint32_t ec = esr >> 26 & 63;

	return ec == 0x20 || ec == 0x21 || ec == 0x22 || ec == 0x24 || ec == 0x25 || ec == 0x34 || ec == 0x35;
}

void run_print(const char *name, uint32_t word, const struct el1_run *run)
{

	put(name);
	put_char(' ');
	put_hex(word);
	put_field("vector", run->vector);
	put_field("esr", run->esr);
	put_field("elr", run->elr);
	if (has_far(run->esr))
		put_field("far", run->far);
	put_field("spsr", run->spsr_out);
	for (uint32_t i = 0; i < 4; i++) {
		put_char(' ');
		put_char('x');
		put_char((char)('0' + i));
		put_char('=');
		put_hex(run->x[i]);
	}
	put_char('\n');
}

void run_insn(const char *name, uint64_t spsr, uint32_t insn, uint64_t x0, uint64_t x1)
{
	struct el1_run run;

	run_init(&run, spsr, x0, x1, 0x2222, 0x3333);
	run_words(&run, &insn, 1);
	run_print(name, insn, &run);
}
