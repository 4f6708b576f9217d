/* SPDX-License-Identifier: Apache-2.0 */
/* Starting VMs inside the library. */
#ifndef API_VM_H
#define API_VM_H

#include "api/base.h"

/* How a VM is started; all of it is borrowed. */
struct vm_plan {
	const struct sm_vm_options *o; /* complete: no defaults are filled in */
	const struct backend *b;
	const struct base *base; /* goes on from it; NULL: boots */
	int disk;		 /* empty file that becomes the writable disk; -1: one without a name */
	bool save;		 /* vm_save() will be called */
	uint64_t t0_us;		 /* when the caller was called */
};

/* A VM whose agent has been greeted. */
int vm_create(struct sm_image *image, const struct vm_plan *plan, struct sm_vm **ret, struct sm_err *e);
/* Writes the VM, in which nothing ran yet, into the empty files; its worker ends. */
int vm_save(struct sm_vm *vm, int state, int memory, struct sm_err *e);

#endif
