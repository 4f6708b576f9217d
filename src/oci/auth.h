/* SPDX-License-Identifier: Apache-2.0 */
/* Who we are to a registry: what it asks for (RFC 9110 11.6.1) and what the user's docker configuration says.
 */
#ifndef OCI_AUTH_H
#define OCI_AUTH_H

#include "util/err.h"

enum auth_scheme { AUTH_NONE, AUTH_BASIC, AUTH_BEARER };

struct auth_challenge {
	enum auth_scheme scheme;
	char realm[1024], service[256], scope[1024];
};

/*
 * The strongest challenge we know of in a WWW-Authenticate value, which may hold several.
 * Hostile input. EBADMSG when none can be used.
 */
int auth_challenge_parse(const char *value, struct auth_challenge *ret, struct sm_err *e);

#define AUTH_BASIC_MAX 4096
/*
 * base64("user:password") for a registry's host out of $DOCKER_CONFIG/config.json or
 * ~/.docker/config.json; "" when it has none. Any trouble with the file is an error.
 */
int auth_config_lookup(const char *host, char ret[AUTH_BASIC_MAX], struct sm_err *e);
/* The same from the text of such a file. `what` names it. */
int auth_config_parse(const char *data, size_t len, const char *host, const char *what,
		      char ret[AUTH_BASIC_MAX], struct sm_err *e);
/* The folder of that file; "" when there is none. */
void auth_config_dir(char *ret, size_t size);

#endif
