/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of VM and vCPU, and the order in which they are read and written.
 *
 * One function per structure names its fields in order; it puts them into a buffer or
 * gets them from a cursor, so the two directions cannot differ.
 */
#include "hv/kvm/x86_64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <x86intrin.h>

#include "util/num.h"

#define RECORD_VERSION 1u

#define MSR_TSC_DEADLINE 0x6e0u
#define APIC_REGS 64u /* 32 bits each, 16 bytes apart */
#define EVENT_FLAGS                                                                                          \
	(KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW |    \
	 KVM_VCPUEVENT_VALID_SMM | KVM_VCPUEVENT_VALID_PAYLOAD)
/* Frequencies measured at two boots of one machine differ by this much: 250 ppm. */
#define TSC_TOLERANCE 4000u

/* Either direction: exactly one is set. */
struct fields {
	struct buf *out;
	struct cursor *in;
};

static void f_u8(struct fields *f, __u8 *v)
{
	if (f->out)
		buf_put_u8(f->out, *v);
	else
		*v = cursor_u8(f->in);
}

static void f_u16(struct fields *f, __u16 *v)
{
	if (f->out)
		buf_put_u16(f->out, *v);
	else
		*v = cursor_u16(f->in);
}

static void f_u32(struct fields *f, __u32 *v)
{
	if (f->out)
		buf_put_u32(f->out, *v);
	else
		*v = cursor_u32(f->in);
}

static void f_u64(struct fields *f, __u64 *v)
{
	if (f->out)
		buf_put_u64(f->out, *v);
	else
		*v = cursor_u64(f->in);
}

/* ---- vCPU ---- */

struct vcpu_record {
	struct x86_cpuid cpuid;
	__u32 mp_state;
	struct kvm_regs regs;
	struct kvm_sregs2 sregs;
	struct kvm_xcrs xcrs;
	struct kvm_xsave xsave;
	struct kvm_debugregs debug;
	struct kvm_lapic_state lapic;
	struct x86_msrs msrs;
	struct kvm_vcpu_events events;
	__u64 tsc_offset, tsc_deadline;
};

static void f_cpuid(struct fields *f, struct x86_cpuid *c)
{
	f_u32(f, &c->nr);
	if (f->in && c->nr > X86_CPUID_MAX)
		f->in->broken = true;
	for (uint32_t i = 0; i < c->nr && i < X86_CPUID_MAX; i++) {
		struct kvm_cpuid_entry2 *e = &c->entries[i];

		f_u32(f, &e->function);
		f_u32(f, &e->index);
		f_u32(f, &e->flags);
		f_u32(f, &e->eax);
		f_u32(f, &e->ebx);
		f_u32(f, &e->ecx);
		f_u32(f, &e->edx);
	}
}

static void f_regs(struct fields *f, struct kvm_regs *r)
{
	__u64 *const all[] = { &r->rax, &r->rbx, &r->rcx, &r->rdx, &r->rsi, &r->rdi,
			       &r->rsp, &r->rbp, &r->r8,  &r->r9,  &r->r10, &r->r11,
			       &r->r12, &r->r13, &r->r14, &r->r15, &r->rip, &r->rflags };

	for (size_t i = 0; i < NUM_COUNTOF(all); i++)
		f_u64(f, all[i]);
}

static void f_segment(struct fields *f, struct kvm_segment *s)
{
	__u8 *const small[] = { &s->type, &s->present, &s->dpl, &s->db,	     &s->s,
				&s->l,	  &s->g,       &s->avl, &s->unusable };

	f_u64(f, &s->base);
	f_u32(f, &s->limit);
	f_u16(f, &s->selector);
	for (size_t i = 0; i < NUM_COUNTOF(small); i++)
		f_u8(f, small[i]);
}

static void f_sregs(struct fields *f, struct kvm_sregs2 *s)
{
	struct kvm_segment *const segments[] = { &s->cs, &s->ds, &s->es, &s->fs,
						 &s->gs, &s->ss, &s->tr, &s->ldt };
	__u64 *const all[] = { &s->cr0,	      &s->cr2,	     &s->cr3,	    &s->cr4,
			       &s->cr8,	      &s->efer,	     &s->apic_base, &s->flags,
			       &s->pdptrs[0], &s->pdptrs[1], &s->pdptrs[2], &s->pdptrs[3] };

	for (size_t i = 0; i < NUM_COUNTOF(segments); i++)
		f_segment(f, segments[i]);
	f_u64(f, &s->gdt.base);
	f_u16(f, &s->gdt.limit);
	f_u64(f, &s->idt.base);
	f_u16(f, &s->idt.limit);
	for (size_t i = 0; i < NUM_COUNTOF(all); i++)
		f_u64(f, all[i]);
}

