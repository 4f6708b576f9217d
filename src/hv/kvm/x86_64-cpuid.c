/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/kvm/x86_64.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "util/num.h"

#define BIT(n) (1u << (n))

#define LEAF_EXT 0x80000000u
#define VENDOR_AUTH 0x68747541u /* "Auth", of AuthenticAMD */
#define VENDOR_HYGO 0x6f677948u /* "Hygo", of HygonGenuine */

/* x87, SSE, AVX, the three of AVX-512, PKRU: what KVM_GET_XSAVE's 4 KiB hold. */
#define XCR0_OFFERED 0x2e7u

_Static_assert(offsetof(struct x86_cpuid, entries) == offsetof(struct kvm_cpuid2, entries),
	       "an x86_cpuid is a kvm_cpuid2 with room");
_Static_assert(offsetof(struct x86_msrs, entries) == offsetof(struct kvm_msrs, entries),
	       "an x86_msrs is a kvm_msrs with room");

/* Bits taken from a leaf. */
struct cpuid_mask {
	uint32_t leaf, sub;
	uint32_t eax, ebx, ecx, edx;
};

static const struct cpuid_mask cpuid_masks[] = {
	/* MONITOR, VMX, SMX, PDCM; MCE, MCA, DS, ACPI */
	{ 0x1, 0, 0, 0, BIT(3) | BIT(5) | BIT(6) | BIT(15), BIT(7) | BIT(14) | BIT(21) | BIT(22) },
	/* SGX, RDT-M, MPX, RDT-A, PT; SHSTK, TME, KL, ENQCMD, SGX_LC; UINTR, PCONFIG, LBR, IBT, AMX */
	{ 0x7, 0, 0, BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(25),
	  BIT(7) | BIT(13) | BIT(23) | BIT(29) | BIT(30),
	  BIT(5) | BIT(18) | BIT(19) | BIT(20) | BIT(22) | BIT(24) | BIT(25) },
	/* ArchPerfMonExt, FRED, LKGS, AMX-FP16; AMX-COMPLEX, CET_SSS, APX */
	{ 0x7, 1, BIT(8) | BIT(17) | BIT(18) | BIT(21), 0, 0, BIT(8) | BIT(18) | BIT(21) },
	/* HC_MAP_GPA_RANGE and MIGRATION_CONTROL want a VMM that answers. */
	{ 0x40000001, 0, BIT(16) | BIT(17), 0, 0, 0 },
	/* SVM, IBS, LWP, three kinds of performance counters; MCE, MCA */
	{ 0x80000001, 0, 0, 0, BIT(2) | BIT(10) | BIT(15) | BIT(23) | BIT(24) | BIT(28), BIT(7) | BIT(14) },
};

/*
 * Leaves that describe what is masked above, or the host's topology: cache and power are
 * the host's business, performance counters and everything nested is not offered.
 */
static const uint32_t cpuid_dropped[] = {
	0x5,	    0xa,	0xb,	    0xf,	0x10,	    0x12,	0x14,
	0x19,	    0x1b,	0x1c,	    0x1d,	0x1e,	    0x1f,	0x23,
	0x8000000a, 0x8000001b, 0x8000001c, 0x8000001f, 0x80000020, 0x80000022, 0x80000026,
};

static bool leaf_is_dropped(uint32_t leaf)
{
	for (size_t i = 0; i < NUM_COUNTOF(cpuid_dropped); i++)
		if (cpuid_dropped[i] == leaf)
			return true;
	return false;
}

int x86_cpuid_read(int sys_fd, struct x86_cpuid *ret, struct sm_err *e)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->nr = X86_CPUID_MAX;
	r = kvm_ioctl(sys_fd, KVM_GET_SUPPORTED_CPUID, ret, "ask for the CPU's features", e);
	return r < 0 ? r : 0;
}

static struct kvm_cpuid_entry2 *cpuid_entry(struct x86_cpuid *c, uint32_t leaf, uint32_t sub)
{
	for (uint32_t i = 0; i < c->nr; i++)
		if (c->entries[i].function == leaf && c->entries[i].index == sub)
			return &c->entries[i];
	return NULL;
}

const struct kvm_cpuid_entry2 *x86_cpuid_find(const struct x86_cpuid *c, uint32_t leaf, uint32_t sub)
{
	for (uint32_t i = 0; i < c->nr; i++)
		if (c->entries[i].function == leaf && c->entries[i].index == sub)
			return &c->entries[i];
	return NULL;
}

/* Newer kernels say in bits 23:16 when the nested tables reach less far than the CPU. */
uint8_t x86_cpuid_gpa_bits(const struct x86_cpuid *c)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, LEAF_EXT | 8, 0);
	uint32_t bits = 36;

	if (e) {
		bits = e->eax & 0xff;
		if (e->eax >> 16 & 0xff && (e->eax >> 16 & 0xff) < bits)
			bits = e->eax >> 16 & 0xff;
	}
	return (uint8_t)(bits < 32 ? 32 : bits > 52 ? 52 : bits);
}

static bool cpuid_is_amd(const struct x86_cpuid *c)
{
	const struct kvm_cpuid_entry2 *e = x86_cpuid_find(c, 0, 0);

	return e && (e->ebx == VENDOR_AUTH || e->ebx == VENDOR_HYGO);
}

static void cpuid_mask(struct kvm_cpuid_entry2 *e)
{
	for (size_t i = 0; i < NUM_COUNTOF(cpuid_masks); i++) {
		const struct cpuid_mask *m = &cpuid_masks[i];

		if (m->leaf != e->function || m->sub != e->index)
			continue;
		e->eax &= ~m->eax;
		e->ebx &= ~m->ebx;
		e->ecx &= ~m->ecx;
		e->edx &= ~m->edx;
	}
}

