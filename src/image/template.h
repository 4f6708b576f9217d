/* SPDX-License-Identifier: Apache-2.0 */
/* The empty writable disk of a VM: made once per store by mke2fs, copied for each VM. */
#ifndef IMAGE_TEMPLATE_H
#define IMAGE_TEMPLATE_H

#include "oci/store.h"

/* Makes STORE_TEMPLATE unless it is there. */
int template_make(struct store *s, struct sm_err *e);

#endif
