/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vCPU's registers, saved as the kernel lists them: u32 count, then u64 id and the
 * value's bytes each; before them the counter's frequency, which must be the host's at
 * the load, MP state and pending SError. A load wants each register that the kernel
 * lists, once: what a state leaves out would keep its reset value unnoticed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/kvm/arm64.h"

#define REGS_MAX 4096u
#define REG_BYTES_MAX 256u /* an SVE register of 2048 bits */

static uint64_t counter_hz(void)
{
#if defined(__aarch64__)
	uint64_t hz;

	__asm__("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
#else
	return 0;
#endif
}

static size_t reg_size(uint64_t id)
{
	return 1u << ((id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT);
}

static int regs_list(const struct kvm_vcpu *c, struct kvm_reg_list **ret, struct sm_err *e)
{
	struct kvm_reg_list probe = { .n = 0 }, *list;

	/* Fails with E2BIG and tells how many there are. */
	if (ioctl(c->fd, KVM_GET_REG_LIST, &probe) < 0 && errno != E2BIG)
		return err_errno(e, errno, "KVM: list a vCPU's registers");
	if (probe.n > REGS_MAX)
		return err_set(e, E2BIG, "KVM: a vCPU of %llu registers", (unsigned long long)probe.n);
	list = calloc(1, sizeof(*list) + probe.n * sizeof(list->reg[0]));
	if (!list)
		return err_errno(e, ENOMEM, "vCPU registers");
	list->n = probe.n;
	if (ioctl(c->fd, KVM_GET_REG_LIST, list) < 0) {
		int err = errno;

		free(list);
		return err_errno(e, err, "KVM: list a vCPU's registers");
	}
	*ret = list;
	return 0;
}

static int regs_save(struct kvm_vcpu *c, const struct kvm_reg_list *list, struct buf *out, struct sm_err *e)
{
	uint8_t value[REG_BYTES_MAX];
	int r = 0;

	buf_put_u32(out, (uint32_t)list->n);
	for (uint64_t i = 0; i < list->n && !r; i++) {
		size_t size = reg_size(list->reg[i]);

		if (size > sizeof(value))
			return err_set(e, E2BIG, "KVM: a register of %zu bytes", size);
		r = kvm_arm64_get_reg(c, list->reg[i], value, e);
		buf_put_u64(out, list->reg[i]);
		buf_put(out, value, size);
	}
	return r;
}

int kvm_arch_vcpu_save(struct kvm_vcpu *c, struct buf *out, struct sm_err *e)
{
	struct kvm_vcpu_events ev = { 0 };
	struct kvm_mp_state mp;
	struct kvm_reg_list *list;
	int r = kvm_ioctl(c->fd, KVM_GET_MP_STATE, &mp, "read a vCPU's power state", e);

	if (r >= 0 && kvm_has(c->vm, KVM_CAP_VCPU_EVENTS))
		r = kvm_ioctl(c->fd, KVM_GET_VCPU_EVENTS, &ev, "read a vCPU's events", e);
	if (r >= 0)
		r = regs_list(c, &list, e);
	if (r < 0)
		return r;
	buf_put_u64(out, counter_hz());
	buf_put_u32(out, mp.mp_state);
	buf_put_u8(out, ev.exception.serror_pending);
	buf_put_u8(out, ev.exception.serror_has_esr);
	buf_put_u64(out, ev.exception.serror_esr);
	r = regs_save(c, list, out, e);
	free(list);
	return r;
}

/* Removes `id` from the registers that are still wanted, keeping their order; false: it is none. */
static bool regs_take(struct kvm_reg_list *wanted, uint64_t id)
{
	for (uint64_t i = 0; i < wanted->n; i++)
		if (wanted->reg[i] == id) {
			wanted->n--;
			memmove(&wanted->reg[i], &wanted->reg[i + 1],
				(wanted->n - i) * sizeof(wanted->reg[0]));
			return true;
		}
	return false;
}

/* The whole of the registers, before any is set. */
static int regs_check(const struct kvm_vcpu *c, struct kvm_reg_list *wanted, struct cursor in,
		      struct sm_err *e)
{
	uint32_t nr = cursor_u32(&in);

	if (in.broken || nr != wanted->n)
		return err_set(e, EBADMSG, "vCPU %u: state of %u registers, this machine has %llu", c->index,
			       nr, (unsigned long long)wanted->n);
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t id = cursor_u64(&in);

		if (in.broken || reg_size(id) > REG_BYTES_MAX || !regs_take(wanted, id))
			return err_set(e, EBADMSG, "vCPU %u: register 0x%llx is not one of this machine",
				       c->index, (unsigned long long)id);
		if (!cursor_take(&in, reg_size(id)))
			return err_set(e, EBADMSG, "vCPU %u: state is cut off", c->index);
	}
	return 0;
}

/*
 * The counter's offset is the VM's: set on vCPU 0 only, or the others would each move it
 * by the time between their captures.
 */
static bool reg_is_loaded(const struct kvm_vcpu *c, uint64_t id)
{
	if (id == KVM_REG_ARM_TIMER_CNT)
		return !c->index;
#ifdef KVM_REG_ARM_PTIMER_CNT
	if (id == KVM_REG_ARM_PTIMER_CNT)
		return false;
#endif
	return true;
}

/* The SVE vector lengths are settled at creation, and must be these. */
static int sve_lengths_match(const struct kvm_vcpu *c, const uint8_t *value, size_t size, struct sm_err *e)
{
	uint8_t ours[REG_BYTES_MAX];
	int r = kvm_arm64_get_reg(c, KVM_REG_ARM64_SVE_VLS, ours, e);

	if (!r && memcmp(ours, value, size))
		return err_set(e, ENOTSUP, "vCPU %u: its SVE vector lengths are not this machine's",
			       c->index);
	return r;
}

/* Two passes over the same bytes: the counter first, as timers are judged by it. */
static int regs_load_pass(struct kvm_vcpu *c, struct cursor *in, bool counter, struct sm_err *e)
{
	uint32_t nr = cursor_u32(in);
	int r = 0;

	for (uint32_t i = 0; i < nr && !r; i++) {
		uint64_t id = cursor_u64(in);
		size_t size = reg_size(id);
		const uint8_t *value = cursor_take(in, size);

		if ((id == KVM_REG_ARM_TIMER_CNT) != counter || !reg_is_loaded(c, id))
			continue;
		if (id == KVM_REG_ARM64_SVE_VLS)
			r = sve_lengths_match(c, value, size, e);
		else
			r = kvm_arm64_set_reg(c, id, value, e);
	}
	return r;
}

static int events_load(struct kvm_vcpu *c, struct cursor *in, struct sm_err *e)
{
	struct kvm_mp_state mp = { .mp_state = cursor_u32(in) };
	struct kvm_vcpu_events ev = { 0 };
	int r;

	ev.exception.serror_pending = cursor_u8(in);
	ev.exception.serror_has_esr = cursor_u8(in);
	ev.exception.serror_esr = cursor_u64(in);
	if (in->broken || (mp.mp_state != KVM_MP_STATE_RUNNABLE && mp.mp_state != KVM_MP_STATE_STOPPED) ||
	    ev.exception.serror_pending > 1 || ev.exception.serror_has_esr > 1)
		return err_set(e, EBADMSG, "vCPU %u: bad power state or events", c->index);
	r = kvm_ioctl(c->fd, KVM_SET_MP_STATE, &mp, "set a vCPU's power state", e);
	if (r >= 0 && kvm_has(c->vm, KVM_CAP_VCPU_EVENTS))
		r = kvm_ioctl(c->fd, KVM_SET_VCPU_EVENTS, &ev, "set a vCPU's events", e);
	return r < 0 ? r : 0;
}

int kvm_arch_vcpu_load(struct kvm_vcpu *c, struct cursor *in, struct sm_err *e)
{
	uint64_t hz = cursor_u64(in);
	struct kvm_reg_list *list;
	struct cursor again;
	int r;

	if (hz != counter_hz())
		return err_set(e, ENOTSUP, "vCPU %u: its counter ran at %llu Hz, this machine's at %llu",
			       c->index, (unsigned long long)hz, (unsigned long long)counter_hz());
	r = events_load(c, in, e);
	if (!r)
		r = regs_list(c, &list, e);
	if (r < 0)
		return r;
	r = regs_check(c, list, *in, e);
	free(list);
	again = *in;
	if (!r)
		r = regs_load_pass(c, &again, true, e);
	return r ? r : regs_load_pass(c, in, false, e);
}
