/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container: the namespaces, mounts and cgroup a VM's sessions run in. At most one
 * exists at a time; its life is that of its PID 1. The agent stays outside, in a pid
 * namespace above, and is the parent of every session's process.
 */
#ifndef AGENT_CONTAINER_H
#define AGENT_CONTAINER_H

#include <stdint.h>
#include <stddef.h>
#include <sys/types.h>

/* Where things are for the agent; strings must outlive everything. */
struct container_place {
	const char *root;    /* a mount point: the container's root directory */
	const char *etc;     /* directory with hostname, hosts and resolv.conf, bound into the container */
	const char *cgroup;  /* the container's cgroup directory; NULL: none */
	const char *refusal; /* why no container can be made, NULL when one can */
};

enum container_state { CONTAINER_NONE, CONTAINER_STARTING, CONTAINER_RUNNING };

int container_init(const struct container_place *p);
const struct container_place *container_get_place(void);
enum container_state container_get_state(void);
/* The name goes to the kernel and to the files in `etc`. */
void container_set_hostname(const char *name);
/* What containers read from now on; until then it is the kernel's. */
#define CONTAINER_BOOT_ID "boot_id" /* in `etc` */
void container_set_boot_id(const char *id);

/*
 * As fork(2): PID 1 of a new container (state becomes STARTING), a process of the running
 * one (in its pid namespace, else still outside: call container_enter), or one outside.
 * `cgroup` is a directory from container_open_cgroup, or -1.
 */
pid_t container_fork_first(int cgroup);
pid_t container_fork_member(int cgroup);
pid_t container_fork_outside(void);
/* PID 1 executes its command; PID 1 is gone. */
void container_started(void);
void container_ended(void);

/* A directory for a session of its own under the container's (0: the container's), or -1. */
int container_open_cgroup(uint64_t session);
void container_remove_cgroup(uint64_t session);
/* Kernel's out-of-memory kills in the container so far. */
uint64_t container_count_oom(void);

/* ---- in the child ---- */

/* Joins the running container; else only its root directory. 0 or -errno. */
int container_enter(void);
/* Makes the calling PID 1's mounts and moves into them. 0, or -errno and `why`. */
int container_build(char *why, size_t why_size);

#endif
