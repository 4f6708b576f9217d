/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/landlock.h"
#include "util/num.h"

#if defined(__x86_64__)
#define JAIL_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define JAIL_AUDIT_ARCH AUDIT_ARCH_AARCH64
#endif

#define JAIL_DATA(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define JAIL_ALLOW(nr)                                                                                       \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
/* Allowed while the low word of argument `arg` has none of `bits`; else the process dies. */
#define JAIL_ALLOW_NOT_SET(nr, arg, bits)                                                                    \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 4), JAIL_DATA(args[arg]),                               \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (bits), 0, 1),                                          \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),                                         \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define JAIL_REFUSE(nr, error)                                                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (nr), 0, 1),                                                     \
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

#include "jail-filter.h"

static const struct {
	const struct sock_filter *calls;
	size_t nr;
} jail_filters[JAIL_ROLES] = {
	[JAIL_WORKER] = { jail_calls_worker, NUM_COUNTOF(jail_calls_worker) },
	[JAIL_DIALER] = { jail_calls_dialer, NUM_COUNTOF(jail_calls_dialer) },
	[JAIL_LOOP] = { jail_calls_loop, NUM_COUNTOF(jail_calls_loop) },
	[JAIL_DISK] = { jail_calls_disk, NUM_COUNTOF(jail_calls_disk) },
	[JAIL_VCPU] = { jail_calls_vcpu, NUM_COUNTOF(jail_calls_vcpu) },
};

static bool jail_keeps(int fd, const int *keep, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (keep[i] == fd)
			return true;
	return false;
}

int jail_keep_only(const int *keep, size_t nr, struct sm_err *e)
{
	int last = 2;

	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			return err_errno(e, errno, "/dev/null");
	for (size_t i = 0; i < nr; i++)
		if (keep[i] > last)
			last = keep[i];
	for (int fd = 3; fd < last; fd++)
		if (!jail_keeps(fd, keep, nr))
			close(fd);
	if (syscall(SYS_close_range, last + 1, ~0u, 0) < 0)
		return err_errno(e, errno, "close inherited descriptors");
	return 0;
}

static int jail_drop_privileges(struct sm_err *e)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(e, errno, "no_new_privs");
	/* Not dumpable: other processes of this user can neither trace it nor read its memory. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(e, errno, "dumpable");
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return err_errno(e, errno, "ambient capabilities");
	if (syscall(SYS_capset, &h, none) < 0)
		return err_errno(e, errno, "capabilities");
	return 0;
}

static int jail_filter(enum jail_role role, struct sm_err *e)
{
	static const struct sock_filter head[] = {
		JAIL_DATA(arch),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, JAIL_AUDIT_ARCH, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		JAIL_DATA(nr),
	};
	/* The C library asks for these (the number of processors, say) and does without. */
	static const struct sock_filter tail[] = {
		JAIL_REFUSE(__NR_openat, EACCES),
		JAIL_REFUSE(__NR_newfstatat, EACCES),
		JAIL_REFUSE(__NR_readlinkat, EACCES),
		JAIL_REFUSE(__NR_sched_getaffinity, EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
	};
	size_t nr = NUM_COUNTOF(head) + jail_filters[role].nr + NUM_COUNTOF(tail);
	struct sock_filter *code = malloc(nr * sizeof(*code)), *p = code;
	struct sock_fprog prog = { .len = (unsigned short)nr, .filter = code };
	int err = 0;

	if (!code)
		return err_errno(e, ENOMEM, "seccomp filter");
	p = mempcpy(p, head, sizeof(head));
	p = mempcpy(p, jail_filters[role].calls, jail_filters[role].nr * sizeof(*p));
	memcpy(p, tail, sizeof(tail));
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		err = errno;
	free(code);
	return err ? err_errno(e, err, "seccomp filter") : 0;
}

int jail_enter(enum jail_role role, struct sm_err *e)
{
	int r = jail_drop_privileges(e);

	if (!r)
		r = landlock_restrict(NULL, 0, e); /* seccomp forbids opens by name besides */
	return r ? r : jail_filter(role, e);
}

/* syscalls worker: seccomp clone clone3 set_robust_list rseq prctl rt_sigaction */
int jail_thread(enum jail_role role, struct sm_err *e)
{
	return jail_filter(role, e);
}

/*
 * What the C library needs in every role: memory, locks, the ends of threads and of the
 * process.
 */
/* syscalls: mmap munmap mprotect madvise mremap brk futex rt_sigprocmask rt_sigreturn exit exit_group
 * close clock_gettime clock_nanosleep restart_syscall getrandom sched_yield gettid getpid read write
 * rseq set_robust_list */
/* syscalls dialer: socket connect sendmsg recvmsg */
