/* SPDX-License-Identifier: Apache-2.0 */
/*
 * File requests run in a process of their own, inside the container's root: links cannot
 * lead out, and a file that blocks (a share, a device) blocks nobody else.
 */
#include "guest/agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/text.h"

#define CHUNK (64u << 10)

static void fail_path(const char *path, int err) __attribute__((noreturn));

static void fail_path(const char *path, int err)
{
	child_fail((uint32_t)err, path, ": ", text_errno(err), NULL);
}

static int open_regular(const char *path, int flags, mode_t mode)
{
	int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		fail_path(path, errno);
	if (!S_ISREG(st.st_mode))
		fail_path(path, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
	return fd;
}

static void write_full(int fd, const char *p, size_t len, const char *path)
{
	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0)
			fail_path(path, errno);
		p += n;
		len -= (size_t)n;
	}
}

/* `left` 0: everything. */
static void copy(int from, int to, uint64_t left, const char *path)
{
	static char chunk[CHUNK];
	bool all = !left;

	while (all || left) {
		ssize_t n = read(from, chunk, all || left > CHUNK ? CHUNK : left);

		if (n < 0)
			fail_path(path, errno);
		if (!n)
			return;
		write_full(to, chunk, (size_t)n, path);
		left -= all ? 0 : (uint64_t)n;
	}
}

static void serve_read(struct frame_reader *r)
{
	const char *path = frame_get_str(r);
	uint64_t offset = frame_get_u64(r), length = frame_get_u64(r);
	int fd = open_regular(path, O_RDONLY, 0);

	if (lseek(fd, (off_t)offset, SEEK_SET) < 0)
		fail_path(path, errno);
	copy(fd, STDOUT_FILENO, length, path);
	child_send(CHILD_DONE, 0, "");
}

static void serve_write(struct frame_reader *r)
{
	const char *path = frame_get_str(r);
	uint32_t mode = frame_get_u32(r), uid = frame_get_u32(r), gid = frame_get_u32(r);
	int fd = open_regular(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	copy(STDIN_FILENO, fd, 0, path);
	if (fchown(fd, uid, gid) || fchmod(fd, mode & 07777))
		fail_path(path, errno);
	child_send(CHILD_DONE, 0, "");
}

static void put_u32(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++, v >>= 8)
		p[i] = (char)(v & 0xff);
}

static void serve_stat(struct frame_reader *r)
{
	const char *path = frame_get_str(r);
	struct child_msg m = { .kind = CHILD_DONE, .value = 20 };
	struct stat st;

	if (stat(path, &st))
		fail_path(path, errno);
	put_u32(m.text, st.st_mode);
	put_u32(m.text + 4, st.st_uid);
	put_u32(m.text + 8, st.st_gid);
	put_u32(m.text + 12, (uint32_t)st.st_size);
	put_u32(m.text + 16, (uint32_t)((uint64_t)st.st_size >> 32));
	if (write(CHILD_STATUS_FD, &m, sizeof(m)) < 0)
		_exit(1);
}

void child_file(const struct frame *f, const struct child_fds *fds)
{
	struct frame_reader r = frame_reader_of(f);
	int err = container_enter();

	child_begin(fds);
	if (err)
		child_fail((uint32_t)-err, "the container's root: ", text_errno(-err), NULL);
	umask(0);
	if (f->type == SMP_FILE_READ)
		serve_read(&r);
	else if (f->type == SMP_FILE_WRITE)
		serve_write(&r);
	else
		serve_stat(&r);
	_exit(0);
}
