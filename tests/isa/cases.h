/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of both decoders, and cases for them: random encodings with random and special
 * operands. The same seed gives the same cases on every host.
 */
#ifndef TESTS_ISA_CASES_H
#define TESTS_ISA_CASES_H

#include "hv/soft/cpu/row.h"
#include "tests/isa/judge.h"

struct isa_row {
	const struct a64_row *row;
	const char *by_hand; /* the test that replaces a judge, or NULL */
};

/* All rows, in the decoders' order, at most `max`; how many there are. */
uint32_t isa_rows(struct isa_row *ret, uint32_t max);

void isa_seed(uint64_t seed);
/* A seed for the row that stays the same when rows are added before it. */
uint64_t isa_row_seed(const struct a64_row *row, uint64_t seed);
uint32_t isa_below(uint32_t n);

/* A word of the row whose effect the architecture defines; 0 if this try was none. */
uint32_t isa_word(const struct a64_row *row, struct op *ret_op);
/* X29 is the guest program's: fields that may be a register come back without it. */
uint32_t isa_avoid_reserved(uint32_t insn, uint32_t mask);
/* State for `insn`, which is decoded in `op`. */
void isa_case(struct judge_case *ret, uint32_t insn, const struct op *op);
/* Either decoder, which is told apart by nothing but asking. */
enum decode_result isa_decode(uint32_t insn, struct op *op);

#endif
