/* SPDX-License-Identifier: Apache-2.0 */
#include "arch/arm64/fdt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <cmocka.h>

#include <errno.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct arm64_machine base = { .nr_vcpus = 1, .ram_size = 256 << 20, .cmdline = "x" };

static void *build(const struct arm64_machine *m, size_t *ret_len)
{
	void *fdt = malloc(ARM64_FDT_MAX);

	assert_non_null(fdt);
	memset(fdt, 0x5a, ARM64_FDT_MAX);
	assert_int_equal(arm64_fdt_build(m, fdt, ARM64_FDT_MAX, ret_len, NULL), 0);
	assert_int_equal(fdt_check_full(fdt, *ret_len), 0);
	assert_int_equal(fdt_totalsize(fdt), *ret_len);
	return fdt;
}

static int count_nodes(const void *fdt, const char *prefix)
{
	int nr = 0;

	for (int n = fdt_next_node(fdt, -1, NULL); n >= 0; n = fdt_next_node(fdt, n, NULL))
		nr += !strncmp(fdt_get_name(fdt, n, NULL), prefix, strlen(prefix));
	return nr;
}

static const void *prop(const void *fdt, const char *path, const char *name, int *ret_len)
{
	int node = fdt_path_offset(fdt, path);

	assert_true(node >= 0);
	return fdt_getprop(fdt, node, name, ret_len);
}

/* Properties are only 4-byte aligned. */
static uint64_t u64_at(const void *p)
{
	fdt64_t be;

	memcpy(&be, p, sizeof(be));
	return fdt64_to_cpu(be);
}

static void required_nodes_and_compatibles(void **state)
{
	static const char *const wanted[] = { "linux,dummy-virt", "arm,gic-v3", "arm,armv8-timer",
					      "arm,pl011",	  "arm,pl031",	"fixed-clock",
					      "arm,psci-0.2" };
	size_t len;
	void *fdt = build(&base, &len);

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_true(fdt_node_offset_by_compatible(fdt, -1, wanted[i]) >= 0);
	assert_null(prop(fdt, "/pl031@9010000", "interrupts", NULL));
	assert_string_equal(prop(fdt, "/pl031@9010000", "clock-names", NULL), "apb_pclk");
	free(fdt);
}

static void cpu_nodes_match_vcpus(void **state)
{
	static const uint32_t counts[] = { 0, 1, 4, 16, 64 };

	(void)state;
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		struct arm64_machine m = base;
		const uint8_t *reg;
		size_t len;
		void *fdt;
		int n;

		m.nr_vcpus = counts[i];
		fdt = build(&m, &len);
		assert_int_equal(count_nodes(fdt, "cpu@"), counts[i]);
		reg = prop(fdt, "/intc@8000000", "reg", &n);
		assert_int_equal(n, 32);
		assert_int_equal(u64_at(reg + 24), 0x20000ULL * counts[i]);
		free(fdt);
	}
}

static void cpu_reg_is_clustered_by_sixteen(void **state)
{
	struct arm64_machine m = base;
	size_t len;
	void *fdt;

	(void)state;
	m.nr_vcpus = 64;
	fdt = build(&m, &len);
	for (uint32_t i = 0; i < 64; i++) {
		uint64_t affinity = (uint64_t)(i / 16) * 256 + i % 16;
		const void *reg;
		char path[32];
		int n;

		snprintf(path, sizeof(path), "/cpus/cpu@%llx", (unsigned long long)affinity);
		reg = prop(fdt, path, "reg", &n);
		assert_int_equal(n, 8);
		assert_int_equal(u64_at(reg), affinity);
	}
	free(fdt);
}

static void enable_method_only_for_smp(void **state)
{
	struct arm64_machine m = base;
	size_t len;
	void *fdt = build(&m, &len);

	(void)state;
	assert_null(prop(fdt, "/cpus/cpu@0", "enable-method", NULL));
	free(fdt);
	m.nr_vcpus = 2;
	fdt = build(&m, &len);
	assert_string_equal(prop(fdt, "/cpus/cpu@1", "enable-method", NULL), "psci");
	free(fdt);
}

static void cmdline_is_embedded(void **state)
{
	struct arm64_machine m = base;
	size_t len;
	void *fdt;
	int n;

	(void)state;
	m.cmdline = "earlycon panic=-1 sm.flag=42";
	fdt = build(&m, &len);
	assert_string_equal(prop(fdt, "/chosen", "bootargs", NULL), m.cmdline);
	free(fdt);
	m.cmdline = "";
	fdt = build(&m, &len);
	assert_string_equal(prop(fdt, "/chosen", "bootargs", &n), "");
	assert_int_equal(n, 1);
	free(fdt);
}

static void long_cmdline_is_refused(void **state)
{
	static char line[ARM64_CMDLINE_MAX + 1];
	struct arm64_machine m = base;
	struct sm_err e;
	size_t len;
	void *fdt;

	(void)state;
	memset(line, 'a', ARM64_CMDLINE_MAX);
	m.cmdline = line;
	fdt = malloc(ARM64_FDT_MAX);
	assert_non_null(fdt);
	assert_int_equal(arm64_fdt_build(&m, fdt, ARM64_FDT_MAX, &len, &e), -EINVAL);
	free(fdt);
	line[ARM64_CMDLINE_MAX - 1] = 0;
	free(build(&m, &len));
}

