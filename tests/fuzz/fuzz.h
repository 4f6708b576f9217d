/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A fuzz target is one function that must neither crash nor leak on any bytes. It returns
 * 0; what it could not parse is no error.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

__attribute__((visibility("default"))) int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#endif
