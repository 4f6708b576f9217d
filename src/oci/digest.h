/* SPDX-License-Identifier: Apache-2.0 */
/* Digests in their text form "sha256:" and 64 lower-case hex digits; nothing else is accepted. */
#ifndef OCI_DIGEST_H
#define OCI_DIGEST_H

#include <stdbool.h>
#include <string.h>

#define DIGEST_PREFIX "sha256:"
#define DIGEST_PREFIX_LEN 7
#define DIGEST_HEX_LEN 64
#define DIGEST_SIZE (DIGEST_PREFIX_LEN + DIGEST_HEX_LEN + 1)

static inline bool digest_hex_ok(const char *s, size_t len)
{
	return len == DIGEST_HEX_LEN && strspn(s, "0123456789abcdef") >= len;
}

static inline bool digest_ok(const char *s)
{
	return !strncmp(s, DIGEST_PREFIX, DIGEST_PREFIX_LEN) &&
	       digest_hex_ok(s + DIGEST_PREFIX_LEN, strlen(s + DIGEST_PREFIX_LEN));
}

/* The hex digits of a valid digest: its file name in the store. */
static inline const char *digest_hex(const char *s)
{
	return s + DIGEST_PREFIX_LEN;
}

#endif
