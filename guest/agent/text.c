/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

static size_t append(char *dst, size_t size, size_t len, const char *s)
{
	size_t n = strlen(s);

	if (n > size - 1 - len)
		n = size - 1 - len;
	memcpy(dst + len, s, n);
	dst[len + n] = 0;
	return len + n;
}

char *text_join(char *dst, size_t size, ...)
{
	size_t len = 0;
	const char *s;
	va_list ap;

	dst[0] = 0;
	va_start(ap, size);
	while ((s = va_arg(ap, const char *)))
		len = append(dst, size, len, s);
	va_end(ap);
	return dst;
}

char *text_u64(char dst[21], uint64_t v)
{
	char b[20];
	size_t n = 0, i;

	do
		b[n++] = (char)('0' + v % 10);
	while (v /= 10);
	for (i = 0; i < n; i++)
		dst[i] = b[n - 1 - i];
	dst[n] = 0;
	return dst;
}

bool text_parse_u32(const char *s, uint32_t max, uint32_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9')
			return false;
		v = v * 10 + (uint64_t)(*s - '0');
		if (v > max)
			return false;
	}
	*ret = (uint32_t)v;
	return true;
}

const char *text_errno(int err)
{
	const char *s = strerrordesc_np(err);

	return s ? s : "unknown error";
}

void text_log(const char *s, ...)
{
	char line[512] = "agent: ";
	size_t len = strlen(line);
	va_list ap;

	va_start(ap, s);
	for (; s; s = va_arg(ap, const char *))
		len = append(line, sizeof(line) - 1, len, s);
	va_end(ap);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* no console, nobody to tell */
}

int text_write_file(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, s, strlen(s)) < 0)
		err = -errno;
	close(fd);
	return err;
}

int text_read_file(const char *path, char *dst, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return -errno;
	while (len < size - 1 && (n = read(fd, dst + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		n = -errno;
	close(fd);
	dst[len] = 0;
	return n < 0 ? (int)n : (int)len;
}
