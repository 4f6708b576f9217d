/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bare-metal image for our machine and QEMU's `virt`, which have their UART and GIC at the same
 * addresses and their RAM at others. Each test executes instructions at EL1 or EL0 until the first
 * exception and prints what that left; the two logs must be the same. So nothing of a log depends
 * on where RAM lies: tests run at virtual addresses of their own.
 */
#ifndef TESTS_ISA_EL1_H
#define TESTS_ISA_EL1_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma GCC visibility push(hidden)

#define UART 0x09000000ul

/* start.S knows the offsets. */
struct el1_run {
	uint64_t x[31], sp;
	uint64_t spsr, pc;
	uint64_t vector, esr, elr, far, spsr_out;
	uint64_t saved[13];
};

/* Of an image: the boot CPU with X0 as it was, and those that el1_start_other started. */
void el1_main(uint64_t argument);
void el1_main_other(uint64_t index);

void el1_enter(struct el1_run *run);
void el1_start_other(void);
extern char el1_vectors[];

/* PSCI, by HVC */
uint64_t psci(uint64_t function, uint64_t x1, uint64_t x2, uint64_t x3);
#define PSCI_CPU_ON 0xc4000003ul
#define PSCI_SYSTEM_OFF 0x84000008ul

/* ---- run.c ---- */
void put_char(char c);
void put(const char *s);
void put_hex(uint64_t v);
/* " name=v" */
void put_field(const char *name, uint64_t v);

/* SPSR of where a test runs: all masked. */
#define AT_EL0 0x3c0ul
#define AT_EL1 0x3c5ul
#define AT_EL1T 0x3c4ul
#define SPSR_PAN (1ul << 22)
#define SPSR_SS (1ul << 21)
#define SPSR_IL (1ul << 20)
#define SPSR_D (1ul << 9)

#define CODE_VA 0x4000000000ul
#define DATA_VA 0x4000010000ul /* a page whose descriptor tests change */
#define USER_VA 0x4000020000ul /* two pages EL0 may read and write */
#define END 0xd40ddde1u	       /* svc #0x6eef, which ends a test that does nothing else */

/* A fresh run with these as X0..X3; SP is the end of the first page at USER_VA. */
void run_init(struct el1_run *run, uint64_t spsr, uint64_t x0, uint64_t x1, uint64_t x2, uint64_t x3);
/* The words, then END, at CODE_VA; executed until the first exception. */
void run_words(struct el1_run *run, const uint32_t *words, uint32_t nr);
/* One line: name, the first word, the exception, X0..X3 as far as they changed. */
void run_print(const char *name, uint32_t word, const struct el1_run *run);
/* All of that. */
void run_insn(const char *name, uint64_t spsr, uint32_t insn, uint64_t x0, uint64_t x1);

#define PTE_VALID 1ul
#define PTE_PAGE 3ul
#define PTE_DEVICE (1ul << 2)
#define PTE_AP(ap) ((uint64_t)(ap) << 6)
#define PTE_SH (3ul << 8)
#define PTE_AF (1ul << 10)
#define PTE_NG (1ul << 11)
#define PTE_CONT (1ul << 52)
#define PTE_PXN (1ul << 53)
#define PTE_UXN (1ul << 54)
#define PTE_NORMAL (PTE_PAGE | PTE_SH | PTE_AF)

#define TCR_BASE 0x12b5103510ul /* 48 bits both, 4 KiB, cached, 40 bits of output, 16 of ASID */

void tables_init(void); /* and use them */
void tables_use(void);	/* on a further CPU */
uint64_t tables_pa(const void *p);
/* Descriptor of `va`, one of the test's pages, at that level: 0..3. Without invalidation. */
uint64_t *tables_slot(uint64_t va, uint32_t level);
void tables_set(uint64_t va, uint32_t level, uint64_t desc); /* with it */
void tables_flush(void);
extern uint8_t test_page[4][4096], code_page[4096];
extern uint64_t table_spare[2][512];

/* ---- instructions ---- */

#define KEY(op0, op1, crn, crm, op2)                                                                         \
	((uint32_t)(op0) << 19 | (uint32_t)(op1) << 16 | (uint32_t)(crn) << 12 | (uint32_t)(crm) << 8 |      \
	 (uint32_t)(op2) << 5)
#define MRS(key, t) (0xd5200000u | (key) | (t))
#define MSR(key, t) (0xd5000000u | (key) | (t))

#define sysreg_read(name)                                                                                    \
	({                                                                                                   \
		uint64_t value_;                                                                             \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory");                                 \
		value_;                                                                                      \
	})
#define sysreg_write(name, v) __asm__ volatile("msr " #name ", %0\n\tisb" ::"r"((uint64_t)(v)) : "memory")

/* ---- the tests ---- */

void test_exceptions(void);
void test_pstate(void);
void test_sysreg(void);
void test_sysins(void);
void test_mmu(void);
void test_translate(void);
void test_debug(void);

#endif
