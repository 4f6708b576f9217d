/* SPDX-License-Identifier: Apache-2.0 */
/* What the set-up of this machine needs, checked one by one for `doctor`. */
#include "api/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "util/isolate.h"
#include "util/landlock.h"

struct checker {
	struct sm_ctx *ctx;
	int (*fn)(void *opaque, const struct sm_check_info *info);
	void *opaque;
	int stop;
};

static void check_tell(struct checker *c, const char *name, bool ok, bool fatal, const char *detail,
		       const char *hint)
{
	const struct sm_check_info info = { name, ok, fatal, detail, hint };

	if (!c->stop)
		c->stop = c->fn(c->opaque, &info);
}

static void check_guest_file(struct checker *c, const struct places *p, const char *name, const char *file)
{
	const struct backend *b;
	char path[PATH_MAX];
	struct sm_err e;
	bool ok = !backend_choose(c->ctx, NULL, &b, &e) &&
		  !places_guest_file(p, b->arch, file ? file : b->kernel, path, &e);

	check_tell(c, name, ok, true, ok ? path : e.text,
		   ok || e.code != ENOENT ? "" : "run ./quickstart, which builds it");
}

static void check_program(struct checker *c, const struct places *p, const char *name)
{
	char path[PATH_MAX];
	bool ok = (size_t)snprintf(path, sizeof(path), "%s/%s", p->libexec, name) < sizeof(path) &&
		  !access(path, X_OK);

	check_tell(c, name, ok, true, path, ok ? "" : "reinstall, or set SUPERMACHINE_LIBEXEC");
}

static void check_store(struct checker *c, const struct places *p)
{
	char text[PATH_MAX + 80];
	struct statvfs fs;
	uint64_t left;

	if (statvfs(p->home, &fs) < 0) {
		check_tell(c, "store", false, true, strerror(errno),
			   "set SUPERMACHINE_HOME to a writable place");
		return;
	}
	left = (uint64_t)fs.f_bavail * fs.f_frsize;
	snprintf(text, sizeof(text), "%s, %llu MiB free", p->home, (unsigned long long)left >> 20);
	check_tell(c, "store", !access(p->home, W_OK) && left > 1ULL << 30, access(p->home, W_OK) != 0, text,
		   "images need room: free some space or set SUPERMACHINE_HOME");
}

static void check_landlock(struct checker *c)
{
	int abi = landlock_abi();
	char text[80];

	snprintf(text, sizeof(text), abi > 0 ? "ABI %d" : "not in this kernel", abi);
	check_tell(c, "landlock", abi > 0, false, text,
		   "the worker goes on without this second fence; seccomp still forbids opening files");
}

static void check_namespaces(struct checker *c)
{
	struct sm_err e;
	bool ok = !isolate_probe(&e);

	check_tell(
		c, "namespaces", ok, false, ok ? "a worker has no files and no network" : e.text,
		"allow user namespaces (sysctl kernel.unprivileged_userns_clone, user.max_user_namespaces); "
		"until then landlock and seccomp fence the worker alone");
}

int sm_check_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_check_info *info), void *opaque,
		  struct sm_err *e)
{
	struct checker c = { ctx, fn, opaque, 0 };

	(void)e;
	check_guest_file(&c, &ctx->places, "guest kernel", NULL);
	check_guest_file(&c, &ctx->places, "guest initrd", "initrd");
	check_program(&c, &ctx->places, "supermachine-worker");
	check_program(&c, &ctx->places, "supermachine-image");
	check_store(&c, &ctx->places);
	check_namespaces(&c);
	check_landlock(&c);
	return c.stop;
}
