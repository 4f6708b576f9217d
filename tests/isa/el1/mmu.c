/* SPDX-License-Identifier: Apache-2.0 */
/* Stage 1: permissions, levels, sizes, attributes, address spaces; each fault with its ESR and FAR. */
#include "el1.h"

#define DATA_PTE(ap) (tables_pa(test_page[0]) | PTE_NORMAL | PTE_AP(ap))

static const struct {
	char name[12];
	uint32_t insn;
} accesses[] = {
	{ "ldr", 0xf9400002 },	 { "str", 0xf9000002 },	  { "ldrb", 0x39400002 }, { "strb", 0x39000002 },
	{ "ldtr", 0xf8400802 },	 { "sttr", 0xf8000802 },  { "ldxr", 0xc85f7c02 }, { "stlr", 0xc89ffc02 },
	{ "ldadd", 0xf8220001 }, { "cas", 0xc8a27c01 },	  { "ldp", 0xa9400c02 },  { "stp", 0xa9000c02 },
	{ "ldr q", 0x3dc00000 }, { "str q", 0x3d800000 }, { "ld1", 0x4c407000 },  { "prfm", 0xf9800000 },
	{ "br", 0xd61f0000 },	 { "ldrsw", 0xb9800002 }, { "ldrh", 0x79400002 }, { "ldar", 0x08dffc02 },
};
#define NR_ACCESSES (sizeof(accesses) / sizeof(accesses[0]))

/* The page holds a word that ends a run, and as data is known. */
static void fill_page(void)
{
	volatile uint32_t *p = (volatile uint32_t *)test_page[0];

	for (uint32_t i = 0; i < 2048; i++)
		p[i] = END;
	__asm__ volatile("ic iallu\n\tdsb ish\n\tisb" ::: "memory");
}

static void access_as(const char *what, uint64_t spsr, uint64_t va)
{
	put(what);
	put_char('\n');
	for (uint32_t i = 0; i < NR_ACCESSES; i++) {
		/* PC alignment comes first, but not in QEMU. */
		if (accesses[i].insn == 0xd61f0000 && (va & 3))
			continue;
		fill_page();
		run_insn(accesses[i].name, spsr, accesses[i].insn, va, 0);
	}
}

static void access_all(const char *what, uint64_t va)
{
	access_as(what, AT_EL0, va);
	access_as(what, AT_EL1, va);
	access_as(what, AT_EL1 | SPSR_PAN, va);
}

static void permissions(void)
{
	for (uint32_t ap = 0; ap < 4; ap++)
		for (uint64_t xn = 0; xn < 4; xn++) {
			tables_set(DATA_VA, 3, DATA_PTE(ap) | xn << 53);
			put_field("ap", ap);
			put_field("xn", xn);
			access_all(" page", DATA_VA + 0x10);
		}
}

static void levels(void)
{
	static const struct {
		uint32_t level;
		uint64_t va;
	} at[] = { { 0, 0x8000000000 }, { 1, 0x4040000000 }, { 2, 0x4000200000 }, { 3, DATA_VA } };
	static const uint64_t bad[] = { 0, 1, 2 };
	uint64_t ram = tables_pa(test_page[0]);

	for (uint32_t i = 0; i < 4; i++)
		for (uint32_t k = 0; k < 3; k++) {
			/* 1 at level 3 is reserved; at level 0 too, which QEMU takes for a block. */
			uint64_t desc = bad[k] == 1 && i < 3 ? 0 : bad[k];

			tables_set(at[i].va, at[i].level, desc);
			put_field("level", i);
			access_as(" invalid", AT_EL0, at[i].va + 0x18);
			tables_set(at[i].va, at[i].level, 0);
		}
	/* Blocks: through them the page is at its offset. Then without the access flag. */
	for (uint32_t i = 1; i < 3; i++)
		for (uint64_t af = 0; af < 2; af++) {
			uint64_t size = i == 1 ? 1ul << 30 : 1ul << 21;
			uint64_t desc = (ram & ~(size - 1)) | PTE_VALID | PTE_SH | PTE_AP(1) | af << 10;

			tables_set(at[i].va, at[i].level, desc);
			put_field("block", i);
			put_field("af", af);
			access_all("", at[i].va + (ram & (size - 1)) + 0x10);
			tables_set(at[i].va, at[i].level, 0);
		}
	tables_set(DATA_VA, 3, DATA_PTE(1) & ~PTE_AF);
	access_all("no access flag", DATA_VA);
	tables_set(DATA_VA, 3, DATA_PTE(1) | PTE_CONT);
	access_all("contiguous", DATA_VA);
}

