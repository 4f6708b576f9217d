/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static void log_emit(const struct log *l, enum sm_log_level level, const char *module, char *text)
{
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	l->fn(l->opaque, level, module, text);
}

void log_msg(const struct log *l, enum sm_log_level level, const char *module, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!l || !l->fn || level > l->level)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_emit(l, level, module, text);
}

void log_guest(const struct log *l, struct log_rate *rate, const char *module, const char *fmt, ...)
{
	struct timespec now;
	char text[512];
	va_list ap;

	if (!l || !l->fn || l->level < SM_LOG_DEBUG)
		return;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (__atomic_exchange_n(&rate->second, (uint64_t)now.tv_sec, __ATOMIC_RELAXED) !=
	    (uint64_t)now.tv_sec)
		__atomic_store_n(&rate->count, 0, __ATOMIC_RELAXED);
	if (__atomic_fetch_add(&rate->count, 1, __ATOMIC_RELAXED) >= 10)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_emit(l, SM_LOG_DEBUG, module, text);
}
