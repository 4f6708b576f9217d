/* SPDX-License-Identifier: Apache-2.0 */
/* The AArch64 side of judge.h: loads the state, executes the instruction, stores the state. */
#include "tests/isa/judge.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(offsetof(struct judge_case, x) == 32 && offsetof(struct judge_case, v) == 288,
	       "the assembler below knows the layout");

/*
 * Loads the state of judge_now and goes to JUDGE_START, which takes X30 from it last. Landings
 * come back by judge_return, 32 bytes each.
 */
void judge_run(void);
extern const char judge_return[];
struct judge_case *judge_now;

__asm__(".macro each_x insn, base\n"
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27\n"
	"\\insn x\\n, [\\base, #32 + \\n * 8]\n"
	".endr\n"
	".endm\n"
	".macro each_v insn, base\n"
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31\n"
	"\\insn q\\n, [\\base, #288 + \\n * 16]\n"
	".endr\n"
	".endm\n"
	".macro saved insn\n"
	"\\insn x19, x20, [sp, #16]\n"
	"\\insn x21, x22, [sp, #32]\n"
	"\\insn x23, x24, [sp, #48]\n"
	"\\insn x25, x26, [sp, #64]\n"
	"\\insn x27, x28, [sp, #80]\n"
	"\\insn d8, d9, [sp, #96]\n"
	"\\insn d10, d11, [sp, #112]\n"
	"\\insn d12, d13, [sp, #128]\n"
	"\\insn d14, d15, [sp, #144]\n"
	".endm\n"
	".text\n"
	".global judge_run, judge_return\n"
	"judge_run:\n"
	"stp x29, x30, [sp, #-160]!\n"
	"saved stp\n"
	"adrp x2, judge_sp\n"
	"mov x3, sp\n"
	"str x3, [x2, #:lo12:judge_sp]\n"
	"adrp x30, judge_now\n"
	"ldr x30, [x30, #:lo12:judge_now]\n"
	"ldr w2, [x30, #8]\n"
	"msr fpcr, x2\n"
	"ldr w2, [x30, #12]\n"
	"msr fpsr, x2\n"
	"ldr x2, [x30, #16]\n"
	"msr nzcv, x2\n"
	"ldr x2, [x30, #32 + 248]\n"
	"mov sp, x2\n"
	"clrex\n"
	"each_v ldr, x30\n"
	"each_x ldr, x30\n"
	"ldr x28, [x30, #32 + 224]\n"
	"ldr x29, [x30, #32 + 232]\n"
	"br x29\n"
	".balign 32\n"
	"judge_return:\n"
	".irp landing, 0,1,2,3,4,5,6,7,8\n"
	"adrp x29, judge_now\n"
	"ldr x29, [x29, #:lo12:judge_now]\n"
	"str x28, [x29, #32 + 224]\n"
	"mov w28, #\\landing\n"
	"b judge_store\n"
	".balign 32\n"
	".endr\n"
	"judge_store:\n"
	"str w28, [x29, #28]\n"
	"each_x str, x29\n"
	"each_v str, x29\n"
	"str x30, [x29, #32 + 240]\n"
	"mov x2, sp\n"
	"str x2, [x29, #32 + 248]\n"
	"mrs x2, nzcv\n"
	"str x2, [x29, #16]\n"
	"mrs x2, fpsr\n"
	"str w2, [x29, #12]\n"
	"msr fpcr, xzr\n"
	"adrp x2, judge_sp\n"
	"ldr x3, [x2, #:lo12:judge_sp]\n"
	"mov sp, x3\n"
	"saved ldp\n"
	"ldp x29, x30, [sp], #160\n"
	"ret\n"
	".bss\n"
	".balign 8\n"
	"judge_sp: .quad 0\n"
	".text\n");

static sigjmp_buf escape;
static struct judge_case cases[JUDGE_BATCH];
static char signal_stack[65536];

static void on_signal(int number)
{
	siglongjmp(escape, number);
}

/* The end of the input is how the host says goodbye. */
static void read_all(void *buf, size_t len)
{
	for (char *p = buf; len;) {
		ssize_t n = read(STDIN_FILENO, p, len);

		if (n <= 0)
			_exit(0);
		p += n;
		len -= (size_t)n;
	}
}

static void write_all(const void *buf, size_t len)
{
	for (const char *p = buf; len;) {
		ssize_t n = write(STDOUT_FILENO, p, len);

		if (n <= 0)
			_exit(1);
		p += n;
		len -= (size_t)n;
	}
}

static void map_at(uintptr_t at, size_t len)
{
	if (mmap((void *)at, len, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0) == MAP_FAILED)
		_exit(1);
}

static void sync_code(volatile uint32_t *code, uint32_t nr)
{
	__builtin___clear_cache((char *)(uintptr_t)code, (char *)(uintptr_t)(code + nr));
}

/* ldr x29, =judge_return[landing]; br x29 */
static void set_landing(uint32_t landing)
{
	volatile uint32_t *code = (uint32_t *)(uintptr_t)(JUDGE_INSN + (int64_t)judge_landings[landing]);
	uint64_t back = (uint64_t)(uintptr_t)judge_return + landing * 32;

	code[0] = 0x58000000 | 2 << 5 | 29;
	code[1] = 0xd61f0000 | 29 << 5;
	code[2] = (uint32_t)back;
	code[3] = (uint32_t)(back >> 32);
	sync_code(code, 4);
}

static void set_code(const struct judge_case *k)
{
	volatile uint32_t *code = (uint32_t *)JUDGE_START;

	if (code[1] == k->pre && code[2] == k->insn)
		return;
	code[0] = 0xf9400000 | (32 + 240) / 8 << 10 | 30 << 5 | 30; /* ldr x30, [x30, #32 + 240] */
	code[1] = k->pre;
	code[2] = k->insn;
	sync_code(code, 3);
}

static void execute(struct judge_case *k)
{
	uint8_t *data = (uint8_t *)JUDGE_DATA;
	int number = sigsetjmp(escape, 0);

	if (!number) {
		memcpy(data, k->mem, sizeof(k->mem));
		set_code(k);
		judge_now = k;
		judge_run();
	}
	k->signal = (uint32_t)number;
	memcpy(k->mem, data, sizeof(k->mem));
}

static void map_all(void)
{
	volatile uint32_t *code = (uint32_t *)JUDGE_CODE;

	map_at(JUDGE_DATA - JUDGE_MARGIN, 2 * JUDGE_MARGIN);
	map_at(JUDGE_CODE, JUDGE_CODE_LEN);
	for (uint32_t i = 0; i < JUDGE_CODE_LEN / 4; i++)
		code[i] = judge_literal(i);
	for (uint32_t i = 0; i < JUDGE_LANDINGS; i++) {
		uint64_t at = JUDGE_INSN + (uint64_t)(int64_t)judge_landings[i];

		if (at - JUDGE_CODE >= JUDGE_CODE_LEN)
			map_at(at & ~0xfffull, 0x2000);
		set_landing(i);
	}
}

int main(void)
{
	const stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };
	uint32_t nr;

	map_all();
	sigaltstack(&stack, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (;;) {
		read_all(&nr, sizeof(nr));
		read_all(cases, nr * sizeof(cases[0]));
		for (uint32_t i = 0; i < nr; i++)
			execute(&cases[i]);
		write_all(cases, nr * sizeof(cases[0]));
	}
}
