/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VM's worker process: starting it, taking its messages, and finding out why it ended,
 * so that whoever waits for a process in the VM hears the cause and not its symptom.
 */
#include "api/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "api/child.h"
#include "util/fd.h"
#include "vm/worker-proto.h"

/* From a lost connection to the worker's word: it sends that first, a dying guest a bit later. */
#define VM_LAST_WORD_MS 2000

int vm_worker_send(struct sm_vm *vm, json_t *msg, const int *fds, size_t nr_fds, struct sm_err *e)
{
	char *text = json_dumps(msg, JSON_COMPACT);
	int r;

	json_decref(msg);
	if (!text)
		return err_errno(e, ENOMEM, "VM %s", vm->id);
	r = fd_send_msg(vm->ctl_fd, text, strlen(text), fds, nr_fds);
	free(text);
	return r < 0 ? err_errno(e, -r, "VM %s: worker", vm->id) : 0;
}

int vm_worker_start(struct sm_vm *vm, struct sm_err *e)
{
	static const char *const argv[] = { "supermachine-worker", NULL };
	char path[PATH_MAX];
	int sv[2], r, err_fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", vm->ctx->places.libexec, argv[0]) >= sizeof(path))
		return err_set(e, ENAMETOOLONG, "%s: path too long", argv[0]);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		return err_errno(e, errno, "VM %s: worker socket", vm->id);
	/* Failed assertions and sanitizer reports of the worker. */
	err_fd = openat(vm->dir_fd, "worker.err", O_RDWR | O_CREAT | O_CLOEXEC | O_APPEND, 0600);
	r = child_start(path, argv, -1, sv[1], WORKER_FD, err_fd, &vm->pid, e);
	fd_close(&err_fd);
	close(sv[1]);
	if (r < 0)
		close(sv[0]);
	else
		vm->ctl_fd = sv[0];
	return r;
}

void vm_last_line(struct sm_vm *vm, const char *name, const char *word, char *ret, size_t max)
{
	char *text, *line;
	size_t len;

	ret[0] = 0;
	if (fd_read_file(vm->dir_fd, name, 1 << 20, &text, &len, NULL) < 0)
		return;
	while (len) {
		while (len && strchr("\r\n", text[len - 1]))
			text[--len] = 0;
		line = strrchr(text, '\n');
		line = line ? line + 1 : text;
		if (strstr(line, word)) {
			snprintf(ret, max, "%s", strstr(line, word));
			break;
		}
		len = (size_t)(line - text);
	}
	free(text);
}

static int vm_worker_died(struct sm_vm *vm, struct sm_err *e)
{
	char how[80], last[200];
	int status = child_wait(vm->pid);

	vm->pid = -1;
	vm_last_line(vm, "worker.err", "", last, sizeof(last));
	if (!last[0])
		vm_last_line(vm, "worker.log", "", last, sizeof(last));
	return err_set(e, EIO, "VM %s: worker ended with %s%s%s", vm->id,
		       child_describe(status, how, sizeof(how)), last[0] ? ": " : "", last);
}

/* The guest's life is over; `text` says more for a fault, the console for a panic. */
static int vm_guest_ended(struct sm_vm *vm, const char *reason, const char *text, struct sm_err *e)
{
	bool fault = !strcmp(reason, "fault");
	const char *how = fault				? "the guest cannot go on"
			  : !strcmp(reason, "shutdown") ? "the guest powered off"
			  : !strcmp(reason, "reset")	? "the guest asked for a reset"
							: "it was stopped";
	char more[512];

	if (fault) {
		vm_last_line(vm, "worker.log", "error kvm: ", more, sizeof(more));
		if (more[0])
			log_msg(&vm->ctx->log, SM_LOG_INFO, "vm", "%s", more);
	}
	snprintf(more, sizeof(more), "%s", text);
	if (!more[0])
		vm_last_line(vm, "console.log", "Kernel panic", more, sizeof(more));
	return err_set(e, EIO, "VM %s: %s%s%s", vm->id, how, more[0] ? ": " : "", more);
}

static void vm_take_timings(struct sm_vm *vm, json_t *stats)
{
	json_int_t instructions = 0, mmio = 0, pio = 0, other = 0;

	json_unpack(stats, "{s?I, s?{s?I, s?I, s?I}}", "instructions", &instructions, "exits", "mmio", &mmio,
		    "pio", &pio, "other", &other);
	vm->timings.instructions = (uint64_t)instructions;
	vm->timings.exits_mmio = (uint64_t)mmio;
	vm->timings.exits_pio = (uint64_t)pio;
	vm->timings.exits_other = (uint64_t)other;
}

int vm_worker_message(struct sm_vm *vm, struct sm_err *e)
{
	char text[WORKER_MSG_MAX];
	const char *op = "", *reason = "", *why = "";
	json_int_t code = EIO, us = 0;
	size_t nr_fds;
	ssize_t n = fd_recv_msg(vm->ctl_fd, text, sizeof(text), NULL, 0, &nr_fds);
	json_t *o = n > 0 ? json_loadb(text, (size_t)n, 0, NULL) : NULL;
	int r = 0;

	if (n <= 0 || !o)
		return vm_worker_died(vm, e);
	json_unpack(o, "{s:s, s?s, s?s, s?I, s?I}", "op", &op, "reason", &reason, "text", &why, "code", &code,
		    "us", &us);
	if (!strcmp(op, "error")) {
		/* What the kernel refused is doctor's field. */
		r = err_set(e, code > 0 ? (int)code : EIO, "%s%s", why,
			    strncmp(why, "KVM: ", 5) ? "" : "; `supermachine doctor` tells more");
	} else if (!strcmp(op, "ended")) {
		r = vm_guest_ended(vm, reason, why, e);
	} else if (!strcmp(op, "started")) {
		vm->timings.machine_us = vm->timings.worker_us + (uint64_t)us;
	} else if (!strcmp(op, "ready")) {
		vm_take_timings(vm, o);
		vm->ready_told = true;
	} else if (!strcmp(op, "saved")) {
		vm->saved = true;
	}
	json_decref(o);
	return r;
}

int vm_explain(struct sm_vm *vm, int err, struct sm_err *e)
{
	uint64_t end = vm_now_us() + VM_LAST_WORD_MS * 1000, now;

	if (err != -ECONNRESET && err != -ECONNREFUSED && err != -EPIPE)
		return err;
	pthread_mutex_lock(&vm->lock);
	while (!vm->end.code && vm->ctl_fd >= 0 && (now = vm_now_us()) < end) {
		struct pollfd p = { .fd = vm->ctl_fd, .events = POLLIN };

		if (poll(&p, 1, (int)((end - now) / 1000) + 1) > 0)
			vm_worker_message(vm, &vm->end);
	}
	if (vm->end.code)
		err = err_set(e, vm->end.code, "%s", vm->end.text);
	pthread_mutex_unlock(&vm->lock);
	return err;
}