static void f_xcrs(struct fields *f, struct kvm_xcrs *x)
{
	f_u32(f, &x->nr_xcrs);
	if (f->in && x->nr_xcrs > KVM_MAX_XCRS)
		f->in->broken = true;
	for (uint32_t i = 0; i < x->nr_xcrs && i < KVM_MAX_XCRS; i++) {
		f_u32(f, &x->xcrs[i].xcr);
		f_u64(f, &x->xcrs[i].value);
	}
}

/* The area's layout is the CPU's (Intel SDM volume 1, 13.4), little-endian as it is. */
static void f_xsave(struct fields *f, struct kvm_xsave *x)
{
	for (size_t i = 0; i < NUM_COUNTOF(x->region); i++)
		f_u32(f, &x->region[i]);
}

static void f_debug(struct fields *f, struct kvm_debugregs *d)
{
	for (size_t i = 0; i < NUM_COUNTOF(d->db); i++)
		f_u64(f, &d->db[i]);
	f_u64(f, &d->dr6);
	f_u64(f, &d->dr7);
}

static void f_lapic(struct fields *f, struct kvm_lapic_state *l)
{
	for (uint32_t i = 0; i < APIC_REGS; i++) {
		__u32 v = le32_get(l->regs + i * 16);

		f_u32(f, &v);
		le32_put(l->regs + i * 16, v);
	}
}

static void f_msrs(struct fields *f, struct x86_msrs *m)
{
	f_u32(f, &m->nr);
	if (f->in && m->nr > X86_MSRS_MAX)
		f->in->broken = true;
	for (uint32_t i = 0; i < m->nr && i < X86_MSRS_MAX; i++) {
		f_u32(f, &m->entries[i].index);
		f_u64(f, &m->entries[i].data);
	}
}

static void f_events(struct fields *f, struct kvm_vcpu_events *v)
{
	__u8 *const small[] = {
		&v->exception.injected,	   &v->exception.nr,	   &v->exception.has_error_code,
		&v->exception.pending,	   &v->interrupt.injected, &v->interrupt.nr,
		&v->interrupt.soft,	   &v->interrupt.shadow,   &v->nmi.injected,
		&v->nmi.pending,	   &v->nmi.masked,	   &v->smi.smm,
		&v->smi.pending,	   &v->smi.smm_inside_nmi, &v->smi.latched_init,
		&v->exception_has_payload,
	};

	for (size_t i = 0; i < NUM_COUNTOF(small); i++)
		f_u8(f, small[i]);
	f_u32(f, &v->exception.error_code);
	f_u32(f, &v->sipi_vector);
	f_u32(f, &v->flags);
	f_u64(f, &v->exception_payload);
}

static void f_vcpu(struct fields *f, struct vcpu_record *r)
{
	f_cpuid(f, &r->cpuid);
	f_u32(f, &r->mp_state);
	f_regs(f, &r->regs);
	f_sregs(f, &r->sregs);
	f_xcrs(f, &r->xcrs);
	f_xsave(f, &r->xsave);
	f_debug(f, &r->debug);
	f_lapic(f, &r->lapic);
	f_msrs(f, &r->msrs);
	f_events(f, &r->events);
	f_u64(f, &r->tsc_offset);
	f_u64(f, &r->tsc_deadline);
}

/* A step of a sequence of ioctls: nothing after the first failure. */
static void step(int *r, int fd, unsigned long request, void *arg, const char *what, struct sm_err *e)
{
	if (*r >= 0)
		*r = kvm_ioctl(fd, request, arg, what, e);
}

static int tsc_offset(struct kvm_vcpu *c, unsigned long request, __u64 *offset, struct sm_err *e)
{
	struct kvm_device_attr a = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uint64_t)(uintptr_t)offset,
	};
	int r = kvm_ioctl(c->fd, request, &a, "the vCPU's TSC offset (Linux 5.16 or later is needed)", e);

	return r < 0 ? r : 0;
}

