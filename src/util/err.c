/* SPDX-License-Identifier: Apache-2.0 */
#include "util/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int err_set(struct sm_err *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		e->code = code;
		va_start(ap, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
		va_end(ap);
	}
	return -code;
}

int err_errno(struct sm_err *e, int code, const char *fmt, ...)
{
	char text[sizeof(e->text) - 80];
	va_list ap;

	if (!e)
		return -code;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, code, "%s: %s", text,
		       strerrordesc_np(code) ? strerrordesc_np(code) : "unknown error");
}

int err_prefix(struct sm_err *e, const char *fmt, ...)
{
	char old[sizeof(e->text)], prefix[200];
	va_list ap;

	if (!e)
		return -EIO;
	memcpy(old, e->text, sizeof(old));
	va_start(ap, fmt);
	vsnprintf(prefix, sizeof(prefix), fmt, ap);
	va_end(ap);
	snprintf(e->text, sizeof(e->text), "%s: %.290s", prefix, old);
	return -e->code;
}
