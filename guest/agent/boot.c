/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. The initramfs cannot be the root that a container pivots away
 * from, so the agent first moves into a tmpfs. There:
 *   /l/N   layer N, partition N of the layers disk, 1 is the bottom
 *   /w     the writable file system, with u (upper) and w (work)
 *   /m     the container's root: an overlay of these
 *   /etc   the files every container gets
 * Devices of built-in drivers exist before init runs: one that is missing now stays
 * missing, so there is nothing to wait for.
 */
#include "guest/agent/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/text.h"

#define LAYERS_DISK "/dev/vda"
#define WRITABLE_DISK "/dev/vdb"

static char refusal[256];

static void mount_or_log(const char *type, const char *target, unsigned long flags, const char *data)
{
	mkdir(target, 0755);
	if (mount(type, target, type, flags, data))
		text_log("mount ", target, ": ", text_errno(errno), NULL);
}

static void move_root(void)
{
	mount_or_log("tmpfs", "/t", MS_NOSUID | MS_NODEV, "mode=755");
	if (chdir("/t") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		text_log("new root: ", text_errno(errno), NULL);
}

static void raise_loopback(void)
{
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sock < 0 || ioctl(sock, SIOCSIFFLAGS, &r))
		text_log("loopback: ", text_errno(errno), NULL);
	if (sock >= 0)
		close(sock);
}

void boot_system(struct cmdline *ret)
{
	char text[4096];
	int fd;

	umask(0);
	move_root();
	mount_or_log("devtmpfs", "/dev", MS_NOSUID, NULL);
	mount_or_log("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	mount_or_log("cgroup2", "/cgroup", MS_NOSUID | MS_NODEV | MS_NOEXEC, "nsdelegate");
	mkdir("/etc", 0755);
	fd = open("/etc/resolv.conf", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (fd >= 0)
		close(fd);
	umask(022);
	raise_loopback();
	/* As in Docker's containers: ports below 1024 and ping need no privilege. */
	text_write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
	text_write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
	if (text_read_file("/proc/cmdline", text, sizeof(text)) < 0)
		text[0] = 0;
	cmdline_parse(text, ret);
	if (ret->wrong[0])
		text_log("unknown word on the kernel command line: ", ret->wrong, NULL);
}

static bool refuse(const char *what, const char *object, int err)
{
	text_join(refusal, sizeof(refusal), what, " ", object, ": ", text_errno(err), NULL);
	text_log(refusal, NULL);
	return false;
}

static bool mount_layers(uint32_t count)
{
	char device[40], dir[40], n[21];

	mkdir("/l", 0700);
	for (uint32_t i = 1; i <= count; i++) {
		text_u64(n, i);
		text_join(device, sizeof(device), LAYERS_DISK, n, NULL);
		text_join(dir, sizeof(dir), "/l/", n, NULL);
		mkdir(dir, 0700);
		if (mount(device, dir, "erofs", MS_RDONLY | MS_NOATIME, NULL))
			return refuse("mount layer", device, errno);
	}
	return true;
}

static bool mount_writable(bool tmpfs)
{
	mkdir("/w", 0700);
	if (tmpfs ? mount("tmpfs", "/w", "tmpfs", MS_NOATIME, "mode=700")
		  : mount(WRITABLE_DISK, "/w", "ext4", MS_NOATIME, NULL))
		return refuse("mount writable layer", tmpfs ? "tmpfs" : WRITABLE_DISK, errno);
	if (mkdir("/w/w", 0700) && errno != EEXIST)
		return refuse("make", "/w/w", errno);
	return true;
}

/* The merged root shows the upper directory's owner and mode: the top layer's, once. */
static bool make_upper(uint32_t layers)
{
	char top[40], n[21];
	struct stat st = { .st_mode = 0755 };

	if (mkdir("/w/u", 0755))
		return errno == EEXIST || refuse("make", "/w/u", errno);
	if (layers && stat(text_join(top, sizeof(top), "/l/", text_u64(n, layers), NULL), &st))
		return refuse("stat", top, errno);
	if (chown("/w/u", st.st_uid, st.st_gid) || chmod("/w/u", st.st_mode & 07777))
		return refuse("prepare", "/w/u", errno);
	return true;
}

/* Option text must fit a page: names relative to /l make 128 layers 500 bytes. */
static bool mount_overlay(uint32_t layers)
{
	char options[1024] = "upperdir=/w/u,workdir=/w/w,redirect_dir=on,lowerdir=", n[21];
	size_t len = strlen(options);

	for (uint32_t i = layers; i; i--) {
		text_join(options + len, sizeof(options) - len, text_u64(n, i), i > 1 ? ":" : "", NULL);
		len += strlen(options + len);
	}
	if (chdir("/l") || mount("overlay", "/m", "overlay", MS_NOATIME, options) || chdir("/"))
		return refuse("mount", "overlay", errno);
	return true;
}

static bool mount_root(const struct cmdline *c)
{
	mkdir("/m", 0700);
	if (!mount_layers(c->layers) || !mount_writable(c->tmpfs) || !make_upper(c->layers))
		return false;
	if (c->layers)
		return mount_overlay(c->layers);
	return !mount("/w/u", "/m", NULL, MS_BIND, NULL) || refuse("bind", "/w/u", errno);
}

void boot_root(const struct cmdline *c, struct container_place *ret)
{
	bool ok = c->has_root && mount_root(c);

	if (!c->has_root)
		text_join(refusal, sizeof(refusal), "this VM was started without a root file system", NULL);
	*ret = (struct container_place){ .root = "/m", .etc = "/etc", .refusal = ok ? NULL : refusal };
	if (!access("/cgroup/cgroup.procs", F_OK))
		ret->cgroup = "/cgroup/container";
}
