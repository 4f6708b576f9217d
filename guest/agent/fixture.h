/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent without a VM, for tests: its own code is PID 1 of fresh namespaces, with this
 * machine's root file system as the only layer, and gets its connections by SCM_RIGHTS
 * instead of vsock. Needs root. One agent per test.
 */
#ifndef AGENT_FIXTURE_H
#define AGENT_FIXTURE_H

#include <stddef.h>

#include "vm/agent.h"

int fixture_setup(void **state);
int fixture_teardown(void **state);
/* cmocka's runner; a skip without root. */
#define fixture_run(tests) (geteuid() ? fixture_skip() : cmocka_run_group_tests(tests, NULL, NULL))
int fixture_skip(void);
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* A connection of the agent's service ('s'), or one on which it says hello ('h'). */
int fixture_dial(void **state, char kind);

/* One command, its input and what came of it; out and err are NUL-terminated. */
struct run {
	struct agent_exec_options o;
	const char *in; /* NULL: no stdin */
	size_t in_len;
	size_t out_size; /* room for output, 0: 64 KiB */
	char *out, *err;
	size_t out_len, err_len;
	struct agent_exec_result res;
};

void run_command(void **state, struct run *r);
void run_free(struct run *r);
/* sh -c; static memory. */
const char *const *run_shell(const char *script);
/* Runs a script that has this status and output. */
void run_expect(void **state, const char *script, int status, const char *out);
/* A container whose PID 1 stays. */
struct agent_exec *run_idle(void **state);

#endif