/* APTable, UXNTable, PXNTable; SCTLR_EL1.A. WXN is not for an image that is writable itself. */
static void hierarchy(void)
{
	uint64_t sctlr = sysreg_read(sctlr_el1);

	tables_set(DATA_VA, 3, DATA_PTE(1));
	for (uint64_t bits = 1; bits < 16; bits++) {
		uint64_t *spare = table_spare[0];

		for (uint32_t i = 0; i < 512; i++)
			spare[i] = 0;
		spare[0] = *tables_slot(DATA_VA, 2);
		tables_set(0x4080000000, 1, tables_pa(spare) | PTE_PAGE | bits << 59);
		put_field("table", bits);
		access_all("", 0x4080000000 + (DATA_VA & 0xfffff) + 0x10);
	}
	tables_set(0x4080000000, 1, 0);
	for (uint64_t a = 0; a < 2; a++) {
		sysreg_write(sctlr_el1, sctlr | a << 1);
		tables_flush();
		put_field("sctlr.a", a);
		access_all(" unaligned", DATA_VA + 0x11);
		access_all(" unaligned", DATA_VA + 0x18);
	}
	sysreg_write(sctlr_el1, sctlr);
	tables_flush();
}

static void device_memory(void)
{
	/* The identification registers of the UART: reads have no effect. */
	tables_set(DATA_VA, 3, UART | PTE_PAGE | PTE_DEVICE | PTE_AF | PTE_AP(1) | PTE_UXN | PTE_PXN);
	run_insn("device ldxr", AT_EL0, 0x885f7c02, UART, 0);
	for (uint32_t i = 0; i < NR_ACCESSES; i++)
		if (accesses[i].insn == 0xd61f0000)
			run_insn("device", AT_EL0, accesses[i].insn, DATA_VA, 0);
	tables_set(DATA_VA, 3, 0);
}

/* Accesses over the end of a page into one that is not there, or not writable. */
static void page_ends(void)
{
	tables_set(DATA_VA, 3, DATA_PTE(1) | PTE_UXN | PTE_PXN);
	for (uint32_t ro = 0; ro < 2; ro++) {
		tables_set(DATA_VA + 0x1000, 3,
			   ro ? tables_pa(test_page[1]) | PTE_NORMAL | PTE_AP(3) | PTE_UXN | PTE_PXN : 0);
		for (uint64_t off = 0xff1; off < 0x1000; off += 3) {
			fill_page();
			run_insn("end ldr", AT_EL0, 0xf9400002, DATA_VA + off, 0);
			run_insn("end str", AT_EL0, 0xf9000002, DATA_VA + off, 0);
			run_insn("end ldp", AT_EL1, 0xa9400c02, DATA_VA + off, 0);
			run_insn("end stp", AT_EL1, 0xa9000c02, DATA_VA + off, 0);
			run_insn("end str q", AT_EL1, 0x3d800000, DATA_VA + off, 0);
		}
	}
	tables_set(DATA_VA + 0x1000, 3, 0);
}

/* Addresses outside both halves, tags, other sizes, disabled halves, outputs too large. */
static void address_sizes(void)
{
	static const uint64_t vas[] = {
		0x0001000000000000, 0x8000000000000000, 0xfffe000000000000, 0x5500004000010000,
		0xffff804000010000, 0xffff004000010000, 0x0000804000010000, 0xaaff004000010000,
	};
	static const uint64_t tcrs[] = {
		TCR_BASE,
		TCR_BASE | 1ul << 37,		     /* TBI0 */
		TCR_BASE | 3ul << 37,		     /* TBI0, TBI1 */
		TCR_BASE | 1ul << 23,		     /* EPD1 */
		(TCR_BASE & ~0x3f0000ul) | 20 << 16, /* T1SZ */
		TCR_BASE & ~(7ul << 32),	     /* IPS: 4 GiB */
	};

	tables_set(DATA_VA, 3, DATA_PTE(1));
	for (uint32_t t = 0; t < sizeof(tcrs) / sizeof(tcrs[0]); t++) {
		sysreg_write(tcr_el1, tcrs[t]);
		tables_flush();
		put_field("tcr", t);
		put_char('\n');
		for (uint32_t i = 0; i < sizeof(vas) / sizeof(vas[0]); i++) {
			fill_page();
			run_insn("va ldr", AT_EL0, 0xf9400002, vas[i], 0);
			run_insn("va str", AT_EL1, 0xf9000002, vas[i], 0);
			run_insn("va br", AT_EL0, 0xd61f0000, vas[i], 0);
		}
	}
	tables_set(DATA_VA, 3, DATA_PTE(1) | 1ul << 36);
	access_as("output over IPS", AT_EL0, DATA_VA);
	sysreg_write(tcr_el1, TCR_BASE);
	tables_set(DATA_VA, 3, DATA_PTE(1) | 1ul << 47);
	access_as("output over 40 bits", AT_EL0, DATA_VA);
	tables_set(DATA_VA, 3, 0);
}

static void set_asid(uint64_t asid)
{
	sysreg_write(ttbr0_el1, (sysreg_read(ttbr0_el1) & 0xfffffffffffful) | asid << 48);
}

