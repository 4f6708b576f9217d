/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stamps for exec_simd*.c: an expression over the lanes x (Rn), y (Rm) and d (Rd) becomes a
 * handler per element type T. Plain loops over copies of the registers: the compiler makes
 * vector code of them, and Rd may be Rn or Rm.
 */
#ifndef HV_SOFT_CPU_SIMD_STAMP_H
#define HV_SOFT_CPU_SIMD_STAMP_H

#include "hv/soft/cpu/exec_simd.h"
#include "hv/soft/cpu/fp.h"

extern const union vreg simd_live_mask[17];

static inline void simd_write(struct cpu *c, const struct op *op, union vreg r)
{
	*(vreg_whole *)&c->v[op->rd] = *(vreg_whole *)&r & *(const vreg_whole *)&simd_live_mask[op->aux];
}

static inline void simd_saturated(struct cpu *c, bool q)
{
	c->fp.fpsr |= q ? FPSR_QC : 0;
}

#define LANES(T) (16 / sizeof(T))
#define BITS(T) (8 * (int)sizeof(T))

#define V3_ONE(name, T, m, expr)                                                                             \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vm = c->v[op->rm], vd = c->v[op->rd];                    \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(T); i++) {                                                    \
			const T x = vn.m[i], y = vm.m[i], d = vd.m[i];                                       \
			(void)d;                                                                             \
			r.m[i] = (T)(expr);                                                                  \
		}                                                                                            \
		simd_write(c, op, r);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}

/* Rm's lane imm for all. */
#define V3_ELEM_ONE(name, T, m, expr)                                                                        \
	static const struct op *name##_elem_##m(struct cpu *c, const struct op *op)                          \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vd = c->v[op->rd];                                       \
		const T y = c->v[op->rm].m[op->imm];                                                         \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(T); i++) {                                                    \
			const T x = vn.m[i], d = vd.m[i];                                                    \
			(void)d;                                                                             \
			r.m[i] = (T)(expr);                                                                  \
		}                                                                                            \
		simd_write(c, op, r);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}

/* No Rm; n is the immediate. */
#define V2_ONE(name, T, m, expr)                                                                             \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		const union vreg vn = c->v[op->rn], vd = c->v[op->rd];                                       \
		const int n = (int)op->imm;                                                                  \
		union vreg r;                                                                                \
		for (unsigned i = 0; i < LANES(T); i++) {                                                    \
			const T x = vn.m[i], d = vd.m[i];                                                    \
			(void)d, (void)n;                                                                    \
			r.m[i] = (T)(expr);                                                                  \
		}                                                                                            \
		simd_write(c, op, r);                                                                        \
		OP_NEXT(c, op);                                                                              \
	}

/* Saturating: only lanes that live may set q; yes() and the like return the saturated value. */
#define VQ3_BODY(T, m, y_lane, expr)                                                                         \
	const union vreg vn = c->v[op->rn], vm = c->v[op->rm], vd = c->v[op->rd];                            \
	const int n = (int)op->imm;                                                                          \
	union vreg r = { .q = 0 };                                                                           \
	bool q = false;                                                                                      \
	for (unsigned i = 0; i < op->aux / sizeof(T); i++) {                                                 \
		const T x = vn.m[i], y = vm.m[y_lane], d = vd.m[i];                                          \
		(void)d, (void)y, (void)n;                                                                   \
		r.m[i] = (T)(expr);                                                                          \
	}                                                                                                    \
	simd_saturated(c, q);                                                                                \
	c->v[op->rd] = r;

#define VQ3_ONE(name, T, m, expr)                                                                            \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		VQ3_BODY(T, m, i, expr)                                                                      \
		OP_NEXT(c, op);                                                                              \
	}

#define VQ3_ELEM_ONE(name, T, m, expr)                                                                       \
	static const struct op *name##_elem_##m(struct cpu *c, const struct op *op)                          \
	{                                                                                                    \
		VQ3_BODY(T, m, op->imm, expr)                                                                \
		OP_NEXT(c, op);                                                                              \
	}

#define TABLE4(name, b, h, s, d)                                                                             \
	op_fn *const simd_##name##_fns[4] = { name##_##b, name##_##h, name##_##s, name##_##d };
