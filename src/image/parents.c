/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Theory of operation. All layers are walked together, from the root, and only into names
 * that are directories in at least two of them: nothing else can be wrong. At each such
 * directory `list` holds those that overlayfs merges, topmost first, ending at an opaque one
 * or above something that is no directory. One that is opaque and implied had its contents
 * hidden, not its attributes: `list` then goes on, though nothing is merged any more.
 */
#include "image/parents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "image/erofs-read.h"
#include "image/erofs.h"
#include "util/num.h"

/* Below that directories stay as the topmost layer has them; no path of 4,096 bytes gets there. */
#define PARENTS_DEPTH_MAX 2048U

struct parents {
	struct erofs_image *images; /* topmost first */
	size_t nr;
	struct tree *tree;
	struct buf xattrs;
};

struct parents_dir {
	const struct erofs_image *image;
	struct erofs_inode inode;
	unsigned marks;
};

/* One directory on the way from the root. */
struct parents_step {
	struct parents_step *up; /* of the root NULL */
	const char *name;
	size_t name_len, nr;
	size_t nr_merged; /* of the nr in the list */
	bool hidden;	  /* an opaque one is in the list */
	unsigned depth;
	struct parents_dir *list;
	struct tree_inode *made;
};

/* The topmost that an entry names; without one the topmost. */
static const struct parents_dir *parents_named(const struct parents_step *s)
{
	for (size_t i = 0; i < s->nr; i++)
		if (!(s->list[i].marks & EROFS_MARK_IMPLIED))
			return &s->list[i];
	return s->list;
}

static int parents_put(struct parents *p, struct parents_step *s, struct sm_err *e)
{
	const struct parents_dir *d = parents_named(s);
	struct tree_inode *i;
	unsigned marks;
	int rc = 0;

	if (s->made)
		return 0;
	if (s->up) {
		rc = parents_put(p, s->up, e);
		if (!rc)
			rc = tree_put_dir(p->tree, &(struct tree_place){ s->up->made, s->name, s->name_len },
					  &i, e);
	} else {
		i = tree_root(p->tree);
	}
	if (!rc)
		rc = erofs_load_xattrs(d->image, &d->inode, &p->xattrs, &marks, e);
	if (rc)
		return rc;
	i->implied = false;
	i->mode = S_IFDIR | (d->inode.mode & 07777);
	i->uid = d->inode.uid;
	i->gid = d->inode.gid;
	i->mtime = d->inode.mtime;
	i->mtime_nsec = d->inode.mtime_nsec;
	if (p->xattrs.len) {
		void *copy = tree_alloc(p->tree, p->xattrs.len);

		if (!copy)
			return err_errno(e, ENOMEM, "layer");
		i->xattrs = memcpy(copy, p->xattrs.data, p->xattrs.len);
		i->xattr_len = (uint32_t)p->xattrs.len;
	}
	s->made = i;
	return 0;
}

/* Adds `m`'s directory to the list. */
static int parents_add(struct parents *p, struct parents_step *s, const struct erofs_image *m, uint64_t nid,
		       struct sm_err *e)
{
	struct parents_dir *d = &s->list[s->nr];
	int rc;

	d->image = m;
	rc = erofs_load_inode(m, nid, &d->inode, e);
	if (!rc)
		rc = erofs_load_xattrs(m, &d->inode, &p->xattrs, &d->marks, e);
	if (rc)
		return rc;
	s->nr++;
	s->nr_merged += !s->hidden;
	s->hidden |= d->marks & EROFS_MARK_OPAQUE;
	return 0;
}

/* Does the list want what lower layers have? */
static bool parents_open(const struct parents_step *s)
{
	return !s->hidden || (s->list[0].marks & EROFS_MARK_IMPLIED && parents_named(s) == s->list);
}

/* ---- the names of a merged directory ---- */

struct parents_names {
	struct erofs_dir dir;
	struct erofs_dirent entry; /* the next one, unless `end` */
	bool end;
};

static int parents_advance(struct parents_names *n, struct sm_err *e)
{
	int rc = erofs_dir_next(&n->dir, &n->entry, e);

	n->end = rc <= 0;
	return rc < 0 ? rc : 0;
}

static int parents_compare(const struct erofs_dirent *a, const struct erofs_dirent *b)
{
	int rc = memcmp(a->name, b->name, num_min(a->name_len, b->name_len));

	return rc ? rc : (int)a->name_len - b->name_len;
}

