/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "oci/auth.h"

/* A registry's challenge, and a docker configuration. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct auth_challenge challenge;
	char basic[AUTH_BASIC_MAX], *text = malloc(len + 1);
	struct sm_err e;

	if (!text)
		return 0;
	memcpy(text, data, len);
	text[len] = 0;
	auth_challenge_parse(text, &challenge, &e);
	auth_config_parse((const char *)data, len, "127.0.0.1:5000", "fuzz", basic, &e);
	free(text);
	return 0;
}
