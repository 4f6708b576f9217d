/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories that a layer needs but does not name.
 *
 * An archive may hold "etc/app/conf" without "etc/" and "etc/app/": whoever unpacks it onto
 * the layers below leaves the directories there as they were. Overlayfs shows owner, mode,
 * time and attributes of the uppermost layer's directory, which in that layer is a made-up
 * one ("implied"). What it ought to be only the layers below know, and a layer's image must
 * not depend on them, for it is shared by its diff id. So an image that needs it gets one
 * more layer on top, which holds nothing but those directories, as the topmost layer that
 * names them has them. It depends on the list of layers alone and is shared in the same way.
 */
#ifndef IMAGE_PARENTS_H
#define IMAGE_PARENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

/*
 * `layers` are the EROFS images of the image, lowest first; `out` is an empty file, which
 * stays empty (*ret_made false) when no directory needs it.
 */
int parents_make(const int *layers, size_t nr, int out, const uint8_t uuid[16], bool *ret_made,
		 struct sm_err *e);

#endif
