/* SPDX-License-Identifier: Apache-2.0 */
#include "api/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/state.h"
#include "util/fd.h"

/* A VM's directory is flat: sockets and logs. */
static void rundir_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	struct dirent *de;

	if (!d) {
		fd_close(&copy);
		return;
	}
	while ((de = readdir(d)))
		if (strcmp(de->d_name, ".") && strcmp(de->d_name, ".."))
			unlinkat(fd, de->d_name, 0);
	closedir(d);
}

void rundir_remove(struct sm_ctx *ctx, const char *id, int *fd)
{
	char path[PATH_MAX];

	if (*fd < 0)
		return;
	rundir_empty(*fd);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", ctx->places.run, id) < sizeof(path))
		rmdir(path);
	fd_close(fd);
}

int rundir_create(struct sm_ctx *ctx, char ret_id[13], int *ret_fd, struct sm_err *e)
{
	char path[PATH_MAX], id[13];

	for (int tries = 0; tries < 16; tries++) {
		uint8_t raw[6];
		int fd;

		if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
			return err_errno(e, errno, "random VM id");
		for (size_t i = 0; i < sizeof(raw); i++)
			snprintf(id + 2 * i, 3, "%02x", raw[i]);
		if ((size_t)snprintf(path, sizeof(path), "%s/%s", ctx->places.run, id) >= sizeof(path))
			return err_set(e, ENAMETOOLONG, "%.80s...: path too long", ctx->places.run);
		if (mkdir(path, 0700) < 0) {
			if (errno == EEXIST)
				continue;
			return err_errno(e, errno, "%s", path);
		}
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		/* A sweep may have taken the directory between mkdir and flock: then it is unlinked, try
		 * again. */
		struct stat st;

		if (fd < 0)
			continue;
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 || fstat(fd, &st) < 0 || !st.st_nlink) {
			close(fd);
			continue;
		}
		memcpy(ret_id, id, sizeof(id));
		*ret_fd = fd;
		return 0;
	}
	return err_set(e, EEXIST, "%s: cannot make a directory for the VM", ctx->places.run);
}

bool rundir_is_id(const char *name)
{
	return strlen(name) == 12 && strspn(name, "0123456789abcdef") == 12;
}

/* What somebody may still ask for: a VM that is not to be forgotten when it ends. */
static bool rundir_is_kept(int fd)
{
	struct vm_state state;
	bool kept = false;

	if (!state_load(fd, &state, NULL)) {
		kept = !state.remove;
		state_fini(&state);
	}
	return kept;
}

void rundir_sweep(struct sm_ctx *ctx)
{
	DIR *d = opendir(ctx->places.run);
	struct dirent *de;

	if (!d)
		return;
	while ((de = readdir(d))) {
		int fd;

		if (!rundir_is_id(de->d_name))
			continue;
		fd = openat(dirfd(d), de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0)
			continue;
		/* The lock dies with its owner, however that ended. */
		if (!flock(fd, LOCK_EX | LOCK_NB) && !rundir_is_kept(fd))
			rundir_remove(ctx, de->d_name, &fd);
		fd_close(&fd);
	}
	closedir(d);
}

/* Socket names are limited to 107 bytes; through /proc the directory's own path does not count. */
static int rundir_address(int dir_fd, const char *name, struct sockaddr_un *ret, struct sm_err *e)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if ((size_t)snprintf(ret->sun_path, sizeof(ret->sun_path), "/proc/self/fd/%d/%s", dir_fd, name) >=
	    sizeof(ret->sun_path))
		return err_set(e, ENAMETOOLONG, "socket %s: name too long", name);
	return 0;
}

static int rundir_open_socket(int dir_fd, const char *name, int type, struct sockaddr_un *ret_sa, int *ret,
			      struct sm_err *e)
{
	int fd, r = rundir_address(dir_fd, name, ret_sa, e);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(e, errno, "socket %s", name);
	*ret = fd;
	return 0;
}

static int rundir_listen_type(int dir_fd, const char *name, int type, int *ret, struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	struct sockaddr_un sa;
	int r = rundir_open_socket(dir_fd, name, type, &sa, &fd, e);

	if (r < 0)
		return r;
	if (bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || listen(fd, 128) < 0)
		return err_errno(e, errno, "socket %s", name);
	*ret = fd_steal(&fd);
	return 0;
}

static int rundir_connect_type(int dir_fd, const char *name, int type, int *ret, struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	struct sockaddr_un sa;
	int r = rundir_open_socket(dir_fd, name, type, &sa, &fd, e);

	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return err_errno(e, errno, "socket %s", name);
	*ret = fd_steal(&fd);
	return 0;
}

int rundir_listen(int dir_fd, const char *name, int *ret, struct sm_err *e)
{
	return rundir_listen_type(dir_fd, name, SOCK_STREAM, ret, e);
}

int rundir_connect(int dir_fd, const char *name, int *ret, struct sm_err *e)
{
	return rundir_connect_type(dir_fd, name, SOCK_STREAM, ret, e);
}

int rundir_listen_packets(int dir_fd, const char *name, int *ret, struct sm_err *e)
{
	return rundir_listen_type(dir_fd, name, SOCK_SEQPACKET, ret, e);
}

int rundir_connect_packets(int dir_fd, const char *name, int *ret, struct sm_err *e)
{
	return rundir_connect_type(dir_fd, name, SOCK_SEQPACKET, ret, e);
}
