/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's one epoll loop. One event at a time, so a callback may close any watch. */
#ifndef AGENT_LOOP_H
#define AGENT_LOOP_H

#include <stdint.h>

struct watch {
	int fd;		 /* owned; -1: none */
	uint32_t events; /* what is waited for; 0: not in the loop at all, not even for hang-ups */
	void (*fn)(void *owner, uint32_t events);
	void *owner;
};

int loop_init(void);
void loop_watch(struct watch *w, uint32_t events);
/* Leaves the loop and closes the descriptor. */
void loop_close(struct watch *w);
/* Waits for one event and handles it. */
void loop_step(void);

#endif
