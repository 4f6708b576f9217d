/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store knows of one image: images/HEX.json, written once its layers are baked.
 * A parsed record is checked whole: digests are digests, layer paths are the store's own
 * names, lists are lists of strings. Every pointer belongs to the record.
 */
#ifndef OCI_RECORD_H
#define OCI_RECORD_H

#include <jansson.h>
#include <stdint.h>

#include "oci/digest.h"
#include "util/err.h"

/* One more than a manifest may have: image/parents.h. */
#define RECORD_LAYERS_MAX 128
/* The version of the EROFS writer: a change of its output makes other file names. */
#define RECORD_LAYER_FORMAT "3"

struct record_layer {
	const char *diff_id;
	const char *path; /* beneath the store: "layers/HEX-2.erofs" */
	uint64_t size;	  /* bytes of the EROFS image */
};

struct image_record {
	json_t *json; /* the object all of this points into */
	const char *digest, *id, *platform;
	uint64_t created, size;
	const char **entrypoint, **cmd, **env; /* NULL-terminated, never NULL themselves */
	const char *working_dir, *user;	       /* "" when not given */
	size_t nr_layers;		       /* lowest first; at least one */
	struct record_layer layers[RECORD_LAYERS_MAX];
};

/*
 * Takes `json`, also when it fails; NULL counts as out of memory. EBADMSG names `what`;
 * ENOENT: its layers are of another RECORD_LAYER_FORMAT.
 */
int record_create(json_t *json, const char *what, struct image_record **ret, struct sm_err *e);
void record_destroy(struct image_record *r);
void record_destroyp(struct image_record **r);
#define RECORD_CLEANUP __attribute__((cleanup(record_destroyp)))

#define RECORD_LAYER_PATH_MAX 96
void record_layer_path(const char *diff_id, char ret[RECORD_LAYER_PATH_MAX]);

#endif