#define TABLE3(name, b, h, s) op_fn *const simd_##name##_fns[4] = { name##_##b, name##_##h, name##_##s };
#define TABLE_HS(name, h, s) op_fn *const simd_##name##_fns[4] = { NULL, name##_##h, name##_##s };

#define UNSIGNED_BHS(ONE, name, expr)                                                                        \
	ONE(name, uint8_t, b, expr)                                                                          \
	ONE(name, uint16_t, h, expr)                                                                         \
	ONE(name, uint32_t, s, expr)
#define SIGNED_BHS(ONE, name, expr)                                                                          \
	ONE(name, int8_t, sb, expr)                                                                          \
	ONE(name, int16_t, sh, expr)                                                                         \
	ONE(name, int32_t, ss, expr)

/* All sizes, or all but D; the compiler's type rules for lanes do the rest. */
#define STAMP_U4(ONE, name, expr)                                                                            \
	UNSIGNED_BHS(ONE, name, expr)                                                                        \
	ONE(name, uint64_t, d, expr)                                                                         \
	TABLE4(name, b, h, s, d)
#define STAMP_S4(ONE, name, expr)                                                                            \
	SIGNED_BHS(ONE, name, expr)                                                                          \
	ONE(name, int64_t, sd, expr)                                                                         \
	TABLE4(name, sb, sh, ss, sd)
#define STAMP_U3(ONE, name, expr)                                                                            \
	UNSIGNED_BHS(ONE, name, expr)                                                                        \
	TABLE3(name, b, h, s)
#define STAMP_S3(ONE, name, expr)                                                                            \
	SIGNED_BHS(ONE, name, expr)                                                                          \
	TABLE3(name, sb, sh, ss)

/*
 * Long: narrow lanes of type T in Rn and Rm, wide ones of type W in Rd; x and y are widened.
 * `y_lane` is i, or the element's index counted over the whole Rm.
 */
#define VL_BODY(T, m, W, wm, vm_init, y_lane, expr)                                                          \
	const union vreg vn = { .d = { c->v[op->rn].d[op->ra] } }, vd = c->v[op->rd];                        \
	const union vreg vm = vm_init;                                                                       \
	union vreg r;                                                                                        \
	for (unsigned i = 0; i < LANES(W); i++) {                                                            \
		const W x = vn.m[i], y = vm.m[y_lane], d = vd.wm[i];                                         \
		(void)d, (void)y;                                                                            \
		r.wm[i] = (W)(expr);                                                                         \
	}                                                                                                    \
	c->v[op->rd] = r;
#define NARROW_HALF                                                                                          \
	{                                                                                                    \
		.d = { c->v[op->rm].d[op->ra] }                                                              \
	}

#define VL_ONE(name, T, m, W, wm, expr)                                                                      \
	static const struct op *name##_##m(struct cpu *c, const struct op *op)                               \
	{                                                                                                    \
		VL_BODY(T, m, W, wm, NARROW_HALF, i, expr)                                                   \
		OP_NEXT(c, op);                                                                              \
	}
#define VL_ELEM_ONE(name, T, m, W, wm, expr)                                                                 \
	static const struct op *name##_elem_##m(struct cpu *c, const struct op *op)                          \
	{                                                                                                    \
		VL_BODY(T, m, W, wm, c->v[op->rm], op->imm, expr)                                            \
		OP_NEXT(c, op);                                                                              \
	}

#define WIDE_U(ONE, name, expr)                                                                              \
	ONE(name, uint8_t, b, uint16_t, h, expr)                                                             \
	ONE(name, uint16_t, h, uint32_t, s, expr)                                                            \
	ONE(name, uint32_t, s, uint64_t, d, expr)                                                            \
	TABLE3(name, b, h, s)
#define WIDE_S(ONE, name, expr)                                                                              \
	ONE(name, int8_t, sb, int16_t, sh, expr)                                                             \
	ONE(name, int16_t, sh, int32_t, ss, expr)                                                            \
	ONE(name, int32_t, ss, int64_t, sd, expr)                                                            \
	TABLE3(name, sb, sh, ss)

/* The narrow result goes to half op->ra of Rd; the low half's writer clears the high one. */
static inline void simd_write_half(struct cpu *c, const struct op *op, uint64_t half)
{
	union vreg *d = &c->v[op->rd];

	if (op->ra)
		d->d[1] = half;
	else
		d->q = half;
}

#endif
