/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/reference.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool reference_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool reference_tag_ok(const char *s, size_t len)
{
	if (!len || len > REFERENCE_TAG_MAX || *s == '.' || *s == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_.-", s[i]))
			return false;
	return true;
}

/* Letters and digits, joined by one '.', one or two '_', or any number of '-'. */
static bool reference_component_ok(const char *s, size_t len)
{
	size_t i = 0;

	while (i < len) {
		size_t sep;

		if (!reference_alnum(s[i]))
			return false;
		while (i < len && reference_alnum(s[i]))
			i++;
		if (i == len)
			return true;
		for (sep = i; i < len && s[i] == s[sep] && strchr("._-", s[i]); i++)
			continue;
		if (i == sep || (s[sep] == '.' && i - sep > 1) || (s[sep] == '_' && i - sep > 2))
			return false;
	}
	return false;
}

static bool reference_repo_ok(const char *s)
{
	for (;;) {
		size_t len = strcspn(s, "/");

		if (!reference_component_ok(s, len))
			return false;
		if (!s[len])
			return true;
		s += len + 1;
	}
}

static bool reference_port_ok(const char *s)
{
	size_t len = strspn(s, "0123456789");

	return len && len <= 5 && !s[len] && strtoul(s, NULL, 10) <= 65535;
}

static bool reference_name_ok(const char *s, size_t len)
{
	if (!len || s[0] == '-' || s[0] == '.' || s[len - 1] == '-' || s[len - 1] == '.')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)s[i]) && s[i] != '-' && (s[i] != '.' || s[i + 1] == '.'))
			return false;
	return true;
}

static bool reference_host_ok(const char *s)
{
	size_t len;

	if (*s == '[') {
		len = strspn(s + 1, "0123456789abcdefABCDEF:");
		if (len < 2 || s[len + 1] != ']')
			return false;
		s += len + 2;
	} else {
		len = strcspn(s, ":");
		if (!reference_name_ok(s, len))
			return false;
		s += len;
	}
	return !*s || (*s == ':' && reference_port_ok(s + 1));
}

/* "host/rest" or "rest": the first part is a host when it looks like one, as Docker decides it. */
static int reference_split_host(struct reference *r, const char *text, const char *name, struct sm_err *e)
{
	size_t first = strcspn(name, "/");
	const char *prefix;
	bool host = name[first] && (memchr(name, '.', first) || memchr(name, ':', first) || *name == '[' ||
				    (first == 9 && !memcmp(name, "localhost", 9)));

	if (host) {
		if (first >= sizeof(r->host))
			return err_set(e, EINVAL, "image '%.80s...': the host name is too long", text);
		snprintf(r->host, sizeof(r->host), "%.*s", (int)first, name);
		name += first + 1;
		if (!reference_host_ok(r->host))
			return err_set(e, EINVAL, "image '%s': '%s' is not a host[:port]", text, r->host);
	}
	if (!host || !strcmp(r->host, "index.docker.io") || !strcmp(r->host, "registry-1.docker.io"))
		strcpy(r->host, "docker.io");
	prefix = strcmp(r->host, "docker.io") || strchr(name, '/') ? "" : "library/";
	if (strlen(prefix) + strlen(name) > REFERENCE_NAME_MAX)
		return err_set(e, EINVAL, "image '%.80s...': the name is too long", text);
	strcpy(stpcpy(r->repo, prefix), name);
	return 0;
}

/* Cuts "@sha256:..." and ":tag" off the end of `name`. */
static int reference_cut_suffix(struct reference *r, const char *text, char *name, struct sm_err *e)
{
	char *at = strchr(name, '@'), *slash, *colon;

	if (at) {
		*at++ = 0;
		if (!digest_ok(at))
			return err_set(
				e, EINVAL,
				"image '%s': '%s' is not a digest; it must be sha256: and 64 hex digits",
				text, at);
		memcpy(r->digest, at, DIGEST_SIZE);
	}
	slash = strrchr(name, '/');
	colon = strchr(slash ? slash : name, ':');
	/* Before the only slash-less part a colon can be nothing but a tag. */
	if (colon) {
		*colon++ = 0;
		if (!reference_tag_ok(colon, strlen(colon)))
			return err_set(e, EINVAL, "image '%s': '%s' is not a valid tag", text, colon);
		memcpy(r->tag, colon, strlen(colon) + 1);
	} else if (!at) {
		strcpy(r->tag, "latest");
	}
	return 0;
}

static int reference_parse_registry(struct reference *r, const char *text, struct sm_err *e)
{
	char name[REFERENCE_NAME_MAX * 2 + REFERENCE_TAG_MAX + DIGEST_SIZE];
	int rc;

	if (strlen(text) >= sizeof(name))
		return err_set(e, EINVAL, "image '%.80s...': the name is too long", text);
	strcpy(name, text);
	rc = reference_cut_suffix(r, text, name, e);
	if (rc)
		return rc;
	if (digest_hex_ok(name, strlen(name)))
		return err_set(e, EINVAL, "image '%s': 64 hex digits are not a name", text);
	rc = reference_split_host(r, text, name, e);
	if (rc)
		return rc;
	for (const char *p = r->repo; *p; p++)
		if (isupper((unsigned char)*p))
			return err_set(e, EINVAL,
				       "image '%s': a name must be lower case; try '%s' without capitals",
				       text, r->repo);
	if (!reference_repo_ok(r->repo))
		return err_set(e, EINVAL, "image '%s': '%s' is not a valid name", text, r->repo);
	snprintf(r->text, sizeof(r->text), "%s/%s%s%s%s%s", r->host, r->repo, *r->tag ? ":" : "", r->tag,
		 *r->digest ? "@" : "", r->digest);
	return 0;
}

