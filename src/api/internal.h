/* SPDX-License-Identifier: Apache-2.0 */
/* The insides of the public handles. */
#ifndef API_INTERNAL_H
#define API_INTERNAL_H

#include <jansson.h>
#include <pthread.h>
#include <sys/types.h>

#include "api/places.h"
#include "oci/record.h"
#include "oci/store.h"
#include "util/log.h"

struct backend;

struct sm_ctx {
	struct places places;
	struct log log;
	pthread_mutex_t lock; /* guards `best`, which is probed once */
	const struct backend *best;
	uint32_t nr_users; /* atomic: images and VMs alive, for the assertion in destroy */
};

struct sm_image {
	struct sm_ctx *ctx;
	struct store *store;
	struct image_record *record;
	char *reference; /* normalized */
};

struct sm_vm {
	struct sm_ctx *ctx;
	struct sm_image *image;		     /* a handle of its own; NULL of an opened VM */
	const struct image_record *defaults; /* of processes: the image's, or an opened VM's own */
	char id[13];
	int dir_fd;   /* run/<id>, locked while the VM lives */
	int ctl_fd;   /* the worker's socket */
	int ready_fd; /* connection on which the agent said hello */
	pid_t pid;
	struct sm_timings timings;
	uint64_t t0_us;	 /* when sm_vm_start was called */
	bool ready_told; /* the worker says that the agent is there */
	bool refuses;	 /* it says that it will run no command */
	bool saved;	 /* the worker has written the snapshot */
	uint32_t refs;	 /* atomic: the handle and each process */
	bool kept;	 /* the directory outlives the VM */
	bool opened;	 /* somebody else's VM: see life.c */
	int keeper_fd;	 /* of sm_vm_run: the connection our ownership hangs on, else -1 */
	/* After the start it guards ctl_fd, pid and `end`. */
	pthread_mutex_t lock;
	struct sm_err end; /* why there is no worker any more; code 0: there is one */
};

/* A second handle on the same image, for a VM that outlives the first. */
int image_dup(struct sm_image *image, struct sm_image **ret, struct sm_err *e);

struct image_tool_calls {
	sm_progress_fn *progress;
	/* For every object that is neither progress nor error; non-zero: no more calls. */
	int (*result)(void *opaque, const json_t *object);
	void *opaque;	  /* of both; either may be NULL */
	const int *input; /* its stdin; NULL: /dev/null */
};
/* Runs a supermachine-image verb to its end; its error is ours. */
int image_tool_run(struct sm_ctx *ctx, const char *const *argv, const struct image_tool_calls *calls,
		   struct sm_err *e);

/* Runtime directories (rundir.c). */
int rundir_create(struct sm_ctx *ctx, char ret_id[13], int *ret_fd, struct sm_err *e);
/* Removes the directory with all it holds and closes *fd. */
void rundir_remove(struct sm_ctx *ctx, const char *id, int *fd);
/* Removes directories whose owner died. */
void rundir_sweep(struct sm_ctx *ctx);
/* A listening or a connected unix stream socket named `name` in the directory. */
int rundir_listen(int dir_fd, const char *name, int *ret, struct sm_err *e);
int rundir_connect(int dir_fd, const char *name, int *ret, struct sm_err *e);
/* The same of packets. */
int rundir_listen_packets(int dir_fd, const char *name, int *ret, struct sm_err *e);
int rundir_connect_packets(int dir_fd, const char *name, int *ret, struct sm_err *e);
/* Is it the name of a VM's directory? */
bool rundir_is_id(const char *name);

/* Which backend "auto" is, and what it runs. */
struct backend {
	const char *name, *platform, *arch; /* "soft", "linux/arm64", "arm64" */
	const char *kernel;		    /* file name of its guest kernel */
	const char *cmdline;		    /* what this machine's kernel must be told */
	int (*probe)(struct sm_err *e);	    /* 0 when it runs Linux here */
	const char *what;		    /* one sentence for people */
	const char *device;		    /* file the worker is handed, or NULL */
	bool snapshots;			    /* VMs go on from base snapshots */
};
/* NULL and "auto" are the best that works; a named one that does not is an error. */
int backend_choose(struct sm_ctx *ctx, const char *wanted, const struct backend **ret, struct sm_err *e);

/* The worker (vm-worker.c). */
int vm_worker_start(struct sm_vm *vm, struct sm_err *e);
/* Takes `msg`. */
int vm_worker_send(struct sm_vm *vm, json_t *msg, const int *fds, size_t nr_fds, struct sm_err *e);
/* Takes one message; that the worker failed, or its guest ended, is an error. */
int vm_worker_message(struct sm_vm *vm, struct sm_err *e);
/* A lost connection (`err`) becomes the reason why the VM ended, if it did; other errors stay. */
int vm_explain(struct sm_vm *vm, int err, struct sm_err *e);
/* The last line of `name` in the VM's directory from `word` on, or "". */
void vm_last_line(struct sm_vm *vm, const char *name, const char *word, char *ret, size_t max);
uint64_t vm_now_us(void);
/* A fresh connection to the guest's agent; every process has one of its own. */
int vm_connect_agent(struct sm_vm *vm, int *ret, struct sm_err *e);
/* A process keeps the handle's memory, not the VM. */
struct sm_vm *vm_get(struct sm_vm *vm);
void vm_put(struct sm_vm *vm);

/* Opened VMs (life.c). */
void life_close(struct sm_vm *vm);
/* Does its keeper live, with the command not yet ended? */
bool life_runs(struct sm_vm *vm);
/* Names are given out under this lock: a descriptor to be closed. */
int life_lock_names(struct sm_ctx *ctx, int *ret, struct sm_err *e);
/* EEXIST when a VM other than `but` (an id or NULL) has the name, EINVAL when it cannot be one. */
int life_check_name(struct sm_ctx *ctx, const char *name, const char *but, struct sm_err *e);

/* Argument lists: NULL or NULL-terminated. */
size_t strv_len(const char *const *v);

#endif
