/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's mounts, made by its future PID 1.
 *
 * Every path below is resolved after the root has been changed: an image may hold /dev or
 * /etc as links to anywhere, and anywhere is then still inside. What comes from outside
 * is taken along as descriptors of detached mounts.
 */
#include "guest/agent/container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "guest/agent/settings.h"
#include "guest/agent/text.h"

#define NOTHING (MS_NOSUID | MS_NODEV | MS_NOEXEC)

static const struct {
	const char *type, *target;
	unsigned long flags;
	const char *data;
} mounts[] = {
	{ "proc", "/proc", NOTHING, NULL },
	{ "sysfs", "/sys", NOTHING, NULL },
	{ "cgroup2", "/sys/fs/cgroup", NOTHING, "nsdelegate" },
	{ "tmpfs", "/dev", MS_NOSUID, "mode=755,size=64m" },
	{ "devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5" },
	{ "tmpfs", "/dev/shm", NOTHING, "mode=1777" },
	{ "mqueue", "/dev/mqueue", NOTHING, NULL },
};

static const struct {
	const char *path;
	unsigned int major, minor;
} nodes[] = {
	{ "/dev/null", 1, 3 },	  { "/dev/zero", 1, 5 },       { "/dev/full", 1, 7 },
	{ "/dev/random", 1, 8 },  { "/dev/urandom", 1, 9 },    { "/dev/tty", 5, 0 },
	{ "/dev/fuse", 10, 229 }, { "/dev/net/tun", 10, 200 },
};

static const char *const links[][2] = {
	{ "/proc/self/fd", "/dev/fd" },	      { "/proc/self/fd/0", "/dev/stdin" },
	{ "/proc/self/fd/1", "/dev/stdout" }, { "/proc/self/fd/2", "/dev/stderr" },
	{ "pts/ptmx", "/dev/ptmx" },	      { "/proc/kcore", "/dev/core" },
};

/* Bound from the agent's directory, as Docker does, so that a renamed VM renames all its containers. */
static const char *const etc_files[] = { "hostname", "hosts", "resolv.conf" };
#define NR_ETC (sizeof(etc_files) / sizeof(etc_files[0]))

static int fail(int err, const char *what, const char *object, char *why, size_t why_size)
{
	text_join(why, why_size, what, " ", object, ": ", text_errno(err), NULL);
	return -err;
}

static int change_root(char *why, size_t why_size)
{
	const char *root = container_get_place()->root;

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail(errno, "mount", "/", why, why_size);
	/* The new root over the old one, then the old one away from under it. */
	if (chdir(root) || syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		return fail(errno, "change root to", root, why, why_size);
	return 0;
}

static int mount_all(char *why, size_t why_size)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		bool is_cgroup = mounts[i].type[0] == 'c';

		if (is_cgroup && !container_get_place()->cgroup)
			continue;
		if (!is_cgroup && mkdir(mounts[i].target, 0755) && errno != EEXIST)
			return fail(errno, "make", mounts[i].target, why, why_size);
		if (mount(mounts[i].type, mounts[i].target, mounts[i].type, mounts[i].flags, mounts[i].data))
			return fail(errno, "mount", mounts[i].target, why, why_size);
	}
	return 0;
}

static int fill_dev(char *why, size_t why_size)
{
	mkdir("/dev/net", 0755);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++) {
		if (mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)))
			return fail(errno, "make", nodes[i].path, why, why_size);
	}
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		if (symlink(links[i][0], links[i][1]))
			return fail(errno, "make", links[i][1], why, why_size);
	}
	return 0;
}

/* An image whose /etc is odd still runs, without our file in it. */
static void bind_etc(size_t i, int tree)
{
	char path[64];
	int fd;

	text_join(path, sizeof(path), "/etc/", etc_files[i], NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	syscall(SYS_move_mount, tree, "", AT_FDCWD, path, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS);
}

/* The kernel's own never changes, and all VMs of a snapshot have it. */
static void bind_boot_id(int tree)
{
	syscall(SYS_move_mount, tree, "", AT_FDCWD, "/proc/sys/kernel/random/boot_id",
		MOVE_MOUNT_F_EMPTY_PATH);
}

static int take_tree(const char *name)
{
	char path[128];

	text_join(path, sizeof(path), container_get_place()->etc, "/", name, NULL);
	return (int)syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

int container_build(char *why, size_t why_size)
{
	int trees[NR_ETC], boot_id, err;

	umask(0);
	/* Now that it is in its cgroup: that one becomes the namespace's root. */
	if (container_get_place()->cgroup && unshare(CLONE_NEWCGROUP))
		return fail(errno, "unshare", "cgroup", why, why_size);
	for (size_t i = 0; i < NR_ETC; i++)
		trees[i] = take_tree(etc_files[i]);
	boot_id = take_tree(CONTAINER_BOOT_ID);
	err = change_root(why, why_size);
	if (!err)
		err = mount_all(why, why_size);
	if (!err)
		err = fill_dev(why, why_size);
	if (!err)
		err = settings_mount(why, why_size);
	if (err)
		return err;
	mkdir("/etc", 0755);
	for (size_t i = 0; i < NR_ETC; i++) {
		if (trees[i] < 0)
			continue;
		bind_etc(i, trees[i]);
		close(trees[i]);
	}
	if (boot_id >= 0) {
		bind_boot_id(boot_id);
		close(boot_id);
	}
	umask(022);
	return 0;
}