/* False: an XSAVE component that is not offered. */
static bool cpuid_xsave(struct kvm_cpuid_entry2 *e, uint32_t *end)
{
	if (e->index == 0) {
		e->eax &= XCR0_OFFERED;
		e->edx = 0;
	} else if (e->index == 1) {
		/* No supervisor states, no XFD. */
		e->eax &= BIT(0) | BIT(1) | BIT(2) | BIT(3);
		e->ecx = e->edx = 0;
	} else if (e->index < 32 && XCR0_OFFERED & BIT(e->index)) {
		if (e->eax + e->ebx > *end)
			*end = e->eax + e->ebx;
	} else {
		return false;
	}
	return true;
}

/* Bits of the APIC id that number the cores. */
static uint32_t core_bits(uint32_t nr)
{
	uint32_t bits = 0;

	while (BIT(bits) < nr)
		bits++;
	return bits;
}

/* Caches from the third level up are shared by all, the others private. */
static void cpuid_cache(struct kvm_cpuid_entry2 *e, uint32_t bits)
{
	uint32_t level = e->eax >> 5 & 7;

	if (!(e->eax & 0x1f))
		return;
	e->eax &= 0x3fff;
	if (level >= 3)
		e->eax |= (BIT(bits) - 1) << 14;
	if (e->function == 4)
		e->eax |= (BIT(bits) - 1) << 26;
}

/* One socket, a core per vCPU, one thread per core, APIC id = index. */
static void cpuid_topology(struct kvm_cpuid_entry2 *e, uint32_t index, uint32_t nr, bool amd)
{
	uint32_t bits = core_bits(nr);

	switch (e->function) {
	case 0x1:
		e->ebx = (e->ebx & 0xffff) | BIT(bits) << 16 | index << 24;
		e->edx &= ~BIT(28);
		if (nr > 1)
			e->edx |= BIT(28); /* HTT */
		break;
	case 0x4:
	case LEAF_EXT | 0x1d:
		cpuid_cache(e, bits);
		break;
	case LEAF_EXT | 1:
		e->ecx &= ~BIT(1);
		if (amd && nr > 1)
			e->ecx |= BIT(1); /* CmpLegacy */
		break;
	case LEAF_EXT | 8:
		if (amd)
			e->ecx = (nr - 1) | bits << 12;
		break;
	case LEAF_EXT | 0x1e:
		e->eax = e->ebx = index;
		e->ecx = 0;
		break;
	default:
		break;
	}
}

/* Leaf 0xb: threads of a core, then cores of the socket, then the end. */
static void cpuid_add_levels(struct x86_cpuid *c, uint32_t index, uint32_t nr)
{
	const uint32_t level[3][4] = {
		{ 0, 1, 0 | 1 << 8, index },
		{ core_bits(nr), nr, 1 | 2 << 8, index },
		{ 0, 0, 2, index },
	};

	for (uint32_t i = 0; i < 3; i++)
		c->entries[c->nr++] = (struct kvm_cpuid_entry2){
			.function = 0xb,
			.index = i,
			.flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX,
			.eax = level[i][0],
			.ebx = level[i][1],
			.ecx = level[i][2],
			.edx = level[i][3],
		};
}

static void cpuid_finish(struct x86_cpuid *c, uint32_t xsave_end, bool tsc_deadline)
{
	struct kvm_cpuid_entry2 *e = cpuid_entry(c, 1, 0);

	/* What the kernel emulates whether or not the CPU has it: x2APIC, a hypervisor. */
	e->ecx |= BIT(21) | BIT(31);
	e->ecx &= ~BIT(24);
	if (tsc_deadline)
		e->ecx |= BIT(24);
	e = cpuid_entry(c, 6, 0);
	if (e) {
		/* The APIC timer never stops; the rest is power and heat. */
		e->eax = BIT(2);
		e->ebx = e->ecx = e->edx = 0;
	}
	e = cpuid_entry(c, 0xd, 0);
	if (e)
		e->ecx = xsave_end;
}

int x86_cpuid_make(const struct x86_cpuid *host, uint32_t index, uint32_t nr, bool tsc_deadline,
		   struct x86_cpuid *ret, struct sm_err *e)
{
	const struct kvm_cpuid_entry2 *base = x86_cpuid_find(host, 0, 0);
	bool amd = cpuid_is_amd(host);
	uint32_t xsave_end = 576; /* the legacy area and the header */

	memset(ret, 0, sizeof(*ret));
	if (!base || !x86_cpuid_find(host, 1, 0) || !x86_cpuid_find(host, 0x40000000, 0))
		return err_set(e, ENOTSUP, "KVM: does not say what its CPUs can do");
	for (uint32_t i = 0; i < host->nr && i < X86_CPUID_MAX; i++) {
		struct kvm_cpuid_entry2 entry = host->entries[i];

		if (leaf_is_dropped(entry.function))
			continue;
		if (entry.function == 0xd && !cpuid_xsave(&entry, &xsave_end))
			continue;
		cpuid_mask(&entry);
		cpuid_topology(&entry, index, nr, amd);
		ret->entries[ret->nr++] = entry;
	}
	cpuid_finish(ret, xsave_end, tsc_deadline);
	if (base->eax >= 0xb) {
		if (ret->nr + 3 > X86_CPUID_MAX)
			return err_set(e, ENOTSUP, "KVM: more CPUID leaves than %d", X86_CPUID_MAX);
		cpuid_add_levels(ret, index, nr);
	}
	return 0;
}
