/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starting a VM: runtime directory, sockets, the worker with its descriptors, then the
 * agent's hello. Everything is undone when a step fails; a worker whose control socket
 * closes ends by itself.
 */
#include "api/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/child.h"
#include "api/settings.h"
#include "api/options.h"
#include "api/vm.h"
#include "guest/proto.h"
#include "util/fd.h"
#include "util/num.h"
#include "vm/agent.h"
#include "vm/worker-proto.h"

/* A guest that says nothing for so long will not say anything. */
#define VM_READY_TIMEOUT_MS 120000

/* dummy: without it the guest shows a network interface nobody asked for. */
#define VM_CMDLINE "panic=-1 quiet dummy.numdummies=0"

uint64_t vm_now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

/* What goes to the worker beside the start message. */
struct vm_files {
	const char *names[10];
	int fds[10];
	size_t nr;
	int layers[RECORD_LAYERS_MAX];
	size_t nr_layers;
	bool root_disk;
};

static void vm_files_fini(struct vm_files *f)
{
	while (f->nr)
		fd_close(&f->fds[--f->nr]);
	while (f->nr_layers)
		fd_close(&f->layers[--f->nr_layers]);
}

/* Takes `fd`. */
static void vm_files_add(struct vm_files *f, const char *name, int fd)
{
	f->names[f->nr] = name;
	f->fds[f->nr++] = fd;
}

static int vm_files_open(struct vm_files *f, const char *name, const char *path, struct sm_err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return err_errno(e, errno, "%s %s", name, path);
	vm_files_add(f, name, fd);
	return 0;
}

static int vm_add_guest(struct sm_ctx *ctx, const struct backend *b, const struct sm_vm_options *o,
			struct vm_files *f, struct sm_err *e)
{
	char kernel[PATH_MAX], initrd[PATH_MAX];
	int r = 0;

	if (!o->kernel)
		r = places_guest_file(&ctx->places, b->arch, b->kernel, kernel, e);
	if (!r)
		r = vm_files_open(f, "kernel", o->kernel ? o->kernel : kernel, e);
	if (!r && !o->initrd)
		r = places_guest_file(&ctx->places, b->arch, "initrd", initrd, e);
	return r ? r : vm_files_open(f, "initrd", o->initrd ? o->initrd : initrd, e);
}

static int vm_add_outputs(const struct sm_vm_options *o, struct sm_vm *vm, struct vm_files *f,
			  struct sm_err *e)
{
	int dir, vsock, console, log;
	int r;