/* Lexically: no "//", no "/./", no slash at the end; ".." stays, it may cross a link. */
static int reference_absolute(const char *dir, char ret[PATH_MAX], struct sm_err *e)
{
	char path[2 * PATH_MAX], cwd[PATH_MAX] = "";
	size_t out = 0;

	if (*dir != '/' && !getcwd(cwd, sizeof(cwd)))
		return err_errno(e, errno, "current directory");
	if (strlen(dir) >= PATH_MAX)
		return err_set(e, EINVAL, "image '%.80s...': the path is too long", dir);
	snprintf(path, sizeof(path), "%s/%s/", cwd, dir);
	for (char *p = path; *p; p++) {
		while (p[0] == '/' && (p[1] == '/' || (p[1] == '.' && p[2] == '/')))
			p += p[1] == '/' ? 1 : 2;
		path[out++] = *p;
	}
	if (out > 1)
		out--;
	path[out] = 0;
	if (out >= PATH_MAX)
		return err_set(e, EINVAL, "image '%.80s...': the path is too long", dir);
	memcpy(ret, path, out + 1);
	return 0;
}

static int reference_parse_oci(struct reference *r, const char *text, const char *rest, struct sm_err *e)
{
	const char *slash = strrchr(rest, '/'), *colon = strrchr(slash ? slash : rest, ':');
	bool is_dir = r->kind == REFERENCE_OCI;
	char dir[PATH_MAX];
	int rc;

	if (colon) {
		if (!reference_tag_ok(colon + 1, strlen(colon + 1)))
			return err_set(e, EINVAL, "image '%s': '%s' is not a valid tag", text, colon + 1);
		snprintf(r->tag, sizeof(r->tag), "%s", colon + 1);
	}
	if (colon == rest || !*rest)
		return err_set(e, EINVAL, "image '%s': %s must follow the colon", text,
			       is_dir ? "a directory" : "a file");
	if ((colon ? (size_t)(colon - rest) : strlen(rest)) >= sizeof(dir))
		return err_set(e, EINVAL, "image '%.80s...': the path is too long", text);
	snprintf(dir, sizeof(dir), "%.*s", colon ? (int)(colon - rest) : (int)strlen(rest), rest);
	rc = reference_absolute(dir, r->dir, e);
	if (rc)
		return rc;
	/* A colon in the last name must not read as a tag the next time; of a file it would, after "FILE/".
	 */
	slash = !*r->tag && strchr(strrchr(r->dir, '/'), ':') ? "/" : "";
	if (*slash && !is_dir)
		return err_set(e, EINVAL, "image '%s': a file with a colon in its name needs a tag", text);
	snprintf(r->text, sizeof(r->text), "%s:%s%s%s", is_dir ? "oci" : "oci-archive", r->dir,
		 *r->tag ? ":" : slash, r->tag);
	return 0;
}

/* FILE ends at the first colon, as skopeo has it: names have colons of their own. */
static int reference_parse_docker_archive(struct reference *r, const char *text, const char *rest,
					  struct sm_err *e)
{
	size_t len = strcspn(rest, ":");
	char file[PATH_MAX];
	int rc;

	r->kind = REFERENCE_DOCKER_ARCHIVE;
	if (!len)
		return err_set(e, EINVAL, "image '%s': a file must follow 'docker-archive:'", text);
	if (len >= sizeof(file) || strlen(rest + len) > REFERENCE_NAME_MAX)
		return err_set(e, EINVAL, "image '%.80s...': the path or the name is too long", text);
	snprintf(file, sizeof(file), "%.*s", (int)len, rest);
	rc = reference_absolute(file, r->dir, e);
	if (rc)
		return rc;
	if (rest[len])
		snprintf(r->repo, sizeof(r->repo), "%s", rest + len + 1);
	snprintf(r->text, sizeof(r->text), "docker-archive:%s%s%s", r->dir, *r->repo ? ":" : "", r->repo);
	return 0;
}

int reference_parse(const char *text, struct reference *ret, struct sm_err *e)
{
	struct reference r = { .kind = REFERENCE_REGISTRY };
	int rc;

	if (!*text)
		return err_set(e, EINVAL, "image '': the name is empty");
	for (const char *p = text; *p; p++)
		if (iscntrl((unsigned char)*p))
			return err_set(e, EINVAL, "image name: control characters are not allowed");
	if (!strncmp(text, "oci:", 4)) {
		r.kind = REFERENCE_OCI;
		rc = reference_parse_oci(&r, text, text + 4, e);
	} else if (!strncmp(text, "oci-archive:", 12)) {
		r.kind = REFERENCE_OCI_ARCHIVE;
		rc = reference_parse_oci(&r, text, text + 12, e);
	} else if (!strncmp(text, "docker-archive:", 15)) {
		rc = reference_parse_docker_archive(&r, text, text + 15, e);
	} else if (strstr(text, "://")) {
		rc = err_set(e, EINVAL, "image '%s': a name has no '://'; leave the scheme out", text);
	} else {
		rc = reference_parse_registry(&r, text, e);
	}
	if (!rc)
		*ret = r;
	return rc;
}
