/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/http.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "util/bytes.h"
#include "util/num.h"

#define HTTP_CONNECT_MS 15000L
#define HTTP_STALL_SECONDS 30L
#define HTTP_STALL_SPEED 64L
#define HTTP_REDIRECTS_MAX 5
#define HTTP_HEADERS_MAX ((size_t)128 << 10)
#define HTTP_LINE_MAX 16384 /* of a header we send: tokens are long */
#define HTTP_BUFFER_MAX ((size_t)1 << 20)

struct http {
	struct blob blob; /* the open answer's body */
	const atomic_bool *cancel;
	CURLM *multi;
	CURL *easy; /* of the open answer */
	struct curl_slist *headers;
	struct buf data; /* body that came and was not read; pos bytes of it were */
	size_t pos, header_bytes;
	struct http_answer *answer; /* while headers come */
	bool complete, paused, broke, got_headers;
	CURLcode result;
	char host[300];	  /* of the open answer */
	char origin[300]; /* of the request, "" until it was vetted */
	bool origin_plain;
	char curl_error[CURL_ERROR_SIZE];
};

bool http_is_loopback(const char *host)
{
	char name[256];
	struct in_addr in4;
	size_t len = strcspn(host, ":");

	if (*host == '[')
		return !strncmp(host, "[::1]", 5) && (!host[5] || host[5] == ':');
	if (len >= sizeof(name))
		return false;
	memcpy(name, host, len);
	name[len] = 0;
	if (!strcasecmp(name, "localhost"))
		return true;
	return inet_pton(AF_INET, name, &in4) == 1 && ntohl(in4.s_addr) >> 24 == 127;
}

int http_create(const atomic_bool *cancel, struct http **ret, struct sm_err *e)
{
	struct http *h = calloc(1, sizeof(*h));

	if (h)
		h->multi = curl_multi_init();
	if (!h || !h->multi) {
		free(h);
		return err_errno(e, ENOMEM, "http");
	}
	h->cancel = cancel;
	curl_multi_setopt(h->multi, CURLMOPT_MAXCONNECTS, 4L);
	buf_init(&h->data, HTTP_BUFFER_MAX + CURL_MAX_WRITE_SIZE);
	*ret = h;
	return 0;
}

static void http_finish(struct http *h)
{
	if (h->easy) {
		curl_multi_remove_handle(h->multi, h->easy);
		curl_easy_cleanup(h->easy);
	}
	curl_slist_free_all(h->headers);
	h->easy = NULL;
	h->headers = NULL;
	buf_reset(&h->data);
	h->pos = h->header_bytes = 0;
	h->complete = h->paused = h->got_headers = false;
	h->result = CURLE_OK;
}

void http_destroy(struct http *h)
{
	if (!h)
		return;
	http_finish(h);
	curl_multi_cleanup(h->multi);
	buf_fini(&h->data);
	free(h);
}

bool http_broke(const struct http *h)
{
	return h->broke;
}

/* ---- callbacks ---- */

static size_t http_on_body(char *data, size_t size, size_t nr, void *opaque)
{
	struct http *h = opaque;

	if (h->data.len - h->pos >= HTTP_BUFFER_MAX) {
		h->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	if (h->pos) {
		buf_drop_front(&h->data, h->pos);
		h->pos = 0;
	}
	buf_put(&h->data, data, size * nr);
	return h->data.broken ? 0 : size * nr;
}

/* The value of header `name` in a line that is not terminated, trimmed, into `ret`. */
static bool http_header(const char *line, size_t len, const char *name, char *ret, size_t size)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) || line[n] != ':')
		return false;
	line += n + 1;
	len -= n + 1;
	while (len && (*line == ' ' || *line == '\t')) {
		line++;
		len--;
	}
	while (len && (unsigned char)line[len - 1] <= ' ')
		len--;
	if (len >= size || memchr(line, 0, len))
		return false;
	memcpy(ret, line, len);
	ret[len] = 0;
	return true;
}

static void http_parse_header(struct http_answer *a, const char *line, size_t len)
{
	unsigned long long first;
	char value[2048];
	uint64_t v;

	http_header(line, len, "content-type", a->type, sizeof(a->type));
	http_header(line, len, "docker-content-digest", a->digest, sizeof(a->digest));
	if (http_header(line, len, "content-range", value, sizeof(value)) &&
	    sscanf(value, "bytes %llu-", &first) == 1)
		a->offset = first;
	if (http_header(line, len, "retry-after", value, sizeof(value)) && num_parse_u64(value, 3600, &v))
		a->retry_after = (unsigned)v;
	if (http_header(line, len, "www-authenticate", value, sizeof(value)) &&
	    strlen(a->challenge) + strlen(value) + 3 < sizeof(a->challenge)) {
		if (*a->challenge)
			strcat(a->challenge, ", ");
		strcat(a->challenge, value);
	}
}