/*
 * MP_STATE first: KVM settles pending INIT and SIPI when asked for it. Events last: the
 * other questions may change them.
 */
static int vcpu_read(struct kvm_vcpu *c, struct vcpu_record *rec, struct sm_err *e)
{
	struct kvm_mp_state mp = { 0 };
	uint64_t deadline = 0;
	int r = 0;

	step(&r, c->fd, KVM_GET_MP_STATE, &mp, "read the vCPU's run state", e);
	step(&r, c->fd, KVM_GET_REGS, &rec->regs, "read the registers", e);
	step(&r, c->fd, KVM_GET_SREGS2, &rec->sregs, "read the system registers", e);
	step(&r, c->fd, KVM_GET_XSAVE, &rec->xsave, "read the FPU", e);
	step(&r, c->fd, KVM_GET_XCRS, &rec->xcrs, "read XCR0", e);
	step(&r, c->fd, KVM_GET_DEBUGREGS, &rec->debug, "read the debug registers", e);
	step(&r, c->fd, KVM_GET_LAPIC, &rec->lapic, "read the LAPIC", e);
	if (r >= 0)
		r = x86_msrs_get(c, &rec->msrs, e);
	if (r >= 0)
		r = x86_msr_get(c, MSR_TSC_DEADLINE, &deadline, e);
	if (r >= 0)
		r = tsc_offset(c, KVM_GET_DEVICE_ATTR, &rec->tsc_offset, e);
	step(&r, c->fd, KVM_GET_VCPU_EVENTS, &rec->events, "read pending events", e);
	rec->mp_state = mp.mp_state;
	rec->tsc_deadline = deadline;
	rec->cpuid = c->arch->cpuid;
	return r < 0 ? r : 0;
}

int kvm_arch_vcpu_save(struct kvm_vcpu *c, struct buf *out, struct sm_err *e)
{
	struct vcpu_record *rec = calloc(1, sizeof(*rec));
	struct fields f = { .out = out };
	int r;

	if (!rec)
		return err_errno(e, ENOMEM, "vCPU %u", c->index);
	r = vcpu_read(c, rec, e);
	if (!r) {
		buf_put_u32(out, RECORD_VERSION);
		f_vcpu(&f, rec);
		/* The guest's watchdogs forgive the pause; EINVAL: it has no kvm-clock. */
		ioctl(c->fd, KVM_KVMCLOCK_CTRL, 0);
	}
	free(rec);
	return r;
}

/* The guest took its CPU's features to be constant. */
static int vcpu_check_cpuid(const struct kvm_vcpu *c, const struct x86_cpuid *saved, struct sm_err *e)
{
	const struct x86_cpuid *own = &c->arch->cpuid;

	for (uint32_t i = 0; i < own->nr && i < saved->nr; i++)
		if (memcmp(&own->entries[i], &saved->entries[i], offsetof(struct kvm_cpuid_entry2, padding)))
			return err_set(e, ENOTSUP,
				       "vCPU %u: saved on a CPU or kernel with other features (CPUID 0x%x)",
				       c->index, own->entries[i].function);
	if (own->nr != saved->nr)
		return err_set(e, ENOTSUP, "vCPU %u: saved on a CPU or kernel with other features", c->index);
	return 0;
}

static int vcpu_check(const struct kvm_vcpu *c, const struct vcpu_record *rec, struct sm_err *e)
{
	int r = vcpu_check_cpuid(c, &rec->cpuid, e);

	if (r < 0)
		return r;
	if (rec->mp_state > KVM_MP_STATE_SIPI_RECEIVED)
		return err_set(e, EINVAL, "vCPU %u: no run state %u", c->index, rec->mp_state);
	if (rec->events.flags & ~EVENT_FLAGS || rec->events.exception.nr > 31)
		return err_set(e, EINVAL, "vCPU %u: bad pending events", c->index);
	if (rec->sregs.flags & ~(__u64)KVM_SREGS2_FLAGS_PDPTRS_VALID)
		return err_set(e, EINVAL, "vCPU %u: bad system register flags", c->index);
	return 0;
}

