/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD: FAIL_IOCTL=PROGRAM:NUMBER:COUNT:ERRNO makes the COUNTth and every later
 * ioctl with that number (the low 16 bits of its request, hexadecimal) fail in PROGRAM.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

static struct {
	unsigned int number, count;
	int err;
} fail;
static unsigned int seen;
static int (*real)(int, unsigned long, ...);

__attribute__((constructor)) static void fail_init(void)
{
	const char *text = getenv("FAIL_IOCTL");
	char program[64];

	real = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	if (text && (sscanf(text, "%63[^:]:%x:%u:%d", program, &fail.number, &fail.count, &fail.err) != 4 ||
		     strcmp(program, program_invocation_short_name) != 0))
		fail.err = 0;
}

__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (fail.err && (request & 0xffff) == fail.number &&
	    __atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED) >= fail.count) {
		errno = fail.err;
		return -1;
	}
	return real(fd, request, arg);
}