static size_t http_on_header(char *line, size_t size, size_t nr, void *opaque)
{
	struct http *h = opaque;
	size_t len = size * nr;

	h->header_bytes += len;
	if (h->header_bytes > HTTP_HEADERS_MAX)
		return 0;
	if (!h->answer)
		return len;
	/* A new status line: 100 Continue or a proxy's answer came before. */
	if (len > 5 && !memcmp(line, "HTTP/", 5)) {
		*h->answer = (struct http_answer){ 0 };
		h->got_headers = false;
	} else if (len <= 2) {
		curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &h->answer->status);
		h->got_headers = h->answer->status >= 200;
	} else {
		http_parse_header(h->answer, line, len);
	}
	return len;
}

/* ---- errors ---- */

static int http_code(struct http *h)
{
	long os = 0;

	switch ((int)h->result) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
		return EHOSTUNREACH;
	case CURLE_COULDNT_CONNECT:
		curl_easy_getinfo(h->easy, CURLINFO_OS_ERRNO, &os);
		return os ? (int)os : ECONNREFUSED;
	case CURLE_OPERATION_TIMEDOUT:
		return ETIMEDOUT;
	case CURLE_OUT_OF_MEMORY:
		return ENOMEM;
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
		return EPROTO;
	default:
		return ECONNRESET;
	}
}

static bool http_worth_another(CURLcode c)
{
	return c == CURLE_RECV_ERROR || c == CURLE_SEND_ERROR || c == CURLE_GOT_NOTHING ||
	       c == CURLE_PARTIAL_FILE || c == CURLE_OPERATION_TIMEDOUT || c == CURLE_HTTP2 ||
	       c == CURLE_HTTP2_STREAM;
}

static int http_error(struct http *h, struct sm_err *e)
{
	int code = http_code(h);

	h->broke = http_worth_another(h->result);
	if (h->header_bytes > HTTP_HEADERS_MAX) {
		h->broke = false;
		return err_set(e, EBADMSG, "registry %s: its answer has more than %zu bytes of headers",
			       h->host, HTTP_HEADERS_MAX);
	}
	if (h->result == CURLE_COULDNT_RESOLVE_HOST || h->result == CURLE_COULDNT_RESOLVE_PROXY)
		return err_set(e, code,
			       "registry %s: its name cannot be resolved; check the network and the name",
			       h->host);
	if (h->result == CURLE_COULDNT_CONNECT)
		return err_errno(e, code, "registry %s: cannot be reached", h->host);
	if (h->result == CURLE_OPERATION_TIMEDOUT)
		return err_set(e, code, "registry %s: it stopped answering", h->host);
	return err_set(e, code, "registry %s: %s", h->host,
		       *h->curl_error ? h->curl_error : curl_easy_strerror(h->result));
}

/* ---- one transfer ---- */

/* Lets curl work until something may have changed. */
static int http_step(struct http *h, struct sm_err *e)
{
	int running, left;
	CURLMsg *msg;

	if (h->cancel && *h->cancel)
		return err_set(e, ECANCELED, "cancelled");
	if (curl_multi_perform(h->multi, &running) != CURLM_OK)
		return err_set(e, EIO, "registry %s: internal failure of the transfer", h->host);
	while ((msg = curl_multi_info_read(h->multi, &left)))
		if (msg->msg == CURLMSG_DONE) {
			h->complete = true;
			h->result = msg->data.result;
		}
	return 0;
}

static ssize_t http_body_read(struct blob *b, void *buf, size_t len, struct sm_err *e)
{
	struct http *h = (struct http *)b;

	while (h->data.len == h->pos) {
		int rc;

		if (h->complete)
			return h->result == CURLE_OK ? 0 : http_error(h, e);
		if (h->paused) {
			h->paused = false;
			curl_easy_pause(h->easy, CURLPAUSE_CONT);
		}
		rc = http_step(h, e);
		if (rc)
			return rc;
		if (h->data.len == h->pos && !h->complete)
			curl_multi_poll(h->multi, NULL, 0, 300, NULL);
	}
	len = num_min(len, h->data.len - h->pos);
	memcpy(buf, h->data.data + h->pos, len);
	h->pos += len;
	return (ssize_t)len;
}

static void http_body_close(struct blob *b)
{
	http_finish((struct http *)b);
}

static bool http_add_header(struct http *h, const char *name, const char *value)
{
	char line[HTTP_LINE_MAX];
	struct curl_slist *more;

	if (!value)
		return true;
	if ((size_t)snprintf(line, sizeof(line), "%s: %s", name, value) >= sizeof(line))
		return false;
	more = curl_slist_append(h->headers, line);
	if (more)
		h->headers = more;
	return more;
}

