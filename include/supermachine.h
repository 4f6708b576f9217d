/* SPDX-License-Identifier: Apache-2.0 */
/*
 * supermachine.h: run OCI images as hardware-isolated microVMs.
 *
 * The library never prints, never exits and keeps no global state. It starts
 * helper programs (supermachine-image, supermachine-worker) and talks to them
 * over sockets; each VM is one worker process.
 *
 * Calls block. Every function may be called from any thread, but only one call
 * at a time may use the same handle, unless its comment says otherwise.
 * Functions return 0 (or a count) on success and a negative errno on failure;
 * on failure *e, when not NULL, holds one sentence and outputs are unchanged.
 *
 * Option structs begin with `size`, which the caller sets to sizeof; they only
 * ever grow at the end, and a zeroed field means its default. So a program built with
 * an older header goes on working, and one with a newer header as long as it leaves
 * the new fields zero.
 */
#ifndef SUPERMACHINE_H
#define SUPERMACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SM_API __attribute__((visibility("default")))

/* One error: an errno value (positive) and one sentence that names the object. */
struct sm_err {
	int code;
	char text[504];
};

struct sm_ctx;	 /* a store and the helper programs; shared by everything below */
struct sm_image; /* one platform's image, present in the store */
struct sm_vm;	 /* one running VM */
struct sm_exec;	 /* one process tree in a VM */

enum sm_log_level { SM_LOG_ERROR, SM_LOG_WARN, SM_LOG_INFO, SM_LOG_DEBUG };

/* May be called from any thread of the library; `text` is valid during the call only. */
typedef void sm_log_fn(void *opaque, enum sm_log_level level, const char *module, const char *text);

/* Progress of a pull: one call per change of stage and at most ten a second in between. */
struct sm_progress {
	const char *stage;  /* "resolve", "download", "layer", "done" */
	const char *object; /* reference or digest */
	uint64_t done;	    /* bytes */
	uint64_t total;	    /* bytes, 0 when unknown */
};
typedef void sm_progress_fn(void *opaque, const struct sm_progress *p);

struct sm_ctx_options {
	size_t size;
	const char *home; /* NULL: $SUPERMACHINE_HOME, else the XDG places */
	sm_log_fn *log;	  /* NULL: silent */
	void *log_opaque;
	enum sm_log_level log_level; /* the most verbose level wanted */
};

/* `o` may be NULL. The context owns nothing that outlives the process but the store on disk. */
SM_API int sm_ctx_create(const struct sm_ctx_options *o, struct sm_ctx **ret, struct sm_err *e);
/* All images, VMs and execs of `ctx` must be gone. NULL is accepted. */
SM_API void sm_ctx_destroy(struct sm_ctx *ctx);

SM_API const char *sm_version(void);

/* ---- images ---- */

enum sm_pull { SM_PULL_MISSING, SM_PULL_ALWAYS, SM_PULL_NEVER };

struct sm_pull_options {
	size_t size;
	enum sm_pull policy;
	const char *platform; /* "linux/arm64"; NULL: that of `backend` */
	sm_progress_fn *progress;
	void *progress_opaque;
	const char *backend; /* the one it shall run on; NULL: auto */
};

/*
 * Makes `reference` ("nginx", "127.0.0.1:5000/name:tag", "oci:DIR[:tag]", ...) present
 * in the store, layers baked, and opens it. ENOENT: no such image; ENOTSUP: no such
 * platform in it; EBADMSG: digest or format wrong; ECONNREFUSED and other network
 * errors. A failed pull leaves nothing half-written.
 */
SM_API int sm_image_open(struct sm_ctx *ctx, const char *reference, const struct sm_pull_options *o,
			 struct sm_image **ret, struct sm_err *e);
SM_API void sm_image_close(struct sm_image *image);
SM_API const char *sm_image_reference(const struct sm_image *image); /* normalized */
SM_API const char *sm_image_digest(const struct sm_image *image);    /* "sha256:..." of the manifest */

struct sm_image_info {
	const char *reference; /* normalized, with tag */
	const char *platform;  /* "linux/arm64" */
	const char *digest;    /* manifest digest */
	const char *id;	       /* config digest */
	uint64_t created;      /* seconds since the epoch, 0 unknown */
	uint64_t size;	       /* of its layers on disk, holes not counted */
};
/* Calls `fn` for every reference in the store, newest first. `fn` returning non-zero stops. */
SM_API int sm_image_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_image_info *info),
			 void *opaque, struct sm_err *e);
/* Drops a reference and whatever nothing else refers to. ENOENT when there is none. */
SM_API int sm_image_remove(struct sm_ctx *ctx, const char *reference, struct sm_err *e);
/* `name` becomes another name of what `reference` is, for every platform. ENOENT when that is not in the
 * store. */
