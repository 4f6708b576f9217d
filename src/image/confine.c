/* SPDX-License-Identifier: Apache-2.0 */
#include "image/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/fd.h"
#include "util/num.h"

/* Not in Debian 12's header. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define CONFINE_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* Every right of ABI 1 but running programs; REFER is what renaming between folders needs. */
#define CONFINE_ALL ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define CONFINE_STORE                                                                                        \
	(CONFINE_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                      \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |        \
	 LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE)
/* Rights that mean something on a file that is no directory. */
#define CONFINE_ON_FILE                                                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |         \
	 LANDLOCK_ACCESS_FS_TRUNCATE)

static int confine_rule(int ruleset, int fd, uint64_t rights)
{
	struct landlock_path_beneath_attr a = { .allowed_access = rights, .parent_fd = fd };
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		a.allowed_access &= CONFINE_ON_FILE;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &a, 0) < 0 ? -errno : 0;
}

static int confine_path(int ruleset, const char *path, uint64_t rights)
{
	FD_CLEANUP int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 ? 0 : confine_rule(ruleset, fd, rights);
}

static int confine_rules(const struct confine *c, int ruleset, uint64_t handled)
{
	/* Certificates, name service and its libraries, the resolver's file where it is a link, chance. */
	static const char *const system[] = {
		"/etc",		"/usr",	       "/lib", "/lib64", "/run/systemd/resolve", "/run/resolvconf",
		"/dev/urandom", "/dev/random", NULL
	};
	static const char *const programs[] = { "/usr", "/lib", "/lib64", "/bin", "/sbin", NULL };
	int rc = confine_rule(ruleset, c->store, CONFINE_STORE & handled);

	for (int i = 0; !rc && system[i]; i++)
		rc = confine_path(ruleset, system[i], CONFINE_READ);
	for (int i = 0; !rc && c->read && c->read[i]; i++)
		rc = confine_path(ruleset, c->read[i], CONFINE_READ);
	for (int i = 0; !rc && c->run && programs[i]; i++)
		rc = confine_path(ruleset, programs[i], CONFINE_READ | LANDLOCK_ACCESS_FS_EXECUTE);
	if (!rc)
		rc = confine_path(ruleset, "/dev/null",
				  LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
	return rc;
}

/* A kernel without landlock, or whose landlock forbids renames between folders, is not an error. */
static int confine_landlock(const struct confine *c)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr a = { .handled_access_fs = CONFINE_ALL | LANDLOCK_ACCESS_FS_REFER };
	FD_CLEANUP int ruleset = -1;
	int rc;

	if (abi < 2)
		return 0;
	if (abi >= 3)
		a.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0);
	if (ruleset < 0)
		return -errno;
	rc = confine_rules(c, ruleset, a.handled_access_fs);
	if (rc)
		return rc;
	return syscall(SYS_landlock_restrict_self, ruleset, 0) < 0 ? -errno : 0;
}

static int confine_no_capabilities(void)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[2] = { 0 };

	return syscall(SYS_capset, &h, none) < 0 ? -errno : 0;
}

static int confine_deny(scmp_filter_ctx f, const int *calls, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		int rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EPERM), calls[i], 0);

		if (rc)
			return rc;
	}
	return 0;
}

static int confine_seccomp(const struct confine *c)
{
	static const int never[] = {
		SCMP_SYS(ptrace),
		SCMP_SYS(process_vm_readv),
		SCMP_SYS(process_vm_writev),
		SCMP_SYS(mount),
		SCMP_SYS(umount2),
		SCMP_SYS(pivot_root),
		SCMP_SYS(chroot),
		SCMP_SYS(unshare),
		SCMP_SYS(setns),
		SCMP_SYS(bpf),
		SCMP_SYS(perf_event_open),
		SCMP_SYS(keyctl),
		SCMP_SYS(add_key),
		SCMP_SYS(request_key),
		SCMP_SYS(userfaultfd),
		SCMP_SYS(io_uring_setup),
		SCMP_SYS(init_module),
		SCMP_SYS(finit_module),
		SCMP_SYS(delete_module),
		SCMP_SYS(kexec_load),
		SCMP_SYS(kexec_file_load),
		SCMP_SYS(open_by_handle_at),
		SCMP_SYS(fsopen),
		SCMP_SYS(move_mount),
		SCMP_SYS(open_tree),
		SCMP_SYS(mount_setattr),
		SCMP_SYS(pidfd_getfd),
	};
	static const int programs[] = { SCMP_SYS(execve), SCMP_SYS(execveat) };
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	int rc;

	if (!f)
		return -ENOMEM;
	rc = confine_deny(f, never, NUM_COUNTOF(never));
	if (!rc && !c->run)
		rc = confine_deny(f, programs, NUM_COUNTOF(programs));
	/* unix: name service daemons; netlink: getaddrinfo() */
	if (!rc)
		rc = seccomp_rule_add(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), 1,
				      SCMP_A0(SCMP_CMP_GT, AF_NETLINK));
	if (!rc)
		rc = seccomp_load(f);
	seccomp_release(f);
	return rc;
}

int confine_enter(const struct confine *c, struct sm_err *e)
{
	struct rlimit none = { 0 };
	int rc = 0;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (!rc)
		rc = confine_no_capabilities();
	if (!rc)
		rc = confine_landlock(c);
	if (!rc)
		rc = confine_seccomp(c);
	return rc ? err_errno(e, -rc, "cannot confine supermachine-image") : 0;
}
