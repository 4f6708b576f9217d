/* SPDX-License-Identifier: Apache-2.0 */
#include "api/settings.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest/proto.h"
#include "util/fd.h"
#include "util/num.h"

static void settings_free_list(char **v)
{
	for (size_t i = 0; v && v[i]; i++)
		free(v[i]);
	free(v);
}

void settings_fini(struct settings *s)
{
	settings_free_list(s->hosts);
	settings_free_list(s->resolv);
	settings_free_list(s->texts);
	free(s->tmpfs);
	free(s->limits);
	*s = (struct settings){ 0 };
}

static bool settings_is_address(const char *text, size_t len)
{
	char copy[INET6_ADDRSTRLEN + 1];
	uint8_t raw[16];

	if (len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	return inet_pton(AF_INET, copy, raw) == 1 || inet_pton(AF_INET6, copy, raw) == 1;
}

/* A word that can stand in a line of its file. */
static bool settings_is_name(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] <= ' ' || text[i] == '#' || text[i] == 0x7f)
			return false;
	return len && len < 256;
}

/* "name:address" or "name=address", an IPv6 address also in brackets. */
static int settings_host(const char *text, char **ret, struct sm_err *e)
{
	size_t len = strcspn(text, ":=");
	const char *address = text[len] ? text + len + 1 : "";
	size_t address_len = strlen(address);

	if (*address == '[' && address[address_len - 1] == ']') {
		address++;
		address_len -= 2;
	}
	if (!settings_is_name(text, len) || !settings_is_address(address, address_len))
		return err_set(e, EINVAL, "host %.100s: not NAME:ADDRESS", text);
	return asprintf(ret, "%.*s\t%.*s", (int)address_len, address, (int)len, text) < 0 ? -ENOMEM : 0;
}

static int settings_hosts(const struct sm_vm_options *o, struct settings *s, struct sm_err *e)
{
	size_t nr = strv_len(o->hosts);
	int r = 0;

	s->hosts = calloc(nr + 1, sizeof(*s->hosts));
	if (!s->hosts)
		return err_errno(e, ENOMEM, "hosts");
	for (size_t i = 0; !r && i < nr; i++)
		r = settings_host(o->hosts[i], &s->hosts[i], e);
	return r;
}

static int settings_resolv(const struct sm_vm_options *o, struct settings *s, struct sm_err *e)
{
	size_t nr = strv_len(o->dns), nr_search = strv_len(o->dns_search);

	s->resolv = calloc(nr + nr_search + 1, sizeof(*s->resolv));
	if (!s->resolv)
		return err_errno(e, ENOMEM, "name servers");
	for (size_t i = 0; i < nr; i++) {
		if (!settings_is_address(o->dns[i], strlen(o->dns[i])))
			return err_set(e, EINVAL, "name server %.100s: not an address", o->dns[i]);
		if (asprintf(&s->resolv[i], "nameserver %s", o->dns[i]) < 0)
			return err_errno(e, ENOMEM, "name servers");
	}
	for (size_t i = 0; i < nr_search; i++) {
		if (!settings_is_name(o->dns_search[i], strlen(o->dns_search[i])))
			return err_set(e, EINVAL, "search domain %.100s: not a domain", o->dns_search[i]);
		if (asprintf(&s->resolv[nr + i], "search %s", o->dns_search[i]) < 0)
			return err_errno(e, ENOMEM, "search domain");
	}
	return 0;
}

/* ---- tmpfs ---- */

/* One option: a flag that is set or cleared, or one that the file system itself takes. */
static bool settings_tmpfs_option(const char *word, size_t len, uint64_t *flags)
{
	static const struct {
		const char *name;
		uint64_t set, clear;
	} known[] = { { "rw", 0, MS_RDONLY },	  { "ro", MS_RDONLY, 0 },   { "exec", 0, MS_NOEXEC },
		      { "noexec", MS_NOEXEC, 0 }, { "suid", 0, MS_NOSUID }, { "nosuid", MS_NOSUID, 0 },
		      { "dev", 0, MS_NODEV },	  { "nodev", MS_NODEV, 0 } };

	for (size_t i = 0; i < NUM_COUNTOF(known); i++) {
		if (strlen(known[i].name) != len || memcmp(known[i].name, word, len) != 0)
			continue;
		*flags = (*flags | known[i].set) & ~known[i].clear;
		return true;
	}
	return false;
}

static bool settings_tmpfs_takes(const char *word, size_t len)
{
	static const char *const keys[] = { "size=", "mode=", "uid=", "gid=", "nr_inodes=" };

	for (size_t i = 0; i < NUM_COUNTOF(keys); i++)
		if (len > strlen(keys[i]) && !strncmp(word, keys[i], strlen(keys[i])))
			return true;
	return false;
}

/* `text` is a copy that is cut up; options for the file system gather at `data`, which has room for all. */
static int settings_tmpfs_one(char *text, char *data, struct agent_tmpfs *ret, struct sm_err *e)
{
	char *colon = strchr(text, ':'), *out = data;
	const char *p = colon ? colon + 1 : "";

	*data = 0;
	*ret = (struct agent_tmpfs){ .target = text,
				     .data = data,
				     .flags = MS_NOSUID | MS_NODEV | MS_NOEXEC };
	if (colon)
		*colon = 0;
	if (*text != '/' || !text[1])
		return err_set(e, EINVAL, "tmpfs %.100s: not an absolute directory", text);
	while (*p) {
		size_t len = strcspn(p, ",");

		if (settings_tmpfs_takes(p, len))
			out += sprintf(out, "%s%.*s", *data ? "," : "", (int)len, p);
		else if (len && !settings_tmpfs_option(p, len, &ret->flags))
			return err_set(e, EINVAL, "tmpfs %.100s: %.*s is no option of it", text,
				       (int)num_min(len, 40), p);
		p += len + (p[len] == ',');
	}
	return 0;
}

