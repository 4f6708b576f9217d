/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arm64/fdt.h"

#include <assert.h>
#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <string.h>

#define GIC_PHANDLE 1
#define CLOCK_PHANDLE 2

/* The Linux bindings' interrupt specifiers: type, number within the type, trigger. */
enum { IRQ_SPI = 0, IRQ_PPI = 1 };
enum { IRQ_EDGE_RISING = 1, IRQ_LEVEL_HIGH = 4 };

/*
 * A tree being written. libfdt's writer only fails for want of room or by misuse; the
 * first error sticks and is asked for once, at the end.
 */
struct tree {
	void *fdt;
	int error;
};

static void tree_note(struct tree *t, int r)
{
	if (!t->error)
		t->error = r;
}

static void node_begin(struct tree *t, const char *name)
{
	tree_note(t, fdt_begin_node(t->fdt, name));
}

static void node_begin_at(struct tree *t, const char *name, uint64_t addr)
{
	char full[40];

	snprintf(full, sizeof(full), "%s@%llx", name, (unsigned long long)addr);
	node_begin(t, full);
}

static void node_end(struct tree *t)
{
	tree_note(t, fdt_end_node(t->fdt));
}

static void prop_bytes(struct tree *t, const char *name, const void *data, size_t len)
{
	tree_note(t, fdt_property(t->fdt, name, data, (int)len));
}

static void prop_flag(struct tree *t, const char *name)
{
	prop_bytes(t, name, NULL, 0);
}

static void prop_str(struct tree *t, const char *name, const char *s)
{
	prop_bytes(t, name, s, strlen(s) + 1);
}

static void prop_u32(struct tree *t, const char *name, uint32_t v)
{
	tree_note(t, fdt_property_u32(t->fdt, name, v));
}

static void prop_u64(struct tree *t, const char *name, uint64_t v)
{
	tree_note(t, fdt_property_u64(t->fdt, name, v));
}

/* Pairs of (address, size), two cells each. */
static void prop_reg(struct tree *t, const uint64_t *v, size_t nr)
{
	fdt64_t be[4];

	assert(nr <= sizeof(be) / sizeof(be[0]));
	for (size_t i = 0; i < nr; i++)
		be[i] = cpu_to_fdt64(v[i]);
	prop_bytes(t, "reg", be, nr * sizeof(be[0]));
}

static void prop_reg1(struct tree *t, uint64_t addr, uint64_t size)
{
	prop_reg(t, (const uint64_t[]){ addr, size }, 2);
}

static void prop_irq(struct tree *t, uint32_t intid, uint32_t trigger)
{
	fdt32_t be[3] = { cpu_to_fdt32(IRQ_SPI), cpu_to_fdt32(intid - ARM64_INTID_SPI_FIRST),
			  cpu_to_fdt32(trigger) };

	prop_bytes(t, "interrupts", be, sizeof(be));
}

static void put_cpus(struct tree *t, const struct arm64_machine *m)
{
	node_begin(t, "cpus");
	prop_u32(t, "#address-cells", 2);
	prop_u32(t, "#size-cells", 0);
	for (uint32_t i = 0; i < m->nr_vcpus; i++) {
		node_begin_at(t, "cpu", ARM64_AFFINITY(i));
		prop_str(t, "device_type", "cpu");
		prop_str(t, "compatible", "arm,arm-v8");
		if (m->nr_vcpus > 1)
			prop_str(t, "enable-method", "psci");
		prop_u64(t, "reg", ARM64_AFFINITY(i));
		node_end(t);
	}
	node_end(t);
}

static void put_memory(struct tree *t, const struct arm64_machine *m)
{
	node_begin(t, "memory");
	prop_str(t, "device_type", "memory");
	prop_reg1(t, ARM64_RAM_BASE, m->ram_size);
	node_end(t);
}

static void put_chosen(struct tree *t, const struct arm64_machine *m)
{
	node_begin(t, "chosen");
	prop_str(t, "bootargs", m->cmdline);
	if (m->initrd_len) {
		prop_u64(t, "linux,initrd-start", m->initrd_gpa);
		prop_u64(t, "linux,initrd-end", m->initrd_gpa + m->initrd_len);
	}
	if (m->seed) {
		prop_bytes(t, "kaslr-seed", m->seed, ARM64_KASLR_SEED_LEN);
		prop_bytes(t, "rng-seed", m->seed + ARM64_KASLR_SEED_LEN,
			   ARM64_SEED_LEN - ARM64_KASLR_SEED_LEN);
	}
	node_end(t);
}

static void put_intc(struct tree *t, const struct arm64_machine *m)
{
	node_begin_at(t, "intc", ARM64_GICD_BASE);
	prop_str(t, "compatible", "arm,gic-v3");
	prop_flag(t, "interrupt-controller");
	prop_u32(t, "#interrupt-cells", 3);
	prop_u32(t, "#address-cells", 2);
	prop_u32(t, "#size-cells", 2);
	prop_u32(t, "phandle", GIC_PHANDLE);
	prop_reg(t,
		 (const uint64_t[]){ ARM64_GICD_BASE, ARM64_GICD_SIZE, ARM64_GICR_BASE,
				     ARM64_GICR_STRIDE * m->nr_vcpus },
		 4);
	node_end(t);
}

