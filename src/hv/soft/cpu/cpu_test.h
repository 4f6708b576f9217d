/* SPDX-License-Identifier: Apache-2.0 */
/* A CPU with a little RAM, an assembler of a few instructions and a builder of page tables. */
#ifndef HV_SOFT_CPU_CPU_TEST_H
#define HV_SOFT_CPU_CPU_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "hv/soft/cpu/core.h"

#define T_RAM 0x80000000ull
#define T_RAM_SIZE 0x200000ull
#define T_VECTORS (T_RAM + 0x0000)
#define T_CODE (T_RAM + 0x1000)
#define T_USER (T_RAM + 0x2000) /* code that EL0 may execute */
#define T_DATA (T_RAM + 0x4000)
#define T_TABLES (T_RAM + 0x10000) /* the first is TTBR0's */
#define T_TABLES_HIGH (T_RAM + 0x11000)
#define T_DEVICE 0x09000000ull

enum {
	A_NOP = 0xd503201f,
	A_WFI = 0xd503207f,
	A_WFE = 0xd503205f,
	A_SEV = 0xd503209f,
	A_SEVL = 0xd50320bf,
	A_ISB = 0xd5033fdf,
	A_DSB = 0xd5033b9f,
	A_ERET = 0xd69f03e0,
	A_FMOV_D0_1 = 0x1e6e1000,
};
#define A_SVC(imm) (0xd4000001u | (uint32_t)(imm) << 5)
#define A_LDR(t, n) (0xf9400000u | (n) << 5 | (t))
#define A_STR(t, n) (0xf9000000u | (n) << 5 | (t))
#define A_LDR_Q(t, n) (0x3dc00000u | (n) << 5 | (t))
#define A_LD1_16B(t, n) (0x4c407000u | (n) << 5 | (t))
#define A_LDRSB(t, n) (0x39800000u | (n) << 5 | (t))
#define A_LDTR(t, n) (0xf8400800u | (n) << 5 | (t))
#define A_LDP(t, t2, n) (0xa9400000u | (t2) << 10 | (n) << 5 | (t))
#define A_STP(t, t2, n) (0xa9000000u | (t2) << 10 | (n) << 5 | (t))
#define A_LDADD(s, t, n) (0xf8200000u | (s) << 16 | (n) << 5 | (t))
#define A_ADD_SP(imm) (0x910003ffu | (imm) << 10)
#define A_ADD1(d) (0x91000400u | (d) << 5 | (d))
#define A_SUBS1(d) (0xf1000400u | (d) << 5 | (d))
#define A_B_NE(bytes) (0x54000001u | ((uint32_t)((bytes) >> 2) & 0x7ffff) << 5)
#define A_CBZ(t, bytes) (0xb4000000u | ((uint32_t)((bytes) >> 2) & 0x7ffff) << 5 | (t))
#define A_B(bytes) (0x14000000u | ((uint32_t)((bytes) >> 2) & 0x3ffffff))
#define A_BR(n) (0xd61f0000u | (n) << 5)
#define A_MSR(key, t) (0xd5000000u | (uint32_t)(key) << 5 | (t)) /* SYS too */
#define A_MRS(key, t) (0xd5200000u | (uint32_t)(key) << 5 | (t))
#define A_MSR_DAIFCLR(imm) (0xd50340ffu | (imm) << 8)

#define K_SYS(op1, crm, op2) GIC_SYSREG(1, op1, 7, crm, op2)
#define K_TLBI(crm, op2) GIC_SYSREG(1, 0, 8, crm, op2)

/* Attributes of a page. */
#define P_EL0 (1ull << 6)
#define P_RO (1ull << 7)
#define P_AF (1ull << 10)
#define P_NG (1ull << 11)
#define P_PXN (1ull << 53)
#define P_UXN (1ull << 54)
#define P_DEVICE (1ull << 2)
#define P_DATA (P_AF | P_PXN | P_UXN)

struct rig_cpu {
	struct gmem gm;
	struct soft_vm *vm;
	struct cpu *c; /* number 0 */
	uint64_t free_table;
};

static inline void put32(struct rig_cpu *r, uint64_t pa, uint32_t v)
{
	assert_true(gmem_write(&r->gm, pa, &v, 4));
}

static inline void put64(struct rig_cpu *r, uint64_t pa, uint64_t v)
{
	assert_true(gmem_write(&r->gm, pa, &v, 8));
}

