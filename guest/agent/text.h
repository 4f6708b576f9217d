/* SPDX-License-Identifier: Apache-2.0 */
/* Text without stdio: the agent's start is counted in instructions. */
#ifndef AGENT_TEXT_H
#define AGENT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Joins strings up to a NULL, cut to `size`; always terminated. Returns `dst`. */
char *text_join(char *dst, size_t size, ...) __attribute__((sentinel));
char *text_u64(char dst[21], uint64_t v);
/* The whole of `s` as a decimal number up to `max`; false leaves *ret alone. */
bool text_parse_u32(const char *s, uint32_t max, uint32_t *ret);
/* strerror() without locales. */
const char *text_errno(int err);

/* One line "agent: ..." on the console, from strings up to a NULL. */
void text_log(const char *s, ...) __attribute__((sentinel));

/* Writes `s` to an existing file (of proc, cgroup); 0 or -errno. */
int text_write_file(const char *path, const char *s);
/* The file's text, cut to `size`, terminated; its length or -errno. */
int text_read_file(const char *path, char *dst, size_t size);

#endif
