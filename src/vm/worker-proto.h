/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Library <-> worker: SOCK_SEQPACKET on the worker's descriptor WORKER_FD, one JSON object
 * per message, at most WORKER_MSG_MAX bytes. Files pass only as descriptors beside a
 * message, never as paths. docs/worker-protocol.md tells the same with examples.
 *
 * Library -> worker
 *   {"op":"start", "memory":BYTES, "cpus":N, "backend":"soft", "cmdline":"...",
 *    "layers":N, "save":BOOL, "fds":["kernel","initrd","console","log","vsock","dir","root","kvm",
 *    "state","memory"]}
 *        beside it the named descriptors in that order, then layer images, bottom first
 *   {"op":"layers"}          beside it more layer images, until there are N
 *   {"op":"stats"}
 *   {"op":"snapshot"}        beside it two empty files: state, memory; the machine ends
 *   {"op":"stop"}            power off now; the worker exits 0
 * Worker -> library
 *   {"op":"ready", "instructions":N, ...}     the agent dials the host: its numbers so far, as in stats
 *   {"op":"started", "us":N}                  jail closed, vCPUs running; us since the start message
 *   {"op":"error", "code":N, "text":"..."}    the VM could not be started; the worker exits 1
 *   {"op":"stats", "instructions":N, "exits":{"mmio":N, "pio":N, "other":N}, "guest_faults":N}
 *   {"op":"saved", "us":N}                    snapshot written; then the worker exits
 *   {"op":"ended", "reason":"shutdown"|"reset"|"fault"|"stop", "text":"..."}   then the worker exits
 * When the library's end closes, the worker exits: no VM outlives its owner.
 */
#ifndef VM_WORKER_PROTO_H
#define VM_WORKER_PROTO_H

#define WORKER_FD 3
#define WORKER_MSG_MAX (64 << 10)
#define WORKER_FDS_MAX 60 /* descriptors beside one message */

#endif
