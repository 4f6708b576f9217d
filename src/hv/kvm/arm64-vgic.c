/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's GICv3 (Documentation/virt/kvm/devices/arm-vgic-v3.rst). State is saved
 * register by register in the order of the tables below; a load clears before it sets,
 * so that nothing of a fresh controller shines through. There is no ITS, so there are no
 * pending tables.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hv/kvm/arm64.h"
#include "util/num.h"

static int vgic_attr(const struct kvm_vm *vm, unsigned long request, uint32_t group, uint64_t attr,
		     void *value, struct sm_err *e)
{
	struct kvm_device_attr a = { .group = group, .attr = attr, .addr = (uint64_t)(uintptr_t)value };

	if (ioctl(vm->arch->vgic_fd, request, &a) < 0)
		return err_errno(e, errno, "KVM: VGICv3 group %u attribute 0x%llx", group,
				 (unsigned long long)attr);
	return 0;
}

static int vgic_set(const struct kvm_vm *vm, uint32_t group, uint64_t attr, void *value, struct sm_err *e)
{
	return vgic_attr(vm, KVM_SET_DEVICE_ATTR, group, attr, value, e);
}

int kvm_vgic_create(struct kvm_vm *vm, struct sm_err *e)
{
	struct kvm_create_device d = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	uint64_t dist = vm->cfg.gicd_base;
	uint32_t nr = KVM_ARM64_NR_IRQS;
	/* One region for all redistributors: count, base, index 0. */
	uint64_t redist = (uint64_t)vm->cfg.nr_vcpus << 52 | vm->cfg.gicr_base;
	int r = kvm_ioctl(vm->fd, KVM_CREATE_DEVICE, &d, "create a VGICv3; the host needs a GICv3", e);

	if (r < 0)
		return r;
	vm->arch->vgic_fd = (int)d.fd;
	r = vgic_set(vm, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr, e);
	if (!r)
		r = vgic_set(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist, e);
	return r ? r
		 : vgic_set(vm, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, &redist, e);
}

int kvm_vgic_ready(struct kvm_vm *vm, struct sm_err *e)
{
	return vgic_set(vm, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL, e);
}

/* ---- state ---- */

/* A run of 32-bit registers; `clear` is the register that zeroes the bits first, 0: none needed. */
struct vgic_regs {
	uint32_t off, nr, clear;
};

#define SPI_WORDS(bits) ((KVM_ARM64_NR_IRQS - 32) * (bits) / 32)

/* IIDR first: it tells the kernel which behaviour the state comes from. CTLR last. */
static const struct vgic_regs vgic_dist[] = {
	{ 0x0008, 1, 0 },		  /* IIDR */
	{ 0x0084, SPI_WORDS(1), 0 },	  /* IGROUPR */
	{ 0x0c08, SPI_WORDS(2), 0 },	  /* ICFGR */
	{ 0x0420, SPI_WORDS(8), 0 },	  /* IPRIORITYR */
	{ 0x6100, SPI_WORDS(64), 0 },	  /* IROUTER */
	{ 0x0104, SPI_WORDS(1), 0x0184 }, /* ISENABLER */
	{ 0x0204, SPI_WORDS(1), 0 },	  /* ISPENDR: user space writes the whole latch */
	{ 0x0304, SPI_WORDS(1), 0x0384 }, /* ISACTIVER */
	{ 0x0000, 1, 0 },		  /* CTLR */
};

static const struct vgic_regs vgic_redist[] = {
	{ 0x0014, 1, 0 },	 /* WAKER */
	{ 0x10080, 1, 0 },	 /* IGROUPR0 */
	{ 0x10c04, 1, 0 },	 /* ICFGR1 */
	{ 0x10400, 8, 0 },	 /* IPRIORITYR0..7 */
	{ 0x10100, 1, 0x10180 }, /* ISENABLER0 */
	{ 0x10200, 1, 0 },	 /* ISPENDR0 */
	{ 0x10300, 1, 0x10380 }, /* ISACTIVER0 */
};

#define ICC_REG(crm, op2) (3u << 14 | 12u << 7 | (crm) << 3 | (op2))
#define ICC_PMR (3u << 14 | 4u << 7 | 6u << 3 | 0)

#define ICC_CTLR ICC_REG(12u, 4u)
#define ICC_CTLR_PRI_BITS(v) (((v) >> 8 & 7) + 1)

/*
 * SRE opens the others; CTLR tells the priority bits, by which some exist or are 0 in the
 * state; the group enables come last, when priorities and active state stand.
 */
static const struct {
	uint32_t reg, pri_bits;
} vgic_icc[] = {
	{ ICC_REG(12u, 5u), 0 },						 /* SRE */
	{ ICC_CTLR, 0 },	 { ICC_PMR, 0 },	 { ICC_REG(8u, 3u), 0 }, /* BPR0 */
	{ ICC_REG(12u, 3u), 0 },						 /* BPR1 */
	{ ICC_REG(8u, 4u), 0 },							 /* AP0R0..3 */
	{ ICC_REG(8u, 5u), 6 },	 { ICC_REG(8u, 6u), 7 }, { ICC_REG(8u, 7u), 7 },
	{ ICC_REG(9u, 0u), 0 }, /* AP1R0..3 */
	{ ICC_REG(9u, 1u), 6 },	 { ICC_REG(9u, 2u), 7 }, { ICC_REG(9u, 3u), 7 },
	{ ICC_REG(12u, 6u), 0 }, /* IGRPEN0 */
	{ ICC_REG(12u, 7u), 0 }, /* IGRPEN1 */
};

