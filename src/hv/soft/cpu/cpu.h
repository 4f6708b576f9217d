/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The software CPU's core: architectural state, pre-decoded operations, dispatch.
 *
 * Theory of operation. Guest code is decoded once, a basic block at a time, into an
 * array of `struct op`; each op points at the C function that performs it. A handler
 * ends by calling the next one as a sibling call (OP_NEXT), so that dispatch is one
 * indirect jump with the CPU and the op in registers. In sanitizer and debug builds
 * (SOFT_LOOP_DISPATCH) handlers return the next op to a loop instead.
 *
 * The PC is not kept: it is the block's virtual address plus the op's index
 * (cpu_pc). A handler that can fault computes it only then.
 *
 * A `struct cpu` belongs to its vCPU thread, but for `pending`, which anyone may OR bits
 * into with cpu_pend().
 */
#ifndef HV_SOFT_CPU_CPU_H
#define HV_SOFT_CPU_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hv/hv.h"
#include "mem/gmem.h"

struct cpu;
struct op;
struct block;

#if defined(__has_attribute)
#if __has_attribute(musttail)
#define CPU_MUSTTAIL __attribute__((musttail))
#endif
#endif
#ifndef CPU_MUSTTAIL
#define CPU_MUSTTAIL
#endif

/* NULL ends the run loop's round: look at c->pending, or a fault was raised. */
typedef const struct op *op_fn(struct cpu *c, const struct op *op);

/*
 * One pre-decoded instruction: 24 bytes. What rd..imm mean is between the decoder's row
 * and the handler; register 31 is resolved by the decoder (see X_ZERO, X_SP).
 */
struct op {
	op_fn *fn;
	uint64_t imm;
	uint8_t rd, rn, rm, ra;
	uint32_t aux; /* small fields: shift kinds, sizes, conditions, element layout */
};

/* OP_TAIL is for the inline helpers that handlers end with: clang's musttail wants equal signatures. */
#ifdef SOFT_LOOP_DISPATCH
#define OP_CONTINUE(c, next) return ((void)(c), (next))
#define OP_TAIL(c, next) return ((void)(c), (next))
#else
#define OP_CONTINUE(c, next)                                                                                 \
	do {                                                                                                 \
		const struct op *next_op = (next);                                                           \
		CPU_MUSTTAIL return next_op->fn((c), next_op);                                               \
	} while (0)
#define OP_TAIL(c, next)                                                                                     \
	do {                                                                                                 \
		const struct op *next_op = (next);                                                           \
		return next_op->fn((c), next_op);                                                            \
	} while (0)
#endif
#define OP_NEXT(c, op) OP_CONTINUE(c, (op) + 1)

/* Bits of cpu.pending: why the CPU must leave its blocks. */
enum {
	CPU_PEND_KICK = 1 << 0,	  /* hv_vcpu_kick */
	CPU_PEND_IRQ = 1 << 1,	  /* the GIC's output to this CPU is high; masked or not */
	CPU_PEND_TIMER = 1 << 2,  /* a timer deadline may have passed */
	CPU_PEND_TLBI = 1 << 3,	  /* another CPU broadcast an invalidation */
	CPU_PEND_EXIT = 1 << 4,	  /* c->exit is filled: leave vcpu_run with it */
	CPU_PEND_RESYNC = 1 << 5, /* code generation or translation regime changed */
	CPU_PEND_EVENT = 1 << 6,  /* WFE's event register; ends no block */
};

/* What an A64 exception needs; ESR_EL1 = ec << 26 | IL | iss. */
enum {
	EC_UNKNOWN = 0x00,
	EC_WFX = 0x01,
	EC_FP_ACCESS = 0x07,
	EC_ILLEGAL_STATE = 0x0e,
	EC_SVC64 = 0x15,
	EC_HVC64 = 0x16,
	EC_SMC64 = 0x17,
	EC_SYSREG = 0x18,
	EC_IABT_LOWER = 0x20,
	EC_IABT_SAME = 0x21,
	EC_PC_ALIGN = 0x22,
	EC_DABT_LOWER = 0x24,
	EC_DABT_SAME = 0x25,
	EC_SP_ALIGN = 0x26,
	EC_FP_TRAP = 0x2c,
	EC_BREAKPOINT_LOWER = 0x30,
	EC_SOFTSTEP_LOWER = 0x32,
	EC_WATCHPOINT_LOWER = 0x34,
	EC_BRK64 = 0x3c,
};

/*
 * Unknown or disabled instructions and the FP trap, for decoders and handlers of every
 * file. All of them return what the handler must return.
 */
const struct op *cpu_undefined(struct cpu *c, const struct op *op);
const struct op *cpu_fp_trap(struct cpu *c, const struct op *op);
/* An exception taken to EL1 from the instruction `op` (preferred return: that instruction, or the next for
 * SVC/HVC). */
const struct op *cpu_exception(struct cpu *c, const struct op *op, uint32_t ec, uint32_t iss);