static bool http_set_up(struct http *h, const struct http_request *r, const char *authorization, bool plain)
{
	CURL *c = h->easy;
	char range[32];

	curl_easy_setopt(c, CURLOPT_URL, r->url);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, plain ? "http" : "https");
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, HTTP_CONNECT_MS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, HTTP_STALL_SPEED);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, HTTP_STALL_SECONDS);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "supermachine/" SM_VERSION);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->curl_error);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, http_on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, h);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, http_on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(c, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (http_is_loopback(h->host))
		curl_easy_setopt(c, CURLOPT_PROXY, "");
	if (r->offset) {
		snprintf(range, sizeof(range), "%llu-", (unsigned long long)r->offset);
		curl_easy_setopt(c, CURLOPT_RANGE, range);
	}
	*h->curl_error = 0;
	if (!http_add_header(h, "Accept", r->accept) || !http_add_header(h, "Authorization", authorization))
		return false;
	return curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->headers) == CURLE_OK;
}

/* Runs until the headers are there, or the transfer failed. */
static int http_wait_headers(struct http *h, struct sm_err *e)
{
	while (!h->got_headers) {
		int rc = http_step(h, e);

		if (rc)
			return rc;
		if (h->got_headers)
			break;
		if (h->complete)
			return http_error(h, e);
		curl_multi_poll(h->multi, NULL, 0, 300, NULL);
	}
	return 0;
}

/* Which host a URL names, and whether we may go there at all. */
static int http_vet(struct http *h, const char *url, bool *ret_plain, struct sm_err *e)
{
	const char *p = strstr(url, "://");
	size_t len;

	*ret_plain = !strncasecmp(url, "http://", 7);
	if (!p || (!*ret_plain && strncasecmp(url, "https://", 8)))
		return err_set(e, EPROTO, "'%.200s': only https URLs are followed", url);
	p += 3;
	len = strcspn(p, "/?#");
	if (memchr(p, '@', len) || len >= sizeof(h->host))
		return err_set(e, EPROTO, "'%.200s': not a URL to follow", url);
	memcpy(h->host, p, len);
	h->host[len] = 0;
	if (*ret_plain && !http_is_loopback(h->host))
		return err_set(e, EPROTO,
			       "registry %s: plain http is for this machine only; it must offer https",
			       h->host);
	if (!*h->origin) {
		strcpy(h->origin, h->host);
		h->origin_plain = *ret_plain;
	}
	if (*ret_plain && !h->origin_plain)
		return err_set(e, EPROTO, "registry %s: it redirects from https to plain http", h->origin);
	return 0;
}

static int http_start(struct http *h, const struct http_request *r, struct http_answer *a, struct sm_err *e)
{
	const char *authorization;
	bool plain;
	int rc = http_vet(h, r->url, &plain, e);

	if (rc)
		return rc;
	authorization = strcmp(h->host, h->origin) || plain != h->origin_plain ? NULL : r->authorization;
	h->easy = curl_easy_init();
	if (!h->easy || !http_set_up(h, r, authorization, plain) ||
	    curl_multi_add_handle(h->multi, h->easy) != CURLM_OK)
		return err_errno(e, ENOMEM, "registry %s", h->host);
	*a = (struct http_answer){ 0 };
	h->answer = a;
	rc = http_wait_headers(h, e);
	h->answer = NULL;
	return rc;
}

int http_get(struct http *h, const struct http_request *r, struct http_answer *ret, bool *ret_again,
	     struct sm_err *e)
{
	static const struct blob_ops ops = { http_body_read, http_body_close };
	struct http_request at = *r;
	char url[4096];
	int rc;

	h->broke = false;
	*h->origin = 0;
	for (int hop = 0;; hop++) {
		char *next = NULL;

		rc = http_start(h, &at, ret, e);
		if (!rc && ret->status >= 300 && ret->status < 400)
			curl_easy_getinfo(h->easy, CURLINFO_REDIRECT_URL, &next);
		if (rc || !next)
			break;
		if (hop == HTTP_REDIRECTS_MAX || strlen(next) >= sizeof(url)) {
			rc = err_set(e, ELOOP, "registry %s: more than %d redirects, or one that is too long",
				     h->origin, HTTP_REDIRECTS_MAX);
			break;
		}
		strcpy(url, next);
		at.url = url;
		http_finish(h);
	}
	if (rc) {
		*ret_again = h->broke;
		http_finish(h);
		return rc;
	}
	h->blob.ops = &ops;
	ret->body = &h->blob;
	return 0;
}
