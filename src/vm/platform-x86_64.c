/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/platform.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "arch/x86_64/boot.h"
#include "arch/x86_64/layout.h"
#include "devices/power.h"
#include "devices/uart16550.h"

static uint32_t x86_slot_irq(uint32_t slot)
{
	return X86_VIRTIO_GSI(slot);
}

static int x86_add_memory(struct gmem *gm, uint64_t len, struct sm_err *e)
{
	uint64_t low = x86_ram_low(len);
	int r = gmem_add_anon(gm, 0, low, e);

	if (!r && len > low)
		r = gmem_add_anon(gm, X86_RAM_HIGH_BASE, len - low, e);
	return r;
}

static void x86_power(void *opaque, bool reset)
{
	const struct machine_events *ev = opaque;

	ev->ended(ev->opaque, reset ? HV_EXIT_RESET : HV_EXIT_SHUTDOWN, "");
}

static int x86_add_power(const struct platform_env *env, struct sm_err *e)
{
	struct device *dev;
	struct power *power;
	int r = power_create(x86_power, (void *)(uintptr_t)env->ev, &power, e);

	if (r < 0)
		return r;
	dev = power_device(power);
	env->keep(env->opaque, dev);
	r = bus_add(env->ports, X86_I8042_PORT, I8042_LEN, &i8042_bus_ops, power, e);
	return r ? r
		 : bus_add(env->ports, X86_ACPI_SLEEP_PORT, ACPI_SLEEP_LEN, &acpi_sleep_bus_ops, power, e);
}

static int x86_add_devices(const struct platform_env *env, struct sm_err *e)
{
	struct irq_line irq = env->irq;
	struct uart16550 *uart;
	int r;

	irq.irq = X86_COM1_GSI;
	r = uart16550_create(irq, env->ev->console, env->ev->opaque, &uart, e);
	if (r < 0)
		return r;
	env->keep(env->opaque, uart16550_device(uart));
	r = bus_add(env->ports, X86_COM1_PORT, UART16550_LEN, &uart16550_bus_ops, uart, e);
	return r ? r : x86_add_power(env, e);
}

static int x86_load_guest(const struct platform_env *env, const struct vm_config *cfg, struct hv_boot *ret,
			  struct sm_err *e)
{
	struct x86_virtio_slot slots[PLAN_SLOTS];
	uint8_t random[X86_SEED_LEN + 16];
	struct x86_machine m = {
		.nr_vcpus = cfg->cpus,
		.ram_size = cfg->memory,
		.cmdline = cfg->cmdline,
		.slots = slots,
		.seed = random,
		.generation = random + X86_SEED_LEN,
	};

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_errno(e, errno, "random seed");
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		if (env->plan[i].present)
			slots[m.nr_slots++] = (struct x86_virtio_slot){ env->plan[i].gpa, env->plan[i].irq };
	return x86_boot_load(env->gm, cfg->kernel_fd, cfg->initrd_fd, &m, ret, e);
}

const struct platform platform_x86_64 = {
	.arch = HV_ARCH_X86_64,
	.virtio_base = X86_VIRTIO_BASE,
	.virtio_stride = X86_VIRTIO_STRIDE,
	.slot_irq = x86_slot_irq,
	.add_memory = x86_add_memory,
	.add_devices = x86_add_devices,
	.load_guest = x86_load_guest,
};
