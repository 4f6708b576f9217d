/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol between the host and the guest agent, over vsock.
 *
 * The agent dials CID 2 port SMP_PORT_READY once it can serve and sends SMP_HELLO; the
 * host answers SMP_HELLO_OK with what the VM shall be. It listens on port SMP_PORT_SERVE;
 * each connection carries frames of any number of sessions. Both sides are strict: a
 * frame of unknown type, a length above the limit or a string that does not fit ends the
 * connection, except that a frame for a session which is over is dropped (it may have
 * crossed the SMP_EXIT). All integers little-endian; `str` is u32 length and bytes
 * without NUL; `list` is u32 count and that many str.
 *
 * Version rule: types are only added. A side that sees a higher version than its own
 * speaks its own.
 */
#ifndef GUEST_PROTO_H
#define GUEST_PROTO_H

#include <stdint.h>

#define SMP_VERSION 1u
#define SMP_PORT_READY 1027u
#define SMP_PORT_SERVE 1028u
#define SMP_PAYLOAD_MAX (1u << 20)
#define SMP_STRING_MAX (128u << 10)
#define SMP_LIST_MAX 4096u
/* Data frames of one stream in flight without SMP_CREDIT, bytes. */
#define SMP_WINDOW (256u << 10)

/* On the wire: 12 bytes. */
struct smp_header {
	uint32_t len;	 /* of the payload that follows */
	uint16_t type;	 /* enum smp_type */
	uint16_t flags;	 /* 0 */
	uint32_t stream; /* session id, chosen by the host, not 0; 0: the connection itself */
};
#define SMP_HEADER_LEN 12u

enum smp_type {
	/* Connection. */
	SMP_HELLO = 1,	  /* agent: u32 version, str boot_id, u32 SMP_HELLO_* flags */
	SMP_HELLO_OK = 2, /* host: u32 version, str hostname, u64 realtime_ns (0: keep), str entropy (any
			     bytes, 32 or more); the agent applies it and answers OK */
	SMP_ERROR = 3,	  /* u32 errno, str sentence; the request of `stream` failed */
	SMP_OK = 4,	  /* the request of `stream` is done; payload by request */

	/* Processes. */
	SMP_EXEC = 16,	   /* host: struct below */
	SMP_STARTED = 17,  /* agent: u32 pid in the container's namespace */
	SMP_STDIN = 18,	   /* host: bytes; empty = end of file */
	SMP_STDOUT = 19,   /* agent: bytes; empty = end of file */
	SMP_STDERR = 20,   /* agent: bytes; empty = end of file */
	SMP_CREDIT = 21,   /* receiver of data: u16 type of the data, u32 bytes taken */
	SMP_SIGNAL = 22,   /* host: u32 signal number, to the process group */
	SMP_WINSIZE = 23,  /* host: u16 rows, u16 cols */
	SMP_EXIT = 24,	   /* agent: u32 status (128+n by signal), u64 duration_us, u64 peak_rss bytes,
			      u32 flags (SMP_EXIT_*), str reason; last frame of the session, after all output */
	SMP_ATTACH = 25,   /* host: u64 stdout offset, u64 stderr offset: continue a session */
	SMP_SESSIONS = 26, /* host: ask; OK: list of running session ids as str */
	SMP_CLOSE = 27,	   /* receiver of data: u16 type of the data; it wants no more: stdout is closed
			      under the process, stdin is no longer sent. The sender may still have some
			      in flight, which the receiver drops */

	/* Files. */
	SMP_FILE_READ = 32,  /* host: str path, u64 offset, u64 length (0: to the end); answers DATA..., empty
				DATA, OK */
	SMP_FILE_WRITE = 33, /* host: str path, u32 mode, u32 uid, u32 gid; then DATA... empty DATA; OK */
	SMP_DATA = 34,	     /* bytes; empty = end; counted by SMP_CREDIT as the others */
	SMP_TAR_IN = 35,     /* host: str directory; then DATA... */
	SMP_TAR_OUT = 36,    /* host: str path; answers DATA... */
	SMP_STAT = 37,	     /* host: str path; OK: u32 mode, u32 uid, u32 gid, u64 size */

	/* Network. */
	SMP_DIAL = 48, /* host: u32 family, str address, u16 port; OK, then DATA both ways */

	/* Control. */
	SMP_MOUNT = 64, /* host: str source, str target, str fstype, u64 flags, str data */
	SMP_RESUME =
		65, /* host, after a restore: str hostname, u64 realtime_ns, str entropy, str generation */
	SMP_SYNC = 66,
	SMP_DROP_CACHES = 67,
	SMP_STATS = 68,	   /* OK: u64 pairs as agreed in docs/agent-protocol.md */
	SMP_POWEROFF = 69, /* syncs and powers the VM off; no answer */
	SMP_NET_UP = 70,
	SMP_CONTAINER = 71, /* host, at most once and before the first SMP_EXEC: struct below; OK */
};

#define SMP_HELLO_REFUSES 1u /* its root file system could not be mounted: commands will be refused */

/*
 * SMP_EXEC payload, in this order:
 *   u32 flags   SMP_EXEC_*
 *   list argv   at least one
 *   list env    "K=V"; PATH and HOME are added when missing
 *   str  cwd    "" = "/"; created when missing, as Docker does
 *   str  user   "", "name", "uid", "name:group", "uid:gid"
 *   u16 rows, u16 cols
 *   u32 timeout_ms  0 = none
 * A session starts the container when none runs: its command is PID 1 of namespaces of
 * its own; when it ends the container ends. Others join these namespaces.
 */
#define SMP_EXEC_TTY 1u
#define SMP_EXEC_INIT 2u  /* a reaper as PID 1 in front */
#define SMP_EXEC_STDIN 4u /* else /dev/null */

/*
 * SMP_CONTAINER payload, in this order:
 *   u32 flags       SMP_CONTAINER_*
 *   list hosts      lines for /etc/hosts
 *   list resolv     lines for /etc/resolv.conf
 *   u32 count, that many: str target, u64 mount flags, str data   tmpfs
 *   u32 count, that many: u32 resource, u64 soft, u64 hard        as setrlimit(2) has them
 */
#define SMP_CONTAINER_READ_ONLY 1u /* the root */
#define SMP_CONTAINER_MAX 64u	   /* of each count */

#define SMP_EXIT_TIMEOUT 1u
#define SMP_EXIT_OOM 2u
#define SMP_EXIT_NOT_STARTED 4u /* status is 126 or 127, `reason` says why */

/*
 * What the kernel command line tells the agent: words of the form sm.KEY=VALUE.
 *   sm.layers=N     partitions 1..N of the layers disk, bottom first (vda)
 *   sm.root=disk|tmpfs  where the writable layer lives (vdb)
 *   sm.ready=console    also print "sm.ready=console" on the console when ready (benches)
 */

#endif
