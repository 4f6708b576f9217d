/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

bool terminal_is(int fd)
{
	return isatty(fd);
}

bool terminal_size(uint16_t *ret_rows, uint16_t *ret_cols)
{
	struct winsize ws;

	for (int fd = 0; fd <= 2; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &ws) < 0 || !ws.ws_row || !ws.ws_col)
			continue;
		*ret_rows = ws.ws_row;
		*ret_cols = ws.ws_col;
		return true;
	}
	return false;
}

void terminal_raw(struct terminal *t, bool wanted)
{
	struct termios raw;

	t->raw = wanted && isatty(0) && !tcgetattr(0, &t->saved);
	if (!t->raw)
		return;
	raw = t->saved;
	cfmakeraw(&raw);
	tcsetattr(0, TCSADRAIN, &raw);
}

void terminal_restore(struct terminal *t)
{
	if (t->raw)
		tcsetattr(0, TCSADRAIN, &t->saved);
	t->raw = false;
}
