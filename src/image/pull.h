/* SPDX-License-Identifier: Apache-2.0 */
/* The way of an image from its reference into the store. */
#ifndef IMAGE_PULL_H
#define IMAGE_PULL_H

#include <stdatomic.h>

#include "oci/reference.h"
#include "oci/source.h"
#include "oci/store.h"

enum pull_policy { PULL_MISSING, PULL_ALWAYS, PULL_NEVER };

struct pull_options {
	const struct reference *reference;
	const char *platform; /* "linux/arm64"; NULL: whatever it is made for */
	enum pull_policy policy;
	const atomic_bool *cancel;
	const struct source_options *source; /* where it is, or NULL: where `reference` says */
};

/* On failure the store is as it was, but for layers that were whole. */
int pull_image(struct store *s, const struct pull_options *o, struct image_record **ret, struct sm_err *e);

#endif
