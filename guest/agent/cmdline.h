/* SPDX-License-Identifier: Apache-2.0 */
/* The words sm.KEY=VALUE of the kernel command line; see the end of guest/proto.h. */
#ifndef AGENT_CMDLINE_H
#define AGENT_CMDLINE_H

#include <stdbool.h>
#include <stdint.h>

#define CMDLINE_LAYERS_MAX 128u

struct cmdline {
	bool has_root;	 /* sm.layers was given */
	uint32_t layers; /* partitions of the layers disk */
	bool tmpfs;	 /* the writable layer lives in memory */
	bool ready_on_console;
	char wrong[64]; /* the first sm. word that is none of ours, else "" */
};

void cmdline_parse(const char *text, struct cmdline *ret);

#endif
