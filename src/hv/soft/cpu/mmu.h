/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads and stores through the software TLB. A TLB entry maps a virtual page to a host
 * pointer for reads and another for writes; everything else (misses, MMIO, permission,
 * page crossings) takes the slow path.
 *
 * c->tlb is the table of the current EL (and PAN); c->tlb_user that of EL0, for
 * LDTR/STTR. The index comes from the first byte and the tag is compared with the page
 * of the last: a hit means that the access lies whole within the page. Nothing here takes
 * the address of a caller's variable across a call, so that handlers stay sibling calls:
 * the slow path leaves what it read in c->mem_val.
 */
#ifndef HV_SOFT_CPU_MMU_H
#define HV_SOFT_CPU_MMU_H

#include "hv/soft/cpu/cpu.h"

#define TLB_BITS 10
#define TLB_SIZE (1u << TLB_BITS)
#define TLB_PAGE_MASK (~(uint64_t)0xfff)
#define TLB_NO_TAG (~(uint64_t)0)

struct tlb_entry {
	uint64_t tag_read;  /* page VA when readable now, else TLB_NO_TAG */
	uint64_t tag_write; /* page VA when writable now, else TLB_NO_TAG */
	uint64_t addend;    /* host address = VA + addend */
	uint32_t size_log2; /* of the page or block descriptor it came from */
	uint32_t global;    /* not nG: survives invalidation by ASID */
};

/*
 * The only code that touches guest RAM for the guest. Aligned accesses are one host
 * instruction, hence single-copy atomic; unaligned ones within a page may tear, as the
 * architecture allows. Guests race by nature, on purpose or not, so TSan is kept out.
 */
#define GUEST_RAM_ACCESS static inline __attribute__((no_sanitize("thread")))

struct guest_u16 {
	uint16_t v;
} __attribute__((packed, may_alias));
struct guest_u32 {
	uint32_t v;
} __attribute__((packed, may_alias));
struct guest_u64 {
	uint64_t v;
} __attribute__((packed, may_alias));

GUEST_RAM_ACCESS uint8_t guest_get8(uint64_t host)
{
	return *(const volatile uint8_t *)(uintptr_t)host;
}

GUEST_RAM_ACCESS uint16_t guest_get16(uint64_t host)
{
	return ((const volatile struct guest_u16 *)(uintptr_t)host)->v;
}

GUEST_RAM_ACCESS uint32_t guest_get32(uint64_t host)
{
	return ((const volatile struct guest_u32 *)(uintptr_t)host)->v;
}

GUEST_RAM_ACCESS uint64_t guest_get64(uint64_t host)
{
	return ((const volatile struct guest_u64 *)(uintptr_t)host)->v;
}

GUEST_RAM_ACCESS void guest_put8(uint64_t host, uint8_t v)
{
	*(volatile uint8_t *)(uintptr_t)host = v;
}

GUEST_RAM_ACCESS void guest_put16(uint64_t host, uint16_t v)
{
	((volatile struct guest_u16 *)(uintptr_t)host)->v = v;
}

GUEST_RAM_ACCESS void guest_put32(uint64_t host, uint32_t v)
{
	((volatile struct guest_u32 *)(uintptr_t)host)->v = v;
}

GUEST_RAM_ACCESS void guest_put64(uint64_t host, uint64_t v)
{
	((volatile struct guest_u64 *)(uintptr_t)host)->v = v;
}

/*
 * Slow paths (mmu.c): `len` 1, 2, 4, 8 or 16 bytes. False: see cpu.h. What was read is in
 * c->mem_val, zero-extended.
 */
bool cpu_load_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags);
bool cpu_store_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len_flags, uint64_t lo,
		    uint64_t hi);
uint8_t *cpu_host_ptr_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags);
bool cpu_probe_store_slow(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags);
#define CPU_LEN_FLAGS(len, flags) ((len) | (flags) << 8)

static inline const struct tlb_entry *tlb_slot(const struct tlb_entry *tlb, uint64_t va)
{
	return &tlb[(va >> 12) & (TLB_SIZE - 1)];
}

static inline bool tlb_hit(uint64_t tag, uint64_t va, uint32_t len)
{
	return __builtin_expect(tag == ((va + len - 1) & TLB_PAGE_MASK), 1);
}

