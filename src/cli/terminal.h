/* SPDX-License-Identifier: Apache-2.0 */
/* The user's terminal: raw while a program in the VM has it, and always given back. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>
#include <termios.h>

struct terminal {
	struct termios saved;
	bool raw;
};

bool terminal_is(int fd);
/* Rows and columns of the first of stdin, stdout, stderr that is a terminal. */
bool terminal_size(uint16_t *ret_rows, uint16_t *ret_cols);
/* Does nothing unless `wanted` and stdin is a terminal. */
void terminal_raw(struct terminal *t, bool wanted);
void terminal_restore(struct terminal *t);

#endif
