/* SPDX-License-Identifier: Apache-2.0 */
/* What a container runs: the image's config and the caller's wishes, put together as Docker does. */
#ifndef API_COMMAND_H
#define API_COMMAND_H

#include "oci/record.h"

struct command {
	const char **argv, **env; /* NULL-terminated; the strings are borrowed from both sources */
	const char *cwd, *user;	  /* "" when nobody said */
};

/*
 * argv is entrypoint + (the caller's argv, else Cmd); a caller's entrypoint also drops Cmd.
 * EINVAL when nothing is left to run.
 */
int command_make(const struct image_record *image, const struct sm_exec_options *o, struct command *ret,
		 struct sm_err *e);
void command_fini(struct command *c);

#endif
