/* SPDX-License-Identifier: Apache-2.0 */
/* What a running VM costs: the guest's own account, and the host's of its worker. */
#include "api/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/fd.h"
#include "vm/agent.h"

/* Fields of /proc/PID/stat counted from the state, which follows the name in brackets. */
#define STATS_UTIME 11
#define STATS_STIME 12
#define STATS_RSS 21

static int stats_of_worker(pid_t pid, struct sm_vm_stats *s, struct sm_err *e)
{
	uint64_t tick = (uint64_t)sysconf(_SC_CLK_TCK), page = (uint64_t)sysconf(_SC_PAGESIZE);
	char path[40], text[1024], *p;
	FD_CLEANUP int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -errno : fd_read_full(fd, text, sizeof(text) - 1);
	if (n < 0)
		return err_errno(e, (int)-n, "%s", path);
	text[n] = 0;
	/* The name may hold anything, also brackets. */
	p = strrchr(text, ')');
	for (int i = 0; p && i <= STATS_RSS; i++) {
		p = strchr(p + 1, ' ');
		if (p && (i == STATS_UTIME || i == STATS_STIME))
			s->cpu_us += strtoull(p + 1, NULL, 10) * 1000000 / tick;
		else if (p && i == STATS_RSS)
			s->host_memory = strtoull(p + 1, NULL, 10) * page;
	}
	return p ? 0 : err_set(e, EIO, "%s: not as expected", path);
}

int sm_vm_stats(struct sm_vm *vm, struct sm_vm_stats *ret, struct sm_err *e)
{
	struct sm_vm_stats s = { 0 };
	struct agent_stats a;
	FD_CLEANUP int fd = -1;
	int r = vm->opened && !life_runs(vm) ? err_set(e, ESRCH, "VM %s: does not run", vm->id) : 0;

	if (!r)
		r = vm_connect_agent(vm, &fd, e);
	if (!r)
		r = agent_stats(fd, &a, e);
	if (!r)
		r = stats_of_worker(vm->pid, &s, e);
	if (r < 0)
		return r;
	s.memory = a.memory;
	s.memory_used = a.memory > a.free ? a.memory - a.free : 0;
	s.processes = a.processes;
	s.uptime = a.uptime;
	s.oom_kills = a.oom_kills;
	*ret = s;
	return 0;
}
