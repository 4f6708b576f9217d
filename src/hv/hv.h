/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam between the machine and whatever executes the guest's instructions.
 *
 * A backend owns its vCPUs, its interrupt controller, its timers and PSCI; how an
 * interrupt reaches a vCPU stays behind this line. Devices never see this header: the
 * VM runner turns exits into bus accesses and interrupt lines into hv_irq_set().
 *
 * Order of a life: vm_create, mem_map*, vcpu_create*, vm_ready, vcpu_boot or the loads,
 * then vcpu_run on one thread per vCPU, destroy. save and load are called only while
 * no vCPU runs (every vcpu_run has returned) and between mem_map and destroy; so is what
 * starts, fetches and stops the dirty log.
 *
 * Callers use the functions below, never the table: they assert range and state for all
 * backends alike.
 */
#ifndef HV_HV_H
#define HV_HV_H

#include <stdbool.h>
#include <stdint.h>

#include "mem/gmem.h"
#include "util/bytes.h"
#include "util/err.h"
#include "util/log.h"

#define HV_VCPUS_MAX 64

enum hv_arch { HV_ARCH_ARM64, HV_ARCH_X86_64 };

enum hv_exit_reason {
	HV_EXIT_MMIO,	  /* complete with exit->data before the next run when it is a read */
	HV_EXIT_PIO,	  /* x86 port access; the same */
	HV_EXIT_KICKED,	  /* hv_vcpu_kick() was called, nothing else happened */
	HV_EXIT_SHUTDOWN, /* the guest powered the VM off */
	HV_EXIT_RESET,	  /* the guest asked for a reset */
	HV_EXIT_OFF,	  /* this vCPU powered itself off and stopped; kick still returns it */
	HV_EXIT_FAULT,	  /* the guest did what cannot be continued; `text` says what */
};
#define HV_EXIT_REASONS (HV_EXIT_FAULT + 1)

struct hv_exit {
	enum hv_exit_reason reason;
	uint64_t addr; /* GPA of MMIO, port of PIO */
	uint64_t data; /* written value; the caller stores a read's answer here */
	uint8_t len;   /* 1, 2, 4 or 8 bytes */
	bool is_write;
	char text[160];
};

struct hv_caps {
	bool doorbells;	  /* doorbell_add works */
	bool irq_events;  /* irq_event_add works */
	bool dirty_log;	  /* dirty_start, _fetch and _stop work */
	uint8_t gpa_bits; /* usable guest physical address bits */
};

struct hv_vm_config {
	uint32_t nr_vcpus;
	uint64_t gicd_base, gicr_base; /* arm64 */
	int device_fd;		       /* kvm: /dev/kvm, borrowed; 0 or less: open it */
	const struct log *log;	       /* may be NULL */
};

/* What a vCPU starts with; the rest is the architecture's reset state. */
struct hv_boot {
	uint64_t pc;
	uint64_t arg; /* arm64: x0 (FDT); x86_64: rsi (zero page) */
};

struct hv_ops {
	const char *name;
	enum hv_arch arch;
	/* 0 when it can run Linux here; else -errno, reason and hint in *e ("why; hint"). */
	int (*probe)(struct sm_err *e);
	/* `gm` outlives the VM; regions are mapped by mem_map. */
	int (*vm_create)(const struct hv_vm_config *cfg, struct gmem *gm, void **ret, struct sm_err *e);
	void (*vm_destroy)(void *vm); /* after all vCPUs */
	void (*get_caps)(void *vm, struct hv_caps *ret);
	int (*mem_map)(void *vm, const struct gmem_region *r, bool read_only, struct sm_err *e);
	int (*mem_unmap)(void *vm, const struct gmem_region *r, struct sm_err *e);
	int (*vcpu_create)(void *vm, uint32_t index, void **ret, struct sm_err *e);
	void (*vcpu_destroy)(void *vcpu);
	/* All vCPUs exist; the interrupt controller is finished here. */
	int (*vm_ready)(void *vm, struct sm_err *e);
	/* vCPU 0 gets the boot state; the others wait for PSCI or SIPI. */
	int (*vcpu_boot)(void *vcpu, const struct hv_boot *boot, struct sm_err *e);
	/* On the vCPU's own thread. Blocks while the guest idles. */
	int (*vcpu_run)(void *vcpu, struct hv_exit *exit, struct sm_err *e);
	/* Any thread: makes the running or the next vcpu_run return soon. */
	void (*vcpu_kick)(void *vcpu);
	/* Any thread. arm64: INTID; edge SPIs are pulsed by level 1 then 0. */
	void (*irq_set)(void *vm, uint32_t irq, bool level);
	/* Optional, by get_caps: a 4-byte write of `value` to `gpa` rings `fd` without an exit. */
	int (*doorbell_add)(void *vm, uint64_t gpa, uint32_t value, int fd, struct sm_err *e);
	/* Optional: ringing `fd` pulses `irq`. */
	int (*irq_event_add)(void *vm, uint32_t irq, int fd, struct sm_err *e);
	/* Field by field, little-endian; load runs the same checks as live set-up. */
	int (*vm_save)(void *vm, struct buf *out, struct sm_err *e);
	int (*vm_load)(void *vm, struct cursor *in, struct sm_err *e);
	int (*vcpu_save)(void *vcpu, struct buf *out, struct sm_err *e);
	int (*vcpu_load)(void *vcpu, struct cursor *in, struct sm_err *e);
	/*
	 * Optional, by get_caps: the guest's writes, in regions of `gm` that are mapped. The
	 * wrapper has started gmem's log of host-side writes, and fetched from it, before.
	 */
	int (*dirty_start)(void *vm, struct sm_err *e);
	int (*dirty_fetch)(void *vm, const struct gmem_region *r, uint64_t *bitmap, struct sm_err *e);
	void (*dirty_stop)(void *vm);
	/* Optional: guest instructions executed so far; 0 where not counted. Any thread, approximate. */
	uint64_t (*vcpu_instructions)(void *vcpu);
	/* Optional: see hv_vcpu_fault. */
	void (*vcpu_fault)(void *vcpu, const char *what, struct hv_exit *exit);
};

