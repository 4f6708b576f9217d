/* SPDX-License-Identifier: Apache-2.0 */
#include "api/places.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int places_join(char ret[PATH_MAX], const char *dir, const char *rest, struct sm_err *e)
{
	if ((size_t)snprintf(ret, PATH_MAX, "%s%s", dir, rest) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%.80s...: path too long", dir);
	return 0;
}

/* mkdir -p with mode 0700 for what is missing. */
static int places_mkdir(const char *path, struct sm_err *e)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len >= sizeof(part))
		return err_set(e, ENAMETOOLONG, "%.80s...: path too long", path);
	for (size_t i = 1; i <= len; i++) {
		if (path[i] != '/' && path[i])
			continue;
		memcpy(part, path, i);
		part[i] = 0;
		if (mkdir(part, 0700) < 0 && errno != EEXIST && errno != EISDIR)
			return err_errno(e, errno, "%s", part);
	}
	return 0;
}

/* Under a shared temporary directory the name may be taken by somebody else: refuse that. */
static int places_mkdir_own(const char *path, struct sm_err *e)
{
	struct stat st;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "%s", path);
	if (lstat(path, &st) < 0)
		return err_errno(e, errno, "%s", path);
	if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077))
		return err_set(e, EPERM, "%s: not a private directory of this user; set SUPERMACHINE_HOME",
			       path);
	return 0;
}

static int places_find_run(struct places *p, struct sm_err *e)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR"), *tmp = getenv("TMPDIR");
	char own[PATH_MAX];

	if (xdg && xdg[0] == '/' && !access(xdg, W_OK))
		return places_join(p->run, xdg, "/supermachine", e);
	if ((size_t)snprintf(own, sizeof(own), "%s/supermachine-%u", tmp && tmp[0] == '/' ? tmp : "/tmp",
			     geteuid()) >= sizeof(own))
		return err_set(e, ENAMETOOLONG, "$TMPDIR: path too long");
	if (places_mkdir_own(own, e) < 0)
		return -EPERM;
	return places_join(p->run, own, "/run", e);
}

static int places_find_home(const char *home, struct places *p, struct sm_err *e)
{
	const char *xdg = getenv("XDG_DATA_HOME"), *user_home = getenv("HOME");
	int r;

	if (!home || !*home)
		home = getenv("SUPERMACHINE_HOME");
	if (home && *home) {
		char full[PATH_MAX];

		if (places_mkdir(home, e) < 0)
			return -EIO;
		if (!realpath(home, full))
			return err_errno(e, errno, "%s", home);
		r = places_join(p->home, full, "", e);
		return r ? r : places_join(p->run, full, "/run", e);
	}
	if (xdg && xdg[0] == '/')
		r = places_join(p->home, xdg, "/supermachine", e);
	else if (user_home && user_home[0] == '/')
		r = places_join(p->home, user_home, "/.local/share/supermachine", e);
	else
		return err_set(e, ENOENT, "no place for the image store: set HOME or SUPERMACHINE_HOME");
	return r ? r : places_find_run(p, e);
}

/* The folder of the object this code is in: the program, or the shared library. */
static int places_own_dir(char ret[PATH_MAX], struct sm_err *e)
{
	Dl_info info;
	char *slash;

	if (!dladdr((void *)(uintptr_t)places_find, &info) || !info.dli_fname)
		return err_set(e, ENOENT, "cannot tell where libsupermachine is: set SUPERMACHINE_LIBEXEC");
	/* A static program's name is argv[0] there, which may be relative to nothing. */
	if (strchr(info.dli_fname, '/') && realpath(info.dli_fname, ret) && access(ret, X_OK) == 0 &&
	    strstr(ret, ".so"))
		goto cut;
	ssize_t n = readlink("/proc/self/exe", ret, PATH_MAX - 1);

	if (n < 0)
		return err_errno(e, errno, "/proc/self/exe");
	ret[n] = 0;
cut:
	slash = strrchr(ret, '/');
	if (slash)
		*slash = 0;
	return 0;
}

static int places_find_programs(struct places *p, struct sm_err *e)
{
	static const char *const libexecs[] = { "", "/../libexec/supermachine",
						"/../../libexec/supermachine" };
	static const char *const datas[] = { "", "/../share/supermachine", "/../../share/supermachine" };
	const char *env = getenv("SUPERMACHINE_LIBEXEC");
	char own[PATH_MAX], probe[PATH_MAX];
	int r = places_own_dir(own, e);

	if (r < 0 && !env)
		return r;
	if (env)
		r = places_join(p->libexec, env, "", e);
	for (size_t i = 0; !env && i < 3; i++) {
		if (places_join(p->libexec, own, libexecs[i], e) < 0 ||
		    places_join(probe, p->libexec, "/supermachine-worker", e) < 0)
			return -ENAMETOOLONG;
		if (!access(probe, X_OK))
			break;
		if (i == 2)
			return err_set(e, ENOENT,
				       "supermachine-worker: not beside %.200s; set SUPERMACHINE_LIBEXEC",
				       own);
	}
	for (size_t i = 0; i < 3; i++) {
		if (places_join(p->data, env ? env : own, datas[i], e) < 0 ||
		    places_join(probe, p->data, "/arm64", e) < 0)
			return -ENAMETOOLONG;
		if (!access(probe, F_OK))
			return r;
	}
	return places_join(p->data, own, "", e); /* doctor and the first start say what is missing */
}

int places_find(const char *home, struct places *ret, struct sm_err *e)
{
	struct places p = { 0 };
	int r = places_find_home(home, &p, e);

	if (!r)
		r = places_mkdir(p.home, e);
	if (!r)
		r = places_mkdir(p.run, e);
	if (!r)
		r = places_find_programs(&p, e);
	if (!r)
		*ret = p;
	return r;
}

int places_guest_file(const struct places *p, const char *arch, const char *name, char ret[PATH_MAX],
		      struct sm_err *e)
{
	const char *env = getenv("SUPERMACHINE_KERNEL");
	bool kernel = strcmp(name, "initrd") != 0;

	if (kernel && env && *env) {
		if (access(env, R_OK) < 0)
			return err_errno(e, errno, "guest kernel %s (from $SUPERMACHINE_KERNEL)", env);
		return places_join(ret, env, "", e);
	}
	if ((size_t)snprintf(ret, PATH_MAX, "%s/%s/%s", p->data, arch, name) >= PATH_MAX)
		return err_set(e, ENAMETOOLONG, "%.80s...: path too long", p->data);
	if (access(ret, R_OK) < 0)
		return err_set(e, errno, "%s %.300s: %s%s", kernel ? "guest kernel" : "guest initrd", ret,
			       strerror(errno), errno == ENOENT ? "; build it with ./quickstart" : "");
	return 0;
}