static inline uint64_t get64(struct rig_cpu *r, uint64_t pa)
{
	uint64_t v;

	assert_true(gmem_read(&r->gm, pa, &v, 8));
	return v;
}

#define PROGRAM(r, pa, ...)                                                                                  \
	put_program((r), (pa), (const uint32_t[]){ __VA_ARGS__ },                                            \
		    sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static inline void put_program(struct rig_cpu *r, uint64_t pa, const uint32_t *insn, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		put32(r, pa + 4 * i, insn[i]);
}

/* vCPU 0 stands at T_CODE in EL1; every vector is a WFI, where cpu_execute() stops. */
static inline void rig_cpu_init(struct rig_cpu *r, uint32_t nr_vcpus)
{
	struct hv_vm_config cfg = { .nr_vcpus = nr_vcpus, .gicd_base = 0x08000000, .gicr_base = 0x080a0000 };
	void *vm;

	gmem_init(&r->gm);
	assert_int_equal(gmem_add_anon(&r->gm, T_RAM, T_RAM_SIZE, NULL), 0);
	assert_int_equal(hv_soft_ops.vm_create(&cfg, &r->gm, &vm, NULL), 0);
	r->vm = vm;
	for (uint32_t i = 0; i < nr_vcpus; i++) {
		void *vcpu;

		assert_int_equal(hv_soft_ops.vcpu_create(vm, i, &vcpu, NULL), 0);
		cpu_reset(vcpu, T_CODE, 0);
		((struct cpu *)vcpu)->core->r.vbar = T_VECTORS;
	}
	r->c = r->vm->cpus[0];
	r->free_table = T_TABLES + 0x2000;
	for (uint64_t off = 0; off < 0x800; off += 0x80)
		put32(r, T_VECTORS + off, A_WFI);
}

static inline void rig_cpu_fini(struct rig_cpu *r)
{
	for (uint32_t i = 0; i < r->vm->nr_vcpus; i++)
		hv_soft_ops.vcpu_destroy(r->vm->cpus[i]);
	hv_soft_ops.vm_destroy(r->vm);
	gmem_fini(&r->gm);
}

/* Makes the descriptor of `va` at `level`; tables above are added as needed. */
static inline void rig_map_at(struct rig_cpu *r, uint64_t va, uint32_t level, uint64_t desc)
{
	uint64_t table = va >> 55 & 1 ? T_TABLES_HIGH : T_TABLES;

	for (uint32_t l = 0;; l++) {
		uint64_t at = table + (va >> (39 - 9 * l) & 511) * 8;

		if (l == level) {
			put64(r, at, desc);
			return;
		}
		if (!(get64(r, at) & 1)) {
			put64(r, at, r->free_table | 3);
			r->free_table += 0x1000;
		}
		table = get64(r, at) & 0xfffffffff000ull;
	}
}

static inline void rig_map(struct rig_cpu *r, uint64_t va, uint64_t pa, uint64_t attrs)
{
	rig_map_at(r, va, 3, pa | attrs | 3);
}

#define T_TCR (16ull | 16ull << 16 | 2ull << 30 | 2ull << 32 | 1ull << 36)

/* Code and vectors mapped flat for EL1, T_USER for EL0; MMU on. */
static inline void rig_mmu_on(struct rig_cpu *r)
{
	struct cpu_sysregs *s = &r->c->core->r;

	rig_map(r, T_VECTORS, T_VECTORS, P_AF | P_UXN | P_RO);
	rig_map(r, T_CODE, T_CODE, P_AF | P_UXN | P_RO);
	rig_map(r, T_USER, T_USER, P_AF | P_PXN | P_RO | P_EL0);
	s->ttbr0 = T_TABLES;
	s->ttbr1 = T_TABLES_HIGH;
	s->tcr = T_TCR;
	s->mair = 0x00ff;
	s->sctlr |= SCTLR_M | SCTLR_SPAN;
	tlb_flush_all(r->c);
}

/* Executes up to the next WFI. */
static inline void rig_go(struct rig_cpu *r, uint64_t pc)
{
	r->c->pc = pc;
	assert_false(cpu_execute(r->c));
}

/* From EL0 with all interrupts on. */
static inline void rig_go_user(struct rig_cpu *r, uint64_t pc)
{
	core_set_mode(r->c, 0, 0);
	rig_go(r, pc);
}

#define ESR_EC(esr) ((esr) >> 26)
#define ESR_FSC(esr) ((esr)&63)

#endif
