/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of images as Docker spells them ("nginx", "host:5000/a/b:tag@sha256:..."), and
 * "oci:DIR[:tag]", "oci-archive:FILE[:tag]" and "docker-archive:FILE[:NAME]" for what lies on
 * disk. A parsed reference is always whole: `text` is its
 * one normalized spelling, the key under which the store knows it.
 */
#ifndef OCI_REFERENCE_H
#define OCI_REFERENCE_H

#include <limits.h>

#include "oci/digest.h"
#include "util/err.h"

enum reference_kind { REFERENCE_REGISTRY, REFERENCE_OCI, REFERENCE_OCI_ARCHIVE, REFERENCE_DOCKER_ARCHIVE };

#define REFERENCE_TAG_MAX 128
#define REFERENCE_NAME_MAX 255
#define REFERENCE_TEXT_MAX (PATH_MAX + REFERENCE_NAME_MAX + 32)

struct reference {
	enum reference_kind kind;
	char host[REFERENCE_NAME_MAX + 1]; /* "docker.io", "127.0.0.1:5000"; registry only */
	char repo[REFERENCE_NAME_MAX + 1]; /* "library/nginx"; docker-archive: NAME or "" */
	char tag[REFERENCE_TAG_MAX + 1];   /* "" where only a digest, or for oci: nothing, was given */
	char digest[DIGEST_SIZE];	   /* "" or what the manifest must hash to */
	char dir[PATH_MAX];		   /* absolute path of a layout or an archive */
	char text[REFERENCE_TEXT_MAX];
};

/* EINVAL with a sentence for anything else; *ret is then unchanged. */
int reference_parse(const char *text, struct reference *ret, struct sm_err *e);

#endif
