/* SPDX-License-Identifier: Apache-2.0 */
/* A fuzz input as the program of a hostile driver: see script.c for its instructions. */
#ifndef TESTS_FUZZ_SCRIPT_H
#define TESTS_FUZZ_SCRIPT_H

#include <stddef.h>

#include "tests/lib/ring.h"

/* Addresses in a script are relative to RING_BASE plus this; the rings lie below. */
#define SCRIPT_DATA (1ull << 20)

/*
 * Runs at most a few thousand instructions against the started device `d->vd`. `host`
 * (may be NULL) is the other side, one instruction byte at a time.
 */
void script_run(struct ring_driver *d, const uint8_t *data, size_t len, void (*host)(uint8_t what));

#endif
