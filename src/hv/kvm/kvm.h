/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `kvm` backend: kvm.c holds what is the same everywhere, one of arm64.c and
 * x86_64.c the host's architecture. Interrupt controller and timers are the kernel's;
 * doorbells are ioeventfds and interrupt events irqfds, so the data path has no exits.
 */
#ifndef HV_KVM_KVM_H
#define HV_KVM_KVM_H

#include <linux/kvm.h>
#include <pthread.h>

#include "hv/hv.h"

#define KVM_SLOTS_MAX 32

struct kvm_vm {
	int sys_fd, fd;
	struct gmem *gm;
	const struct log *log;
	struct hv_vm_config cfg;
	uint32_t nr_vcpus; /* created so far */
	struct kvm_vcpu *vcpus[HV_VCPUS_MAX];
	size_t run_size; /* bytes of a vCPU's shared page */
	/* Slot n holds the memory at slots[n]; length 0: free. */
	struct {
		uint64_t gpa, len;
		uint32_t flags;
	} slots[KVM_SLOTS_MAX];
	struct kvm_arch_vm *arch;
};

struct kvm_vcpu {
	struct kvm_vm *vm;
	uint32_t index;
	int fd;
	struct kvm_run *run;
	bool mmio_open;	   /* the last exit is an access; it ends with the next run */
	uint32_t pio_done; /* accesses of a port exit that were handed out and answered */
	bool takes_kicks;  /* `thread` can be kicked */

	/* Guards `thread` against a kick while the thread comes and goes. */
	pthread_mutex_t lock;
	pthread_t thread;
	bool in_run;
	struct kvm_arch_vcpu *arch;
};

/* An ioctl whose failure says what was asked for. */
int kvm_ioctl(int fd, unsigned long request, void *arg, const char *what, struct sm_err *e);
/* KVM_CHECK_EXTENSION: 0 when it is missing. */
int kvm_has(const struct kvm_vm *vm, long capability);

/* ---- the architecture's part ---- */

/* Right after KVM_CREATE_VM, and before the descriptors are closed. */
int kvm_arch_vm_create(struct kvm_vm *vm, struct sm_err *e);
void kvm_arch_vm_destroy(struct kvm_vm *vm);
/* The argument of KVM_CREATE_VM and the usable address bits. */
int kvm_arch_vm_type(int sys_fd, unsigned long *ret_type, uint8_t *ret_gpa_bits, struct sm_err *e);
/* All vCPUs exist. */
int kvm_arch_vm_ready(struct kvm_vm *vm, struct sm_err *e);
int kvm_arch_vcpu_create(struct kvm_vcpu *c, struct sm_err *e);
void kvm_arch_vcpu_destroy(struct kvm_vcpu *c);
int kvm_arch_vcpu_boot(struct kvm_vcpu *c, const struct hv_boot *boot, struct sm_err *e);
/* KVM_IRQ_LINE's number for our `irq`, and the irqfd's GSI. */
uint32_t kvm_arch_irq_line(uint32_t irq);
uint32_t kvm_arch_irq_gsi(uint32_t irq);
/* An exit the common part does not know; false: neither does the architecture. */
bool kvm_arch_exit(struct kvm_vcpu *c, struct hv_exit *x);
/* Registers for a fault's text and the log, in one line. */
void kvm_arch_describe(struct kvm_vcpu *c, char *ret, size_t max);
int kvm_arch_vm_save(struct kvm_vm *vm, struct buf *out, struct sm_err *e);
int kvm_arch_vm_load(struct kvm_vm *vm, struct cursor *in, struct sm_err *e);
int kvm_arch_vcpu_save(struct kvm_vcpu *c, struct buf *out, struct sm_err *e);
int kvm_arch_vcpu_load(struct kvm_vcpu *c, struct cursor *in, struct sm_err *e);

#endif