/*
 * Guest memory by virtual address, as the current EL sees it: mmu.h, inline, with the
 * software TLB in front. All of them have this shape: false means the exception is
 * already taken (or an MMIO exit was left to be completed and the instruction will be
 * executed again); the handler then does `return cpu_after_fault(c);` and has changed
 * nothing. Aligned accesses up to 8 bytes are single-copy atomic (relaxed); unaligned
 * ones go in pieces.
 *
 *   bool cpu_load8/16/32/64(struct cpu *c, const struct op *op, uint64_t va, uintN_t *ret);
 *   bool cpu_load128(struct cpu *c, const struct op *op, uint64_t va, union vreg *ret);
 *   bool cpu_store8/16/32/64(struct cpu *c, const struct op *op, uint64_t va, uintN_t v);
 *   bool cpu_store128(struct cpu *c, const struct op *op, uint64_t va, const union vreg *v);
 *
 *   bool cpu_load_pair64(struct cpu *c, const struct op *op, uint64_t va, uint64_t *lo, uint64_t *hi);
 *   bool cpu_store_pair64(struct cpu *c, const struct op *op, uint64_t va, uint64_t lo, uint64_t hi);
 *
 * Variants behind a flag word for the rare forms (acquire/release, exclusive, atomic,
 * unprivileged LDTR/STTR):
 *   bool cpu_load_flags(struct cpu *c, const struct op *op, uint64_t va, uint32_t len, uint32_t flags,
 * uint64_t *ret); bool cpu_store_flags(struct cpu *c, const struct op *op, uint64_t va, uint32_t len,
 * uint32_t flags, uint64_t v); uint8_t *cpu_host_ptr(struct cpu *c, const struct op *op, uint64_t va,
 * uint32_t len, uint32_t flags); gives RAM for `len` <= 16 naturally aligned bytes after all permission and
 * alignment checks, or NULL with the exception taken (exclusives and atomics to MMIO fault). A store of
 * several registers probes first, so that a fault leaves nothing half-done: bool cpu_probe_store(struct cpu
 * *c, const struct op *op, uint64_t va, uint32_t len);
 */
enum {
	CPU_MEM_WRITE = 1,
	CPU_MEM_READ = 2,
	CPU_MEM_UNPRIV = 4,
	CPU_MEM_ALIGNED = 8,
	CPU_MEM_QUAD = 16 /* one of 16 bytes */
};
/* After false or NULL from any of them. */
const struct op *cpu_after_fault(struct cpu *c);

/* Virtual address of `op`, an op of the block being executed. */
#define CPU_PC(c, op) cpu_pc((c), (op))

/*
 * Ends of blocks (exec.c). A branch's handler is the last op of its block and returns
 * one of these. `slot` 0 or 1 names which of the block's two direct successors this is
 * (taken, fall-through), so that it can be chained. Inline, in block.h:
 *
 *   const struct op *cpu_goto(struct cpu *c, const struct op *op, uint64_t va, int slot);
 *   const struct op *cpu_goto_indirect(struct cpu *c, const struct op *op, uint64_t va);
 */
/* After the instruction `op`, leave the block and look at everything anew (ISB, MSR of control registers,
 * WFI, unmasking). */
const struct op *cpu_resync(struct cpu *c, const struct op *op);
const struct op *cpu_eret(struct cpu *c, const struct op *op);

/*
 * System registers and system instructions (sysreg.c); `key` packs the encoding as
 * GIC_SYSREG() does. The handler returns what these return; they continue with the next
 * op themselves. MSR (immediate) has op0 = 0 and `imm` in op->imm.
 */
const struct op *cpu_mrs(struct cpu *c, const struct op *op);	  /* aux = key, rd */
const struct op *cpu_msr(struct cpu *c, const struct op *op);	  /* aux = key, rd = source */
const struct op *cpu_msr_imm(struct cpu *c, const struct op *op); /* aux = key (op1, op2), imm */
const struct op *cpu_sys(struct cpu *c, const struct op *op);	  /* aux = key, rd = Xt: IC, DC, TLBI, AT */
const struct op *cpu_svc(struct cpu *c, const struct op *op);	  /* imm */
const struct op *cpu_hvc(struct cpu *c, const struct op *op);	  /* imm */
const struct op *cpu_smc(struct cpu *c, const struct op *op);	  /* imm */
const struct op *cpu_brk(struct cpu *c, const struct op *op);	  /* imm */
const struct op *cpu_wfi(struct cpu *c, const struct op *op);
const struct op *cpu_wfe(struct cpu *c, const struct op *op);
const struct op *cpu_sev(struct cpu *c, const struct op *op);
const struct op *cpu_isb(struct cpu *c, const struct op *op);
const struct op *cpu_dsb(struct cpu *c, const struct op *op); /* a full barrier; waits for broadcast TLBIs */
/* DC ZVA goes through cpu_sys. The exclusive monitor: */
void cpu_clear_exclusive(struct cpu *c);

/*
 * Decoders: given an instruction word, fill *op (fn, fields) and return true, or false
 * when the word is not theirs. Unallocated encodings are not an error: the caller
 * installs cpu_undefined.
 */
enum decode_result {
	DECODE_NO,   /* not mine or unallocated: cpu_undefined, which ends the block */
	DECODE_OP,   /* the next instruction follows in the block */
	DECODE_LAST, /* ends the block: branch, exception, or needs a resync */
};
/*
 * decode_int.c: integer, branch, system, loads and stores of X registers. PC-relative
 * results are formed at run time from cpu_pc (blocks are keyed by physical address).
 */
enum decode_result decode_int(uint32_t insn, struct op *op);
/* decode_fpsimd.c: everything on V registers, their loads and stores, AES, SHA, PMULL. */
enum decode_result decode_fpsimd(uint32_t insn, struct op *op);

#include "hv/soft/cpu/state.h"
#include "hv/soft/cpu/mmu.h"
#include "hv/soft/cpu/block.h"

#endif
