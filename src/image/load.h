/* SPDX-License-Identifier: Apache-2.0 */
/* Every image of what `docker save` wrote, under its own names. */
#ifndef IMAGE_LOAD_H
#define IMAGE_LOAD_H

#include <stdatomic.h>

#include "oci/store.h"

/* Reads `fd`, a file or a pipe, to its end; emits an "image" for each name. */
int load_images(struct store *s, int fd, const atomic_bool *cancel, struct sm_err *e);

#endif
