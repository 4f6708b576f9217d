/* SPDX-License-Identifier: Apache-2.0 */
#include "api/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "util/fd.h"

#define STATE_MAX (4u << 20)

json_t *state_list(const char *const *v)
{
	json_t *list = json_array();

	for (size_t i = 0; v && v[i]; i++)
		json_array_append_new(list, json_string(v[i]));
	return list;
}

const char **state_strings(const json_t *array)
{
	size_t nr = json_array_size(array);
	const char **v = json_is_array(array) ? calloc(nr + 1, sizeof(*v)) : NULL;

	for (size_t i = 0; v && i < nr; i++) {
		v[i] = json_string_value(json_array_get(array, i));
		if (!v[i]) {
			free(v);
			return NULL;
		}
	}
	return v;
}

void state_fini(struct vm_state *s)
{
	free(s->argv);
	free(s->env);
	free(s->labels);
	json_decref(s->json);
	*s = (struct vm_state){ 0 };
}

int state_create(json_t *json, struct vm_state *ret, struct sm_err *e)
{
	struct vm_state s = { .json = json };
	json_int_t created, finished, memory, cpus;
	json_t *argv, *env, *labels;
	int running, tty, remove;

	if (json_unpack(json, "{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", &s.name, "image", &s.image,
			"reason", &s.reason, "stop_signal", &s.stop_signal, "cwd", &s.cwd, "user", &s.user,
			"backend", &s.backend) < 0 ||
	    json_unpack(json, "{s:b, s:b, s:b, s:i, s:i, s:i, s:I, s:I, s:I, s:I}", "running", &running,
			"tty", &tty, "remove", &remove, "status", &s.status, "worker", &s.worker,
			"stop_timeout_ms", &s.stop_timeout_ms, "created", &created, "finished", &finished,
			"memory", &memory, "cpus", &cpus) < 0 ||
	    json_unpack(json, "{s:o, s:o, s:o}", "argv", &argv, "env", &env, "labels", &labels) < 0) {
		json_decref(json);
		return err_set(e, EBADMSG, "not a VM's state");
	}
	s.argv = state_strings(argv);
	s.env = state_strings(env);
	s.labels = state_strings(labels);
	if (!s.argv || !s.env || !s.labels) {
		state_fini(&s);
		return err_set(e, EBADMSG, "not a VM's state");
	}
	s.running = running;
	s.tty = tty;
	s.remove = remove;
	s.created = (uint64_t)created;
	s.finished = (uint64_t)finished;
	s.memory = (uint64_t)memory;
	s.cpus = (uint32_t)cpus;
	*ret = s;
	return 0;
}

int state_load(int dir_fd, struct vm_state *ret, struct sm_err *e)
{
	json_t *json;
	size_t len;
	char *text;
	int r = fd_read_file(dir_fd, STATE_FILE, STATE_MAX, &text, &len, e);

	if (r < 0)
		return r;
	json = json_loadb(text, len, 0, NULL);
	free(text);
	return state_create(json, ret, e);
}

int state_save(int dir_fd, const json_t *json, struct sm_err *e)
{
	char *text = json_dumps(json, JSON_INDENT(1));
	FD_CLEANUP int fd = openat(dir_fd, STATE_FILE ".new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int r = !text ? -ENOMEM : fd < 0 ? -errno : fd_write_full(fd, text, strlen(text));

	free(text);
	if (!r && renameat(dir_fd, STATE_FILE ".new", dir_fd, STATE_FILE) < 0)
		r = -errno;
	return r < 0 ? err_errno(e, -r, "the VM's " STATE_FILE) : 0;
}

bool state_is_owned(int dir_fd)
{
	/* A lock belongs to the open file: one of our own, or we would take the owner's for ours. */
	FD_CLEANUP int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0;
}