#define CPU_LOAD_FN(bits)                                                                                    \
	static inline bool cpu_load##bits##_tlb(struct cpu *c, const struct op *op, uint64_t va,             \
						const struct tlb_entry *tlb, uint32_t flags,                 \
						uint##bits##_t *ret)                                         \
	{                                                                                                    \
		const struct tlb_entry *t = tlb_slot(tlb, va);                                               \
		if (tlb_hit(t->tag_read, va, (bits) / 8)) {                                                  \
			*ret = guest_get##bits(va + t->addend);                                              \
			return true;                                                                         \
		}                                                                                            \
		if (!cpu_load_slow(c, op, va, (bits) / 8, flags))                                            \
			return false;                                                                        \
		*ret = (uint##bits##_t)c->mem_val[0];                                                        \
		return true;                                                                                 \
	}                                                                                                    \
	static inline bool cpu_load##bits(struct cpu *c, const struct op *op, uint64_t va,                   \
					  uint##bits##_t *ret)                                               \
	{                                                                                                    \
		return cpu_load##bits##_tlb(c, op, va, c->tlb, CPU_MEM_READ, ret);                           \
	}

CPU_LOAD_FN(8)
CPU_LOAD_FN(16)
CPU_LOAD_FN(32)
CPU_LOAD_FN(64)

#define CPU_STORE_FN(bits)                                                                                   \
	static inline bool cpu_store##bits##_tlb(struct cpu *c, const struct op *op, uint64_t va,            \
						 const struct tlb_entry *tlb, uint32_t flags,                \
						 uint##bits##_t v)                                           \
	{                                                                                                    \
		const struct tlb_entry *t = tlb_slot(tlb, va);                                               \
		if (tlb_hit(t->tag_write, va, (bits) / 8)) {                                                 \
			guest_put##bits(va + t->addend, v);                                                  \
			return true;                                                                         \
		}                                                                                            \
		return cpu_store_slow(c, op, va, CPU_LEN_FLAGS((bits) / 8, flags), v, 0);                    \
	}                                                                                                    \
	static inline bool cpu_store##bits(struct cpu *c, const struct op *op, uint64_t va,                  \
					   uint##bits##_t v)                                                 \
	{                                                                                                    \
		return cpu_store##bits##_tlb(c, op, va, c->tlb, CPU_MEM_WRITE, v);                           \
	}

CPU_STORE_FN(8)
CPU_STORE_FN(16)
CPU_STORE_FN(32)
CPU_STORE_FN(64)

/* 16 bytes are two accesses of 8, low half first (ARMv8.0: no 128-bit atomicity). */
static inline bool cpu_load128(struct cpu *c, const struct op *op, uint64_t va, union vreg *ret)
{
	const struct tlb_entry *t = tlb_slot(c->tlb, va);

	if (tlb_hit(t->tag_read, va, 16)) {
		const uint64_t low = guest_get64(va + t->addend);

		vreg_set(ret, low, guest_get64(va + t->addend + 8));
		return true;
	}
	if (!cpu_load_slow(c, op, va, 16, CPU_MEM_READ | CPU_MEM_QUAD))
		return false;
	vreg_set(ret, c->mem_val[0], c->mem_val[1]);
	return true;
}

static inline bool cpu_store128(struct cpu *c, const struct op *op, uint64_t va, const union vreg *v)
{
	const struct tlb_entry *t = tlb_slot(c->tlb, va);

	if (tlb_hit(t->tag_write, va, 16)) {
		guest_put64(va + t->addend, v->d[0]);
		guest_put64(va + t->addend + 8, v->d[1]);
		return true;
	}
	return cpu_store_slow(c, op, va, CPU_LEN_FLAGS(16, CPU_MEM_WRITE | CPU_MEM_QUAD), v->d[0], v->d[1]);
}

/* Two registers of 8 bytes at once, for LDP and STP of X registers. */
static inline bool cpu_load_pair64(struct cpu *c, const struct op *op, uint64_t va, uint64_t *lo,
				   uint64_t *hi)
{
	const struct tlb_entry *t = tlb_slot(c->tlb, va);

	if (tlb_hit(t->tag_read, va, 16)) {
		*lo = guest_get64(va + t->addend);
		*hi = guest_get64(va + t->addend + 8);
		return true;
	}
	if (!cpu_load_slow(c, op, va, 16, CPU_MEM_READ))
		return false;
	*lo = c->mem_val[0];
	*hi = c->mem_val[1];
	return true;
}

static inline bool cpu_store_pair64(struct cpu *c, const struct op *op, uint64_t va, uint64_t lo, uint64_t hi)
{
	const struct tlb_entry *t = tlb_slot(c->tlb, va);

	if (tlb_hit(t->tag_write, va, 16)) {
		guest_put64(va + t->addend, lo);
		guest_put64(va + t->addend + 8, hi);
		return true;
	}
	return cpu_store_slow(c, op, va, CPU_LEN_FLAGS(16, CPU_MEM_WRITE), lo, hi);
}

static inline const struct tlb_entry *cpu_tlb_for(const struct cpu *c, uint32_t flags)
{
	return flags & CPU_MEM_UNPRIV ? c->tlb_user : c->tlb;
}

/* `len` 1, 2, 4 or 8. With CPU_MEM_ALIGNED a misaligned address is an alignment fault. */
static inline bool cpu_load_flags(struct cpu *c, const struct op *op, uint64_t va, uint32_t len,
				  uint32_t flags, uint64_t *ret)
{
	const struct tlb_entry *t = tlb_slot(cpu_tlb_for(c, flags), va);

	if (tlb_hit(t->tag_read, va, len) && !((flags & CPU_MEM_ALIGNED) && (va & (len - 1)))) {
		uint64_t host = va + t->addend;

		*ret = len == 8	  ? guest_get64(host)
		       : len == 4 ? guest_get32(host)
		       : len == 2 ? guest_get16(host)
				  : guest_get8(host);
		return true;
	}
	if (!cpu_load_slow(c, op, va, len, flags | CPU_MEM_READ))
		return false;
	*ret = c->mem_val[0];
	return true;
}

static inline bool cpu_store_flags(struct cpu *c, const struct op *op, uint64_t va, uint32_t len,
				   uint32_t flags, uint64_t v)
{
	const struct tlb_entry *t = tlb_slot(cpu_tlb_for(c, flags), va);

	if (tlb_hit(t->tag_write, va, len) && !((flags & CPU_MEM_ALIGNED) && (va & (len - 1)))) {
		uint64_t host = va + t->addend;

		if (len == 8)
			guest_put64(host, v);
		else if (len == 4)
			guest_put32(host, (uint32_t)v);
		else if (len == 2)
			guest_put16(host, (uint16_t)v);
		else
			guest_put8(host, (uint8_t)v);
		return true;
	}
	return cpu_store_slow(c, op, va, CPU_LEN_FLAGS(len, flags | CPU_MEM_WRITE), v, 0);
}

/*
 * RAM for `len` <= 16 naturally aligned bytes; `flags` says CPU_MEM_READ, CPU_MEM_WRITE or
 * both. NULL: the exception is taken. An address that is no RAM is an "unsupported
 * exclusive or atomic" fault.
 */
static inline uint8_t *cpu_host_ptr(struct cpu *c, const struct op *op, uint64_t va, uint32_t len,
				    uint32_t flags)
{
	const struct tlb_entry *t = tlb_slot(cpu_tlb_for(c, flags), va);
	uint64_t page = va & TLB_PAGE_MASK;

	if ((!(flags & CPU_MEM_READ) || t->tag_read == page) &&
	    (!(flags & CPU_MEM_WRITE) || t->tag_write == page) && !(va & (len - 1)))
		return (uint8_t *)(uintptr_t)(va + t->addend);
	return cpu_host_ptr_slow(c, op, va, len, flags);
}

/* Would a store of `len` <= 4096 bytes succeed (or reach MMIO)? False: the exception is taken. */
static inline bool cpu_probe_store(struct cpu *c, const struct op *op, uint64_t va, uint32_t len)
{
	if (tlb_hit(tlb_slot(c->tlb, va)->tag_write, va, len))
		return true;
	return cpu_probe_store_slow(c, op, va, len, CPU_MEM_WRITE);
}

#endif
