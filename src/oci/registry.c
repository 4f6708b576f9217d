/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry protocol (OCI distribution-spec; Docker's token authentication).
 *
 * Every request goes through registry_request(): it adds what we know of authorization,
 * answers one challenge, waits and repeats where that can help. A blob that breaks off is
 * asked for again from where it broke.
 */
#include "oci/source.h"

#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

#include "oci/auth.h"
#include "oci/http.h"
#include "util/bytes.h"
#include "util/num.h"

#define REGISTRY_TRIES 4
#define REGISTRY_WAIT_MS 300U /* doubled each time */
#define REGISTRY_RETRY_AFTER_MAX 20U
#define REGISTRY_TOKEN_MAX ((size_t)1 << 20)
#define REGISTRY_AUTH_MAX 12000

struct registry {
	struct source source;
	struct http *http; /* of the thread that reads manifests */
	char base[300];	   /* "https://host" */
	char basic[AUTH_BASIC_MAX];
	pthread_mutex_t lock;		       /* guards what follows */
	char authorization[REGISTRY_AUTH_MAX]; /* header value that the registry took last, "" none */
};

/* ---- authorization ---- */

static void registry_authorization(struct registry *r, char ret[REGISTRY_AUTH_MAX])
{
	pthread_mutex_lock(&r->lock);
	strcpy(ret, r->authorization);
	pthread_mutex_unlock(&r->lock);
}

static void registry_authorize(struct registry *r, const char *scheme, const char *value)
{
	pthread_mutex_lock(&r->lock);
	snprintf(r->authorization, sizeof(r->authorization), "%s %s", scheme, value);
	pthread_mutex_unlock(&r->lock);
}

static void registry_put_query(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, "%s=", key);
	for (; *value; value++) {
		unsigned char c = (unsigned char)*value;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    strchr("-._~", c))
			buf_put_u8(b, c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

static int registry_token_url(const struct registry *r, const struct auth_challenge *c, struct buf *url)
{
	char scope[REFERENCE_NAME_MAX + 32];

	snprintf(scope, sizeof(scope), "repository:%s:pull", r->source.reference->repo);
	buf_printf(url, "%s%c", c->realm, strchr(c->realm, '?') ? '&' : '?');
	if (*c->service) {
		registry_put_query(url, "service", c->service);
		buf_put_u8(url, '&');
	}
	/* Never more than reading this repository, whatever it asks for. */
	registry_put_query(url, "scope", scope);
	buf_put_u8(url, 0);
	return url->broken ? -ENOMEM : 0;
}

static int registry_take_token(struct registry *r, const char *data, size_t len, struct sm_err *e)
{
	json_t *root = json_loadb(data, len, 0, NULL);
	const char *token = json_string_value(json_object_get(root, "token"));
	int rc = 0;

	if (!token)
		token = json_string_value(json_object_get(root, "access_token"));
	if (!token || !*token || strlen(token) > REGISTRY_AUTH_MAX - 16 || strpbrk(token, "\r\n"))
		rc = err_set(e, EBADMSG, "registry %s: its token service answered without a token",
			     r->source.reference->host);
	else
		registry_authorize(r, "Bearer", token);
	json_decref(root);
	return rc;
}

static int registry_fetch_token(struct registry *r, struct http *h, const struct auth_challenge *c,
				struct sm_err *e)
{
	char basic[AUTH_BASIC_MAX + 8], *data = NULL;
	struct http_request q = { .accept = "application/json" };
	struct http_answer a = { 0 };
	struct buf url;
	bool again;
	size_t len = 0;
	int rc;

	if (!strncasecmp(c->realm, "http://", 7) && !strncmp(r->base, "https:", 6))
		return err_set(e, EPROTO, "registry %s: its token service wants plain http",
			       r->source.reference->host);
	buf_init(&url, 8192);
	if (*r->basic) {
		snprintf(basic, sizeof(basic), "Basic %s", r->basic);
		q.authorization = basic;
	}
	rc = registry_token_url(r, c, &url);
	q.url = (const char *)url.data;
	rc = rc ? err_errno(e, -rc, "token service") : http_get(h, &q, &a, &again, e);
	buf_fini(&url);
	if (rc)
		return rc;
	if (a.status == 200)
		rc = blob_read_all(a.body, REGISTRY_TOKEN_MAX, "token", &data, &len, e);
	else
		rc = err_set(e, EACCES, "registry %s: its token service refused with status %ld%s",
			     r->source.reference->host, a.status, *r->basic ? "" : "; a login may be needed");
	blob_close(a.body);
	if (rc)
		return rc;
	rc = registry_take_token(r, data, len, e);
	free(data);
	return rc;
}

static int registry_answer_challenge(struct registry *r, struct http *h, const struct http_answer *a,
				     struct sm_err *e)
{
	const char *host = r->source.reference->host;
	struct auth_challenge c;
	int rc = auth_challenge_parse(a->challenge, &c, e);

	if (rc)
		return err_prefix(e, "registry %s", host);
	if (c.scheme == AUTH_BEARER)
		return registry_fetch_token(r, h, &c, e);
	if (!*r->basic)
		return err_set(e, EACCES,
			       "registry %s: it asks for a login, and docker's config.json has none for it",
			       host);
	registry_authorize(r, "Basic", r->basic);
	return 0;
}

/* ---- requests ---- */

static int registry_wait(const struct registry *r, int attempt, unsigned retry_after, struct sm_err *e)
{
	unsigned ms = retry_after ? (unsigned)num_min(retry_after, REGISTRY_RETRY_AFTER_MAX) * 1000
				  : REGISTRY_WAIT_MS << attempt;
	struct timespec slice = { 0, 100000000 };

	for (; ms; ms -= (unsigned)num_min(ms, 100)) {
		if (r->source.cancel && *r->source.cancel)
			return err_set(e, ECANCELED, "cancelled");
		nanosleep(&slice, NULL);
	}
	return 0;
}

static bool registry_busy(long status)
{
	return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

/* What a status other than success means for `what`. */
static int registry_refused(const struct registry *r, const char *what, long status, struct sm_err *e)
{
	const struct reference *ref = r->source.reference;

	if (status == 404)
		return err_set(e, ENOENT, "image %s: the registry has no such %s", ref->text, what);
	if (status == 401 || status == 403)
		return err_set(e, EACCES, "image %s: the registry refused access (status %ld); %s", ref->text,
			       status,
			       *r->basic ? "the login has no right to it, or there is no such image"
					 : "there is no such image, or it needs a login");
	if (status == 416)
		return err_set(e, EBADMSG, "image %s: %s: the registry has fewer bytes than it declared",
			       ref->text, what);
	return err_set(e, EREMOTEIO, "image %s: %s: the registry answered with status %ld", ref->text, what,
		       status);
}

/* `what` is "manifest" or "blob". On success the status is 200 or 206 and the body the caller's. */
static int registry_request(struct registry *r, struct http *h, const char *what, const char *url,
			    const char *accept, uint64_t offset, struct http_answer *ret, struct sm_err *e)
{
	char authorization[REGISTRY_AUTH_MAX];
	bool challenged = false;

	for (int attempt = 0;; attempt++) {
		struct http_request q = { url, accept, authorization, offset };
		bool again = false, last = attempt == REGISTRY_TRIES - 1;
		int rc;

		registry_authorization(r, authorization);
		if (!*authorization)
			q.authorization = NULL;
		rc = http_get(h, &q, ret, &again, e);
		if (rc && (!again || last))
			return rc;
		if (!rc && (ret->status == 200 || ret->status == 206))
			return 0;
		if (!rc)
			blob_close(ret->body);
		if (!rc && ret->status == 401 && !challenged) {
			challenged = true;
			rc = registry_answer_challenge(r, h, ret, e);
			if (rc)
				return rc;
			continue;
		}
		if (!rc && (!registry_busy(ret->status) || last))
			return registry_refused(r, what, ret->status, e);
		rc = registry_wait(r, attempt, rc ? 0 : ret->retry_after, e);
		if (rc)
			return rc;
	}
}

static int registry_manifest(struct source *s, const struct descriptor *want, struct blob **ret,
			     struct sm_err *e)
{
	struct registry *r = (struct registry *)s;
	const struct reference *ref = s->reference;
	const char *name = want ? want->digest : *ref->digest ? ref->digest : ref->tag;
	struct http_answer a;
	char url[1024];
	int rc;

	snprintf(url, sizeof(url), "%s/v2/%s/manifests/%s", r->base, ref->repo, name);
	rc = registry_request(r, r->http, "manifest", url, MANIFEST_TYPES, 0, &a, e);
	if (!rc)
		*ret = a.body;
	return rc;
}

/* ---- blobs ---- */

struct registry_blob {
	struct blob blob;
	struct registry *registry;
	struct http *http; /* own: blobs come on several threads */
	struct blob *body; /* of the open answer, or NULL */
	uint64_t done, size;
	int faults; /* breaks since the last byte */
	char url[1024];
};

static int registry_blob_open(struct registry_blob *b, struct sm_err *e)
{
	struct http_answer a;
	char skip[4096];
	int rc = registry_request(b->registry, b->http, "blob", b->url, NULL, b->done, &a, e);

	if (rc)
		return rc;
	/* A server that knows no ranges starts over. */
	for (uint64_t at = a.status == 206 ? a.offset : 0; at < b->done && !rc;) {
		ssize_t n = blob_read(a.body, skip, num_min(sizeof(skip), b->done - at), e);

		if (n <= 0)
			rc = n ? (int)n
			       : err_set(e, EBADMSG, "blob: the registry has fewer bytes than before");
		else
			at += (uint64_t)n;
	}
	if (!rc && a.status == 206 && a.offset > b->done)
		rc = err_set(e, EBADMSG, "blob: the registry answered with another range than asked for");
	if (rc)
		blob_close(a.body);
	else
		b->body = a.body;
	return rc;
}

static ssize_t registry_blob_read(struct blob *blob, void *buf, size_t len, struct sm_err *e)
{
	struct registry_blob *b = (struct registry_blob *)blob;

	for (;;) {
		ssize_t n;

		if (!b->body) {
			int rc = registry_blob_open(b, e);

			if (rc)
				return rc;
		}
		n = blob_read(b->body, buf, len, e);
		if (n > 0) {
			b->done += (uint64_t)n;
			b->faults = 0;
		}
		if (n >= 0 || !http_broke(b->http) || b->done >= b->size || ++b->faults == REGISTRY_TRIES)
			return n;
		blob_close(b->body);
		b->body = NULL;
		n = registry_wait(b->registry, b->faults - 1, 0, e);
		if (n)
			return n;
	}
}

static void registry_blob_close(struct blob *blob)
{
	struct registry_blob *b = (struct registry_blob *)blob;

	blob_close(b->body);
	http_destroy(b->http);
	free(b);
}

static int registry_blob(struct source *s, const struct descriptor *want, struct blob **ret, struct sm_err *e)
{
	static const struct blob_ops ops = { registry_blob_read, registry_blob_close };
	struct registry *r = (struct registry *)s;
	struct registry_blob *b = calloc(1, sizeof(*b));
	int rc;

	if (!b)
		return err_errno(e, ENOMEM, "image %s", s->reference->text);
	b->blob.ops = &ops;
	b->registry = r;
	b->size = want->size;
	snprintf(b->url, sizeof(b->url), "%s/v2/%s/blobs/%s", r->base, s->reference->repo, want->digest);
	rc = http_create(s->cancel, &b->http, e);
	if (!rc)
		rc = registry_blob_open(b, e);
	if (rc) {
		registry_blob_close(&b->blob);
		return rc;
	}
	*ret = &b->blob;
	return 0;
}

/* ---- opening ---- */

static void registry_close(struct source *s)
{
	struct registry *r = (struct registry *)s;

	http_destroy(r->http);
	pthread_mutex_destroy(&r->lock);
	explicit_bzero(r->basic, sizeof(r->basic));
	explicit_bzero(r->authorization, sizeof(r->authorization));
	free(r);
}

/*
 * https, but on this machine itself http is tried first: that is how a registry for
 * development listens, and nobody else can hear it.
 */
static int registry_choose_scheme(struct registry *r, struct sm_err *e)
{
	const char *host = r->source.reference->host;
	struct http_request q = { 0 };
	struct http_answer a;
	char url[400];
	bool again;
	int rc;

	if (!strcmp(host, "docker.io"))
		host = "registry-1.docker.io";
	snprintf(r->base, sizeof(r->base), "https://%s", host);
	if (!http_is_loopback(host))
		return 0;
	snprintf(url, sizeof(url), "http://%s/v2/", host);
	q.url = url;
	rc = http_get(r->http, &q, &a, &again, e);
	if (rc == -ECONNREFUSED)
		return rc;
	/* A TLS server answers plain http with 400, or hangs up. */
	if (!rc && a.status != 400)
		snprintf(r->base, sizeof(r->base), "http://%s", host);
	if (!rc)
		blob_close(a.body);
	return 0;
}

int registry_open(const struct reference *ref, const atomic_bool *cancel, struct source **ret,
		  struct sm_err *e)
{
	static const struct source_ops ops = { registry_manifest, registry_blob, registry_close };
	struct registry *r = calloc(1, sizeof(*r));
	int rc;

	if (!r)
		return err_errno(e, ENOMEM, "image %s", ref->text);
	r->source = (struct source){ &ops, ref, cancel };
	pthread_mutex_init(&r->lock, NULL);
	rc = auth_config_lookup(ref->host, r->basic, e);
	if (!rc)
		rc = http_create(cancel, &r->http, e);
	if (!rc)
		rc = registry_choose_scheme(r, e);
	if (rc) {
		registry_close(&r->source);
		return rc;
	}
	*ret = &r->source;
	return 0;
}
