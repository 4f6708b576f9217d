/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a process runs as: Docker's rules over the text of /etc/passwd and /etc/group.
 * A spec is "", "name", "uid", "name:group" or "uid:gid"; a number needs no entry, a
 * name does. Supplementary groups are those that list the user, unless a group is given.
 */
#ifndef AGENT_USER_H
#define AGENT_USER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define USER_GROUPS_MAX 1024

struct user {
	uid_t uid;
	gid_t gid;
	char name[64];	/* "" when only a number is known */
	char home[512]; /* "/" when unknown */
	gid_t groups[USER_GROUPS_MAX];
	size_t nr_groups;
};

/* False: `why` says which name has no entry. */
bool user_find(const char *passwd, const char *group, const char *spec, struct user *ret, char *why,
	       size_t why_size);

#endif
