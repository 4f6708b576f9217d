/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernels NAME [ARG]: the small programs of tests/bench/run, one per thing that an emulator
 * does. Each does a fixed amount of work, which the table in programs.py knows, and prints
 * nothing: the host measures from one line on the console to the next.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <arm_neon.h>

/* What a loop computed goes here, so that it is computed. */
static volatile uint64_t sink;

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* 16 million dependent loads over 4 MiB, one per cache line. */
static void run_chase(long arg)
{
	enum { LINES = 65536, STEPS = 16000000 };
	static struct line {
		struct line *next;
		char pad[56];
	} lines[LINES];
	static uint32_t order[LINES];
	uint64_t seed = (uint64_t)arg;
	struct line *at = lines;

	for (uint32_t i = 0; i < LINES; i++)
		order[i] = i;
	for (uint32_t i = LINES - 1; i > 0; i--) {
		uint32_t j = (uint32_t)(next_random(&seed) % (i + 1)), t = order[i];

		order[i] = order[j];
		order[j] = t;
	}
	for (uint32_t i = 0; i < LINES; i++)
		lines[order[i]].next = &lines[order[(i + 1) % LINES]];
	for (uint32_t i = 0; i < STEPS; i++)
		at = at->next;
	sink = (uint64_t)(uintptr_t)at;
}

/* 2 GiB in pieces of 64 KiB. */
static void run_memcpy(long arg)
{
	enum { PIECE = 65536, TIMES = 32768 };
	static char from[PIECE], to[PIECE];

	memset(from, (int)arg, sizeof(from));
	for (uint32_t i = 0; i < TIMES; i++) {
		from[i % PIECE]++;
		memcpy(to, from, PIECE);
		__asm__ volatile("" : : "r"(to) : "memory");
	}
	sink = (uint64_t)to[0];
}

/* Products of 160 x 160 matrices of doubles: 16 times 160^3 multiply-adds, scalar. */
static void run_double(long arg)
{
	enum { N = 160, TIMES = 16 };
	static double a[N][N], b[N][N], c[N][N];

	for (int i = 0; i < N * N; i++) {
		a[i / N][i % N] = 1.0 / (double)(i + arg + 1);
		b[i / N][i % N] = (double)(i % 7) - 3;
	}
	for (int t = 0; t < TIMES; t++)
		for (int i = 0; i < N; i++)
			for (int j = 0; j < N; j++) {
				double sum = 0;

				for (int k = 0; k < N; k++)
					sum += a[i][k] * b[k][j];
				c[i][j] = sum;
			}
	sink = (uint64_t)c[1][1];
}

/* A filter over 64 KiB of 16-bit samples, 400 times: widening multiplies, shifts, saturation. */
static void run_simd(long arg)
{
	enum { N = 32768, TIMES = 400 };
	static int16_t in[N + 8], out[N];

	for (int i = 0; i < N + 8; i++)
		in[i] = (int16_t)(i * 31 + arg);
	for (int t = 0; t < TIMES; t++) {
		for (int i = 0; i < N; i += 8) {
			int16x8_t x = vld1q_s16(in + i), y = vld1q_s16(in + i + 3);
			int32x4_t lo = vmull_s16(vget_low_s16(x), vget_low_s16(y));
			int32x4_t hi = vmull_high_s16(x, y);

			lo = vmlal_s16(lo, vget_low_s16(y), vdup_n_s16(77));
			hi = vmlal_high_s16(hi, y, vdupq_n_s16(77));
			x = vcombine_s16(vqrshrn_n_s32(lo, 7), vqrshrn_n_s32(hi, 7));
			vst1q_s16(out + i, vmaxq_s16(vqaddq_s16(x, y), vdupq_n_s16(-1000)));
		}
		in[t % N] = out[t % N];
	}
	sink = (uint64_t)out[5];
}

static void run_syscalls(long arg)
{
	for (uint32_t i = 0; i < 2000000; i++)
		sink = (uint64_t)syscall(SYS_getppid, arg);
}

/* 400,000 first touches, 64 MiB at a time. */
static void run_faults(long arg)
{
	const size_t page = 4096, size = 64u << 20;

	for (int t = 0; t < 25; t++) {
		char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			exit(1);
		madvise(p, size, MADV_NOHUGEPAGE);
		for (size_t off = 0; off < size; off += page)
			p[off] = (char)arg;
		munmap(p, size);
	}
}

/* Two processes hand a byte to and fro, 100,000 times each way. */
static void run_switches(long arg)
{
	enum { TIMES = 100000 };
	int there[2], back[2];
	char byte = (char)arg;
	pid_t pid;

	if (pipe(there) < 0 || pipe(back) < 0 || (pid = fork()) < 0)
		exit(1);
	for (int i = 0; i < TIMES; i++) {
		const int in = pid ? back[0] : there[0], out = pid ? there[1] : back[1];

		if ((pid && write(out, &byte, 1) != 1) || read(in, &byte, 1) != 1 ||
		    (!pid && write(out, &byte, 1) != 1))
			_exit(1);
	}
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
}

static void *scale_thread(void *arg)
{
	uint64_t h = (uint64_t)(uintptr_t)arg & 0xfff;

	for (uint32_t i = 0; i < 60000000; i++)
		h = (h ^ i) * 0x100000001b3u;
	sink = h;
	return NULL;
}

/* The same work in each of `arg` threads. */
static void run_scale(long arg)
{
	pthread_t threads[16];

	for (long i = 0; i < arg; i++)
		pthread_create(&threads[i], NULL, scale_thread, threads);
	for (long i = 0; i < arg; i++)
		pthread_join(threads[i], NULL);
}

static const struct kernel {
	const char *name;
	void (*run)(long arg);
} kernels[] = {
	{ "chase", run_chase },	      { "memcpy", run_memcpy },	    { "double", run_double },
	{ "simd", run_simd },	      { "syscalls", run_syscalls }, { "faults", run_faults },
	{ "switches", run_switches }, { "scale", run_scale },
};

int main(int argc, char **argv)
{
	long arg = argc > 2 ? strtol(argv[2], NULL, 10) : 1;

	for (size_t i = 0; argc > 1 && i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (!strcmp(argv[1], kernels[i].name) && arg > 0 && arg <= 16)
			return kernels[i].run(arg), 0;
	return fprintf(stderr, "usage: kernels NAME [1-16]\n"), 2;
}
