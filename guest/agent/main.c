/* SPDX-License-Identifier: Apache-2.0 */
/* PID 1 of the VM: see docs/agent-protocol.md. It never exits. */
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "guest/agent/boot.h"
#include "guest/agent/container.h"
#include "guest/agent/loop.h"
#include "guest/agent/serve.h"
#include "guest/agent/text.h"

static struct watch child_watch = { .fd = -1 };

static void on_child(void *owner, uint32_t events)
{
	struct signalfd_siginfo si;

	(void)owner;
	(void)events;
	while (read(child_watch.fd, &si, sizeof(si)) > 0)
		;
	serve_reap();
}

static void watch_children(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	child_watch = (struct watch){ .fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK), .fn = on_child };
	loop_watch(&child_watch, EPOLLIN);
}

int main(void)
{
	static const char ready[] = "sm.ready=console\n";
	struct container_place place;
	struct cmdline c;

	boot_system(&c);
	boot_root(&c, &place);
	if (container_init(&place) || loop_init())
		text_log("no event loop", NULL);
	container_set_hostname("supermachine");
	watch_children();
	serve_listen();
	hello_dial();
	if (c.ready_on_console && write(STDOUT_FILENO, ready, strlen(ready)) < 0)
		text_log("console lost", NULL);
	for (;;) {
		serve_settle();
		loop_step();
	}
}
