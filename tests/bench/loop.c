/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PID 1 of a bench: a loop of eight integer instructions, fifty million times, between two
 * lines on the console; then it waits to be killed. No libc, so that nothing else runs.
 */
static long call(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory");
	return x0;
}

enum { NR_PPOLL = 73, NR_WRITE = 64 };

__attribute__((noreturn)) void _start(void);
void _start(void)
{
	long n = 50000000, a = 1, b = 2;

	call(NR_WRITE, 1, (long)"loop.begin\n", 11);
	__asm__ volatile("1:	add	%1, %1, %2\n"
			 "	eor	%2, %2, %1, lsl #7\n"
			 "	and	x9, %1, #0xff\n"
			 "	sub	%2, %2, x9\n"
			 "	lsr	x9, %2, #3\n"
			 "	orr	%1, %1, x9\n"
			 "	subs	%0, %0, #1\n"
			 "	b.ne	1b\n"
			 : "+r"(n), "+r"(a), "+r"(b)
			 :
			 : "x9", "cc");
	call(NR_WRITE, 1, (long)"loop.end\n", 9);
	for (;;)
		call(NR_PPOLL, 0, 0, 0);
}
