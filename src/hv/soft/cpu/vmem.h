/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handlers of loads and stores of V registers. Fields: rd (Rt), ra (Rt2), rn (base), rm
 * (index), imm (offset); aux as each group says.
 */
#ifndef HV_SOFT_CPU_VMEM_H
#define HV_SOFT_CPU_VMEM_H

#include "hv/soft/cpu/row.h"

enum vmem_size { VMEM_B, VMEM_H, VMEM_S, VMEM_D, VMEM_Q, VMEM_SIZES };
/* Index forms have the shift in aux. */
enum vmem_mode { VMEM_OFF, VMEM_PRE, VMEM_POST, VMEM_LSL, VMEM_UXTW, VMEM_SXTW, VMEM_LITERAL, VMEM_MODES };

extern op_fn *const vmem_load_fns[VMEM_MODES][VMEM_SIZES];
extern op_fn *const vmem_store_fns[VMEM_MODES][VMEM_SIZES];
/* Without the index forms; S, D, Q. */
extern op_fn *const vmem_load_pair_fns[VMEM_POST + 1][3];
extern op_fn *const vmem_store_pair_fns[VMEM_POST + 1][3];

/*
 * LD1-LD4 and ST1-ST4. Post-indexed forms add imm, or the register rm if it is not X_ZERO, to
 * the base; the others have rm = X_ZERO and imm = 0.
 */
#define VSTRUCT_AUX(size, nr_regs, interleave, q, index)                                                     \
	((size) | (uint32_t)(nr_regs) << 4 | (uint32_t)(interleave) << 8 | (uint32_t)(q) << 12 |             \
	 (uint32_t)(index) << 16)
#define VSTRUCT_SIZE(aux) ((aux)&15)
#define VSTRUCT_REGS(aux) ((aux) >> 4 & 15)
#define VSTRUCT_INTERLEAVE(aux) ((aux) >> 8 & 15)
#define VSTRUCT_Q(aux) ((aux) >> 12 & 1)
#define VSTRUCT_INDEX(aux) ((aux) >> 16)

op_fn vstruct_load, vstruct_store;	     /* whole registers */
op_fn vstruct_load_lane, vstruct_store_lane; /* one element of each */
op_fn vstruct_load_replicate;		     /* LD1R-LD4R */
op_fn vstruct_load1_q, vstruct_store1_q;     /* one whole Q register */

/*
 * The handler `name`: `hit` with the host's address in `at` where the TLB hits; name_slow, which
 * starts again, where it does not. So the fast one calls nothing and needs no stack frame.
 */
#define VMEM_FAST(linkage, name, tag, len, address, hit, after)                                              \
	linkage const struct op *name(struct cpu *c, const struct op *op)                                    \
	{                                                                                                    \
		const uint64_t va = (address);                                                               \
		const struct tlb_entry *t = tlb_slot(c->tlb, va);                                            \
		const uint64_t at = va + t->addend;                                                          \
		if (!tlb_hit(t->tag, va, len))                                                               \
			CPU_MUSTTAIL return name##_slow(c, op);                                              \
		hit;                                                                                         \
		after;                                                                                       \
		OP_NEXT(c, op);                                                                              \
	}
#define VMEM_SLOW static __attribute__((noinline)) const struct op

static inline void vmem_get(union vreg *v, uint64_t at)
{
	const uint64_t low = guest_get64(at);

	vreg_set(v, low, guest_get64(at + 8));
}

static inline void vmem_put(const union vreg *v, uint64_t at)
{
	guest_put64(at, v->d[0]);
	guest_put64(at + 8, v->d[1]);
}

extern const struct a64_row vmem_rows[];
extern const uint32_t vmem_nr_rows;

#endif