SM_API int sm_image_tag(struct sm_ctx *ctx, const char *reference, const char *name, struct sm_err *e);
/*
 * Frees what no reference reaches; with `all` every reference is dropped first. With `dry`
 * nothing is. *ret_freed: bytes on disk.
 */
SM_API int sm_image_prune(struct sm_ctx *ctx, bool all, bool dry, uint64_t *ret_freed, struct sm_err *e);

/*
 * The image as JSON with docker's names (Id, RepoTags, Config, RootFS, ...), or, unless NULL,
 * `format` with fields put in: "{{.Id}} {{json .Config.Env}}". EINVAL: no such field. The
 * caller frees *ret.
 */
SM_API int sm_image_inspect(struct sm_image *image, const char *format, char **ret, struct sm_err *e);

/*
 * Takes every named image of what `docker save` writes, read from `fd` (a file or a pipe),
 * under its names, for whatever platform. `fn` is called for each name.
 */
SM_API int sm_image_load(struct sm_ctx *ctx, int fd, int (*fn)(void *opaque, const char *reference),
			 void *opaque, struct sm_err *e);

/* One step of how the image was built. */
struct sm_history_info {
	const char *created; /* RFC 3339, or "" */
	const char *created_by, *comment;
	uint64_t size; /* of its layer on disk */
	bool empty;    /* it made no layer */
};
/* Newest first; `fn` returning non-zero stops. */
SM_API int sm_image_history(struct sm_image *image,
			    int (*fn)(void *opaque, const struct sm_history_info *info), void *opaque,
			    struct sm_err *e);

/* One finding of a check. */
struct sm_problem_info {
	const char *path; /* beneath the store */
	const char *text; /* what is wrong */
	bool repaired;
};
/*
 * Reads the whole store and says what is wrong in it; *ret_problems counts that. With
 * `repair` damaged files and images that lost a part go, so that a pull brings them back.
 */
SM_API int sm_store_check(struct sm_ctx *ctx, bool repair,
			  int (*fn)(void *opaque, const struct sm_problem_info *info), void *opaque,
			  uint64_t *ret_problems, struct sm_err *e);

/* ---- VMs ---- */

#define SM_MEMORY_DEFAULT (512ULL << 20)
#define SM_MEMORY_MIN (64ULL << 20)
#define SM_CPUS_MAX 64

struct sm_vm_options {
	size_t size;
	uint64_t memory;      /* bytes, a multiple of 2 MiB; 0: SM_MEMORY_DEFAULT */
	uint32_t cpus;	      /* 0: 1 */
	const char *backend;  /* "auto", "soft", "kvm"; NULL: auto */
	const char *kernel;   /* file; NULL: the installed guest kernel */
	const char *initrd;   /* file; NULL: the installed guest initrd */
	const char *hostname; /* NULL: the VM id */
	const char *console;  /* file that receives the serial console; NULL: the VM's own log */
	bool tmpfs_root;      /* writable layer in guest memory instead of on a disk */
	bool read_only;	      /* the container's root */
	/* NULL-terminated, at most 64 each; in Docker's spelling: */
	const char *const *tmpfs;      /* "/dir" or "/dir:size=64m,mode=1777,exec" */
	const char *const *ulimits;    /* "nofile=1024:2048" */
	const char *const *hosts;      /* "name:address", for /etc/hosts */
	const char *const *dns;	       /* addresses of name servers, for /etc/resolv.conf */
	const char *const *dns_search; /* domains */
	bool boot;		       /* boot the guest kernel also where a snapshot could be restored */
};

/* Wall time of each stage of a start, microseconds since sm_vm_start was called. */
struct sm_timings {
	uint64_t worker_us;    /* worker process started, its files open */
	uint64_t machine_us;   /* machine built, jail closed, first guest instruction */
	uint64_t agent_us;     /* the guest agent said it is ready */
	uint64_t instructions; /* guest instructions until then; 0 where not counted */
	/* How often vCPUs came out to the worker until then, by cause. */
	uint64_t exits_mmio, exits_pio, exits_other;
	bool restored;	      /* it went on from a snapshot; the numbers above are of no boot then */
	uint64_t snapshot_us; /* the snapshot was found, or made first */
};

/*
 * Starts a VM of `image` and returns when its agent is ready. The first start with such
 * options boots it and keeps a snapshot in the store, from which later ones go on; with a
 * kernel, initrd or console of your own it always boots.
 */
SM_API int sm_vm_start(struct sm_image *image, const struct sm_vm_options *o, struct sm_vm **ret,
		       struct sm_err *e);
