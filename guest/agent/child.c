/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/env.h"
#include "guest/agent/settings.h"
#include "guest/agent/text.h"
#include "guest/agent/user.h"

#define TEXT_FILE_MAX (1u << 20)

void child_begin(const struct child_fds *fds)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* All of them are above 2, so none is overwritten before it is copied. */
	if (fds->in >= 0)
		dup2(fds->in, STDIN_FILENO);
	if (fds->out >= 0)
		dup2(fds->out, STDOUT_FILENO);
	if (fds->err >= 0)
		dup2(fds->err, STDERR_FILENO);
	if (fds->status != CHILD_STATUS_FD)
		dup3(fds->status, CHILD_STATUS_FD, O_CLOEXEC);
	close_range(CHILD_STATUS_FD + 1, ~0u, 0);
}

void child_send(enum child_msg_kind kind, uint32_t value, const char *text)
{
	struct child_msg m = { .kind = kind, .value = value };

	text_join(m.text, sizeof(m.text), text, NULL);
	send(CHILD_STATUS_FD, &m, sizeof(m), MSG_NOSIGNAL);
}

void child_send_fd(enum child_msg_kind kind, int fd)
{
	struct child_msg m = { .kind = kind };
	struct iovec iov = { &m, sizeof(m) };
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control.space,
			      .msg_controllen = sizeof(control.space) };

	control.header.cmsg_len = CMSG_LEN(sizeof(int));
	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	sendmsg(CHILD_STATUS_FD, &msg, MSG_NOSIGNAL);
}

void child_fail(uint32_t value, const char *s, ...)
{
	struct child_msg m = { .kind = CHILD_FAILED, .value = value };
	size_t len = 0;
	va_list ap;

	va_start(ap, s);
	for (; s; s = va_arg(ap, const char *)) {
		text_join(m.text + len, sizeof(m.text) - len, s, NULL);
		len += strlen(m.text + len);
	}
	va_end(ap);
	send(CHILD_STATUS_FD, &m, sizeof(m), MSG_NOSIGNAL);
	_exit(value < 256 ? (int)value : 1);
}

const char *child_read_text(const char *path, unsigned int slot)
{
	static char *memory[2];
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n = 0;
	size_t len = 0;

	free(memory[slot]);
	memory[slot] = malloc(TEXT_FILE_MAX + 1);
	if (!memory[slot])
		child_fail(126, "out of memory", NULL);
	while (fd >= 0 && len < TEXT_FILE_MAX && (n = read(fd, memory[slot] + len, TEXT_FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	memory[slot][len] = 0;
	return memory[slot];
}

/* Docker creates a working directory that is not there. */
static void change_dir(const char *cwd)
{
	char path[4096];

	if (!*cwd)
		cwd = "/";
	if (strlen(cwd) >= sizeof(path) || *cwd != '/')
		child_fail(126, "working directory \"", cwd, "\" is not an absolute path", NULL);
	if (!chdir(cwd))
		return;
	text_join(path, sizeof(path), cwd, NULL);
	for (char *p = strchr(path + 1, '/'); p; p = strchr(p + 1, '/')) {
		*p = 0;
		mkdir(path, 0755);
		*p = '/';
	}
	mkdir(path, 0755);
	if (chdir(cwd))
		child_fail(126, "working directory \"", cwd, "\": ", text_errno(errno), NULL);
}

static void set_limits(void)
{
	static const struct {
		__rlimit_resource_t what;
		rlim_t soft, hard;
	} limits[] = {
		/* A soft limit programs with select() and close loops can live with. */
		{ RLIMIT_NOFILE, 1024, 524288 },
		{ RLIMIT_NPROC, RLIM_INFINITY, RLIM_INFINITY },
		{ RLIMIT_CORE, 0, RLIM_INFINITY },
	};

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		setrlimit(limits[i].what, &(struct rlimit){ limits[i].soft, limits[i].hard });
}

static void become_user(const struct user *u)
{
	if (setgroups(u->nr_groups, u->groups) || setgid(u->gid) || setuid(u->uid))
		child_fail(126, "change user: ", text_errno(errno), NULL);
}

/* /dev/stdout and friends are opened anew by some programs: the pipes must be theirs. */
static void own_streams(const struct child_fds *fds, uid_t uid)
{
	const bool is_pipe[] = { fds->in >= 0, fds->out >= 0, fds->err >= 0 };

	for (int i = 0; i < 3; i++) {
		if (is_pipe[i] && fchown(i, uid, (gid_t)-1))
			child_fail(126, "streams: ", text_errno(errno), NULL);
	}
}

static void open_null_stdin(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		child_fail(126, "open /dev/null: ", text_errno(errno), NULL);
	dup2(fd, STDIN_FILENO);
	close(fd);
}

static void set_up_streams(const struct frame_exec *x, bool first, const struct child_fds *fds, uid_t uid)
{
	setsid();
	if (x->flags & SMP_EXEC_TTY) {
		pty_make(x->rows, x->cols, uid, first);
		return;
	}
	if (fds->in < 0)
		open_null_stdin();
	if (uid)
		own_streams(fds, uid);
}

void child_exec(const struct frame_exec *x, bool first, const struct child_fds *fds)
{
	static struct user user;
	static struct env env;
	char why[200] = "", hostname[65] = "";
	int err = first ? 0 : container_enter();
	int status;

	child_begin(fds);
	if (err)
		child_fail(126, "the container has ended", NULL);
	if (first && container_build(why, sizeof(why)))
		child_fail(126, why, NULL);
	child_send(CHILD_PID, (uint32_t)getpid(), "");
	if (!user_find(child_read_text("/etc/passwd", 0), child_read_text("/etc/group", 1), x->user, &user,
		       why, sizeof(why)))
		child_fail(126, why, NULL);
	umask(022);
	set_limits();
	set_up_streams(x, first, fds, user.uid);
	change_dir(x->cwd);
	if ((first && settings_seal(why, sizeof(why))) || settings_limit(why, sizeof(why)))
		child_fail(126, why, NULL);
	if (first && (x->flags & SMP_EXEC_INIT))
		reaper_fork(x->flags & SMP_EXEC_TTY);
	gethostname(hostname, sizeof(hostname) - 1);
	env_build(&env, x->env,
		  &(struct env_defaults){ hostname, user.home, (x->flags & SMP_EXEC_TTY) != 0 });
	become_user(&user);
	status = env_exec(x->argv, &env, why, sizeof(why));
	child_fail((uint32_t)status, why, NULL);
}
