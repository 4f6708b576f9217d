/* SPDX-License-Identifier: Apache-2.0 */
/* The AArch64 side of judge.h: loads the state, executes the instruction, stores the state. */
#include "hv/soft/cpu/judge.h"

#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(offsetof(struct judge_case, x) == 24 && offsetof(struct judge_case, v) == 288,
	       "the assembler below knows the layout");

/* Executes the code at `code`, which comes back to judge_return. X30 keeps the case. */
void judge_run(struct judge_case *k, void *code);
extern const char judge_return[];

__asm__(".macro each_x insn\n"
	".irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28\n"
	"\\insn x\\n, [x30, #24 + \\n * 8]\n"
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
	"mov x30, x0\n"
	"mov x29, x1\n"
	"ldr w2, [x30, #8]\n"
	"msr fpcr, x2\n"
	"ldr w2, [x30, #12]\n"
	"msr fpsr, x2\n"
	"ldr x2, [x30, #16]\n"
	"msr nzcv, x2\n"
	"ldr x2, [x30, #24 + 248]\n"
	"mov sp, x2\n"
	"each_v ldr, x30\n"
	"each_x ldr\n"
	"br x29\n"
	"judge_return:\n"
	"each_x str\n"
	"each_v str, x30\n"
	"mov x2, sp\n"
	"str x2, [x30, #24 + 248]\n"
	"mrs x2, nzcv\n"
	"str x2, [x30, #16]\n"
	"mrs x2, fpsr\n"
	"str w2, [x30, #12]\n"
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

static void *map_at(uintptr_t at, size_t len)
{
	void *p = mmap((void *)at, len, PROT_READ | PROT_WRITE | PROT_EXEC,
		       MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	return p;
}

/* insn; ldr x29, =judge_return; br x29 */
static void set_code(volatile uint32_t *code, uint32_t insn)
{
	uint64_t back = (uint64_t)(uintptr_t)judge_return;

	if (code[0] == insn && code[2])
		return;
	code[0] = insn;
	code[1] = 0x58000000 | 3 << 5 | 29;
	code[2] = 0xd61f0000 | 29 << 5;
	code[4] = (uint32_t)back;
	code[5] = (uint32_t)(back >> 32);
	__builtin___clear_cache((char *)(uintptr_t)code, (char *)(uintptr_t)(code + 8));
}

static void execute(struct judge_case *k, uint32_t *code, uint8_t *data)
{
	int number = sigsetjmp(escape, 0);

	if (!number) {
		memcpy(data, k->mem, sizeof(k->mem));
		set_code(code, k->insn);
		judge_run(k, code);
	}
	k->signal = (uint32_t)number;
	memcpy(k->mem, data, sizeof(k->mem));
}

int main(void)
{
	uint32_t *code = map_at(JUDGE_CODE, JUDGE_CODE_LEN);
	uint8_t *data = (uint8_t *)map_at(JUDGE_DATA - JUDGE_MARGIN, 2 * JUDGE_MARGIN) + JUDGE_MARGIN;
	const stack_t stack = { .ss_sp = signal_stack, .ss_size = sizeof(signal_stack) };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER };
	uint32_t nr;

	sigaltstack(&stack, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	for (uint32_t i = 16; i < JUDGE_CODE_LEN / 4; i++)
		code[i] = judge_literal(i);
	for (;;) {
		read_all(&nr, sizeof(nr));
		read_all(cases, nr * sizeof(cases[0]));
		for (uint32_t i = 0; i < nr; i++)
			execute(&cases[i], code, data);
		write_all(cases, nr * sizeof(cases[0]));
	}
}
