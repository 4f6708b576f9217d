/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --format: text with fields of a JSON object in it, "{{.Config.Cmd}}". A string stands for
 * itself, anything else as JSON; "{{json .X}}" is always JSON. `\n` and `\t` are written out.
 */
#ifndef API_FORMAT_H
#define API_FORMAT_H

#include <jansson.h>

#include "util/err.h"

/* EINVAL names the field that is not there, and those that are. The caller frees *ret. */
int format_json(const json_t *object, const char *format, char **ret, struct sm_err *e);

#endif