static void initrd_only_when_supplied(void **state)
{
	struct arm64_machine m = base;
	size_t len;
	void *fdt = build(&m, &len);

	(void)state;
	assert_null(prop(fdt, "/chosen", "linux,initrd-start", NULL));
	free(fdt);
	m.initrd_gpa = 0x84000000;
	m.initrd_len = 0x100001;
	fdt = build(&m, &len);
	assert_int_equal(u64_at(prop(fdt, "/chosen", "linux,initrd-start", NULL)), 0x84000000);
	assert_int_equal(u64_at(prop(fdt, "/chosen", "linux,initrd-end", NULL)), 0x84100001);
	free(fdt);
}

static void seeds_only_when_supplied(void **state)
{
	struct arm64_machine m = base;
	uint8_t seed[ARM64_SEED_LEN];
	size_t len;
	void *fdt = build(&m, &len);
	int n;

	(void)state;
	assert_null(prop(fdt, "/chosen", "rng-seed", NULL));
	free(fdt);
	for (size_t i = 0; i < sizeof(seed); i++)
		seed[i] = (uint8_t)i;
	m.seed = seed;
	fdt = build(&m, &len);
	assert_memory_equal(prop(fdt, "/chosen", "kaslr-seed", &n), seed, 8);
	assert_int_equal(n, 8);
	assert_memory_equal(prop(fdt, "/chosen", "rng-seed", &n), seed + 8, 64);
	assert_int_equal(n, 64);
	free(fdt);
}

static void virtio_nodes_match_slots(void **state)
{
	struct arm64_virtio_slot slots[ARM64_SLOTS_MAX];
	struct arm64_machine m = base;
	size_t len;
	void *fdt = build(&m, &len);

	(void)state;
	assert_int_equal(count_nodes(fdt, "virtio_mmio@"), 0);
	free(fdt);
	for (uint32_t i = 0; i < ARM64_SLOTS_MAX; i++)
		slots[i] = (struct arm64_virtio_slot){ ARM64_VIRTIO_ADDR(i), ARM64_VIRTIO_INTID(i) };
	m.slots = slots;
	for (m.nr_slots = 1; m.nr_slots <= ARM64_SLOTS_MAX; m.nr_slots *= 4) {
		const fdt32_t *irq;
		int n;

		fdt = build(&m, &len);
		assert_int_equal(count_nodes(fdt, "virtio_mmio@"), m.nr_slots);
		irq = prop(fdt, "/virtio_mmio@a000000", "interrupts", &n);
		assert_int_equal(n, 12);
		assert_int_equal(fdt32_to_cpu(irq[0]), 0);
		assert_int_equal(fdt32_to_cpu(irq[1]), 0);
		assert_int_equal(fdt32_to_cpu(irq[2]), 1);
		free(fdt);
	}
}

static void virtio_intids_skip_the_uart(void **state)
{
	(void)state;
	assert_int_equal(ARM64_VIRTIO_INTID(0), 32);
	assert_int_equal(ARM64_VIRTIO_INTID(1), 34);
	assert_int_equal(ARM64_VIRTIO_INTID(2), 35);
}

static void too_small_a_buffer_is_refused(void **state)
{
	uint8_t buf[ARM64_FDT_MAX / 512];
	struct sm_err e;
	size_t len = 7, full;
	void *fdt = build(&base, &full);

	(void)state;
	for (size_t max = 0; max < full && max < sizeof(buf); max += 13) {
		assert_int_equal(arm64_fdt_build(&base, buf, max, &len, &e), -ENOSPC);
		assert_int_equal(len, 7);
	}
	free(fdt);
}

static void dtc_accepts_it(void **state)
{
	struct arm64_virtio_slot slot = { ARM64_VIRTIO_ADDR(0), ARM64_VIRTIO_INTID(0) };
	char path[] = "/tmp/sm-fdt-XXXXXX", cmd[96];
	struct arm64_machine m = base;
	size_t len;
	void *fdt;
	int fd;

	(void)state;
	if (system("command -v dtc >/dev/null 2>&1"))
		skip();
	m.nr_vcpus = 17;
	m.slots = &slot;
	m.nr_slots = 1;
	fdt = build(&m, &len);
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, fdt, len), len);
	close(fd);
	snprintf(cmd, sizeof(cmd), "dtc -q -I dtb -O dts -o /dev/null %s", path);
	assert_int_equal(system(cmd), 0);
	unlink(path);
	free(fdt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(required_nodes_and_compatibles),
		cmocka_unit_test(cpu_nodes_match_vcpus),
		cmocka_unit_test(cpu_reg_is_clustered_by_sixteen),
		cmocka_unit_test(enable_method_only_for_smp),
		cmocka_unit_test(cmdline_is_embedded),
		cmocka_unit_test(long_cmdline_is_refused),
		cmocka_unit_test(initrd_only_when_supplied),
		cmocka_unit_test(seeds_only_when_supplied),
		cmocka_unit_test(virtio_nodes_match_slots),
		cmocka_unit_test(virtio_intids_skip_the_uart),
		cmocka_unit_test(too_small_a_buffer_is_refused),
		cmocka_unit_test(dtc_accepts_it),
	};

	return cmocka_run_group_tests_name("arm64_fdt", tests, NULL, NULL);
}
