/* SPDX-License-Identifier: Apache-2.0 */
/* What a VM is made of: parsed from the start message, checked, then applied. */
#ifndef VM_CONFIG_H
#define VM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "util/err.h"

#define VM_LAYERS_MAX 128
#define VM_CMDLINE_MAX 2048

struct vm_config {
	uint64_t memory; /* bytes */
	uint32_t cpus;
	char backend[16];
	char cmdline[VM_CMDLINE_MAX];
	/* Descriptors; -1 when absent. The config owns them until vm_config_fini. */
	int kernel_fd, initrd_fd;
	int console_fd; /* gets the serial console's output */
	int log_fd;	/* gets the worker's log lines */
	int vsock_fd;	/* listening unix socket for host -> guest connections */
	int run_fd;	/* the VM's runtime directory: <vsock>_PORT sockets live there */
	int root_fd;	/* writable disk */
	int kvm_fd;	/* /dev/kvm, for that backend */
	/* A snapshot to go on from, instead of a kernel; both or none. */
	int state_fd, memory_fd;
	bool save; /* a "snapshot" will be asked for */
	uint32_t nr_layers;
	uint32_t layers_wanted;	      /* the start message's count: the rest comes in "layers" messages */
	int layer_fds[VM_LAYERS_MAX]; /* bottom first */
};

void vm_config_init(struct vm_config *c);
void vm_config_fini(struct vm_config *c);
/* Numbers in range, mandatory descriptors there. EINVAL with the sentence for the user. */
int vm_config_check(const struct vm_config *c, struct sm_err *e);

/* The start message; `fds` are taken over in any case. EBADMSG: not of the protocol. */
int vm_config_parse(const char *json, size_t len, int *fds, size_t nr_fds, struct vm_config *ret,
		    struct sm_err *e);
/* A following "layers" message: more layer descriptors. */
int vm_config_add_layers(struct vm_config *c, int *fds, size_t nr_fds, struct sm_err *e);

#endif
