/* SPDX-License-Identifier: Apache-2.0 */
/* JSON lines on stdout (docs/image-protocol.md). Any thread. */
#ifndef IMAGE_EMIT_H
#define IMAGE_EMIT_H

#include <jansson.h>
#include <stdint.h>

#include "oci/record.h"
#include "util/err.h"

/* {KEY: value}; takes `value`, NULL counts as out of memory. A reader that is gone is an error. */
int emit_object(const char *key, json_t *value, struct sm_err *e);
void emit_error(const struct sm_err *err);
void emit_progress(const char *stage, const char *object, uint64_t done, uint64_t total);
/* {"image": the record and its reference} */
int emit_image(const char *reference, const struct image_record *r, struct sm_err *e);

#endif
