/* SPDX-License-Identifier: Apache-2.0 */
/* Finding VMs, and what their state says. Nothing here needs the keeper to be alive. */
#include "api/internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "api/keeper.h"
#include "api/state.h"
#include "util/fd.h"

#define LIFE_NAME_MAX 128

struct life_entry {
	char id[13];
	int dir_fd;
	struct vm_state state;
};

struct life_table {
	struct life_entry *v;
	size_t nr;
};

static void life_table_fini(struct life_table *t)
{
	for (size_t i = 0; i < t->nr; i++) {
		fd_close(&t->v[i].dir_fd);
		state_fini(&t->v[i].state);
	}
	free(t->v);
}

static int life_newest_first(const void *a, const void *b)
{
	uint64_t x = ((const struct life_entry *)a)->state.created;
	uint64_t y = ((const struct life_entry *)b)->state.created;

	return x < y ? 1 : x > y ? -1 : 0;
}

/* A directory that cannot be read is none: it may be going just now. */
static int life_table_add(struct life_table *t, int run_fd, const char *id)
{
	struct life_entry entry = { .dir_fd = -1 }, *v;

	if (!rundir_is_id(id))
		return 0;
	entry.dir_fd = openat(run_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (entry.dir_fd < 0 || state_load(entry.dir_fd, &entry.state, NULL) < 0) {
		fd_close(&entry.dir_fd);
		return 0;
	}
	memcpy(entry.id, id, sizeof(entry.id));
	v = realloc(t->v, (t->nr + 1) * sizeof(*v));
	if (!v) {
		fd_close(&entry.dir_fd);
		state_fini(&entry.state);
		return -ENOMEM;
	}
	t->v = v;
	t->v[t->nr++] = entry;
	return 0;
}

static int life_table_load(struct sm_ctx *ctx, struct life_table *ret, struct sm_err *e)
{
	struct life_table t = { 0 };
	DIR *d = opendir(ctx->places.run);
	struct dirent *de;
	int r = 0;

	if (!d)
		return err_errno(e, errno, "%s", ctx->places.run);
	while (!r && (de = readdir(d)))
		r = life_table_add(&t, dirfd(d), de->d_name);
	closedir(d);
	if (r < 0) {
		life_table_fini(&t);
		return err_errno(e, -r, "list of VMs");
	}
	if (t.nr)
		qsort(t.v, t.nr, sizeof(*t.v), life_newest_first);
	*ret = t;
	return 0;
}

/* ---- names ---- */

int life_lock_names(struct sm_ctx *ctx, int *ret, struct sm_err *e)
{
	FD_CLEANUP int fd = open(ctx->places.run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_errno(e, errno, "%s", ctx->places.run);
	*ret = fd_steal(&fd);
	return 0;
}

static bool life_name_is_valid(const char *name)
{
	static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
	size_t len = strlen(name);

	if (len < 1 || len > LIFE_NAME_MAX || !strchr(first, *name))
		return false;
	for (const char *p = name; *p; p++)
		if (!strchr(first, *p) && !strchr("_.-", *p))
			return false;
	return true;
}

int life_check_name(struct sm_ctx *ctx, const char *name, const char *but, struct sm_err *e)
{
	struct life_table t;
	int r;

	if (!life_name_is_valid(name))
		return err_set(
			e, EINVAL,
			"name \"%.140s\": up to 128 letters, digits and . _ -, a letter or digit first",
			name);
	r = life_table_load(ctx, &t, e);
	if (r < 0)
		return r;
	for (size_t i = 0; !r && i < t.nr; i++)
		if (!strcmp(t.v[i].state.name, name) && (!but || strcmp(but, t.v[i].id) != 0))
			r = err_set(e, EEXIST,
				    "name %s: VM %s has it; `supermachine rm %s` or choose another", name,
				    t.v[i].id, name);
	life_table_fini(&t);
	return r;
}

/* A name wins over the beginning of an id, a whole id over all. */
static int life_find(const struct life_table *t, const char *word, size_t *ret, struct sm_err *e)
{
	size_t len = strlen(word), nr_named = 0, nr_begun = 0, named = 0, begun = 0;

	for (size_t i = 0; i < t->nr; i++) {
		if (!strcmp(t->v[i].id, word)) {
			*ret = i;
			return 0;
		}
		if (len && !strcmp(t->v[i].state.name, word)) {
			named = i;
			nr_named++;
		}
		if (len && !strncmp(t->v[i].id, word, len)) {
			begun = i;
			nr_begun++;
		}
	}
	if (!nr_named && !nr_begun)
		return err_set(e, ENOENT, "%s: no such VM; `supermachine ps -a` lists them", word);
	if (!nr_named && nr_begun > 1)
		return err_set(e, ENOTUNIQ, "%s: %zu VMs have ids that begin so; give more of it", word,
			       nr_begun);
	*ret = nr_named ? named : begun;
	return 0;
}

/* ---- handles ---- */

/* What `exec` goes by: the command's own surroundings. */
static struct image_record *life_defaults(const struct vm_state *s)
{
	static const char *none[] = { NULL };
	struct image_record *r = calloc(1, sizeof(*r));

	if (r) {
		r->entrypoint = r->cmd = none;
		r->env = s->env;
		r->working_dir = s->cwd;
		r->user = s->user;
	}
	return r;
}

struct life_handle {
	struct sm_vm vm; /* first */
	struct vm_state state;
	struct image_record *defaults;
};

static int life_open_entry(struct sm_ctx *ctx, struct life_entry *entry, struct sm_vm **ret, struct sm_err *e)
{
	struct life_handle *h = calloc(1, sizeof(*h));

	if (h)
		h->defaults = life_defaults(&entry->state);
	if (!h || !h->defaults) {
		free(h);
		return err_errno(e, ENOMEM, "VM %s", entry->id);
	}
	h->state = entry->state;
	entry->state = (struct vm_state){ 0 };
	h->vm = (struct sm_vm){ .ctx = ctx,
				.refs = 1,
				.opened = true,
				.defaults = h->defaults,
				.dir_fd = fd_steal(&entry->dir_fd),
				.ctl_fd = -1,
				.ready_fd = -1,
				.keeper_fd = -1,
				.pid = h->state.running ? h->state.worker : 0 };
	memcpy(h->vm.id, entry->id, sizeof(h->vm.id));
	pthread_mutex_init(&h->vm.lock, NULL);
	__atomic_fetch_add(&ctx->nr_users, 1, __ATOMIC_RELAXED);
	*ret = &h->vm;
	return 0;
}

int sm_vm_open(struct sm_ctx *ctx, const char *name, struct sm_vm **ret, struct sm_err *e)
{
	struct life_table t;
	size_t at = 0;
	int r = life_table_load(ctx, &t, e);

	if (r < 0)
		return r;
	r = life_find(&t, name, &at, e);
	if (!r)
		r = life_open_entry(ctx, &t.v[at], ret, e);
	life_table_fini(&t);
	return r;
}

void life_close(struct sm_vm *vm)
{
	struct life_handle *h = (struct life_handle *)vm;

	fd_close(&vm->dir_fd);
	fd_close(&vm->keeper_fd);
	__atomic_fetch_sub(&vm->ctx->nr_users, 1, __ATOMIC_RELAXED);
	free(h->defaults);
	state_fini(&h->state);
	vm_put(vm);
}

/* ---- what the state says ---- */

bool life_runs(struct sm_vm *vm)
{
	struct vm_state s;
	bool runs = false;

	if (!state_load(vm->dir_fd, &s, NULL)) {
		runs = s.running && state_is_owned(vm->dir_fd);
		state_fini(&s);
	}
	return runs;
}

static void life_last_words(int dir_fd, const char *id, char *ret, size_t max)
{
	static const char *const files[] = { "worker.err", "worker.log", "keeper.err", "console.log" };
	struct sm_vm vm = { .dir_fd = dir_fd };
	char line[200] = "";

	memcpy(vm.id, id, sizeof(vm.id));
	for (size_t i = 0; i < 4 && !line[0]; i++)
		vm_last_line(&vm, files[i], "", line, sizeof(line));
	snprintf(ret, max, "its keeper was killed%s%s", line[0] ? "; last words: " : "", line);
}

static int life_tell(int dir_fd, const char *id, const struct vm_state *s,
		     int (*fn)(void *opaque, const struct sm_vm_info *info), void *opaque)
{
	bool dead = s->running && !state_is_owned(dir_fd);
	char words[300];
	struct sm_vm_info info = {
		.id = id,
		.name = s->name,
		.image = s->image,
		.argv = s->argv,
		.labels = s->labels,
		.status = dead	       ? SM_VM_DEAD
			  : s->running ? SM_VM_RUNNING
				       : SM_VM_EXITED,
		.exit_status = dead ? 137 : s->status,
		.reason = s->reason,
		.created = s->created,
		.finished = s->finished,
		.memory = s->memory,
		.cpus = s->cpus,
		.backend = s->backend,
		.pid = s->running && !dead ? s->worker : 0,
	};

	if (dead) {
		life_last_words(dir_fd, id, words, sizeof(words));
		info.reason = words;
	}
	return fn(opaque, &info);
}

int sm_vm_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_vm_info *info), void *opaque,
	       struct sm_err *e)
{
	struct life_table t;
	int r = life_table_load(ctx, &t, e);

	if (r < 0)
		return r;
	for (size_t i = 0; !r && i < t.nr; i++)
		r = life_tell(t.v[i].dir_fd, t.v[i].id, &t.v[i].state, fn, opaque);
	life_table_fini(&t);
	return r;
}

struct life_inspector {
	void (*fn)(void *opaque, const struct sm_vm_info *info);
	void *opaque;
};

static int life_inspect_one(void *opaque, const struct sm_vm_info *info)
{
	const struct life_inspector *i = opaque;

	i->fn(i->opaque, info);
	return 0;
}

int sm_vm_inspect(struct sm_vm *vm, void (*fn)(void *opaque, const struct sm_vm_info *info), void *opaque,
		  struct sm_err *e)
{
	struct life_inspector i = { fn, opaque };
	struct vm_state state;
	int r = state_load(vm->dir_fd, &state, e);

	if (r < 0)
		return err_prefix(e, "VM %s", vm->id);
	r = life_tell(vm->dir_fd, vm->id, &state, life_inspect_one, &i);
	state_fini(&state);
	return r;
}