static uint64_t peek(void)
{
	const uint32_t insn = 0xf9400000; /* ldr x0, [x0] */
	struct el1_run run;

	run_init(&run, AT_EL0, DATA_VA, 0, 0, 0);
	run_words(&run, &insn, 1);
	return run.x[0];
}

/* Every form of TLBI, after it the new descriptor counts; ASIDs keep apart what is not global. */
static void invalidation(void)
{
	static const struct {
		uint32_t insn;
		bool asid, address;
	} forms[] = {
		{ 0xd508871f, false, false }, { 0xd508831f, false, false }, { 0xd5088740, true, false },
		{ 0xd5088340, true, false },  { 0xd5088720, true, true },   { 0xd5088320, true, true },
		{ 0xd50887a0, true, true },   { 0xd50883a0, true, true },   { 0xd5088760, false, true },
		{ 0xd5088360, false, true },  { 0xd50887e0, false, true },  { 0xd50883e0, false, true },
	};
	volatile uint64_t *const a = (volatile uint64_t *)test_page[0], *const b = (volatile uint64_t *)
										test_page[1];
	uint64_t pte_a = DATA_PTE(1) | PTE_NG, pte_b = (pte_a & ~0xfffffffff000ul) | tables_pa(test_page[1]);

	a[0] = 0xaaaa;
	b[0] = 0xbbbb;
	for (uint32_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		uint64_t asid = forms[i].asid ? 0x1234 : 0;
		const uint32_t words[] = { 0xd5033a9f /* dsb ishst */, forms[i].insn, 0xd5033b9f,
					   0xd5033fdf };
		struct el1_run run;

		set_asid(0x1234);
		tables_set(DATA_VA, 3, pte_a);
		put_field("tlbi", forms[i].insn);
		put_field("before", peek());
		*tables_slot(DATA_VA, 3) = pte_b;
		run_init(&run, AT_EL1, asid << 48 | (forms[i].address ? DATA_VA >> 12 : 0), 0, 0, 0);
		run_words(&run, words, 4);
		put_field("after", peek());
		put_char('\n');
	}
	/* Seen under one ASID, then changed with its TLBI, and the other ASID's view. */
	set_asid(1);
	put_field("asid 1", peek());
	*tables_slot(DATA_VA, 3) = pte_a;
	__asm__ volatile("dsb ish\n\ttlbi vaae1, %0\n\tdsb ish\n\tisb" ::"r"(DATA_VA >> 12) : "memory");
	set_asid(2);
	put_field("asid 2", peek());
	set_asid(0);
	put_field("asid 0", peek());
	put_char('\n');
	tables_set(DATA_VA, 3, 0);
}

void test_mmu(void)
{
	permissions();
	levels();
	hierarchy();
	device_memory();
	page_ends();
	address_sizes();
	invalidation();
}

/* ---- AT ---- */

static void translate(const char *what, uint64_t va, const void *page)
{
	for (uint32_t op2 = 0; op2 < 4; op2++) {
		const uint32_t words[] = { 0xd5087800 | op2 << 5, 0xd5033fdf, MRS(KEY(3, 0, 7, 4, 0), 1) };
		struct el1_run run;
		uint64_t par;

		run_init(&run, AT_EL1, va, 0, 0, 0);
		run_words(&run, words, 3);
		par = run.x[1];
		put(what);
		put_field("at", op2);
		put_field("va", va);
		if (!(par & 1) && page) {
			put_field("page", (par & 0xfffffffff000ul) - tables_pa(page));
			par &= ~0xfffffffff000ul;
		}
		put_field("par", par);
		put_char('\n');
	}
}

void test_translate(void)
{
	for (uint32_t ap = 0; ap < 4; ap++) {
		tables_set(DATA_VA, 3, DATA_PTE(ap));
		translate("ap", DATA_VA + 0x123, test_page[0]);
	}
	tables_set(DATA_VA, 3, (DATA_PTE(1) & ~PTE_SH));
	translate("non-shareable", DATA_VA, test_page[0]);
	tables_set(DATA_VA, 3, DATA_PTE(1) & ~PTE_AF);
	translate("no access flag", DATA_VA, NULL);
	tables_set(DATA_VA, 3, 0);
	translate("invalid", DATA_VA, NULL);
	translate("invalid", 0x4000200000, NULL);
	translate("invalid", 0x4040000000, NULL);
	translate("invalid", 0x8000000000, NULL);
	translate("no half", 0x0001000000000000, NULL);
	tables_set(DATA_VA, 3, UART | PTE_PAGE | PTE_DEVICE | PTE_AF | PTE_AP(1));
	translate("device", DATA_VA, (const void *)UART);
	tables_set(DATA_VA, 3, DATA_PTE(1) | 1ul << 47);
	translate("output too large", DATA_VA, NULL);
	tables_set(DATA_VA, 3, 0);
}