/* Kills the VM, removes its runtime directory and frees the handle. NULL is accepted. */
SM_API void sm_vm_destroy(struct sm_vm *vm);
SM_API const char *sm_vm_id(const struct sm_vm *vm); /* 12 hex digits */
SM_API int sm_vm_pid(const struct sm_vm *vm);	     /* of the worker, for measurements */
SM_API void sm_vm_timings(const struct sm_vm *vm, struct sm_timings *ret);

/* ---- processes in a VM ---- */

struct sm_exec_options {
	size_t size;
	const char *const *argv; /* NULL-terminated; NULL: the image's Entrypoint and Cmd */
	const char *const *env;	 /* NULL-terminated "K=V", laid over the image's */
	const char *entrypoint;	 /* replaces the image's Entrypoint; "" clears it */
	const char *cwd;	 /* NULL: the image's WorkingDir, else "/" */
	const char *user;	 /* "name", "uid", "uid:gid"; NULL: the image's User */
	bool tty;
	uint16_t rows, cols; /* of the tty; 0: 24 and 80 */
	/*
	 * Descriptors the library copies from and to until the process ends; it never
	 * closes them. -1: /dev/null. With tty, stderr_fd is unused.
	 */
	int stdin_fd, stdout_fd, stderr_fd;
	bool init;	     /* a reaper as PID 1 in front of the command */
	uint32_t timeout_ms; /* then it is killed, and its status is 124; 0: none */
};
#define SM_EXEC_OPTIONS_INIT                                                                                 \
	{                                                                                                    \
		.size = sizeof(struct sm_exec_options), .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1     \
	}

struct sm_exec_result {
	int status;	      /* exit status; 128+n when killed by signal n; 126/127 as a shell has them */
	uint64_t duration_us; /* in the guest */
	uint64_t peak_rss;    /* bytes */
	char reason[120];     /* why the command could not be started, else "" */
};

/* Starts a process; the first one in a VM is the container's PID 1. */
SM_API int sm_exec_start(struct sm_vm *vm, const struct sm_exec_options *o, struct sm_exec **ret,
			 struct sm_err *e);
/* Copies the streams until the process ended and all its output was delivered. */
SM_API int sm_exec_wait(struct sm_exec *x, struct sm_exec_result *ret, struct sm_err *e);
/* These two may be called while another thread, or a signal handler's loop, is in sm_exec_wait. */
SM_API int sm_exec_signal(struct sm_exec *x, int signum, struct sm_err *e);
SM_API int sm_exec_winsize(struct sm_exec *x, uint16_t rows, uint16_t cols, struct sm_err *e);
/* Kills what still runs. NULL is accepted. */
SM_API void sm_exec_destroy(struct sm_exec *x);

/* ---- VMs that outlive their starter ---- */

/*
 * Such a VM belongs to a keeper process of its own. Its state and the output of its
 * command stay in its runtime directory until sm_vm_remove().
 */
struct sm_run_options {
	size_t size;
	const struct sm_vm_options *vm;	       /* NULL: defaults */
	const struct sm_exec_options *command; /* its descriptors are the keeper's from now on; never NULL */
	const char *name;		       /* [a-zA-Z0-9][a-zA-Z0-9_.-]*; NULL: none but the id */
	const char *const *labels;	       /* NULL-terminated "K=V" */
	const char *stop_signal;  /* "TERM", "SIGTERM" or "15"; NULL: the image's, else SIGTERM */
	uint32_t stop_timeout_ms; /* from that to SIGKILL; 0: ten seconds */
	bool remove;		  /* forget the VM when it ends */
	bool foreground;	  /* destroy the VM when this handle goes before sm_vm_detach() was called */
	/*
	 * Not NULL: the command's stdin is a pipe that the keeper holds open, and this gets a
	 * descriptor of its writing end, the caller's.
	 */
	int *ret_stdin_fd;
};
/* Boots a VM as sm_vm_start() does and starts its command. EEXIST: the name is taken. */
SM_API int sm_vm_run(struct sm_image *image, const struct sm_run_options *o, struct sm_vm **ret,
		     struct sm_err *e);
/*
 * Lets go of a VM that runs in the foreground or that we are attached to: it goes on. May
 * be called while another thread is in sm_vm_wait(), which then fails with ECANCELED.
 */
SM_API int sm_vm_detach(struct sm_vm *vm, struct sm_err *e);

/*
 * Opens a VM by its name, its id or the beginning of its id; ENOENT: there is none,
 * ENOTUNIQ: several. Processes can be started in it with sm_exec_start(), which then
 * takes environment, directory and user of the VM's command for its defaults.
 * sm_vm_destroy() frees only the handle, and sm_vm_pid() is 0 when the VM has ended.
 */
SM_API int sm_vm_open(struct sm_ctx *ctx, const char *name, struct sm_vm **ret, struct sm_err *e);

enum sm_vm_status {
	SM_VM_RUNNING,
	SM_VM_EXITED, /* by itself or by us */
	SM_VM_DEAD,   /* its keeper was killed; `reason` has the last words */
};

