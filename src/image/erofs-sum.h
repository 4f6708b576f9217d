/* SPDX-License-Identifier: Apache-2.0 */
/* The checksum an image carries as its volume name, so that a damaged one is found without its archive. */
#ifndef IMAGE_EROFS_SUM_H
#define IMAGE_EROFS_SUM_H

#include "util/err.h"

/* Less than the 16 bytes of a volume name: Linux wants a NUL behind it. */
#define EROFS_SUM_LEN 14

/* The first 56 bits of a SHA-256 over all blocks but the first that are not zero, each with its number. */
int erofs_sum(int fd, char ret[EROFS_SUM_LEN + 1], struct sm_err *e);

#endif
