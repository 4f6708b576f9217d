/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/child.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/text.h"

/* What Docker gives a container with a terminal: the terminal is its console. */
static void bind_console(int master)
{
	char path[64], number[21];
	unsigned int n;
	int fd;

	if (ioctl(master, TIOCGPTN, &n))
		return;
	fd = open("/dev/console", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		close(fd);
	mount(text_join(path, sizeof(path), "/dev/pts/", text_u64(number, n), NULL), "/dev/console", NULL,
	      MS_BIND, NULL);
}

void pty_make(uint16_t rows, uint16_t cols, uid_t owner, bool is_console)
{
	struct winsize size = { .ws_row = rows ? rows : 24, .ws_col = cols ? cols : 80 };
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int unlock = 0, slave;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock))
		child_fail(126, "terminal: ", text_errno(errno), NULL);
	/* Not by its path: /dev/pts may be anything by now. */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0 || ioctl(master, TIOCSWINSZ, &size) || ioctl(slave, TIOCSCTTY, 0))
		child_fail(126, "terminal: ", text_errno(errno), NULL);
	if (owner && fchown(slave, owner, (gid_t)-1))
		child_fail(126, "terminal: ", text_errno(errno), NULL);
	if (is_console)
		bind_console(master);
	child_send_fd(CHILD_TTY, master);
	close(master);
	for (int i = 0; i < 3; i++)
		dup2(slave, i);
	close(slave);
}
