/* SPDX-License-Identifier: Apache-2.0 */
/* supermachine-image: see docs/image-protocol.md. */
#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "image/check.h"
#include "image/confine.h"
#include "image/emit.h"
#include "image/load.h"
#include "image/pull.h"
#include "image/template.h"
#include "oci/auth.h"
#include "oci/store.h"

struct main_args {
	const char *home, *platform, *reference;
	enum pull_policy policy;
	bool repair;
};

struct main_verb {
	const char *name;
	bool reference; /* takes one, and an image platform */
	bool run;	/* starts programs */
	bool create;	/* makes the store */
	int (*call)(struct store *s, const struct main_args *a, const struct reference *r, struct sm_err *e);
};

static atomic_bool main_cancelled;

/* The first signal ends the work, which then cleans up; the second one does not wait. */
static void *main_signals(void *opaque)
{
	sigset_t *set = opaque;
	int sig;

	sigwait(set, &sig);
	main_cancelled = true;
	sigwait(set, &sig);
	_exit(128 + sig);
}

static int main_watch_signals(sigset_t *set, struct sm_err *e)
{
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	signal(SIGPIPE, SIG_IGN);
	/* Whoever asked is gone: as if it had sent the signal. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0) < 0)
		return err_errno(e, errno, "supermachine-image");
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	sigaddset(set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, set, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, main_signals, set);
	pthread_attr_destroy(&attr);
	return rc ? err_errno(e, rc, "supermachine-image") : 0;
}

/* ---- verbs ---- */

static int main_pull(struct store *s, const struct main_args *a, const struct reference *r, struct sm_err *e)
{
	RECORD_CLEANUP struct image_record *record = NULL;
	struct pull_options o = { r, a->platform, a->policy, &main_cancelled, NULL };
	int rc = pull_image(s, &o, &record, e);

	return rc ? rc : emit_image(r->text, record, e);
}

struct main_listing {
	int rc;
	struct sm_err *e;
};

static int main_list_one(void *opaque, const char *reference, const struct image_record *r)
{
	struct main_listing *l = opaque;

	l->rc = emit_image(reference, r, l->e);
	return l->rc;
}

static int main_list(struct store *s, const struct main_args *a, const struct reference *r, struct sm_err *e)
{
	struct main_listing l = { 0, e };
	int rc = store_list(s, main_list_one, &l, e);

	(void)a;
	(void)r;
	return rc ? rc : l.rc;
}

static int main_remove(struct store *s, const struct main_args *a, const struct reference *r,
		       struct sm_err *e)
{
	uint64_t freed;
	int rc = store_remove(s, r->text, &freed, e);

	(void)a;
	if (rc)
		return rc;
	return emit_object("removed",
			   json_pack("{s:s,s:I}", "reference", r->text, "freed", (json_int_t)freed), e);
}

static int main_template(struct store *s, const struct main_args *a, const struct reference *r,
			 struct sm_err *e)
{
	int rc = template_make(s, e);

	(void)a;
	(void)r;
	return rc ? rc : emit_object("template", json_pack("{s:s}", "path", STORE_TEMPLATE), e);
}

static int main_check(struct store *s, const struct main_args *a, const struct reference *r, struct sm_err *e)
{
	(void)r;
	return check_store(s, a->repair, e);
}

static int main_load(struct store *s, const struct main_args *a, const struct reference *r, struct sm_err *e)
{
	(void)a;
	(void)r;
	return load_images(s, STDIN_FILENO, &main_cancelled, e);
}

static const struct main_verb main_verbs[] = {
	{ "load", false, false, true, main_load },	  { "pull", true, false, true, main_pull },
	{ "list", false, false, false, main_list },	  { "remove", true, false, false, main_remove },
	{ "template", false, true, true, main_template }, { "check", false, false, false, main_check },
};

/* ---- arguments ---- */

static int main_parse_policy(const char *s, enum pull_policy *ret, struct sm_err *e)
{
	static const char *const names[] = { "missing", "always", "never" };

	for (int i = 0; i < 3; i++)
		if (!strcmp(s, names[i])) {
			*ret = (enum pull_policy)i;
			return 0;
		}
	return err_set(e, EINVAL, "--policy '%s': it must be missing, always or never", s);
}

static int main_parse(int argc, char **argv, struct main_args *a, struct sm_err *e)
{
	for (int i = 2; i < argc; i++) {
		const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		int rc = 0;

		if (strncmp(arg, "--", 2)) {
			if (a->reference)
				return err_set(e, EINVAL, "'%s': one image, please", arg);
			a->reference = arg;
			continue;
		}
		if (!strcmp(arg, "--repair")) {
			a->repair = true;
			continue;
		}
		if (!value)
			return err_set(e, EINVAL, "'%s': a value must follow", arg);
		i++;
		if (!strcmp(arg, "--home"))
			a->home = value;
		else if (!strcmp(arg, "--platform"))
			a->platform = value;
		else if (!strcmp(arg, "--policy"))
			rc = main_parse_policy(value, &a->policy, e);
		else
			rc = err_set(e, EINVAL, "'%s': no such option", arg);
		if (rc)
			return rc;
	}
	if (!a->home || *a->home != '/')
		return err_set(e, EINVAL, "--home: an absolute directory must be given");
	if (strspn(a->platform, "abcdefghijklmnopqrstuvwxyz0123456789/_.-") != strlen(a->platform) ||
	    !strchr(a->platform, '/') || strlen(a->platform) > 60)
		return err_set(e, EINVAL, "--platform '%.60s': it must be OS/ARCHITECTURE", a->platform);
	return 0;
}

static const struct main_verb *main_find_verb(const char *name)
{
	for (size_t i = 0; i < sizeof(main_verbs) / sizeof(*main_verbs); i++)
		if (!strcmp(main_verbs[i].name, name))
			return &main_verbs[i];
	return NULL;
}

/* ---- */

static int main_confine(const struct main_verb *v, struct store *s, const struct reference *r,
			struct sm_err *e)
{
	char docker[PATH_MAX], resolver[PATH_MAX];
	const char *paths[4];
	struct confine c = { .store = store_fd(s), .read = paths, .run = v->run };
	size_t nr = 0;

	auth_config_dir(docker, sizeof(docker));
	if (*docker)
		paths[nr++] = docker;
	/* Often a link out of /etc. */
	if (realpath("/etc/resolv.conf", resolver))
		paths[nr++] = resolver;
	if (r && r->kind != REFERENCE_REGISTRY)
		paths[nr++] = r->dir;
	paths[nr] = NULL;
	return confine_enter(&c, e);
}

static int main_run(const struct main_verb *v, const struct main_args *a, struct sm_err *e)
{
	static sigset_t signals;
	struct reference *r = NULL;
	struct store *s = NULL;
	int rc = 0;

	if (v->reference) {
		r = calloc(1, sizeof(*r));
		rc = !r		    ? err_errno(e, ENOMEM, "image")
		     : a->reference ? reference_parse(a->reference, r, e)
				    : err_set(e, EINVAL, "%s: an image must be named", v->name);
	}
	if (!rc)
		rc = store_open(a->home, v->create, &s, e);
	if (!rc)
		rc = main_confine(v, s, r, e);
	/* After confining: it binds this thread and the ones it starts from here on. */
	if (!rc)
		rc = main_watch_signals(&signals, e);
	if (!rc && curl_global_init(CURL_GLOBAL_DEFAULT))
		rc = err_errno(e, ENOMEM, "http");
	if (!rc)
		rc = v->call(s, a, r, e);
	store_close(s);
	free(r);
	return rc;
}

int main(int argc, char **argv)
{
	struct main_args a = { .platform = "linux/arm64" };
	const struct main_verb *v = argc > 1 ? main_find_verb(argv[1]) : NULL;
	struct sm_err e = { 0 };
	int rc;

	if (!v) {
		err_set(&e, EINVAL,
			"usage: supermachine-image pull|load|list|remove|check|template --home DIR ...");
		emit_error(&e);
		return 1;
	}
	rc = main_parse(argc, argv, &a, &e);
	if (!rc)
		rc = main_run(v, &a, &e);
	if (rc)
		emit_error(&e);
	return rc ? 1 : 0;
}
