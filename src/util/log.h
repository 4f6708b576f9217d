/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One log sink per process part, passed explicitly; a NULL log is silent.
 * error: what the user asked for failed; warn: goes on, degraded; info: once per life
 * cycle step; debug: per request. Lines a guest can cause go through log_guest().
 */
#ifndef UTIL_LOG_H
#define UTIL_LOG_H

#include <supermachine.h>

struct log {
	sm_log_fn *fn;
	void *opaque;
	enum sm_log_level level;
};

void log_msg(const struct log *l, enum sm_log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Per call site: at most ten lines a second; racing threads may count one twice. */
struct log_rate {
	uint64_t second;
	uint32_t count;
};
/* A debug line about something the guest did; unprintable bytes are escaped. */
void log_guest(const struct log *l, struct log_rate *rate, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

#endif
