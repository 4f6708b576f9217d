/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole machine to the files of a snapshot and back.
 *
 * Theory of operation. Saving: the vCPUs have stopped; devices finish what is in flight;
 * then vCPUs, backend, devices and memory are written, in any order, as nothing moves any
 * more. Loading: memory is put in place before the backend hears of it; vCPUs are loaded
 * before the backend, whose interrupt controller may look at them; then the devices, and
 * last their resume, which repeats the interrupts and doorbells that were on their way.
 */
#ifndef VM_SNAPSHOT_H
#define VM_SNAPSHOT_H

#include "devices/device.h"
#include "hv/hv.h"
#include "snap/state.h"
#include "vm/vcpus.h"

/* The machine's insides, borrowed. */
struct snapshot_parts {
	const char *backend;
	struct gmem *gm;
	struct hv_vm *hv;
	struct vcpus *vcpus;
	uint32_t nr_vcpus;
	struct device *const *devices;
	size_t nr_devices;
};

int snapshot_save(const struct snapshot_parts *m, int pagemap, int state_fd, int memory_fd, struct sm_err *e);

/* A state file in memory. */
struct snapshot_source {
	void *bytes;
	struct snap_state state;
};

int snapshot_read(int state_fd, struct snapshot_source *ret, struct sm_err *e);
void snapshot_source_fini(struct snapshot_source *s);
/* Needs `backend`, `gm` and `nr_vcpus`; a snapshot of another machine is refused. */
int snapshot_map_memory(const struct snapshot_parts *m, const struct snapshot_source *s, int memory_fd,
			struct sm_err *e);
/* On a machine that is complete but for a guest. */
int snapshot_load(const struct snapshot_parts *m, const struct snapshot_source *s, struct sm_err *e);

#endif
