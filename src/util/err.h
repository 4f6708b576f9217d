/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One sentence about a failure, made where it is known. `e` may be NULL everywhere;
 * on success it is left untouched.
 */
#ifndef UTIL_ERR_H
#define UTIL_ERR_H

#include <supermachine.h>

/* Fills *e with `code` (positive errno) and the sentence; returns -code. */
int err_set(struct sm_err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": <strerror(code)>" appended. */
int err_errno(struct sm_err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<prefix>: " in front of the sentence; returns -e->code (or -EIO when `e` is NULL). */
int err_prefix(struct sm_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