	console = o->console ? open(o->console, O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | O_NOCTTY, 0600)
			     : openat(vm->dir_fd, "console.log", O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND,
				      0600);
	if (console < 0)
		return err_errno(e, errno, "console log %s", o->console ? o->console : "");
	vm_files_add(f, "console", console);
	log = openat(vm->dir_fd, "worker.log", O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
	if (log < 0)
		return err_errno(e, errno, "VM %s: worker.log", vm->id);
	vm_files_add(f, "log", log);
	r = rundir_listen(vm->dir_fd, "vsock", &vsock, e);
	if (r < 0)
		return r;
	vm_files_add(f, "vsock", vsock);
	dir = openat(vm->dir_fd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(e, errno, "VM %s: directory", vm->id);
	vm_files_add(f, "dir", dir);
	return 0;
}

/* The template is made once a store. */
static int vm_open_template(struct sm_vm *vm, int *ret, struct sm_err *e)
{
	struct sm_ctx *ctx = vm->ctx;
	const char *argv[] = { "supermachine-image", "template", "--home", ctx->places.home, NULL };
	int r = store_open_template(vm->image->store, ret, NULL);

	if (!r)
		return 0;
	if (r == -ENOENT && (r = image_tool_run(ctx, argv, &(struct image_tool_calls){ 0 }, e)) < 0)
		return r;
	return store_open_template(vm->image->store, ret, e);
}

/* Each VM works on a copy that has no name and so dies with it. */
static int vm_add_root_disk(struct sm_vm *vm, const struct vm_plan *plan, struct vm_files *f,
			    struct sm_err *e)
{
	FD_CLEANUP int template = -1;
	int disk, r = plan->base ? 0 : vm_open_template(vm, &template, e);

	if (r < 0)
		return r;
	disk = plan->disk < 0
		       ? openat(store_fd(vm->image->store), "tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
		       : fcntl(plan->disk, F_DUPFD_CLOEXEC, 3);
	if (disk < 0)
		return err_errno(e, errno, "writable disk");
	vm_files_add(f, "root", disk);
	f->root_disk = true;
	return store_copy_sparse(plan->base ? plan->base->disk : template, disk, e);
}

static int vm_add_dup(struct vm_files *f, const char *name, int fd, struct sm_err *e)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

	if (copy < 0)
		return err_errno(e, errno, "snapshot: %s", name);
	vm_files_add(f, name, copy);
	return 0;
}

/* What the machine begins with: a kernel, or where another one stopped. */
static int vm_add_beginning(struct sm_vm *vm, const struct vm_plan *plan, struct vm_files *f,
			    struct sm_err *e)
{
	int r;

	if (!plan->base)
		return vm_add_guest(vm->ctx, plan->b, plan->o, f, e);
	r = vm_add_dup(f, "state", plan->base->state, e);
	return r ? r : vm_add_dup(f, "memory", plan->base->memory, e);
}

/* The worker opens nothing by name: the device too is handed over. */
static int vm_add_device(const struct backend *b, struct vm_files *f, struct sm_err *e)
{
	int fd;

	if (!b->device)
		return 0;
	fd = open(b->device, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return err_errno(e, errno, "%s; `supermachine doctor` tells more", b->device);
	vm_files_add(f, "kvm", fd);
	return 0;
}

static int vm_add_layers(struct sm_vm *vm, struct vm_files *f, struct sm_err *e)
{
	const struct image_record *r = vm->image->record;

	for (size_t i = 0; i < r->nr_layers; i++) {
		int ret = store_open_layer(vm->image->store, &r->layers[i], &f->layers[i], e);

		if (ret < 0)
			return err_prefix(e, "image %s", vm->image->reference);
		f->nr_layers++;
	}
	return 0;
}

/* ---- what the worker is told ---- */

static int vm_send_start(struct sm_vm *vm, const struct vm_plan *plan, const struct vm_files *f,
			 struct sm_err *e)
{
	char cmdline[256];
	json_t *names = json_array(), *msg;
	int fds[WORKER_FDS_MAX], r;
	size_t nr = 0, layer = 0;

	for (size_t i = 0; i < f->nr; i++) {
		json_array_append_new(names, json_string(f->names[i]));
		fds[nr++] = f->fds[i];
	}
	while (layer < f->nr_layers && nr < WORKER_FDS_MAX)
		fds[nr++] = f->layers[layer++];
	snprintf(cmdline, sizeof(cmdline), "%s " VM_CMDLINE " sm.layers=%zu sm.root=%s", plan->b->cmdline,
		 f->nr_layers, f->root_disk ? "disk" : "tmpfs");
	msg = json_pack("{s:s, s:I, s:i, s:s, s:s, s:i, s:o, s:b}", "op", "start", "memory",
			(json_int_t)plan->o->memory, "cpus", (int)plan->o->cpus, "backend", plan->b->name,
			"cmdline", cmdline, "layers", (int)f->nr_layers, "fds", names, "save", plan->save);
	r = vm_worker_send(vm, msg, fds, nr, e);
	while (!r && layer < f->nr_layers) {
		nr = num_min(WORKER_FDS_MAX, f->nr_layers - layer);
		r = vm_worker_send(vm, json_pack("{s:s}", "op", "layers"), f->layers + layer, nr, e);
		layer += nr;
	}
	return r;
}

/* ---- readiness ---- */

static int vm_make_identity(struct sm_vm *vm, const struct sm_vm_options *o, struct agent_identity *ret,
			    struct sm_err *e)
{
	struct timespec now;

	*ret = (struct agent_identity){ .hostname = o->hostname ? o->hostname : vm->id };
	if (getrandom(ret->entropy, sizeof(ret->entropy), 0) != sizeof(ret->entropy) ||
	    getrandom(ret->generation, sizeof(ret->generation), 0) != sizeof(ret->generation))
		return err_errno(e, errno, "entropy for the guest");
	clock_gettime(CLOCK_REALTIME, &now);
	ret->realtime_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
	return 0;
}

static int vm_greet(struct sm_vm *vm, const struct sm_vm_options *o, struct sm_err *e)
{
	struct agent_identity id;
	int r = vm_make_identity(vm, o, &id, e);

	if (!r)
		r = agent_hello(vm->ready_fd, &id, &vm->refuses, e);
	return r ? err_prefix(e, "VM %s", vm->id) : 0;
}

/* The guest goes on where it was saved: from here on it is another one. */
static int vm_resume(struct sm_vm *vm, const struct sm_vm_options *o, struct sm_err *e)
{
	FD_CLEANUP int fd = -1;
	struct agent_identity id;
	int r = vm_make_identity(vm, o, &id, e);

	if (!r)
		r = rundir_connect(vm->dir_fd, "vsock", &fd, e);
	if (!r)
		r = agent_connect(fd, e);
	if (!r)
		r = agent_resume(fd, &id, e);
	return r ? err_prefix(e, "VM %s", vm->id) : 0;
}

static int vm_not_ready(struct sm_vm *vm, struct sm_err *e)
{
	char last[200];

	vm_last_line(vm, "console.log", "", last, sizeof(last));
	return err_set(e, ETIMEDOUT, "VM %s: the guest agent did not answer within %d s%s%s", vm->id,
		       VM_READY_TIMEOUT_MS / 1000, last[0] ? "; the console's last line: " : "", last);
}

/* Waits for the agent's connection and the worker's word of it. */
static int vm_wait_ready(struct sm_vm *vm, int listener, struct sm_err *e)
{
	struct pollfd p[2] = { { .fd = vm->ctl_fd, .events = POLLIN }, { .fd = listener, .events = POLLIN } };

	while (vm->ready_fd < 0 || !vm->ready_told) {
		uint64_t spent = (vm_now_us() - vm->t0_us) / 1000;
		int r = 0,
		    n = spent < VM_READY_TIMEOUT_MS ? poll(p, 2, (int)(VM_READY_TIMEOUT_MS - spent)) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return vm_not_ready(vm, e);
		if (p[0].revents)
			r = vm_worker_message(vm, e);
		if (r < 0)
			return r;
		if (p[1].revents) {
			vm->ready_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
			p[1].fd = vm->ready_fd < 0 ? listener : -1;
		}
	}
	return 0;
}

/* The worker knows files by what they are for; the user knows those he named by their path. */
static void vm_name_file(const char *kind, const char *path, struct sm_err *e)
{
	size_t len = strlen(kind);
	char rest[sizeof(e->text)];

	if (!e || !path || strncmp(e->text, kind, len) != 0 || e->text[len] != ':')
		return;
	memcpy(rest, e->text + len, sizeof(e->text) - len);
	snprintf(e->text, sizeof(e->text), "%s %.200s%.280s", kind, path, rest);
}

static int vm_add_files(struct sm_vm *vm, const struct vm_plan *plan, struct vm_files *f, struct sm_err *e)
{
	int r = vm_add_beginning(vm, plan, f, e);

	if (!r)
		r = vm_add_outputs(plan->o, vm, f, e);
	if (!r && !plan->o->tmpfs_root)
		r = vm_add_root_disk(vm, plan, f, e);
	if (!r)
		r = vm_add_device(plan->b, f, e);
	return r ? r : vm_add_layers(vm, f, e);
}

/* Until the agent knows who it is. */
static int vm_meet_agent(struct sm_vm *vm, const struct vm_plan *plan, int listener, struct sm_err *e)
{
	int r = plan->base ? vm_explain(vm, vm_resume(vm, plan->o, e), e) : vm_wait_ready(vm, listener, e);

	/* The worker's word about the start came long before the agent's. */
	while (!r && !vm->timings.machine_us)
		r = vm_worker_message(vm, e);
	if (!r && !plan->base)
		r = vm_explain(vm, vm_greet(vm, plan->o, e), e);
	return r;
}

/* Everything between a made handle and a greeted agent. */
static int vm_begin(struct sm_vm *vm, const struct vm_plan *plan, struct sm_err *e)
{
	struct vm_files f = { .nr = 0 };
	FD_CLEANUP int listener = -1;
	int r = rundir_create(vm->ctx, vm->id, &vm->dir_fd, e);

	if (!r)
		r = rundir_listen(vm->dir_fd, "vsock_1027", &listener, e);
	if (!r)
		r = vm_worker_start(vm, e);
	if (!r)
		r = vm_add_files(vm, plan, &f, e);
	vm->timings.worker_us = vm_now_us() - vm->t0_us;
	if (!r)
		r = vm_send_start(vm, plan, &f, e);
	vm_files_fini(&f);
	if (!r)
		r = vm_meet_agent(vm, plan, listener, e);
	if (r < 0) {
		vm_name_file("kernel", plan->o->kernel, e);
		vm_name_file("initrd", plan->o->initrd, e);
	}
	vm->timings.agent_us = vm_now_us() - vm->t0_us;
	vm->timings.restored = plan->base;
	return r;
}

int vm_save(struct sm_vm *vm, int state, int memory, struct sm_err *e)
{
	const int fds[] = { state, memory };
	int r;

	/* It may be another time's trouble: to be met again, not to be kept. */
	if (vm->refuses)
		return err_set(e, EIO, "VM %s: its root file system could not be mounted", vm->id);
	/* The worker waits until the guest has closed its side too. */
	fd_close(&vm->ready_fd);
	r = vm_worker_send(vm, json_pack("{s:s}", "op", "snapshot"), fds, 2, e);
	while (!r && !vm->saved)
		r = vm_worker_message(vm, e);
	return r;
}

static int vm_check_options(const struct sm_vm_options *o, struct sm_vm_options *ret, struct sm_err *e)
{
	int r = options_take(ret, sizeof(*ret), OPTIONS_SIZE(struct sm_vm_options, tmpfs_root), o,
			     "sm_vm_options", e);

	if (r < 0)
		return r;
	if (!ret->memory)
		ret->memory = SM_MEMORY_DEFAULT;
	if (!ret->cpus)
		ret->cpus = 1;
	if (ret->memory < SM_MEMORY_MIN)
		return err_set(e, EINVAL, "memory of %llu KiB: at least 64 MiB are needed",
			       (unsigned long long)ret->memory >> 10);
	if (ret->memory > 1ULL << 40)
		return err_set(e, EINVAL, "memory of %llu GiB: at most 1 TiB is possible",
			       (unsigned long long)ret->memory >> 30);
	ret->memory = num_align_up(ret->memory, 2 << 20);
	if (ret->cpus > SM_CPUS_MAX)
		return err_set(e, EINVAL, "%u CPUs: from 1 to %d are possible", ret->cpus, SM_CPUS_MAX);
	return 0;
}

int vm_create(struct sm_image *image, const struct vm_plan *plan, struct sm_vm **ret, struct sm_err *e)
{
	struct sm_vm *vm = calloc(1, sizeof(*vm));
	int r;

	if (!vm)
		return err_errno(e, ENOMEM, "virtual machine");
	vm->ctx = image->ctx;
	vm->t0_us = plan->t0_us;
	vm->refs = 1;
	pthread_mutex_init(&vm->lock, NULL);
	vm->dir_fd = vm->ctl_fd = vm->ready_fd = vm->keeper_fd = -1;
	vm->pid = -1;
	__atomic_fetch_add(&vm->ctx->nr_users, 1, __ATOMIC_RELAXED);
	r = image_dup(image, &vm->image, e);
	if (!r)
		r = vm_begin(vm, plan, e);
	if (r < 0) {
		sm_vm_destroy(vm);
		return r;
	}
	vm->defaults = vm->image->record;
	*ret = vm;
	return 0;
}

/* Another kernel, or a console somebody wants to read: the guest boots. */
static bool vm_wants_base(const struct sm_vm_options *o, const struct backend *b)
{
	return b->snapshots && !o->boot && !o->kernel && !o->initrd && !o->console;
}

/* Goes on from the image's base snapshot; what goes wrong with it costs time and nothing else. */
static int vm_restore(struct sm_image *image, struct vm_plan *plan, struct sm_vm **ret, struct sm_err *e)
{
	struct base base = BASE_NONE;
	int r = base_get(image, plan->b, plan->o, &base, e);
	uint64_t found_us = vm_now_us() - plan->t0_us;

	if (r < 0)
		return err_prefix(e, "no snapshot");
	plan->base = &base;
	r = vm_create(image, plan, ret, e);
	if (r < 0) {
		base_drop(image, plan->b, plan->o);
		err_prefix(e, "the snapshot does not work");
	} else {
		(*ret)->timings.snapshot_us = found_us;
	}
	base_close(&base);
	plan->base = NULL;
	return r;
}

int sm_vm_start(struct sm_image *image, const struct sm_vm_options *o, struct sm_vm **ret, struct sm_err *e)
{
	struct sm_vm_options opt = { 0 };
	struct vm_plan plan = { .o = &opt, .disk = -1, .t0_us = vm_now_us() };
	struct settings settings;
	struct sm_err why = { 0 };
	struct sm_vm *vm = NULL;
	bool restored;
	int r = vm_check_options(o, &opt, e);

	if (!r)
		r = backend_choose(image->ctx, opt.backend, &plan.b, e);
	if (r)
		return r;
	if (strcmp(image->record->platform, plan.b->platform) != 0)
		return err_set(e, ENOTSUP, "image %s is for %s: backend %s runs %s", image->reference,
			       image->record->platform, plan.b->name, plan.b->platform);
	r = settings_parse(&opt, &settings, e);
	if (r)
		return r;
	restored = vm_wants_base(&opt, plan.b) && vm_restore(image, &plan, &vm, &why) >= 0;
	if (!restored)
		r = vm_create(image, &plan, &vm, e);
	/* When nothing works, the boot's error says it all. */
	if (!r && !restored && why.code)
		log_msg(&image->ctx->log, SM_LOG_WARN, "vm", "%s; so it booted", why.text);
	if (!r)
		r = settings_send(vm, &settings, e);
	settings_fini(&settings);
	if (r < 0)
		sm_vm_destroy(vm);
	else
		*ret = vm;
	return r;
}

void sm_vm_destroy(struct sm_vm *vm)
{
	if (!vm)
		return;
	if (vm->opened) {
		life_close(vm);
		return;
	}
	pthread_mutex_lock(&vm->lock);
	if (!vm->end.code)
		err_set(&vm->end, ECANCELED, "VM %s was destroyed", vm->id);
	fd_close(&vm->ready_fd);
	fd_close(&vm->ctl_fd);
	if (vm->pid > 0) {
		/* A disposable machine: nothing of it is kept, so nothing needs to be flushed. */
		kill(vm->pid, SIGKILL);
		child_wait(vm->pid);
	}
	if (vm->kept)
		fd_close(&vm->dir_fd);
	rundir_remove(vm->ctx, vm->id, &vm->dir_fd);
	pthread_mutex_unlock(&vm->lock);
	sm_image_close(vm->image);
	__atomic_fetch_sub(&vm->ctx->nr_users, 1, __ATOMIC_RELAXED);
	vm_put(vm);
}

struct sm_vm *vm_get(struct sm_vm *vm)
{
	__atomic_fetch_add(&vm->refs, 1, __ATOMIC_RELAXED);
	return vm;
}

void vm_put(struct sm_vm *vm)
{
	if (__atomic_fetch_sub(&vm->refs, 1, __ATOMIC_ACQ_REL) != 1)
		return;
	pthread_mutex_destroy(&vm->lock);
	free(vm);
}

const char *sm_vm_id(const struct sm_vm *vm)
{
	return vm->id;
}

int sm_vm_pid(const struct sm_vm *vm)
{
	return vm->pid;
}

void sm_vm_timings(const struct sm_vm *vm, struct sm_timings *ret)
{
	*ret = vm->timings;
}

size_t strv_len(const char *const *v)
{
	size_t n = 0;

	while (v && v[n])
		n++;
	return n;
}