/* Once VM and vCPU are loaded: the deadline is compared with the TSC, so that comes first. */
static int vcpu_settle_time(struct kvm_vcpu *c, struct sm_err *e)
{
	__u64 offset = c->arch->tsc_offset + c->vm->arch->tsc_moved;
	int r;

	if (!c->arch->loaded || !c->vm->arch->loaded)
		return 0;
	r = tsc_offset(c, KVM_SET_DEVICE_ATTR, &offset, e);
	if (!r && c->arch->tsc_deadline)
		r = x86_msr_set(c, MSR_TSC_DEADLINE, c->arch->tsc_deadline, e);
	return r;
}

/*
 * System registers first, with the APIC base that the LAPIC needs; MSRs after it, for
 * some are checked against it; events and run state when nothing can change them any more.
 */
static int vcpu_write(struct kvm_vcpu *c, struct vcpu_record *rec, struct sm_err *e)
{
	struct kvm_mp_state mp = { .mp_state = rec->mp_state };
	int r = 0;

	step(&r, c->fd, KVM_SET_SREGS2, &rec->sregs, "set the system registers", e);
	step(&r, c->fd, KVM_SET_REGS, &rec->regs, "set the registers", e);
	step(&r, c->fd, KVM_SET_XCRS, &rec->xcrs, "set XCR0", e);
	step(&r, c->fd, KVM_SET_XSAVE, &rec->xsave, "set the FPU", e);
	step(&r, c->fd, KVM_SET_DEBUGREGS, &rec->debug, "set the debug registers", e);
	step(&r, c->fd, KVM_SET_LAPIC, &rec->lapic, "set the LAPIC", e);
	if (r >= 0)
		r = x86_msrs_set(c, &rec->msrs, e);
	step(&r, c->fd, KVM_SET_VCPU_EVENTS, &rec->events, "set pending events", e);
	step(&r, c->fd, KVM_SET_MP_STATE, &mp, "set the vCPU's run state", e);
	if (r < 0)
		return r;
	c->arch->loaded = true;
	c->arch->tsc_offset = rec->tsc_offset;
	c->arch->tsc_deadline = rec->tsc_deadline;
	ioctl(c->fd, KVM_KVMCLOCK_CTRL, 0);
	return vcpu_settle_time(c, e);
}

int kvm_arch_vcpu_load(struct kvm_vcpu *c, struct cursor *in, struct sm_err *e)
{
	struct vcpu_record *rec = calloc(1, sizeof(*rec));
	struct fields f = { .in = in };
	uint32_t version;
	int r;

	if (!rec)
		return err_errno(e, ENOMEM, "vCPU %u", c->index);
	version = cursor_u32(in);
	f_vcpu(&f, rec);
	if (in->broken)
		r = err_set(e, EINVAL, "vCPU %u: its record is damaged", c->index);
	else if (version != RECORD_VERSION)
		r = err_set(e, ENOTSUP, "vCPU %u: record of version %u", c->index, version);
	else
		r = vcpu_check(c, rec, e);
	if (!r)
		r = vcpu_write(c, rec, e);
	free(rec);
	return r;
}

/* ---- VM ---- */

struct vm_record {
	struct kvm_irqchip chips[KVM_NR_IRQCHIPS];
	struct kvm_clock_data clock;
	__u64 host_tsc;
	__u32 tsc_khz;
};

static void f_pic(struct fields *f, struct kvm_pic_state *p)
{
	__u8 *const all[] = { &p->last_irr,
			      &p->irr,
			      &p->imr,
			      &p->isr,
			      &p->priority_add,
			      &p->irq_base,
			      &p->read_reg_select,
			      &p->poll,
			      &p->special_mask,
			      &p->init_state,
			      &p->auto_eoi,
			      &p->rotate_on_auto_eoi,
			      &p->init4,
			      &p->elcr,
			      &p->elcr_mask,
			      &p->special_fully_nested_mode };

	for (size_t i = 0; i < NUM_COUNTOF(all); i++)
		f_u8(f, all[i]);
}

static void f_ioapic(struct fields *f, struct kvm_ioapic_state *s)
{
	f_u64(f, &s->base_address);
	f_u32(f, &s->ioregsel);
	f_u32(f, &s->id);
	f_u32(f, &s->irr);
	for (uint32_t i = 0; i < KVM_IOAPIC_NUM_PINS; i++)
		f_u64(f, &s->redirtbl[i].bits);
}

