/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests, indexes and image configurations, in OCI's and Docker's dress. Hostile bytes:
 * whatever these functions return has valid digests, sizes below the caps and counts below
 * the limits.
 */
#ifndef OCI_MANIFEST_H
#define OCI_MANIFEST_H

#include <jansson.h>
#include <stdint.h>

#include "oci/digest.h"
#include "util/err.h"

#define MANIFEST_SIZE_MAX ((size_t)4 << 20)
#define MANIFEST_CONFIG_MAX ((size_t)8 << 20)
#define MANIFEST_LAYERS_MAX 127
#define MANIFEST_ENTRIES_MAX 1024
#define MANIFEST_LAYER_SIZE_MAX ((uint64_t)1 << 40)

/* For the Accept header. */
#define MANIFEST_TYPES                                                                                       \
	"application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "              \
	"application/vnd.docker.distribution.manifest.list.v2+json, "                                        \
	"application/vnd.docker.distribution.manifest.v2+json"

#define PLATFORM_MAX 64

struct descriptor {
	char digest[DIGEST_SIZE];
	uint64_t size;
	char platform[PLATFORM_MAX]; /* "linux/arm64/v8"; "" where not given */
	char tag[129];		     /* org.opencontainers.image.ref.name; "" where not given */
};

struct manifest {
	bool index;
	struct descriptor config; /* of an image */
	struct descriptor *items; /* layers, lowest first, or an index's manifests */
	size_t nr_items;
};

/* `what` names it in sentences. EBADMSG, or ENOTSUP for what is understood but not run here. */
int manifest_parse(const char *data, size_t len, const char *what, struct manifest **ret, struct sm_err *e);
/* NULL is accepted. */
void manifest_destroy(struct manifest *m);
void manifest_destroyp(struct manifest **m);
#define MANIFEST_CLEANUP __attribute__((cleanup(manifest_destroyp)))

/* The entry of an index for `platform`; ENOTSUP lists what there is. */
int manifest_choose(const struct manifest *m, const char *platform, const char *what,
		    const struct descriptor **ret, struct sm_err *e);

struct image_config {
	char platform[PLATFORM_MAX];
	uint64_t created; /* seconds since the epoch, 0 unknown */
	json_t *config;	  /* Entrypoint, Cmd, Env, ...: only known keys, of the right types */
	size_t nr_diff_ids;
	char diff_ids[MANIFEST_LAYERS_MAX][DIGEST_SIZE];
};

int image_config_parse(const char *data, size_t len, const char *what, struct image_config **ret,
		       struct sm_err *e);
void image_config_destroy(struct image_config *c);
void image_config_destroyp(struct image_config **c);
#define IMAGE_CONFIG_CLEANUP __attribute__((cleanup(image_config_destroyp)))

/* Does an image for `have` run where `want` is asked for? */
bool platform_match(const char *have, const char *want);

#endif