static int parents_walk(struct parents *p, struct parents_step *s, struct sm_err *e);

/* The directories named as `first` says, and what is below them. */
static int parents_child(struct parents *p, struct parents_step *s, const struct parents_names *names,
			 const struct erofs_dirent *first, struct sm_err *e)
{
	struct parents_step child = {
		.up = s, .name = first->name, .name_len = first->name_len, .depth = s->depth + 1
	};
	int rc = 0;

	child.list = calloc(s->nr_merged, sizeof(*child.list));
	if (!child.list)
		return err_errno(e, ENOMEM, "layer");
	for (size_t i = 0; i < s->nr_merged && !rc && parents_open(&child); i++) {
		if (names[i].end || parents_compare(&names[i].entry, first))
			continue;
		if (names[i].entry.type != EROFS_TYPE_DIR)
			break;
		rc = parents_add(p, &child, s->list[i].image, names[i].entry.nid, e);
	}
	if (!rc && child.nr > 1)
		rc = parents_walk(p, &child, e);
	free(child.list);
	return rc;
}

static int parents_children(struct parents *p, struct parents_step *s, struct parents_names *names,
			    struct sm_err *e)
{
	for (;;) {
		struct erofs_dirent first = { 0 };
		size_t same = 0;
		int rc = 0;

		for (size_t i = 0; i < s->nr_merged; i++) {
			int order = names[i].end ? 1 : same ? parents_compare(&names[i].entry, &first) : -1;

			if (order < 0)
				first = names[i].entry;
			same = order < 0 ? 1 : same + !order;
		}
		if (!same)
			return 0;
		if (same > 1)
			rc = parents_child(p, s, names, &first, e);
		for (size_t i = 0; i < s->nr_merged && !rc; i++)
			if (!names[i].end && !parents_compare(&names[i].entry, &first))
				rc = parents_advance(&names[i], e);
		if (rc)
			return rc;
	}
}

static int parents_walk(struct parents *p, struct parents_step *s, struct sm_err *e)
{
	struct parents_names *names;
	int rc = 0;

	if (parents_named(s) != s->list)
		rc = parents_put(p, s, e);
	if (rc || s->depth == PARENTS_DEPTH_MAX)
		return rc;
	names = calloc(s->nr_merged, sizeof(*names));
	if (!names)
		return err_errno(e, ENOMEM, "layer");
	for (size_t i = 0; i < s->nr_merged && !rc; i++) {
		rc = erofs_dir_load(s->list[i].image, &s->list[i].inode, &names[i].dir, e);
		if (!rc)
			rc = parents_advance(&names[i], e);
	}
	if (!rc)
		rc = parents_children(p, s, names, e);
	for (size_t i = 0; i < s->nr_merged; i++)
		erofs_dir_fini(&names[i].dir);
	free(names);
	return rc;
}

/* ---- */

static int parents_root(struct parents *p, struct parents_step *root, struct sm_err *e)
{
	for (size_t i = 0; i < p->nr && parents_open(root); i++) {
		int rc = parents_add(p, root, &p->images[i], p->images[i].root, e);

		if (rc)
			return rc;
	}
	return root->nr > 1 ? parents_walk(p, root, e) : 0;
}

int parents_make(const int *layers, size_t nr, int out, const uint8_t uuid[16], bool *ret_made,
		 struct sm_err *e)
{
	struct parents p = { .nr = nr, .images = calloc(nr + 1, sizeof(*p.images)) };
	struct parents_step root = { .list = calloc(nr + 1, sizeof(*root.list)) };
	struct erofs w;
	int rc = p.images && root.list ? tree_create(&p.tree, e) : err_errno(e, ENOMEM, "layer");

	buf_init(&p.xattrs, 2 * EROFS_XATTRS_MAX);
	for (size_t i = 0; i < nr && !rc; i++)
		rc = erofs_open(layers[nr - 1 - i], &p.images[i], e);
	if (!rc)
		rc = parents_root(&p, &root, e);
	if (!rc && root.made) {
		erofs_init(&w, out);
		rc = erofs_finish(&w, p.tree, uuid, e);
	}
	if (!rc)
		*ret_made = root.made;
	tree_destroy(p.tree);
	buf_fini(&p.xattrs);
	free(p.images);
	free(root.list);
	return rc;
}
