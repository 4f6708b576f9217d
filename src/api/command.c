/* SPDX-License-Identifier: Apache-2.0 */
#include "api/command.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/internal.h"

static size_t command_append(const char **out, size_t nr, const char *const *more)
{
	for (size_t i = 0; more && more[i]; i++)
		out[nr++] = more[i];
	return nr;
}

static int command_argv(const struct image_record *image, const struct sm_exec_options *o, const char ***ret)
{
	const char *entrypoint[2] = { o->entrypoint, NULL };
	const char *const *first = (const char *const *)image->entrypoint;
	const char *const *rest = (const char *const *)image->cmd;
	const char **argv;
	size_t nr;

	if (o->entrypoint) {
		first = *o->entrypoint ? entrypoint : NULL;
		rest = NULL;
	}
	if (o->argv && o->argv[0])
		rest = o->argv;
	argv = calloc(strv_len(first) + strv_len(rest) + 1, sizeof(*argv));
	if (!argv)
		return -ENOMEM;
	nr = command_append(argv, 0, first);
	command_append(argv, nr, rest);
	*ret = argv;
	return 0;
}

static size_t command_key_len(const char *env)
{
	return strcspn(env, "=");
}

/* The caller's variables replace the image's of the same name and keep their place. */
static int command_env(const struct image_record *image, const struct sm_exec_options *o, const char ***ret)
{
	const char *const *own = (const char *const *)image->env;
	const char **env = calloc(strv_len(own) + strv_len(o->env) + 1, sizeof(*env));
	size_t nr;

	if (!env)
		return -ENOMEM;
	nr = command_append(env, 0, own);
	for (size_t i = 0; o->env && o->env[i]; i++) {
		size_t len = command_key_len(o->env[i]), k = 0;

		while (k < nr && (command_key_len(env[k]) != len || memcmp(env[k], o->env[i], len) != 0))
			k++;
		env[k] = o->env[i];
		nr += k == nr;
	}
	*ret = env;
	return 0;
}

int command_make(const struct image_record *image, const struct sm_exec_options *o, struct command *ret,
		 struct sm_err *e)
{
	struct command c = { .cwd = o->cwd ? o->cwd : image->working_dir,
			     .user = o->user ? o->user : image->user };

	if (command_argv(image, o, &c.argv) < 0 || command_env(image, o, &c.env) < 0) {
		command_fini(&c);
		return err_errno(e, ENOMEM, "command");
	}
	if (!c.argv[0]) {
		command_fini(&c);
		return err_set(e, EINVAL, "no command: the image names none; add one behind the image");
	}
	*ret = c;
	return 0;
}

void command_fini(struct command *c)
{
	free(c->argv);
	free(c->env);
	c->argv = c->env = NULL;
}
