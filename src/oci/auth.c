/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/auth.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/fd.h"

#define AUTH_CONFIG_MAX ((size_t)1 << 20)

/* ---- challenges ---- */

static const char *auth_space(const char *p)
{
	return p + strspn(p, " \t");
}

/* RFC 9110 5.6.2 */
static size_t auth_token_len(const char *p)
{
	return strspn(p, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* A token or quoted string at `p`, into `ret` unless NULL; NULL when malformed or too long. */
static const char *auth_value(const char *p, char *ret, size_t size)
{
	size_t n = 0;
	bool quoted = *p == '"';

	for (p += quoted; quoted ? *p != '"' : auth_token_len(p) > 0; p++) {
		if (quoted && *p == '\\')
			p++;
		if (!*p || (unsigned char)*p < ' ')
			return NULL;
		if (ret && n + 1 >= size)
			return NULL;
		if (ret)
			ret[n] = *p;
		n++;
	}
	if (ret)
		ret[n] = 0;
	return p + quoted;
}

/* name=value at `p`; NULL when it is malformed. */
static const char *auth_param(const char *p, struct auth_challenge *c)
{
	size_t len = auth_token_len(p);
	const char *value = auth_space(p + len);

	if (*value != '=')
		return NULL;
	value = auth_space(value + 1);
	if (len == 5 && !strncasecmp(p, "realm", len))
		return auth_value(value, c->realm, sizeof(c->realm));
	if (len == 7 && !strncasecmp(p, "service", len))
		return auth_value(value, c->service, sizeof(c->service));
	if (len == 5 && !strncasecmp(p, "scope", len))
		return auth_value(value, c->scope, sizeof(c->scope));
	return auth_value(value, NULL, 0);
}

static bool auth_is_param(const char *p)
{
	const char *q = auth_space(p + auth_token_len(p));

	/* "==" at the end of a token68 is no parameter. */
	return *q == '=' && q[1] != '=' && q[1];
}

/* One challenge at `p`; returns what follows it, NULL when malformed. */
static const char *auth_one(const char *p, struct auth_challenge *c)
{
	size_t len = auth_token_len(p);

	*c = (struct auth_challenge){ 0 };
	if (!len)
		return NULL;
	if (len == 6 && !strncasecmp(p, "bearer", len))
		c->scheme = AUTH_BEARER;
	else if (len == 5 && !strncasecmp(p, "basic", len))
		c->scheme = AUTH_BASIC;
	p = auth_space(p + len);
	if (*p && *p != ',' && !auth_is_param(p))
		p = auth_space(p + strcspn(p, ","));
	while (*p && *p != ',' && auth_is_param(p)) {
		p = auth_param(p, c);
		if (!p)
			return NULL;
		p = auth_space(p);
		if (*p && *p != ',')
			return NULL;
		/* After a comma comes the next parameter, or the next challenge. */
		while (*p == ',')
			p = auth_space(p + 1);
	}
	while (*p == ',')
		p = auth_space(p + 1);
	return p;
}

int auth_challenge_parse(const char *value, struct auth_challenge *ret, struct sm_err *e)
{
	struct auth_challenge best = { 0 }, c;
	const char *p = auth_space(value);

	while (p && *p) {
		p = auth_one(p, &c);
		if (p && c.scheme > best.scheme && (c.scheme != AUTH_BEARER || *c.realm))
			best = c;
	}
	if (!p || best.scheme == AUTH_NONE)
		return err_set(e, EBADMSG, "it asks for an authentication we do not know: '%.100s'", value);
	*ret = best;
	return 0;
}

/* ---- docker's configuration ---- */

/* The names under which Docker keeps a host: plain, as a URL, as the URL of an API version. */
static bool auth_key_match(const char *key, const char *host)
{
	const char *p = strstr(key, "://");
	size_t len;

	if (!strcmp(host, "docker.io"))
		host = "index.docker.io";
	p = p ? p + 3 : key;
	len = strcspn(p, "/");
	if (strlen(host) != len || strncasecmp(p, host, len))
		return false;
	p += len;
	return !*p || !strcmp(p, "/") || !strcmp(p, "/v1/") || !strcmp(p, "/v2/") || !strcmp(p, "/v1") ||
	       !strcmp(p, "/v2");
}

static int auth_encode(const char *user, const char *password, char ret[AUTH_BASIC_MAX])
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[AUTH_BASIC_MAX / 2];
	int len = snprintf(text, sizeof(text), "%s:%s", user, password);
	char *out = ret;

	if (len < 0 || (size_t)len >= sizeof(text))
		return -EINVAL;
	for (int i = 0; i < len; i += 3) {
		unsigned v = (unsigned char)text[i] << 16;

		v |= i + 1 < len ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
		v |= i + 2 < len ? (unsigned char)text[i + 2] : 0;
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < len ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[v & 63] : '=';
	}
	*out = 0;
	return 0;
}

static int auth_entry(const json_t *v, char ret[AUTH_BASIC_MAX])
{
	const char *auth = json_string_value(json_object_get(v, "auth"));
	const char *user = json_string_value(json_object_get(v, "username"));
	const char *password = json_string_value(json_object_get(v, "password"));

	if (auth && *auth) {
		if (strlen(auth) >= AUTH_BASIC_MAX ||
		    strspn(auth, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=") !=
			    strlen(auth))
			return -EINVAL;
		strcpy(ret, auth);
		return 0;
	}
	return user && password ? auth_encode(user, password, ret) : 0;
}

int auth_config_parse(const char *data, size_t len, const char *host, const char *what,
		      char ret[AUTH_BASIC_MAX], struct sm_err *e)
{
	json_t *root = json_loadb(data, len, 0, NULL), *auths;
	int rc = 0;

	*ret = 0;
	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(e, EBADMSG, "%s: not valid JSON", what);
	}
	auths = json_object_get(root, "auths");
	for (void *i = json_object_iter(auths); i && !rc && !*ret; i = json_object_iter_next(auths, i))
		if (auth_key_match(json_object_iter_key(i), host))
			rc = auth_entry(json_object_iter_value(i), ret);
	json_decref(root);
	return rc ? err_set(e, EBADMSG, "%s: the entry for %s is damaged", what, host) : 0;
}

void auth_config_dir(char *ret, size_t size)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (dir && *dir)
		snprintf(ret, size, "%s", dir);
	else if (home && *home)
		snprintf(ret, size, "%s/.docker", home);
	else
		*ret = 0;
}

int auth_config_lookup(const char *host, char ret[AUTH_BASIC_MAX], struct sm_err *e)
{
	char dir[PATH_MAX], path[PATH_MAX + 16], *data;
	size_t len;
	int rc;

	*ret = 0;
	auth_config_dir(dir, sizeof(dir));
	if (!*dir)
		return 0;
	snprintf(path, sizeof(path), "%s/config.json", dir);
	rc = fd_read_file(AT_FDCWD, path, AUTH_CONFIG_MAX, &data, &len, e);
	if (rc == -ENOENT || rc == -ENOTDIR)
		return 0;
	if (rc)
		return rc;
	rc = auth_config_parse(data, len, host, path, ret, e);
	explicit_bzero(data, len);
	free(data);
	return rc;
}