extern const struct hv_ops hv_soft_ops, hv_kvm_ops;

/*
 * Can this machine's KVM run Linux? 0, or why not: "reason; hint". Stands alone
 * (kvm/probe*.c), so that the library can ask without a worker.
 */
int kvm_probe(struct sm_err *e);

/* Every backend compiled in, best first; ends with NULL. */
extern const struct hv_ops *const hv_backends[];
/* By name, or NULL. */
const struct hv_ops *hv_backend_find(const char *name);

struct hv_vm;
struct hv_vcpu;

int hv_vm_create(const struct hv_ops *ops, const struct hv_vm_config *cfg, struct gmem *gm,
		 struct hv_vm **ret, struct sm_err *e);
void hv_vm_destroy(struct hv_vm *vm);
const struct hv_caps *hv_vm_caps(const struct hv_vm *vm);
int hv_mem_map(struct hv_vm *vm, const struct gmem_region *r, bool read_only, struct sm_err *e);
int hv_mem_unmap(struct hv_vm *vm, const struct gmem_region *r, struct sm_err *e);
int hv_vm_ready(struct hv_vm *vm, struct sm_err *e);
void hv_irq_set(struct hv_vm *vm, uint32_t irq, bool level);
int hv_doorbell_add(struct hv_vm *vm, uint64_t gpa, uint32_t value, int fd, struct sm_err *e);
int hv_irq_event_add(struct hv_vm *vm, uint32_t irq, int fd, struct sm_err *e);
int hv_vm_save(struct hv_vm *vm, struct buf *out, struct sm_err *e);
int hv_vm_load(struct hv_vm *vm, struct cursor *in, struct sm_err *e);

/*
 * The dirty log: pages that the guest or the host wrote, from the start or the last fetch
 * of their region on. ENOTSUP where the backend has none; no memory is mapped or unmapped
 * while it is on. A host-side write marks first and writes then: fetch when none is under way.
 */
int hv_dirty_start(struct hv_vm *vm, struct sm_err *e);
/* ORs one bit per page of `r`, a region of the VM's gmem, into `bitmap` of gmem_dirty_words(r) words. */
int hv_dirty_fetch(struct hv_vm *vm, const struct gmem_region *r, uint64_t *bitmap, struct sm_err *e);
void hv_dirty_stop(struct hv_vm *vm);

int hv_vcpu_create(struct hv_vm *vm, uint32_t index, struct hv_vcpu **ret, struct sm_err *e);
void hv_vcpu_destroy(struct hv_vcpu *vcpu);
int hv_vcpu_boot(struct hv_vcpu *vcpu, const struct hv_boot *boot, struct sm_err *e);
int hv_vcpu_run(struct hv_vcpu *vcpu, struct hv_exit *exit, struct sm_err *e);
void hv_vcpu_kick(struct hv_vcpu *vcpu);
int hv_vcpu_save(struct hv_vcpu *vcpu, struct buf *out, struct sm_err *e);
int hv_vcpu_load(struct hv_vcpu *vcpu, struct cursor *in, struct sm_err *e);
uint64_t hv_vcpu_instructions(const struct hv_vcpu *vcpu);
/*
 * Makes the exit a fault for a reason only the caller knows, with the registers in the
 * text and in the log where the backend can tell them. On the vCPU's own thread.
 */
void hv_vcpu_fault(struct hv_vcpu *vcpu, const char *what, struct hv_exit *exit);

#endif
