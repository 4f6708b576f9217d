/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keeper: a process per VM that outlives whoever started it. It owns the VM, copies
 * its command's output into the log and to whoever is attached, writes the state, and
 * ends with the VM.
 *
 * Packets of JSON, {"op": ...}, both ways, up to KEEPER_MSG_MAX bytes. The starter's socket
 * is descriptor KEEPER_FD. First goes "start" with a memfd holding the request
 * (keeper-request.c) and the command's descriptors, named by "streams"; the answer is
 * "started" with the id, and the writing end of stdin when it is held, or "error" with
 * code and text. Then the starter gets "ended" with the result, or sends "detach" and gets
 * "detached".
 *
 * Others connect to the socket `ctl` in the VM's directory and send one of "signal"
 * (signum), "winsize" (rows, cols), "rename" (name), "destroy", which are answered by "ok"
 * or "error"; "wait", answered by "ended"; or "attach" (streams, descriptors), answered by
 * "ok" with the writing end of stdin when it is held, from where on the connection is as
 * the starter's.
 */
#ifndef API_KEEPER_H
#define API_KEEPER_H

#include "api/internal.h"

#define KEEPER_FD 3
#define KEEPER_MSG_MAX (8u << 10)
#define KEEPER_FDS_MAX 4
#define KEEPER_SOCKET "ctl"
#define KEEPER_PROGRAM "supermachine-keeper"
#define KEEPER_STOP_TIMEOUT_MS 10000

/* Takes `msg`; 0 or -errno. */
int keeper_send(int fd, json_t *msg, const int *fds, size_t nr_fds);
/* A message to be decref'd; descriptors that did not come are -1. -ECONNRESET: the peer is gone. */
int keeper_receive(int fd, json_t **ret, int fds[KEEPER_FDS_MAX]);
void keeper_close_fds(int fds[KEEPER_FDS_MAX]);
/* "streams" of the descriptors that are not negative; puts those into `fds` behind *nr. */
json_t *keeper_put_streams(const int streams[3], int *fds, size_t *nr);
/* Moves fds[first...] to their places; the others are -1. */
void keeper_take_streams(const json_t *msg, int *fds, size_t first, int ret[3]);

/* ---- the request (keeper-request.c) ---- */

#define KEEPER_VM_LISTS 5

struct keeper_request {
	json_t *json;
	const char *home, *image, *platform, *name, *stop_signal;
	const char **labels, **argv, **env, **vm_lists[KEEPER_VM_LISTS];
	int stop_timeout_ms;
	bool remove, foreground, hold_stdin;
	struct sm_vm_options vm;
	struct sm_exec_options command;
};
json_t *keeper_request_pack(struct sm_image *image, const struct sm_run_options *o);
/* Takes `json`, also when it fails. */
int keeper_request_unpack(json_t *json, struct keeper_request *ret, struct sm_err *e);
void keeper_request_fini(struct keeper_request *r);

#endif