static int settings_tmpfs(const struct sm_vm_options *o, struct settings *s, struct sm_err *e)
{
	size_t nr = strv_len(o->tmpfs);
	int r = 0;

	s->tmpfs = calloc(nr + 1, sizeof(*s->tmpfs));
	s->texts = calloc(2 * nr + 1, sizeof(*s->texts));
	if (!s->tmpfs || !s->texts)
		return err_errno(e, ENOMEM, "tmpfs");
	for (size_t i = 0; !r && i < nr; i++) {
		s->texts[2 * i] = strdup(o->tmpfs[i]);
		s->texts[2 * i + 1] = s->texts[2 * i] ? malloc(strlen(o->tmpfs[i]) + 1) : NULL;
		r = s->texts[2 * i + 1]
			    ? settings_tmpfs_one(s->texts[2 * i], s->texts[2 * i + 1], &s->tmpfs[i], e)
			    : err_errno(e, ENOMEM, "tmpfs");
	}
	s->agent.nr_tmpfs = nr;
	return r;
}

/* ---- limits ---- */

static bool settings_limit_value(const char *text, size_t len, uint64_t *ret)
{
	char copy[24];

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = 0;
	if (!strcmp(copy, "-1") || !strcmp(copy, "unlimited")) {
		*ret = RLIM_INFINITY;
		return true;
	}
	return num_parse_u64(copy, UINT64_MAX, ret);
}

static int settings_limit(const char *text, struct agent_limit *ret, struct sm_err *e)
{
	static const struct {
		const char *name;
		uint32_t resource;
	} known[] = { { "core", RLIMIT_CORE },	       { "cpu", RLIMIT_CPU },
		      { "data", RLIMIT_DATA },	       { "fsize", RLIMIT_FSIZE },
		      { "locks", RLIMIT_LOCKS },       { "memlock", RLIMIT_MEMLOCK },
		      { "msgqueue", RLIMIT_MSGQUEUE }, { "nice", RLIMIT_NICE },
		      { "nofile", RLIMIT_NOFILE },     { "nproc", RLIMIT_NPROC },
		      { "rss", RLIMIT_RSS },	       { "rtprio", RLIMIT_RTPRIO },
		      { "rttime", RLIMIT_RTTIME },     { "sigpending", RLIMIT_SIGPENDING },
		      { "stack", RLIMIT_STACK },       { "as", RLIMIT_AS } };
	size_t len = strcspn(text, "=");
	const char *value = text[len] ? text + len + 1 : "";
	size_t soft_len = strcspn(value, ":");
	const char *hard = value[soft_len] ? value + soft_len + 1 : value;

	for (size_t i = 0; i < NUM_COUNTOF(known); i++) {
		if (strlen(known[i].name) != len || memcmp(known[i].name, text, len) != 0)
			continue;
		ret->resource = known[i].resource;
		if (settings_limit_value(value, soft_len, &ret->soft) &&
		    settings_limit_value(hard, strlen(hard), &ret->hard) && ret->soft <= ret->hard)
			return 0;
		return err_set(e, EINVAL, "ulimit %.100s: not NAME=SOFT[:HARD] with numbers or -1", text);
	}
	return err_set(e, EINVAL, "ulimit %.100s: there is no such limit", text);
}

static int settings_limits(const struct sm_vm_options *o, struct settings *s, struct sm_err *e)
{
	size_t nr = strv_len(o->ulimits);
	int r = 0;

	s->limits = calloc(nr + 1, sizeof(*s->limits));
	if (!s->limits)
		return err_errno(e, ENOMEM, "limits");
	for (size_t i = 0; !r && i < nr; i++)
		r = settings_limit(o->ulimits[i], &s->limits[i], e);
	s->agent.nr_limits = nr;
	return r;
}

int settings_parse(const struct sm_vm_options *o, struct settings *ret, struct sm_err *e)
{
	const size_t most = SMP_CONTAINER_MAX;
	struct settings s = { 0 };
	int r = 0;

	if (strv_len(o->tmpfs) > most || strv_len(o->ulimits) > most)
		return err_set(e, EINVAL, "more than %zu tmpfs mounts or limits", most);
	s.wanted = o->read_only || strv_len(o->tmpfs) || strv_len(o->ulimits) || strv_len(o->hosts) ||
		   strv_len(o->dns) || strv_len(o->dns_search);
	r = settings_hosts(o, &s, e);
	if (!r)
		r = settings_resolv(o, &s, e);
	if (!r)
		r = settings_tmpfs(o, &s, e);
	if (!r)
		r = settings_limits(o, &s, e);
	if (r < 0) {
		settings_fini(&s);
		return r;
	}
	s.agent.read_only = o->read_only;
	s.agent.hosts = (const char *const *)s.hosts;
	s.agent.resolv = (const char *const *)s.resolv;
	s.agent.tmpfs = s.tmpfs;
	s.agent.limits = s.limits;
	*ret = s;
	return 0;
}

int settings_send(struct sm_vm *vm, const struct settings *s, struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	int r = s->wanted ? vm_connect_agent(vm, &fd, e) : 0;

	if (!r && s->wanted)
		r = agent_set(fd, &s->agent, e);
	return r < 0 ? err_prefix(e, "VM %s: container settings", vm->id) : 0;
}