struct sm_vm_info {
	const char *id, *name; /* the name may be "" */
	const char *image;
	const char *const *argv, *const *labels; /* NULL-terminated */
	enum sm_vm_status status;
	int exit_status;	    /* as in sm_exec_result; meaningless while it runs */
	const char *reason;	    /* why it could not start or go on, or "" */
	uint64_t created, finished; /* seconds since the epoch; 0: not yet */
	uint64_t memory;	    /* bytes */
	uint32_t cpus;
	const char *backend;
	int pid; /* of the worker, 0 when it has ended */
};
/* Calls `fn` for each kept VM, newest first. `fn` returning non-zero stops. */
SM_API int sm_vm_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_vm_info *info),
		      void *opaque, struct sm_err *e);
/* Calls `fn` once. */
SM_API int sm_vm_inspect(struct sm_vm *vm, void (*fn)(void *opaque, const struct sm_vm_info *info),
			 void *opaque, struct sm_err *e);

/* The number of "TERM", "SIGTERM" or "15"; EINVAL when there is no such signal. */
SM_API int sm_signal_parse(const char *text, int *ret, struct sm_err *e);

/* These are for handles of sm_vm_run() and sm_vm_open(). ESRCH: it does not run. */

/* To its command. */
SM_API int sm_vm_signal(struct sm_vm *vm, int signum, struct sm_err *e);
SM_API int sm_vm_winsize(struct sm_vm *vm, uint16_t rows, uint16_t cols, struct sm_err *e);
/* Asks the command to end, kills it after `timeout_ms` (negative: the VM's own); no error when it does not
 * run. */
SM_API int sm_vm_stop(struct sm_vm *vm, int64_t timeout_ms, struct sm_err *e);
/* Until the command has ended; at once when it has. */
SM_API int sm_vm_wait(struct sm_vm *vm, struct sm_exec_result *ret, struct sm_err *e);
/* Copies new output to descriptors, -1: none; *ret_stdin_fd (may be NULL) is -1 when the VM has no stdin. */
SM_API int sm_vm_attach(struct sm_vm *vm, int stdout_fd, int stderr_fd, int *ret_stdin_fd, struct sm_err *e);
/* EEXIST: taken. Also of a VM that has ended. */
SM_API int sm_vm_rename(struct sm_vm *vm, const char *name, struct sm_err *e);
/* Drops what is kept. EBUSY: it runs, and `force` was not given. */
SM_API int sm_vm_remove(struct sm_vm *vm, bool force, struct sm_err *e);

struct sm_vm_stats {
	uint64_t memory, memory_used; /* bytes, as the guest counts them */
	uint64_t processes;	      /* and threads, in the guest */
	uint64_t uptime;	      /* seconds since the guest booted */
	uint64_t oom_kills;	      /* in the container */
	uint64_t cpu_us;	      /* processor time of the worker until now */
	uint64_t host_memory;	      /* bytes of it that are resident */
};
SM_API int sm_vm_stats(struct sm_vm *vm, struct sm_vm_stats *ret, struct sm_err *e);

struct sm_logs_options {
	size_t size;
	bool follow; /* until the VM ends */
	bool tailed; /* only the last `tail` lines of what there is */
	uint64_t tail;
};
/* Calls `fn` with pieces of output, oldest first; stream is 1 or 2. `fn` returning non-zero stops. */
SM_API int sm_vm_logs(struct sm_vm *vm, const struct sm_logs_options *o,
		      int (*fn)(void *opaque, int stream, uint64_t time_ns, const void *data, size_t len),
		      void *opaque, struct sm_err *e);

/* ---- the machine we are on ---- */

struct sm_backend_info {
	const char *name;     /* "kvm", "soft" */
	const char *platform; /* the guest it runs: "linux/arm64" */
	bool usable;	      /* can run Linux */
	bool chosen;	      /* what "auto" means here */
	const char *reason;   /* why not, or what it is; one sentence */
	const char *hint;     /* what to do, or "" */
};
/* Calls `fn` for each backend, best first. */
SM_API int sm_backend_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_backend_info *info),
			   void *opaque, struct sm_err *e);

/* One fact of the set-up: a file or facility this machine needs. */
struct sm_check_info {
	const char *name; /* "guest kernel", "store", "landlock", ... */
	bool ok;
	bool fatal;	    /* nothing runs without it */
	const char *detail; /* path, version, or what is wrong */
	const char *hint;   /* what to do, or "" */
};
SM_API int sm_check_list(struct sm_ctx *ctx, int (*fn)(void *opaque, const struct sm_check_info *info),
			 void *opaque, struct sm_err *e);

#ifdef __cplusplus
}
#endif
#endif
