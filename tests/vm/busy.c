/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The init of a guest that is saved, destroyed and loaded while it works: every CPU
 * computes with all kinds of registers, sleeps, talks through pipes, makes processes, and
 * checks each answer. One line a tick on the console; "BAD ..." for anything wrong.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TICK_MS 100
/* No pause may show: a loaded guest goes on where it was. Emulated hosts are slow, not this slow. */
#define GAP_MS 4000

static long done[64][4]; /* rounds by CPU and kind of work */

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void bad(const char *what, long a, long b)
{
	printf("BAD %s %ld %ld\n", what, a, b);
}

/* The same sums again and again, in registers that only a full save brings back. */
static void *compute(void *opaque)
{
	long *rounds = opaque;
	double want = 0;
	uint64_t want_hash = 0;

	for (;; __atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED)) {
		double a = 1, b = 1, c = 0.5, d = 3;
		uint64_t hash = 1469598103934665603u;

		for (int i = 1; i < 20000; i++) {
			a = a * 0.5 + b / i;
			b = c * 0.25 - a / 7;
			c = (a + d) / 9;
			d = d * 0.999 + 1e-3 * i;
			hash = (hash ^ (uint64_t)i) * 1099511628211u;
		}
		if (want_hash && (a + b + c + d != want || hash != want_hash))
			bad("sum", (long)(a + b + c + d), (long)want);
		want = a + b + c + d;
		want_hash = hash;
	}
	return NULL;
}

static void *watch_time(void *opaque)
{
	const struct timespec nap = { .tv_nsec = 3000000 };
	long *rounds = opaque;
	int64_t last = now_ms();

	for (;; __atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED)) {
		int64_t t;

		nanosleep(&nap, NULL);
		t = now_ms();
		if (t < last || t > last + GAP_MS)
			bad("time", (long)(t - last), GAP_MS);
		last = t;
	}
	return NULL;
}

static void *echo_back(void *opaque)
{
	int *fds = opaque;
	uint64_t v;

	while (read(fds[0], &v, sizeof(v)) == sizeof(v) && write(fds[1], &v, sizeof(v)) == sizeof(v))
		;
	return NULL;
}

static void *talk(void *opaque)
{
	static int to[64][2], from[64][2], ends[64][2];
	static int nr;
	int n = __atomic_fetch_add(&nr, 1, __ATOMIC_RELAXED);
	long *rounds = opaque;
	pthread_t t;

	if (pipe(to[n]) || pipe(from[n]))
		bad("pipe", n, 0);
	ends[n][0] = to[n][0];
	ends[n][1] = from[n][1];
	pthread_create(&t, NULL, echo_back, ends[n]);
	for (uint64_t v = 1, w;; v++) {
		if (write(to[n][1], &v, sizeof(v)) != sizeof(v) ||
		    read(from[n][0], &w, sizeof(w)) != sizeof(w) || v != w)
			bad("pipe", (long)v, (long)w);
		__atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void *make_processes(void *opaque)
{
	long *rounds = opaque;

	for (;; __atomic_add_fetch(rounds, 1, __ATOMIC_RELAXED)) {
		int status = -1;
		pid_t pid = fork();

		if (!pid)
			_exit((int)(*rounds & 127));
		if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != (int)(*rounds & 127))
			bad("process", status, *rounds);
	}
	return NULL;
}

int main(void)
{
	static void *(*const work[4])(void *) = { compute, watch_time, talk, make_processes };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t t;

	setvbuf(stdout, NULL, _IOLBF, 0);
	/* From here on the kernel's notices are wanted: the boot was quiet. */
	klogctl(8, NULL, 6);
	printf("busy on %ld CPUs\n", cpus);
	for (long i = 0; i < cpus && i < 64; i++)
		for (int k = 0; k < 4; k++)
			if (pthread_create(&t, NULL, work[k], &done[i][k]))
				bad("thread", i, k);
	for (long tick = 1;; tick++) {
		long sum[4] = { 0 };

		usleep(TICK_MS * 1000);
		for (long i = 0; i < cpus && i < 64; i++)
			for (int k = 0; k < 4; k++)
				sum[k] += __atomic_load_n(&done[i][k], __ATOMIC_RELAXED);
		printf("tick %ld: %ld %ld %ld %ld\n", tick, sum[0], sum[1], sum[2], sum[3]);
	}
}
