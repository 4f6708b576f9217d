/* SPDX-License-Identifier: Apache-2.0 */
/* What a person reads on stderr: errors and log lines; and how numbers are written. */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

void cli_error(const char *fmt, ...)
{
	va_list ap;

	fputs("supermachine: ", stderr);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

int cli_fail(const struct sm_err *e, int status)
{
	cli_error("%s", e->text);
	return status;
}

static void cli_log(void *opaque, enum sm_log_level level, const char *module, const char *text)
{
	static const char *const names[] = { "error", "warn", "info", "debug" };

	(void)opaque;
	fprintf(stderr, "supermachine[%s] %s: %s\n", names[level], module, text);
}

int cli_ctx(bool debug, struct sm_ctx **ret, struct sm_err *e)
{
	const struct sm_ctx_options o = {
		.size = sizeof(o),
		.log = cli_log,
		.log_level = debug ? SM_LOG_DEBUG : SM_LOG_WARN,
	};

	return sm_ctx_create(&o, ret, e);
}

void cli_format_size(uint64_t bytes, char ret[16])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	double v = (double)bytes;
	size_t u = 0;

	while (v >= 1000 && u < 4) {
		v /= 1000;
		u++;
	}
	snprintf(ret, 16, v < 10 && u ? "%.2f%s" : v < 100 && u ? "%.1f%s" : "%.0f%s", v, units[u]);
}

void cli_format_age(uint64_t created, char ret[32])
{
	static const struct {
		uint64_t seconds;
		const char *name;
	} units[] = { { 31536000, "year" }, { 2592000, "month" }, { 604800, "week" }, { 86400, "day" },
		      { 3600, "hour" },	    { 60, "minute" },	  { 1, "second" } };
	uint64_t now = (uint64_t)time(NULL), age = now > created ? now - created : 0;

	if (!created) {
		snprintf(ret, 32, "N/A");
		return;
	}
	for (size_t i = 0; i < 7; i++) {
		uint64_t n = age / units[i].seconds;

		if (n < 1 + (i < 4))
			continue;
		snprintf(ret, 32, "%llu %s%s ago", (unsigned long long)n, units[i].name, n == 1 ? "" : "s");
		return;
	}
	snprintf(ret, 32, "just now");
}

void cli_print_json_string(const char *s)
{
	putchar('"');
	for (const unsigned char *p = (const unsigned char *)s; *p; p++) {
		if (*p == '"' || *p == '\\')
			printf("\\%c", *p);
		else if (*p < ' ' || *p == 0x7f)
			printf("\\u%04x", *p);
		else
			putchar(*p);
	}
	putchar('"');
}
