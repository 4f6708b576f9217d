/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store of images: HOME/store.
 *
 *   version                     "1"
 *   refs.json                   reference + platform -> manifest digest
 *   images/HEX.json             one record per manifest (record.h)
 *   blobs/sha256/HEX            manifests and configs as the registry had them
 *   layers/HEX-FORMAT.erofs     baked layers, by diff id
 *   templates/                  the empty writable disk
 *   tmp/                        one directory per writer, locked by its owner
 *   lock                        flock: whoever changes names
 *
 * Everything named is whole and never changes: a writer fills a file in tmp/, syncs it and
 * renames it under the lock. So readers take no lock; a name they looked up may at most be
 * gone (ENOENT) when they open it.
 */
#ifndef OCI_STORE_H
#define OCI_STORE_H

#include <stdbool.h>

#include "oci/record.h"
#include "util/err.h"

#define STORE_VERSION 1

struct store;

/*
 * `home` is $SUPERMACHINE_HOME or what stands for it. Without `create` a store that is not
 * there gives ENOENT. ENOTSUP: made by a newer version.
 */
int store_open(const char *home, bool create, struct store **ret, struct sm_err *e);
/* NULL is accepted. */
void store_close(struct store *s);
int store_fd(const struct store *s);

/* ---- readers: no lock, any process ---- */

/* `reference` is normalized. ENOENT when the store does not have it for `platform`. */
int store_lookup(struct store *s, const char *reference, const char *platform, struct image_record **ret,
		 struct sm_err *e);
/* By manifest digest; ENOENT. */
int store_read_record(struct store *s, const char *digest, struct image_record **ret, struct sm_err *e);
/* True when every layer of `r` is there. */
bool store_has_layers(struct store *s, const struct image_record *r);
bool store_has_blob(struct store *s, const char *digest);
/* Bytes on disk, holes not counted, of the layers of `r`. */
uint64_t store_disk_usage(struct store *s, const struct image_record *r);
int store_open_layer(struct store *s, const struct record_layer *l, int *ret_fd, struct sm_err *e);
/* Calls `fn` for each reference, newest pull first; `fn` returning non-zero stops. */
int store_list(struct store *s, int (*fn)(void *opaque, const char *reference, const struct image_record *r),
	       void *opaque, struct sm_err *e);

/* {"version":1,"refs":[{reference, platform, digest}...]}, oldest first, checked; empty without a file. */
int store_read_refs(struct store *s, json_t **ret, struct sm_err *e);

#define STORE_TEMPLATE "templates/ext4-16g.img"
/* ENOENT until `supermachine-image template` made it. */
int store_open_template(struct store *s, int *ret_fd, struct sm_err *e);
/* Makes the empty file `dst` equal to `src`: a reflink where the file system can, else its data extents. */
int store_copy_sparse(int src, int dst, struct sm_err *e);

/* ---- writers ---- */

int store_lock(struct store *s, struct sm_err *e);
void store_unlock(struct store *s);

/* A private directory for files in the making; other writers leave it alone while `fd` is open. */
struct store_tmp {
	int fd;
	char name[24]; /* beneath the store: "tmp/..." */
};
#define STORE_TMP_INIT                                                                                       \
	{                                                                                                    \
		.fd = -1                                                                                     \
	}
/* Also removes what writers that died left behind. Takes the lock for a moment. */
int store_tmp_open(struct store *s, struct store_tmp *ret, struct sm_err *e);
void store_tmp_close(struct store *s, struct store_tmp *t);

/* A new file in `t`, opened for writing. */
int store_tmp_file(struct store_tmp *t, const char *name, int *ret_fd, struct sm_err *e);
/* Renames t/name, synced by its writer, to `path` beneath the store and syncs the directory. Needs the lock.
 */
int store_publish(struct store *s, struct store_tmp *t, const char *name, const char *path, struct sm_err *e);
/* A whole small file, synced and published. Needs the lock. */
int store_write(struct store *s, struct store_tmp *t, const char *path, const void *data, size_t len,
		struct sm_err *e);
/* Needs the lock. */
int store_write_refs(struct store *s, struct store_tmp *t, const json_t *refs, struct sm_err *e);
/* Needs the lock. */
int store_set_ref(struct store *s, struct store_tmp *t, const char *reference, const char *platform,
		  const char *digest, struct sm_err *e);
/*
 * Drops every platform of `reference` and deletes what nothing refers to any more.
 * ENOENT when there is none. *ret_freed: bytes on disk. Takes the lock.
 */
int store_remove(struct store *s, const char *reference, uint64_t *ret_freed, struct sm_err *e);
/* `to` names what `from` does, for every platform, and nothing else. ENOENT. Takes the lock. */
int store_tag(struct store *s, const char *from, const char *to, struct sm_err *e);

struct store_garbage {
	uint64_t files, bytes; /* on disk */
};
/*
 * Deletes what no reference reaches; with `all` every reference before. With `dry` it only
 * says what that would be. Takes the lock.
 */
int store_prune(struct store *s, bool all, bool dry, struct store_garbage *ret, struct sm_err *e);

#endif
