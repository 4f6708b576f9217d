/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file system of one layer in memory: inodes and names, no contents.
 *
 * The rules of a layer (OCI image-spec, layer.md; umoci's reading of it): the last entry of
 * a path wins; a whiteout hides what lower layers have and never an entry of its own layer;
 * a directory that took the place of something else of this layer, or was whited out in it,
 * shows nothing of the layers below (`opaque`). Directories nobody listed are made (`implied`):
 * their attributes are those of the layers below (parents.h).
 *
 * Memory grows with the number of entries only, and that is limited. Nothing is freed before
 * the whole tree.
 */
#ifndef IMAGE_TREE_H
#define IMAGE_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/err.h"

#define TREE_ENTRIES_MAX ((uint64_t)4 << 20)
#define TREE_MEMORY_MAX ((uint64_t)1 << 30)
#define TREE_NAME_MAX 255
#define TREE_PATH_MAX 4096

struct tree_entry;

struct tree_inode {
	uint64_t size;	/* of a file or link target; of a directory once laid out */
	uint64_t block; /* first data block of the image, where there are any */
	uint64_t nid;	/* once laid out */
	int64_t mtime;
	uint32_t mtime_nsec;
	uint32_t mode; /* with S_IFMT */
	uint32_t uid, gid, rdev;
	uint32_t nlink; /* names; for a directory 2 + subdirectories */
	uint32_t xattr_len;
	uint32_t nr_children;
	const uint8_t *xattrs; /* in EROFS's own form */
	const char *target;    /* of a symbolic link */
	struct tree_entry *children;
	struct tree_entry *entry;  /* of a directory: its one name; the root has none */
	struct tree_inode *parent; /* of a directory; the root's is itself */
	struct tree_inode *next;   /* in the order of the image */
	bool opaque, implied, placed, inlined, has_whiteouts;
};

struct tree_entry {
	struct tree_entry *hash_next, *next, *prev; /* bucket; directory */
	struct tree_inode *dir, *inode;
	uint32_t hash;
	uint16_t name_len;
	char name[];
};

struct tree;

int tree_create(struct tree **ret, struct sm_err *e);
/* NULL is accepted. */
void tree_destroy(struct tree *t);
void tree_destroyp(struct tree **t);
#define TREE_CLEANUP __attribute__((cleanup(tree_destroyp)))

struct tree_inode *tree_root(struct tree *t);
/* Lives as long as the tree; NULL when out of memory or over the limit. */
void *tree_alloc(struct tree *t, size_t len);

/* A path split at its last name, links in the directory part followed within the tree. */
struct tree_place {
	struct tree_inode *dir;
	const char *name; /* "" for the root itself */
	size_t name_len;
};
/*
 * Resolves `path` and makes missing directories. Leading slashes and "." are dropped, ".."
 * goes up; EPERM when it goes above the root. `ret` points into `scratch`.
 */
int tree_resolve(struct tree *t, const char *path, char scratch[TREE_PATH_MAX], struct tree_place *ret,
		 struct sm_err *e);

/* NULL when there is none. */
struct tree_entry *tree_lookup(struct tree *t, const struct tree_inode *dir, const char *name, size_t len);

/* The directory at `place`, kept when it is one already, else made in place of what was there. */
int tree_put_dir(struct tree *t, const struct tree_place *place, struct tree_inode **ret, struct sm_err *e);
/* A new inode without names; NULL when out of memory or over the limit. */
struct tree_inode *tree_new_inode(struct tree *t, uint32_t mode);
/* Gives `inode`, which is no directory, the name `place`; what was there is dropped. */
int tree_link(struct tree *t, const struct tree_place *place, struct tree_inode *inode, struct sm_err *e);
/* Hides `place` of the lower layers. */
int tree_whiteout(struct tree *t, const struct tree_place *place, struct sm_err *e);

bool tree_is_whiteout(const struct tree_inode *inode);

#endif
