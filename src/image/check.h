/* SPDX-License-Identifier: Apache-2.0 */
/* Is the store what it claims to be? */
#ifndef IMAGE_CHECK_H
#define IMAGE_CHECK_H

#include "oci/store.h"

/*
 * Emits a "problem" for everything that is wrong, then "checked" with their number. With
 * `repair` damaged files are deleted and names of images that lost a part are dropped: a
 * pull brings them back. Takes the lock, so that nothing changes meanwhile.
 */
int check_store(struct store *s, bool repair, struct sm_err *e);

#endif
