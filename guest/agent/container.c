/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/container.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guest/agent/text.h"

static struct {
	struct container_place place;
	enum container_state state;
	int pidfd;     /* of PID 1 while there is a container, else -1 */
	int own_pidns; /* the agent's */
} box = { .pidfd = -1, .own_pidns = -1 };

int container_init(const struct container_place *p)
{
	box.place = *p;
	box.own_pidns = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	return box.own_pidns < 0 ? -errno : 0;
}

const struct container_place *container_get_place(void)
{
	return &box.place;
}

enum container_state container_get_state(void)
{
	return box.state;
}

static void write_etc(const char *name, const char *text)
{
	char path[128];
	int fd;

	text_join(path, sizeof(path), box.place.etc, "/", name, NULL);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		text_log(path, ": ", text_errno(errno), NULL);
	if (fd >= 0)
		close(fd);
}

void container_set_hostname(const char *name)
{
	char text[512];

	if (sethostname(name, strlen(name)))
		text_log("hostname ", name, ": ", text_errno(errno), NULL);
	write_etc("hostname", text_join(text, sizeof(text), name, "\n", NULL));
	write_etc("hosts", text_join(text, sizeof(text),
				     "127.0.0.1\tlocalhost\n"
				     "::1\tlocalhost ip6-localhost ip6-loopback\n"
				     "fe00::0\tip6-localnet\n"
				     "ff00::0\tip6-mcastprefix\n"
				     "ff02::1\tip6-allnodes\n"
				     "ff02::2\tip6-allrouters\n"
				     "127.0.1.1\t",
				     name, "\n", NULL));
}

void container_set_boot_id(const char *id)
{
	char text[128];

	write_etc(CONTAINER_BOOT_ID, text_join(text, sizeof(text), id, "\n", NULL));
}

/* ---- processes ---- */

static pid_t fork_with(uint64_t flags, int cgroup, int *ret_pidfd)
{
	struct clone_args a = { .flags = flags, .exit_signal = SIGCHLD };
	int pidfd = -1;
	long pid;

	if (cgroup >= 0) {
		a.flags |= CLONE_INTO_CGROUP;
		a.cgroup = (uint64_t)cgroup;
	}
	if (ret_pidfd) {
		a.flags |= CLONE_PIDFD;
		a.pidfd = (uint64_t)(uintptr_t)&pidfd;
	}
	pid = syscall(SYS_clone3, &a, sizeof(a));
	if (pid > 0 && ret_pidfd)
		*ret_pidfd = pidfd;
	return (pid_t)pid;
}

pid_t container_fork_first(int cgroup)
{
	pid_t pid = fork_with(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC, cgroup, &box.pidfd);

	if (pid > 0)
		box.state = CONTAINER_STARTING;
	return pid;
}

pid_t container_fork_member(int cgroup)
{
	int err;
	pid_t pid;

	/* Only the caller's future children move; the agent itself stays where it is. */
	if (setns(box.pidfd, CLONE_NEWPID))
		return -1;
	pid = fork_with(0, cgroup, NULL);
	if (!pid)
		return 0;
	err = errno;
	setns(box.own_pidns, CLONE_NEWPID);
	errno = err;
	return pid;
}

pid_t container_fork_outside(void)
{
	return fork_with(0, -1, NULL);
}

void container_started(void)
{
	box.state = CONTAINER_RUNNING;
}

void container_ended(void)
{
	box.state = CONTAINER_NONE;
	if (box.pidfd >= 0)
		close(box.pidfd);
	box.pidfd = -1;
}

int container_enter(void)
{
	if (box.state == CONTAINER_RUNNING)
		return setns(box.pidfd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) ? -errno
												     : 0;
	return chroot(box.place.root) || chdir("/") ? -errno : 0;
}

/* ---- cgroup ---- */

static const char *cgroup_path(char *dst, size_t size, uint64_t session, const char *file)
{
	char number[21];

	if (!session)
		return text_join(dst, size, box.place.cgroup, file, NULL);
	return text_join(dst, size, box.place.cgroup, "/exec-", text_u64(number, session), file, NULL);
}

/* The controllers a container may want, handed down one by one: a missing one must not cost the others. */
static void delegate_controllers(void)
{
	static const char *const names[] = { "+memory", "+pids", "+cpu", "+io", "+cpuset" };
	char path[128];

	text_join(path, sizeof(path), box.place.cgroup, "/../cgroup.subtree_control", NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		text_write_file(path, names[i]);
}

int container_open_cgroup(uint64_t session)
{
	char path[128];

	if (!box.place.cgroup)
		return -1;
	if (!mkdir(box.place.cgroup, 0755))
		delegate_controllers();
	cgroup_path(path, sizeof(path), session, "");
	if (session)
		mkdir(path, 0755);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void container_remove_cgroup(uint64_t session)
{
	char path[128];

	rmdir(cgroup_path(path, sizeof(path), session, ""));
}

uint64_t container_count_oom(void)
{
	char path[128], text[512], *p;
	uint64_t n = 0;

	if (!box.place.cgroup)
		return 0;
	cgroup_path(path, sizeof(path), 0, "/memory.events");
	if (text_read_file(path, text, sizeof(text)) < 0)
		return 0;
	p = strstr(text, "oom_kill ");
	for (p = p ? p + 9 : text + strlen(text); *p >= '0' && *p <= '9'; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	return n;
}