static void f_vm(struct fields *f, struct vm_record *r)
{
	f_pic(f, &r->chips[KVM_IRQCHIP_PIC_MASTER].chip.pic);
	f_pic(f, &r->chips[KVM_IRQCHIP_PIC_SLAVE].chip.pic);
	f_ioapic(f, &r->chips[KVM_IRQCHIP_IOAPIC].chip.ioapic);
	f_u64(f, &r->clock.clock);
	f_u64(f, &r->host_tsc);
	f_u32(f, &r->tsc_khz);
}

static int vm_tsc_khz(struct kvm_vm *vm, __u32 *ret, struct sm_err *e)
{
	int r = kvm_ioctl(vm->vcpus[0]->fd, KVM_GET_TSC_KHZ, NULL, "ask for the TSC's frequency", e);

	if (r < 0)
		return r;
	*ret = (__u32)r;
	return 0;
}

int kvm_arch_vm_save(struct kvm_vm *vm, struct buf *out, struct sm_err *e)
{
	struct vm_record rec = { 0 };
	struct fields f = { .out = out };
	int r = 0;

	for (uint32_t i = 0; i < KVM_NR_IRQCHIPS; i++) {
		rec.chips[i].chip_id = i;
		step(&r, vm->fd, KVM_GET_IRQCHIP, &rec.chips[i], "read the interrupt controller", e);
	}
	step(&r, vm->fd, KVM_GET_CLOCK, &rec.clock, "read the clock", e);
	rec.host_tsc = rec.clock.flags & KVM_CLOCK_HOST_TSC ? rec.clock.host_tsc : __rdtsc();
	if (r >= 0)
		r = vm_tsc_khz(vm, &rec.tsc_khz, e);
	if (r < 0)
		return r;
	buf_put_u32(out, RECORD_VERSION);
	f_vm(&f, &rec);
	return 0;
}

/* A TSC of another speed can be had where the CPU scales it. */
static int vm_set_tsc_khz(struct kvm_vm *vm, uint32_t saved, struct sm_err *e)
{
	uint32_t own, apart;
	int r = vm_tsc_khz(vm, &own, e);

	if (r < 0)
		return r;
	apart = saved > own ? saved - own : own - saved;
	if (apart <= own / TSC_TOLERANCE)
		return 0;
	for (uint32_t i = 0; i < vm->nr_vcpus; i++)
		if (ioctl(vm->vcpus[i]->fd, KVM_SET_TSC_KHZ, (unsigned long)saved) < 0)
			return err_set(e, ENOTSUP, "saved with a TSC of %u kHz, here it has %u", saved, own);
	return 0;
}

static int vm_write(struct kvm_vm *vm, struct vm_record *rec, struct sm_err *e)
{
	int r = vm_set_tsc_khz(vm, rec->tsc_khz, e);

	for (uint32_t i = 0; i < KVM_NR_IRQCHIPS; i++) {
		rec->chips[i].chip_id = i;
		step(&r, vm->fd, KVM_SET_IRQCHIP, &rec->chips[i], "set the interrupt controller", e);
	}
	step(&r, vm->fd, KVM_SET_CLOCK, &rec->clock, "set the clock", e);
	if (r < 0)
		return r;
	vm->arch->tsc_moved = rec->host_tsc - __rdtsc();
	vm->arch->loaded = true;
	for (uint32_t i = 0; i < vm->nr_vcpus && r >= 0; i++)
		r = vcpu_settle_time(vm->vcpus[i], e);
	return r < 0 ? r : 0;
}

int kvm_arch_vm_load(struct kvm_vm *vm, struct cursor *in, struct sm_err *e)
{
	struct vm_record rec = { 0 };
	struct fields f = { .in = in };
	uint32_t version = cursor_u32(in);

	f_vm(&f, &rec);
	if (in->broken)
		return err_set(e, EINVAL, "the interrupt controller's record is damaged");
	if (version != RECORD_VERSION)
		return err_set(e, ENOTSUP, "interrupt controller: record of version %u", version);
	return vm_write(vm, &rec, e);
}
