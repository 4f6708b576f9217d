/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP requests whose answer is pulled as a blob. Hostile servers: every wait has an end,
 * headers and redirects are limited, plain http goes to this machine only.
 *
 * A client keeps connections for one thread and has at most one answer open at a time.
 */
#ifndef OCI_HTTP_H
#define OCI_HTTP_H

#include <stdatomic.h>

#include "oci/blob.h"

struct http;

/* Once *cancel is set every wait ends with ECANCELED; NULL is accepted. */
int http_create(const atomic_bool *cancel, struct http **ret, struct sm_err *e);
/* NULL is accepted; no answer may be open. */
void http_destroy(struct http *h);

struct http_request {
	const char *url;
	const char *accept;	   /* or NULL */
	const char *authorization; /* the header's value, or NULL; never follows a redirect to another host */
	uint64_t offset;	   /* first byte wanted */
};

struct http_answer {
	long status;
	char type[128];	      /* of the content, "" unknown */
	char digest[96];      /* Docker-Content-Digest */
	char challenge[4096]; /* all WWW-Authenticate values, comma separated */
	unsigned retry_after; /* seconds, 0 not given */
	uint64_t offset;      /* of the first byte that comes: Content-Range */
	struct blob *body;
};

/*
 * Sends and waits for the headers, redirects followed. On success the body is the caller's.
 * *ret_again: a fault of the connection that another try may not see; the answer's own
 * read sets it too when the stream breaks (http_broke).
 */
int http_get(struct http *h, const struct http_request *r, struct http_answer *ret, bool *ret_again,
	     struct sm_err *e);

/* The last read of the answer failed for a reason that another try may not see. */
bool http_broke(const struct http *h);

/* "localhost", 127.0.0.0/8 and ::1, with or without a port. */
bool http_is_loopback(const char *host);

#endif
