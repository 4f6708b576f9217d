/* SPDX-License-Identifier: Apache-2.0 */
#include "util/isolate.h"

#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ISOLATE_NAMESPACES (CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC)

/*
 * No ids are mapped: nothing the process does afterwards needs one. Root may do without
 * the user namespace, where that is switched off.
 */
static int isolate_unshare(struct sm_err *e)
{
	if (!unshare(CLONE_NEWUSER | ISOLATE_NAMESPACES))
		return 0;
	if (!unshare(ISOLATE_NAMESPACES))
		return 0;
	return err_errno(e, errno, "namespaces");
}

/* The new root is an empty tmpfs, the old one is gone from here. */
static int isolate_root(struct sm_err *e)
{
	/* Any directory that is there; it only has to hold the mount until it is the root. */
	static const char place[] = "/dev";

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(e, errno, "mounts: make them private");
	if (mount("tmpfs", place, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "size=4k,nr_inodes=2") < 0)
		return err_errno(e, errno, "mounts: empty root");
	if (chdir(place) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(e, errno, "mounts: change the root");
	/* Both roots are at ".": the old one lies on top. */
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(e, errno, "mounts: leave the old root");
	return 0;
}

int isolate_process(struct sm_err *e)
{
	int r = isolate_unshare(e);

	return r ? r : isolate_root(e);
}

int isolate_probe(struct sm_err *e)
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return err_errno(e, errno, "namespaces: fork");
	if (!pid)
		_exit(-isolate_process(NULL));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return err_errno(e, errno, "namespaces: wait");
	if (!WIFEXITED(status))
		return err_set(e, EIO, "namespaces: the probe died");
	return WEXITSTATUS(status) ? err_errno(e, WEXITSTATUS(status), "namespaces") : 0;
}
