/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/config.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "hv/hv.h"
#include "util/fd.h"
#include "util/num.h"

void vm_config_init(struct vm_config *c)
{
	memset(c, 0, sizeof(*c));
	c->kernel_fd = c->initrd_fd = c->console_fd = c->log_fd = c->vsock_fd = c->run_fd = c->root_fd =
		c->kvm_fd = c->state_fd = c->memory_fd = -1;
}

void vm_config_fini(struct vm_config *c)
{
	int *const fds[] = { &c->kernel_fd, &c->initrd_fd, &c->console_fd, &c->log_fd,	 &c->vsock_fd,
			     &c->run_fd,    &c->root_fd,   &c->kvm_fd,	   &c->state_fd, &c->memory_fd };

	for (size_t i = 0; i < NUM_COUNTOF(fds); i++)
		fd_close(fds[i]);
	while (c->nr_layers)
		fd_close(&c->layer_fds[--c->nr_layers]);
}

int vm_config_check(const struct vm_config *c, struct sm_err *e)
{
	if (c->memory < SM_MEMORY_MIN || c->memory > 1ULL << 40 || c->memory % (2 << 20))
		return err_set(e, EINVAL,
			       "memory of %llu bytes: from 64 MiB to 1 TiB in steps of 2 MiB are possible",
			       (unsigned long long)c->memory);
	if (!c->cpus || c->cpus > HV_VCPUS_MAX)
		return err_set(e, EINVAL, "%u CPUs: from 1 to %d are possible", c->cpus, HV_VCPUS_MAX);
	if (!hv_backend_find(c->backend))
		return err_set(e, EINVAL, "backend %s: not built into this worker", c->backend);
	if ((c->kernel_fd < 0 && c->state_fd < 0) || c->vsock_fd < 0 || c->run_fd < 0)
		return err_set(
			e, EBADMSG,
			"start message: kernel or state, vsock and directory descriptors are mandatory");
	if ((c->state_fd < 0) != (c->memory_fd < 0))
		return err_set(e, EBADMSG, "start message: state and memory go together");
	return 0;
}

int vm_config_add_layers(struct vm_config *c, int *fds, size_t nr_fds, struct sm_err *e)
{
	size_t i = 0;

	while (i < nr_fds && c->nr_layers < VM_LAYERS_MAX)
		c->layer_fds[c->nr_layers++] = fd_steal(&fds[i++]);
	if (i == nr_fds)
		return 0;
	while (i < nr_fds)
		fd_close(&fds[i++]);
	return err_set(e, EINVAL, "more than %d layers", VM_LAYERS_MAX);
}

/* Hands out the descriptors in the order the message lists their names. */
static int config_take_fds(const json_t *names, int *fds, size_t nr_fds, struct vm_config *c,
			   struct sm_err *e)
{
	const struct {
		const char *name;
		int *fd;
	} known[] = {
		{ "kernel", &c->kernel_fd }, { "initrd", &c->initrd_fd }, { "console", &c->console_fd },
		{ "log", &c->log_fd },	     { "vsock", &c->vsock_fd },	  { "dir", &c->run_fd },
		{ "root", &c->root_fd },     { "kvm", &c->kvm_fd },	  { "state", &c->state_fd },
		{ "memory", &c->memory_fd },
	};
	size_t nr = json_array_size(names);

	if (nr > nr_fds)
		return err_set(e, EBADMSG, "start message: %zu descriptors named, %zu sent", nr, nr_fds);
	for (size_t i = 0; i < nr; i++) {
		const char *name = json_string_value(json_array_get(names, i));
		size_t k = 0;

		while (k < NUM_COUNTOF(known) && (!name || strcmp(known[k].name, name)))
			k++;
		if (k == NUM_COUNTOF(known) || *known[k].fd >= 0)
			return err_set(e, EBADMSG, "start message: descriptor %zu is of no known kind", i);
		*known[k].fd = fd_steal(&fds[i]);
	}
	return vm_config_add_layers(c, fds + nr, nr_fds - nr, e);
}

int vm_config_parse(const char *json, size_t len, int *fds, size_t nr_fds, struct vm_config *ret,
		    struct sm_err *e)
{
	json_t *root = json_loadb(json, len, JSON_REJECT_DUPLICATES, NULL), *names = NULL;
	const char *op = "", *backend = "", *cmdline = "";
	json_int_t memory = 0, cpus = 0, layers = 0;
	int save = 0;
	struct vm_config c;
	int r;

	vm_config_init(&c);
	if (!root ||
	    json_unpack(root, "{s:s, s:I, s:I, s:s, s:s, s:o, s?I, s?b}", "op", &op, "memory", &memory,
			"cpus", &cpus, "backend", &backend, "cmdline", &cmdline, "fds", &names, "layers",
			&layers, "save", &save) < 0 ||
	    strcmp(op, "start") || memory < 0 || cpus < 0 || cpus > UINT32_MAX || layers < 0 ||
	    layers > UINT32_MAX || !json_is_array(names))
		r = err_set(e, EBADMSG, "start message: not of the worker protocol");
	else if (strlen(backend) >= sizeof(c.backend) || strlen(cmdline) >= sizeof(c.cmdline))
		r = err_set(e, EINVAL, "kernel command line: longer than %d bytes", VM_CMDLINE_MAX - 1);
	else {
		c.memory = (uint64_t)memory;
		c.cpus = (uint32_t)cpus;
		c.layers_wanted = (uint32_t)layers;
		c.save = save;
		strcpy(c.backend, backend);
		strcpy(c.cmdline, cmdline);
		r = config_take_fds(names, fds, nr_fds, &c, e);
	}
	for (size_t i = 0; i < nr_fds; i++)
		fd_close(&fds[i]);
	json_decref(root);
	if (r < 0)
		vm_config_fini(&c);
	else
		*ret = c;
	return r;
}
