/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One virtual machine put together: memory, backend, bus, devices, vCPUs and the threads
 * that serve them. Main loop: vsock, rng, balloon, console; disk loop: block devices.
 */
#ifndef VM_MACHINE_H
#define VM_MACHINE_H

#include "hv/hv.h"
#include "util/log.h"
#include "util/loop.h"
#include "vm/config.h"

struct machine;

struct machine_events {
	/* The guest powered off, asked for a reset or cannot go on; on a vCPU's thread, once. */
	void (*ended)(void *opaque, enum hv_exit_reason reason, const char *text);
	/* The guest connects to host port `port`: a connected stream socket or -errno; on the main loop. */
	int (*dial)(void *opaque, uint32_t port);
	/* The guest wrote to its serial console; on a vCPU's thread. */
	void (*console)(void *opaque, const uint8_t *bytes, uint32_t len);
	void *opaque;
};

/*
 * Builds the machine and loads the guest, or the snapshot `cfg` names; no thread runs yet. Takes the
 * descriptors of `cfg` that devices keep. `main_loop`, `log` and `ev` outlive the machine.
 */
int machine_create(struct vm_config *cfg, struct loop *main_loop, const struct machine_events *ev,
		   const struct log *log, struct machine **ret, struct sm_err *e);
/* Starts the threads, each jailed before the first guest instruction. */
int machine_start(struct machine *m, struct sm_err *e);
/* No connection between host and guest is open: what a base snapshot waits for. */
bool machine_is_quiet(struct machine *m);
/*
 * Stops the vCPUs for good and writes the machine's state and memory into the empty files.
 * `pagemap` is /proc/self/pagemap. On the main loop; only destroying is allowed afterwards.
 */
int machine_save(struct machine *m, int pagemap, int state_fd, int memory_fd, struct sm_err *e);
/* Stops the threads and frees everything. The main loop must not be running. NULL is accepted. */
void machine_destroy(struct machine *m);

struct machine_stats {
	uint64_t instructions, guest_faults;
	uint64_t exits[HV_EXIT_REASONS];
};
void machine_get_stats(const struct machine *m, struct machine_stats *ret);

#endif