/* The affinity fields of vCPU i in bits 63:32 of an attribute: KVM's own numbering. */
static uint64_t vgic_cpu(uint32_t i)
{
	return (uint64_t)(i >> 4 << 8 | (i & 15)) << 32;
}

/* Saves (`in` NULL) or loads one table's registers of the unit that `base` selects. */
static int vgic_move(const struct kvm_vm *vm, uint32_t group, uint64_t base, const struct vgic_regs *t,
		     size_t nr, struct buf *out, struct cursor *in, struct sm_err *e)
{
	int r = 0;

	for (size_t i = 0; i < nr && !r; i++) {
		for (uint32_t n = 0; n < t[i].nr && !r; n++) {
			uint32_t v = in ? cursor_u32(in) : 0, all = ~0u;
			uint64_t attr = base | (t[i].off + 4 * n);

			if (in && t[i].clear)
				r = vgic_set(vm, group, base | (t[i].clear + 4 * n), &all, e);
			if (!r)
				r = vgic_attr(vm, in ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, group, attr,
					      &v, e);
			if (!in)
				buf_put_u32(out, v);
		}
	}
	return r;
}

static int vgic_move_cpu(const struct kvm_vm *vm, uint32_t cpu, struct buf *out, struct cursor *in,
			 struct sm_err *e)
{
	unsigned long request = in ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR;
	uint64_t base = vgic_cpu(cpu);
	uint32_t level, pri_bits = 0;
	int r = vgic_move(vm, KVM_DEV_ARM_VGIC_GRP_REDIST_REGS, base, vgic_redist, NUM_COUNTOF(vgic_redist),
			  out, in, e);

	level = in ? cursor_u32(in) : 0;
	if (!r)
		r = vgic_attr(vm, request, KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, base, &level, e);
	if (!in)
		buf_put_u32(out, level);
	for (size_t i = 0; i < NUM_COUNTOF(vgic_icc) && !r; i++) {
		uint64_t v = in ? cursor_u64(in) : 0;

		if (vgic_icc[i].pri_bits <= pri_bits)
			r = vgic_attr(vm, request, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS, base | vgic_icc[i].reg,
				      &v, e);
		if (vgic_icc[i].reg == ICC_CTLR)
			pri_bits = ICC_CTLR_PRI_BITS((uint32_t)v);
		if (!in)
			buf_put_u64(out, v);
	}
	return r;
}

/* Line levels of the SPIs, 32 at a time. */
static int vgic_move_levels(const struct kvm_vm *vm, struct buf *out, struct cursor *in, struct sm_err *e)
{
	int r = 0;

	for (uint32_t intid = 32; intid < KVM_ARM64_NR_IRQS && !r; intid += 32) {
		uint32_t v = in ? cursor_u32(in) : 0;

		r = vgic_attr(vm, in ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR,
			      KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO, intid, &v, e);
		if (!in)
			buf_put_u32(out, v);
	}
	return r;
}

static int vgic_move_all(struct kvm_vm *vm, struct buf *out, struct cursor *in, struct sm_err *e)
{
	int r = vgic_move(vm, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, 0, vgic_dist, NUM_COUNTOF(vgic_dist), out, in,
			  e);

	if (!r)
		r = vgic_move_levels(vm, out, in, e);
	for (uint32_t i = 0; i < vm->nr_vcpus && !r; i++)
		r = vgic_move_cpu(vm, i, out, in, e);
	return r;
}

int kvm_vgic_save(struct kvm_vm *vm, struct buf *out, struct sm_err *e)
{
	buf_put_u32(out, vm->nr_vcpus);
	return vgic_move_all(vm, out, NULL, e);
}

/* Bytes of a state behind its count. */
static size_t vgic_state_len(uint32_t nr_vcpus)
{
	size_t words = (KVM_ARM64_NR_IRQS - 32) / 32, per_cpu = 1;

	for (size_t i = 0; i < NUM_COUNTOF(vgic_dist); i++)
		words += vgic_dist[i].nr;
	for (size_t i = 0; i < NUM_COUNTOF(vgic_redist); i++)
		per_cpu += vgic_redist[i].nr;
	return 4 * words + nr_vcpus * (4 * per_cpu + 8 * NUM_COUNTOF(vgic_icc));
}

int kvm_vgic_load(struct kvm_vm *vm, struct cursor *in, struct sm_err *e)
{
	uint32_t nr = cursor_u32(in);

	/* Measured first: nothing is set from a state that is cut off. */
	if (nr != vm->nr_vcpus || in->broken || in->left < vgic_state_len(nr))
		return err_set(e, EBADMSG, "VGICv3: the state of %u vCPUs does not fit", nr);
	return vgic_move_all(vm, NULL, in, e);
}
