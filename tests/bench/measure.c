/* SPDX-License-Identifier: Apache-2.0 */
/*
 * measure [-i] worker WORKER BACKEND KERNEL INITRD CMDLINE
 * measure [-i] until WORD COMMAND [ARG...]
 * measure exit COMMAND [ARG...]
 *
 * Prints the milliseconds from before the process is made until its console (the command's
 * stdout) has the word, or until it ended. With -i also how many KiB of it are resident
 * (Pss) two seconds later, without guest memory. Used where no interpreter is at hand.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "util/fd.h"
#include "vm/worker-proto.h"

#define READY "sm.ready=console"
#define MEMORY (256u << 20)
#define GUEST_KIB (64u << 10) /* a larger mapping is the guest's memory */
#define LIMIT_MS 60000

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "measure: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* `fd` becomes the child's descriptor `as`; the other ones close on exec. */
static pid_t spawn(char **argv, int fd, int as)
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (fd == as)
		fcntl(fd, F_SETFD, 0);
	else if (fd >= 0)
		dup2(fd, as);
	execvp(argv[0], argv);
	die(argv[0]);
}

static void wait_word(int fd, const char *word, double end)
{
	char seen[65536];
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		int left = (int)(end - now_ms());
		ssize_t n =
			left > 0 && poll(&p, 1, left) > 0 ? read(fd, seen + len, sizeof(seen) - 1 - len) : 0;

		if (n <= 0) {
			fprintf(stderr, "measure: no %s on the console:\n%.*s\n", word, (int)len, seen);
			exit(1);
		}
		len += (size_t)n;
		seen[len] = 0;
		if (strstr(seen, word))
			return;
	}
}

static long idle_kib(pid_t pid)
{
	char path[64], line[512];
	unsigned long value, size = 0, sum = 0;
	FILE *f;

	sleep(2);
	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		die(path);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Size: %lu kB", &value) == 1)
			size = value;
		else if (sscanf(line, "Pss: %lu kB", &value) == 1 && size < GUEST_KIB)
			sum += value;
	}
	fclose(f);
	return (long)sum;
}

static void report(pid_t pid, double ms, int idle)
{
	if (idle)
		printf("%.1f %ld\n", ms, idle_kib(pid));
	else
		printf("%.1f\n", ms);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int listen_at(int dir, const char *name)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s", dir, name);
	unlinkat(dir, name, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 8) < 0)
		die(name);
	return fd;
}

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC);

	if (fd < 0)
		die(path);
	return fd;
}

/* The worker alone, driven by its protocol: no image and no library take part. */
static void measure_worker(char **argv, int idle)
{
	char dir_name[] = "/tmp/measure.XXXXXX", text[1024], *worker[] = { argv[0], NULL };
	const char *kvm = !strcmp(argv[1], "kvm") ? ",\"kvm\"" : "";
	double begun = now_ms();
	int console[2], sv[2], fds[6], dir, ready;
	pid_t pid;

	if (!mkdtemp(dir_name) || pipe2(console, O_CLOEXEC) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		die("set-up");
	pid = spawn(worker, sv[1], WORKER_FD);
	dir = open_file(dir_name, O_RDONLY | O_DIRECTORY);
	fds[0] = open_file(argv[2], O_RDONLY);
	fds[1] = open_file(argv[3], O_RDONLY);
	fds[2] = console[1];
	fds[3] = listen_at(dir, "vsock");
	ready = listen_at(dir, "vsock_1027");
	fds[4] = open_file(dir_name, O_PATH | O_DIRECTORY);
	fds[5] = *kvm ? open_file("/dev/kvm", O_RDWR) : -1;
	snprintf(
		text, sizeof(text),
		"{\"op\":\"start\",\"memory\":%u,\"cpus\":1,\"backend\":\"%s\",\"cmdline\":\"%s\",\"layers\":0,"
		"\"fds\":[\"kernel\",\"initrd\",\"console\",\"vsock\",\"dir\"%s]}",
		MEMORY, argv[1], argv[4], kvm);
	if (fd_send_msg(sv[0], text, strlen(text), fds, *kvm ? 6 : 5) < 0)
		die("worker");
	close(console[1]);
	close(sv[1]);
	wait_word(console[0], READY, begun + LIMIT_MS);
	report(pid, now_ms() - begun, idle);
	unlinkat(dir, "vsock", 0);
	unlinkat(dir, "vsock_1027", 0);
	rmdir(dir_name);
	close(ready);
}

static void measure_until(char **argv, int idle)
{
	double begun = now_ms();
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	pid = spawn(argv + 1, out[1], 1);
	close(out[1]);
	wait_word(out[0], argv[0], begun + LIMIT_MS);
	report(pid, now_ms() - begun, idle);
}

static void measure_exit(char **argv)
{
	double begun = now_ms();
	pid_t pid = spawn(argv, -1, -1);
	int status;

	waitpid(pid, &status, 0);
	if (status) {
		fprintf(stderr, "measure: %s ended with status 0x%x\n", argv[0], (unsigned)status);
		exit(1);
	}
	printf("%.1f\n", now_ms() - begun);
}

int main(int argc, char **argv)
{
	int idle = argc > 1 && !strcmp(argv[1], "-i");
	char **rest = argv + 2 + idle;
	const char *mode = argc > 1 + idle ? argv[1 + idle] : "";

	if (!strcmp(mode, "worker") && argc == 7 + idle)
		measure_worker(rest, idle);
	else if (!strcmp(mode, "until") && argc >= 4 + idle)
		measure_until(rest, idle);
	else if (!strcmp(mode, "exit") && argc >= 3)
		measure_exit(rest);
	else
		return fprintf(stderr, "usage: see the top of measure.c\n"), 2;
	return 0;
}
