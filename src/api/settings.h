/* SPDX-License-Identifier: Apache-2.0 */
/* The container's settings of sm_vm_options, from Docker's spelling to what the agent takes. */
#ifndef API_SETTINGS_H
#define API_SETTINGS_H

#include "api/internal.h"
#include "vm/agent.h"

struct settings {
	struct agent_settings agent;
	char **hosts, **resolv;
	struct agent_tmpfs *tmpfs; /* its strings belong to `texts` */
	struct agent_limit *limits;
	char **texts;
	bool wanted; /* there is anything to send */
};

/* EINVAL names what is wrong. */
int settings_parse(const struct sm_vm_options *o, struct settings *ret, struct sm_err *e);
/* Before the first process. */
int settings_send(struct sm_vm *vm, const struct settings *s, struct sm_err *e);
void settings_fini(struct settings *s);

#endif
