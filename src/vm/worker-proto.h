/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library <-> worker: SOCK_SEQPACKET on the worker's fd WORKER_FD, one JSON object per
 * message, at most WORKER_MSG_MAX bytes. Files pass only as descriptors beside a
 * message, never as paths.
 *
 * Library -> worker
 *   {"op":"start", "memory":BYTES, "cpus":N, "backend":"soft", "cmdline":"...",
 *    "layers":N, "disk":bool, "writable":bool, ...}
 *        descriptors, in this order: kernel, initrd, console (write), log (write),
 *        vsock listener ("vsock" unix socket, listening), ready socket ("vsock_1027", listening),
 *        writable disk if "disk", then the N layer images, bottom first.
 *   {"op":"stop"}            power off now; the worker exits 0
 *   {"op":"stats"}
 * Worker -> library
 *   {"op":"started", "us":N}             jail closed, vCPUs running
 *   {"op":"error", "code":N, "text":"..."}   and the worker exits 1
 *   {"op":"stats", "instructions":N, "exits":N}
 *   {"op":"ended", "reason":"shutdown"|"reset"|"fault", "text":"..."}   and the worker exits
 * When the library's end closes, the worker exits: no VM outlives its owner unless told.
 */
#ifndef VM_WORKER_PROTO_H
#define VM_WORKER_PROTO_H

#define WORKER_FD 3
#define WORKER_MSG_MAX (64 << 10)
#define WORKER_FDS_MAX 60 /* descriptors beside one message; more layers come in "layers" messages */

#endif
