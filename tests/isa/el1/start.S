/* SPDX-License-Identifier: Apache-2.0 */
/* Entry, exception vectors, and el1_enter(): from EL1 into the code of a test and back by an exception. */

	.section .text.start, "ax"
	.global _start
_start:
	adrp	x2, stack_end
	mov	sp, x2
	adrp	x2, bss_start
	add	x2, x2, #:lo12:bss_start
	adrp	x3, bss_end
2:	str	xzr, [x2], #8
	cmp	x2, x3
	b.lo	2b
	adrp	x2, el1_vectors
	msr	vbar_el1, x2
	isb
	bl	el1_main
3:	wfi
	b	3b

	/* A secondary CPU: X0 is its number; el1_main_other never returns. */
	.global el1_start_other
el1_start_other:
	adrp	x2, stacks_other
	add	x3, x0, #1
	lsl	x3, x3, #12
	add	x2, x2, x3
	mov	sp, x2
	adrp	x2, el1_vectors
	msr	vbar_el1, x2
	bl	el1_main_other
4:	wfi
	b	4b

/* struct el1_run; TPIDR_EL1 points at it, TPIDRRO_EL0 is scratch. */
#define RUN_SP 248
#define RUN_SPSR 256
#define RUN_PC 264
#define RUN_VECTOR 272
#define RUN_ESR 280
#define RUN_ELR 288
#define RUN_FAR 296
#define RUN_SPSR_OUT 304
#define RUN_SAVED 312

	.text
	.macro	each_pair insn
	\insn	x1, x2, [x30, #8]
	\insn	x3, x4, [x30, #24]
	\insn	x5, x6, [x30, #40]
	\insn	x7, x8, [x30, #56]
	\insn	x9, x10, [x30, #72]
	\insn	x11, x12, [x30, #88]
	\insn	x13, x14, [x30, #104]
	\insn	x15, x16, [x30, #120]
	\insn	x17, x18, [x30, #136]
	\insn	x19, x20, [x30, #152]
	\insn	x21, x22, [x30, #168]
	\insn	x23, x24, [x30, #184]
	\insn	x25, x26, [x30, #200]
	\insn	x27, x28, [x30, #216]
	.endm
	.macro	each_saved insn
	\insn	x19, x20, [x30, #RUN_SAVED]
	\insn	x21, x22, [x30, #RUN_SAVED + 16]
	\insn	x23, x24, [x30, #RUN_SAVED + 32]
	\insn	x25, x26, [x30, #RUN_SAVED + 48]
	\insn	x27, x28, [x30, #RUN_SAVED + 64]
	.endm

	.global	el1_enter
el1_enter:
	mov	x1, x30
	mov	x30, x0
	each_saved stp
	mov	x2, sp
	stp	x29, x1, [x30, #RUN_SAVED + 80]
	str	x2, [x30, #RUN_SAVED + 96]
	msr	tpidr_el1, x30
	ldp	x1, x2, [x30, #RUN_SP]
	msr	sp_el0, x1
	mov	sp, x1
	msr	spsr_el1, x2
	ldr	x2, [x30, #RUN_PC]
	msr	elr_el1, x2
	msr	far_el1, xzr
	each_pair ldp
	ldr	x0, [x30]
	ldp	x29, x30, [x30, #232]
	eret

	.balign	2048
	.global	el1_vectors
el1_vectors:
	.irp	vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
	.balign	128
	msr	tpidrro_el0, x30
	mrs	x30, tpidr_el1
	str	x0, [x30]
	mov	x0, #\vector
	b	el1_return
	.endr

	.balign	128
el1_return:
	str	x0, [x30, #RUN_VECTOR]
	each_pair stp
	str	x29, [x30, #232]
	mrs	x0, tpidrro_el0
	str	x0, [x30, #240]
	mov	x0, sp
	str	x0, [x30, #RUN_SP]
	mrs	x0, esr_el1
	mrs	x1, elr_el1
	stp	x0, x1, [x30, #RUN_ESR]
	mrs	x0, far_el1
	mrs	x1, spsr_el1
	stp	x0, x1, [x30, #RUN_FAR]
	ldr	x0, [x30, #RUN_SAVED + 96]
	mov	sp, x0
	each_saved ldp
	ldp	x29, x30, [x30, #RUN_SAVED + 80]
	ret

	.bss
	.balign	4096
stack:	.skip	16384
stack_end:
	.global	stacks_other
stacks_other:
	.skip	4096 * 8