static void put_timer(struct tree *t)
{
	/* Secure, physical, virtual, hypervisor: the order of the binding. */
	static const uint32_t ppi[4] = { 13, 14, 11, 10 };
	fdt32_t be[4 * 3];

	for (int i = 0; i < 4; i++) {
		be[3 * i] = cpu_to_fdt32(IRQ_PPI);
		be[3 * i + 1] = cpu_to_fdt32(ppi[i]);
		be[3 * i + 2] = cpu_to_fdt32(IRQ_LEVEL_HIGH);
	}
	node_begin(t, "timer");
	prop_str(t, "compatible", "arm,armv8-timer");
	prop_flag(t, "always-on");
	prop_bytes(t, "interrupts", be, sizeof(be));
	node_end(t);
}

/* A PrimeCell; `intid` 0: it has no interrupt. */
static void put_primecell(struct tree *t, const char *name, const char *compatible, size_t compatible_len,
			  uint64_t base, uint64_t size, uint32_t intid)
{
	node_begin_at(t, name, base);
	prop_bytes(t, "compatible", compatible, compatible_len);
	prop_reg1(t, base, size);
	if (intid)
		prop_irq(t, intid, IRQ_LEVEL_HIGH);
	prop_u32(t, "clocks", CLOCK_PHANDLE);
	prop_str(t, "clock-names", "apb_pclk");
	node_end(t);
}

static void put_apb(struct tree *t)
{
	static const char uart[] = "arm,pl011\0arm,primecell";
	static const char rtc[] = "arm,pl031\0arm,primecell";

	put_primecell(t, "pl011", uart, sizeof(uart), ARM64_PL011_BASE, ARM64_PL011_SIZE, ARM64_PL011_INTID);
	put_primecell(t, "pl031", rtc, sizeof(rtc), ARM64_PL031_BASE, ARM64_PL031_SIZE, 0);
	node_begin(t, "apb-pclk");
	prop_str(t, "compatible", "fixed-clock");
	prop_u32(t, "#clock-cells", 0);
	prop_u32(t, "clock-frequency", ARM64_APB_HZ);
	prop_str(t, "clock-output-names", "clk24mhz");
	prop_u32(t, "phandle", CLOCK_PHANDLE);
	node_end(t);
}

static void put_psci(struct tree *t)
{
	static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2";

	node_begin(t, "psci");
	prop_bytes(t, "compatible", compatible, sizeof(compatible));
	prop_str(t, "method", "hvc");
	node_end(t);
}

static void put_virtio(struct tree *t, const struct arm64_virtio_slot *slot)
{
	node_begin_at(t, "virtio_mmio", slot->base);
	prop_str(t, "compatible", "virtio,mmio");
	prop_reg1(t, slot->base, ARM64_VIRTIO_STRIDE);
	prop_irq(t, slot->intid, IRQ_EDGE_RISING);
	node_end(t);
}

static void put_root(struct tree *t, const struct arm64_machine *m)
{
	node_begin(t, "");
	prop_str(t, "compatible", "linux,dummy-virt");
	prop_u32(t, "#address-cells", 2);
	prop_u32(t, "#size-cells", 2);
	prop_u32(t, "interrupt-parent", GIC_PHANDLE);
	put_cpus(t, m);
	put_memory(t, m);
	put_chosen(t, m);
	put_intc(t, m);
	put_timer(t);
	put_apb(t);
	put_psci(t);
	for (size_t i = 0; i < m->nr_slots; i++)
		put_virtio(t, &m->slots[i]);
	node_end(t);
}

int arm64_fdt_build(const struct arm64_machine *m, void *out, size_t max, size_t *ret_len, struct sm_err *e)
{
	struct tree t = { .fdt = out };

	if (m->nr_vcpus > ARM64_VCPUS_MAX || m->nr_slots > ARM64_SLOTS_MAX)
		return err_set(e, EINVAL, "device tree: %u vCPUs and %zu virtio slots are too many",
			       m->nr_vcpus, m->nr_slots);
	if (strlen(m->cmdline) >= ARM64_CMDLINE_MAX)
		return err_set(e, EINVAL, "kernel command line: %zu bytes, at most %u are possible",
			       strlen(m->cmdline), ARM64_CMDLINE_MAX - 1);
	for (size_t i = 0; i < m->nr_slots; i++)
		assert(m->slots[i].intid >= ARM64_INTID_SPI_FIRST);
	if (max > ARM64_FDT_MAX)
		max = ARM64_FDT_MAX;
	tree_note(&t, fdt_create(out, (int)max));
	if (!t.error)
		tree_note(&t, fdt_finish_reservemap(out));
	if (!t.error)
		put_root(&t, m);
	if (!t.error)
		tree_note(&t, fdt_finish(out));
	if (t.error)
		return err_set(e, ENOSPC, "device tree: does not fit into %zu bytes (%s)", max,
			       fdt_strerror(t.error));
	*ret_len = fdt_totalsize(out);
	return 0;
}
