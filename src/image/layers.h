/* SPDX-License-Identifier: Apache-2.0 */
/* Bakes the layers an image lacks, a few at a time, into a writer's directory. */
#ifndef IMAGE_LAYERS_H
#define IMAGE_LAYERS_H

#include "oci/source.h"
#include "oci/store.h"

struct layer {
	const struct descriptor *blob;
	const char *diff_id;
	bool wanted; /* in: not in the store; out of a failed commit: gone again */
	bool baked;  /* as DIFFID.erofs in the directory */
};

struct layers {
	struct source *source;
	struct store_tmp *tmp;
	const char *reference; /* for progress */
	struct layer *list;
	size_t nr;
};

/* Bakes every wanted layer; on failure nothing more is running. */
int layers_bake(struct layers *l, struct sm_err *e);

#define LAYERS_NAME_MAX (DIGEST_HEX_LEN + 8)
void layers_name(const char *diff_id, char ret[LAYERS_NAME_MAX]);

#endif
