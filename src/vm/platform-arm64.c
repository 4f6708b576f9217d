/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/platform.h"

#include <errno.h>
#include <sys/random.h>

#include "arch/arm64/boot.h"
#include "arch/arm64/layout.h"
#include "devices/pl011.h"
#include "devices/pl031.h"

static uint32_t arm64_slot_irq(uint32_t slot)
{
	return ARM64_VIRTIO_INTID(slot);
}

static int arm64_add_memory(struct gmem *gm, uint64_t len, struct sm_err *e)
{
	return gmem_add_anon(gm, ARM64_RAM_BASE, len, e);
}

static int arm64_add_devices(const struct platform_env *env, struct sm_err *e)
{
	struct irq_line irq = env->irq;
	struct pl011 *uart;
	struct pl031 *rtc;
	int r;

	irq.irq = ARM64_PL011_INTID;
	r = pl011_create(irq, env->ev->console, env->ev->opaque, &uart, e);
	if (r)
		return r;
	env->keep(env->opaque, pl011_device(uart));
	r = bus_add(env->mmio, ARM64_PL011_BASE, PL011_LEN, &pl011_bus_ops, uart, e);
	if (!r)
		r = pl031_create(&rtc, e);
	if (r)
		return r;
	env->keep(env->opaque, pl031_device(rtc));
	return bus_add(env->mmio, ARM64_PL031_BASE, PL031_LEN, &pl031_bus_ops, rtc, e);
}

static int arm64_load_guest(const struct platform_env *env, const struct vm_config *cfg, struct hv_boot *ret,
			    struct sm_err *e)
{
	struct arm64_virtio_slot slots[PLAN_SLOTS];
	uint8_t seed[ARM64_SEED_LEN];
	struct arm64_machine am = {
		.nr_vcpus = cfg->cpus,
		.ram_size = cfg->memory,
		.cmdline = cfg->cmdline,
		.slots = slots,
		.seed = seed,
	};

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return err_errno(e, errno, "random seed");
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		if (env->plan[i].present)
			slots[am.nr_slots++] =
				(struct arm64_virtio_slot){ env->plan[i].gpa, env->plan[i].irq };
	return arm64_boot_load(env->gm, cfg->kernel_fd, cfg->initrd_fd, &am, ret, e);
}

const struct platform platform_arm64 = {
	.arch = HV_ARCH_ARM64,
	.virtio_base = ARM64_VIRTIO_BASE,
	.virtio_stride = ARM64_VIRTIO_STRIDE,
	.gicd_base = ARM64_GICD_BASE,
	.gicr_base = ARM64_GICR_BASE,
	.slot_irq = arm64_slot_irq,
	.add_memory = arm64_add_memory,
	.add_devices = arm64_add_devices,
	.load_guest = arm64_load_guest,
};
