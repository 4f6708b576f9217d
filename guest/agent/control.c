/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/agent/control.h"

#include <signal.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest/agent/container.h"
#include "guest/agent/identity.h"
#include "guest/agent/session.h"
#include "guest/agent/settings.h"
#include "guest/agent/text.h"

static void send_stats(struct conn *c, uint32_t stream)
{
	struct sysinfo si = { 0 };

	sysinfo(&si);
	/* Pairs of a number from docs/agent-protocol.md and its value. */
	const uint64_t pairs[][2] = {
		{ 1, (uint64_t)si.totalram * si.mem_unit },
		{ 2, (uint64_t)si.freeram * si.mem_unit },
		{ 3, (uint64_t)si.bufferram * si.mem_unit },
		{ 4, (uint64_t)si.sharedram * si.mem_unit },
		{ 5, (uint64_t)si.uptime },
		{ 6, si.procs },
		{ 7, session_count() },
		{ 8, conn_count() },
		{ 9, container_count_oom() },
	};
	frame_begin(&c->out, SMP_OK, stream);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		frame_put_u64(&c->out, pairs[i][0]);
		frame_put_u64(&c->out, pairs[i][1]);
	}
	frame_end(&c->out);
}

static void power_off(void)
{
	kill(-1, SIGKILL);
	while (wait(NULL) > 0)
		;
	sync();
	/* So that the writable disk is clean; what is still busy was synced. */
	umount2(container_get_place()->root, 0);
	umount2("/w", 0);
	reboot(RB_POWER_OFF);
}

/* The host goes on only after the answer: no command runs before. */
static bool resume(struct conn *c, const struct frame *f)
{
	struct frame_reader r = frame_reader_of(f);

	if (!identity_resume(&r))
		return false;
	conn_send_ok(c, f->stream);
	return true;
}

bool control_frame(struct conn *c, const struct frame *f)
{
	if (f->type == SMP_RESUME)
		return resume(c, f);
	if (f->type == SMP_CONTAINER) {
		if (container_get_state() != CONTAINER_NONE || !settings_take(f))
			return false;
		conn_send_ok(c, f->stream);
		return true;
	}
	if (f->len)
		return false;
	switch (f->type) {
	case SMP_SYNC:
		sync();
		break;
	case SMP_DROP_CACHES:
		sync();
		text_write_file("/proc/sys/vm/drop_caches", "3");
		break;
	case SMP_STATS:
		send_stats(c, f->stream);
		return true;
	case SMP_POWEROFF:
		power_off();
		return true;
	default:
		return false;
	}
	conn_send_ok(c, f->stream);
	return true;
}
