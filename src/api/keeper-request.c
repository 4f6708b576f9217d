/* SPDX-License-Identifier: Apache-2.0 */
/* Between sm_vm_run() and the keeper, both of one build: what is not understood is our bug. */
#include "api/keeper.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/state.h"

/* NULL leaves the key out. */
static json_t *pack_string(const char *s)
{
	return s ? json_string(s) : NULL;
}

static json_t *pack_list(const char *const *v)
{
	return v ? state_list(v) : NULL;
}

/* The keeper leaves our working directory. */
static json_t *pack_path(const char *path)
{
	char full[PATH_MAX], cwd[PATH_MAX];

	if (!path || *path == '/' || !realpath(".", cwd) ||
	    (size_t)snprintf(full, sizeof(full), "%s/%s", cwd, path) >= sizeof(full))
		return pack_string(path);
	return json_string(full);
}

static json_t *pack_vm(const struct sm_vm_options *o)
{
	return json_pack(
		"{s:I, s:I, s:o*, s:o*, s:o*, s:o*, s:o*, s:b, s:b, s:o*, s:o*, s:o*, s:o*, s:o*, s:b}",
		"memory", (json_int_t)o->memory, "cpus", (json_int_t)o->cpus, "backend",
		pack_string(o->backend), "kernel", pack_path(o->kernel), "initrd", pack_path(o->initrd),
		"hostname", pack_string(o->hostname), "console", pack_path(o->console), "tmpfs_root",
		o->tmpfs_root, "read_only", o->read_only, "tmpfs", pack_list(o->tmpfs), "ulimits",
		pack_list(o->ulimits), "hosts", pack_list(o->hosts), "dns", pack_list(o->dns), "dns_search",
		pack_list(o->dns_search), "boot", o->boot);
}

static json_t *pack_command(const struct sm_exec_options *o)
{
	return json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:b, s:b, s:i, s:i, s:I}", "argv",
			 pack_list(o->argv), "env", pack_list(o->env), "entrypoint",
			 pack_string(o->entrypoint), "cwd", pack_string(o->cwd), "user", pack_string(o->user),
			 "tty", o->tty, "init", o->init, "rows", o->rows, "cols", o->cols, "timeout_ms",
			 (json_int_t)o->timeout_ms);
}

json_t *keeper_request_pack(struct sm_image *image, const struct sm_run_options *o)
{
	const struct places *p = &image->ctx->places;
	char run[PATH_MAX + 8];
	bool own_home;

	/* Unless the home was named, the keeper finds the places as we did. */
	snprintf(run, sizeof(run), "%s/run", p->home);
	own_home = !strcmp(run, p->run);
	return json_pack("{s:o*, s:s, s:s, s:o*, s:o*, s:o*, s:i, s:b, s:b, s:b, s:o, s:o}", "home",
			 own_home ? json_string(p->home) : NULL, "image", image->reference, "platform",
			 image->record->platform, "name", pack_string(o->name), "stop_signal",
			 pack_string(o->stop_signal), "labels", pack_list(o->labels), "stop_timeout_ms",
			 (int)o->stop_timeout_ms, "remove", o->remove, "foreground", o->foreground,
			 "hold_stdin", o->ret_stdin_fd != NULL, "vm", pack_vm(o->vm), "command",
			 pack_command(o->command));
}

/* Into the place `i` of those that are freed with the request. */
static const char *const *unpack_list(struct keeper_request *r, size_t i, const json_t *json, const char *key)
{
	return r->vm_lists[i] = state_strings(json_object_get(json, key));
}

static int unpack_vm(json_t *json, struct keeper_request *r)
{
	struct sm_vm_options *o = &r->vm;
	json_int_t memory, cpus;
	int tmpfs, read_only, boot;

	if (json_unpack(json, "{s:I, s:I, s?s, s?s, s?s, s?s, s?s, s:b, s:b, s:b}", "memory", &memory, "cpus",
			&cpus, "backend", &o->backend, "kernel", &o->kernel, "initrd", &o->initrd, "hostname",
			&o->hostname, "console", &o->console, "tmpfs_root", &tmpfs, "read_only", &read_only,
			"boot", &boot) < 0)
		return -EPROTO;
	o->size = sizeof(*o);
	o->memory = (uint64_t)memory;
	o->cpus = (uint32_t)cpus;
	o->tmpfs_root = tmpfs;
	o->read_only = read_only;
	o->tmpfs = unpack_list(r, 0, json, "tmpfs");
	o->ulimits = unpack_list(r, 1, json, "ulimits");
	o->hosts = unpack_list(r, 2, json, "hosts");
	o->dns = unpack_list(r, 3, json, "dns");
	o->dns_search = unpack_list(r, 4, json, "dns_search");
	o->boot = boot;
	return 0;
}

static int unpack_command(json_t *json, struct keeper_request *r)
{
	struct sm_exec_options *o = &r->command;
	int tty, init, rows, cols;
	json_int_t timeout_ms;

	*o = (struct sm_exec_options)SM_EXEC_OPTIONS_INIT;
	if (json_unpack(json, "{s?s, s?s, s?s, s:b, s:b, s:i, s:i, s:I}", "entrypoint", &o->entrypoint, "cwd",
			&o->cwd, "user", &o->user, "tty", &tty, "init", &init, "rows", &rows, "cols", &cols,
			"timeout_ms", &timeout_ms) < 0)
		return -EPROTO;
	o->tty = tty;
	o->init = init;
	o->rows = (uint16_t)rows;
	o->cols = (uint16_t)cols;
	o->timeout_ms = (uint32_t)timeout_ms;
	r->argv = state_strings(json_object_get(json, "argv"));
	r->env = state_strings(json_object_get(json, "env"));
	o->argv = r->argv;
	o->env = r->env;
	return 0;
}

int keeper_request_unpack(json_t *json, struct keeper_request *ret, struct sm_err *e)
{
	struct keeper_request r = { .json = json };
	int remove, foreground, hold;

	if (json_unpack(json, "{s?s, s:s, s:s, s?s, s?s, s:i, s:b, s:b, s:b}", "home", &r.home, "image",
			&r.image, "platform", &r.platform, "name", &r.name, "stop_signal", &r.stop_signal,
			"stop_timeout_ms", &r.stop_timeout_ms, "remove", &remove, "foreground", &foreground,
			"hold_stdin", &hold) < 0 ||
	    unpack_vm(json_object_get(json, "vm"), &r) < 0 ||
	    unpack_command(json_object_get(json, "command"), &r) < 0) {
		keeper_request_fini(&r);
		return err_set(e, EPROTO, KEEPER_PROGRAM ": not a request");
	}
	r.labels = state_strings(json_object_get(json, "labels"));
	r.remove = remove;
	r.foreground = foreground;
	r.hold_stdin = hold;
	*ret = r;
	return 0;
}

void keeper_request_fini(struct keeper_request *r)
{
	for (size_t i = 0; i < KEEPER_VM_LISTS; i++)
		free(r->vm_lists[i]);
	free(r->labels);
	free(r->argv);
	free(r->env);
	json_decref(r->json);
	*r = (struct keeper_request){ 0 };
}
