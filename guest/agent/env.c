/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/env.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/agent/text.h"

const char *env_get(const struct env *e, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < e->nr; i++) {
		if (!strncmp(e->v[i], name, len) && e->v[i][len] == '=')
			return e->v[i] + len + 1;
	}
	return NULL;
}

static void add_default(struct env *e, const char *name, const char *value)
{
	char *p = e->own + e->own_len;
	size_t room = sizeof(e->own) - e->own_len;

	if (env_get(e, name) || strlen(name) + strlen(value) + 2 > room)
		return;
	text_join(p, room, name, "=", value, NULL);
	e->own_len += strlen(p) + 1;
	e->v[e->nr++] = p;
}

void env_build(struct env *e, char *const *given, const struct env_defaults *d)
{
	e->nr = e->own_len = 0;
	for (; *given; given++) {
		if (**given != '=' && strchr(*given, '='))
			e->v[e->nr++] = *given;
	}
	add_default(e, "PATH", ENV_PATH_DEFAULT);
	add_default(e, "HOSTNAME", d->hostname);
	if (d->tty)
		add_default(e, "TERM", "xterm");
	add_default(e, "HOME", d->home);
	e->v[e->nr] = NULL;
}

static int explain(const char *name, int err, char *why, size_t why_size)
{
	if (err == ENOEXEC)
		text_join(why, why_size, "exec \"", name, "\": exec format error", NULL);
	else
		text_join(why, why_size, "exec \"", name, "\": ", text_errno(err), NULL);
	return err == ENOENT || err == ENOTDIR ? 127 : 126;
}

static int exec_one(const char *path, char *const *argv, const struct env *e)
{
	struct stat st;

	execve(path, argv, e->v);
	/* The kernel says EACCES of a directory; say what it is. */
	if (errno == EACCES && !stat(path, &st) && S_ISDIR(st.st_mode))
		return EISDIR;
	return errno;
}

int env_exec(char *const *argv, const struct env *e, char *why, size_t why_size)
{
	const char *name = argv[0], *path = env_get(e, "PATH");
	int err, worst = ENOENT;
	char full[PATH_MAX];

	if (strchr(name, '/'))
		return explain(name, exec_one(name, argv, e), why, why_size);
	for (; path && *name; path++) {
		size_t len = strcspn(path, ":");

		if (len + strlen(name) + 2 <= sizeof(full)) {
			memcpy(full, len ? path : ".", len ? len : 1);
			full[len ? len : 1] = 0;
			text_join(full + strlen(full), sizeof(full) - strlen(full), "/", name, NULL);
			err = exec_one(full, argv, e);
			if (err != ENOENT && err != ENOTDIR && err != EACCES && err != EISDIR)
				return explain(full, err, why, why_size);
			if (err == EACCES)
				worst = err;
		}
		path += len;
		if (!*path)
			break;
	}
	if (worst == EACCES)
		return explain(name, EACCES, why, why_size);
	text_join(why, why_size, "exec \"", name, "\": executable file not found in $PATH", NULL);
	return 127;
}
