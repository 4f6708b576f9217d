/* SPDX-License-Identifier: Apache-2.0 */
#include "image/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TREE_CHUNK ((size_t)1 << 20)
#define TREE_LINKS_MAX 40 /* as Linux: MAXSYMLINKS */

struct tree_chunk {
	struct tree_chunk *next;
	char data[];
};

struct tree_bucket {
	struct tree_entry *first;
};

struct tree {
	struct tree_chunk *chunks;
	size_t chunk_left;
	char *chunk_pos;
	uint64_t memory, nr_entries;
	struct tree_inode *root;
	struct tree_bucket *buckets;
	size_t nr_buckets, nr_hashed;
};

void *tree_alloc(struct tree *t, size_t len)
{
	struct tree_chunk *c;
	void *p;

	len = (len + 7) & ~(size_t)7;
	if (len > t->chunk_left) {
		size_t want = len > TREE_CHUNK ? len : TREE_CHUNK;

		if (t->memory + want > TREE_MEMORY_MAX)
			return NULL;
		c = malloc(sizeof(*c) + want);
		if (!c)
			return NULL;
		c->next = t->chunks;
		t->chunks = c;
		t->memory += want;
		t->chunk_pos = c->data;
		t->chunk_left = want;
	}
	p = t->chunk_pos;
	t->chunk_pos += len;
	t->chunk_left -= len;
	return memset(p, 0, len);
}

struct tree_inode *tree_new_inode(struct tree *t, uint32_t mode)
{
	struct tree_inode *i = t->nr_entries < TREE_ENTRIES_MAX ? tree_alloc(t, sizeof(*i)) : NULL;

	if (i) {
		t->nr_entries++;
		i->mode = mode;
	}
	return i;
}

static struct tree_inode *tree_new_dir(struct tree *t, struct tree_inode *parent)
{
	struct tree_inode *i = tree_new_inode(t, S_IFDIR | 0755);

	if (i) {
		i->nlink = 2;
		i->implied = true;
		i->parent = parent ? parent : i;
	}
	return i;
}

int tree_create(struct tree **ret, struct sm_err *e)
{
	struct tree *t = calloc(1, sizeof(*t));

	if (!t)
		return err_errno(e, ENOMEM, "layer");
	t->nr_buckets = 1 << 10;
	t->buckets = calloc(t->nr_buckets, sizeof(*t->buckets));
	t->root = t->buckets ? tree_new_dir(t, NULL) : NULL;
	if (!t->root) {
		tree_destroy(t);
		return err_errno(e, ENOMEM, "layer");
	}
	*ret = t;
	return 0;
}

void tree_destroy(struct tree *t)
{
	if (!t)
		return;
	while (t->chunks) {
		struct tree_chunk *c = t->chunks;

		t->chunks = c->next;
		free(c);
	}
	free(t->buckets);
	free(t);
}

void tree_destroyp(struct tree **t)
{
	tree_destroy(*t);
}

struct tree_inode *tree_root(struct tree *t)
{
	return t->root;
}

bool tree_is_whiteout(const struct tree_inode *inode)
{
	return S_ISCHR(inode->mode) && !inode->rdev;
}

/* FNV-1a over the directory's address and the name, then mixed. */
static uint32_t tree_hash(const struct tree_inode *dir, const char *name, size_t len)
{
	uint64_t h = 0xcbf29ce484222325ULL ^ (uintptr_t)dir;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)name[i]) * 0x100000001b3ULL;
	h ^= h >> 29;
	return (uint32_t)(h * 0x9e3779b97f4a7c15ULL >> 32);
}

struct tree_entry *tree_lookup(struct tree *t, const struct tree_inode *dir, const char *name, size_t len)
{
	uint32_t hash = tree_hash(dir, name, len);
	struct tree_entry *d = t->buckets[hash & (t->nr_buckets - 1)].first;

	while (d && (d->hash != hash || d->dir != dir || d->name_len != len || memcmp(d->name, name, len)))
		d = d->hash_next;
	return d;
}

static void tree_grow(struct tree *t)
{
	size_t nr = t->nr_buckets * 4;
	struct tree_bucket *buckets = calloc(nr, sizeof(*buckets));

	/* Without memory for a larger table the old one does, slower. */
	if (!buckets)
		return;
	for (size_t i = 0; i < t->nr_buckets; i++) {
		struct tree_entry *d, *next;

		for (d = t->buckets[i].first; d; d = next) {
			next = d->hash_next;
			d->hash_next = buckets[d->hash & (nr - 1)].first;
			buckets[d->hash & (nr - 1)].first = d;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->nr_buckets = nr;
}

static int tree_full(struct sm_err *e)
{
	return err_set(e, E2BIG, "more than %llu entries, or they need more than %llu MiB of memory",
		       (unsigned long long)TREE_ENTRIES_MAX, (unsigned long long)TREE_MEMORY_MAX >> 20);
}

static int tree_add(struct tree *t, const struct tree_place *p, struct tree_inode *inode, struct sm_err *e)
{
	struct tree_entry *d =
		t->nr_entries < TREE_ENTRIES_MAX ? tree_alloc(t, sizeof(*d) + p->name_len + 1) : NULL;
	struct tree_entry **bucket;

	if (!d)
		return tree_full(e);
	if (!S_ISDIR(inode->mode))
		t->nr_entries += inode->nlink > 0;
	if (t->nr_hashed++ >= t->nr_buckets * 2)
		tree_grow(t);
	d->dir = p->dir;
	d->inode = inode;
	d->name_len = (uint16_t)p->name_len;
	memcpy(d->name, p->name, p->name_len);
	d->hash = tree_hash(p->dir, p->name, p->name_len);
	bucket = &t->buckets[d->hash & (t->nr_buckets - 1)].first;
	d->hash_next = *bucket;
	*bucket = d;
	d->next = p->dir->children;
	if (d->next)
		d->next->prev = d;
	p->dir->children = d;
	p->dir->nr_children++;
	if (S_ISDIR(inode->mode)) {
		inode->entry = d;
		p->dir->nlink++;
	} else {
		inode->nlink++;
	}
	return 0;
}

static void tree_unhash(struct tree *t, struct tree_entry *d)
{
	struct tree_entry **at = &t->buckets[d->hash & (t->nr_buckets - 1)].first;

	while (*at != d)
		at = &(*at)->hash_next;
	*at = d->hash_next;
	t->nr_hashed--;
}

/* Takes one name away; a directory must be empty. */
static void tree_unlink(struct tree *t, struct tree_entry *d)
{
	struct tree_inode *dir = d->dir;

	tree_unhash(t, d);
	if (d->prev)
		d->prev->next = d->next;
	else
		dir->children = d->next;
	if (d->next)
		d->next->prev = d->prev;
	dir->nr_children--;
	if (S_ISDIR(d->inode->mode))
		dir->nlink--;
	else
		d->inode->nlink--;
}

/* Without recursion: the depth is the archive's to choose. */
static void tree_drop(struct tree *t, struct tree_entry *top)
{
	struct tree_entry *d = top;

	for (;;) {
		struct tree_inode *dir = d->dir;
		bool last = d == top;

		if (S_ISDIR(d->inode->mode) && d->inode->children) {
			d = d->inode->children;
			continue;
		}
		tree_unlink(t, d);
		if (last)
			return;
		d = dir->children ? dir->children : dir->entry;
	}
}

int tree_put_dir(struct tree *t, const struct tree_place *place, struct tree_inode **ret, struct sm_err *e)
{
	struct tree_entry *old;
	struct tree_inode *i;
	int rc;

	if (!place->name_len) {
		*ret = place->dir;
		return 0;
	}
	old = tree_lookup(t, place->dir, place->name, place->name_len);
	if (old && S_ISDIR(old->inode->mode)) {
		*ret = old->inode;
		return 0;
	}
	i = tree_new_dir(t, place->dir);
	if (!i)
		return tree_full(e);
	if (old)
		tree_drop(t, old);
	/* What was here had already hidden the layers below, and with them what they say of it. */
	i->opaque = old;
	i->implied = !old;
	rc = tree_add(t, place, i, e);
	if (!rc)
		*ret = i;
	return rc;
}

int tree_link(struct tree *t, const struct tree_place *place, struct tree_inode *inode, struct sm_err *e)
{
	struct tree_entry *old;

	if (!place->name_len)
		return err_set(e, EBADMSG, "the root must be a directory");
	old = tree_lookup(t, place->dir, place->name, place->name_len);
	/* A hard link onto itself changes nothing. */
	if (old && old->inode == inode)
		return 0;
	if (old)
		tree_drop(t, old);
	return tree_add(t, place, inode, e);
}

int tree_whiteout(struct tree *t, const struct tree_place *place, struct sm_err *e)
{
	struct tree_entry *old = tree_lookup(t, place->dir, place->name, place->name_len);
	struct tree_inode *i;

	if (old) {
		if (S_ISDIR(old->inode->mode)) {
			old->inode->opaque = true;
			old->inode->implied = false;
		}
		return 0;
	}
	i = tree_new_inode(t, S_IFCHR);
	return i ? tree_add(t, place, i, e) : tree_full(e);
}

/* ---- paths ---- */

struct tree_walk {
	struct tree *t;
	struct tree_inode *at;
	unsigned links;
	char *rest;    /* what is still to be walked, inside `scratch` */
	char *scratch; /* TREE_PATH_MAX bytes, filled at their end */
};

/* Puts a link's target in front of the rest of the path. */
static int tree_follow(struct tree_walk *w, const struct tree_inode *link, struct sm_err *e)
{
	size_t len = strlen(link->target), room = (size_t)(w->rest - w->scratch);

	if (++w->links > TREE_LINKS_MAX)
		return err_set(e, ELOOP, "its path leads through more than %d symbolic links",
			       TREE_LINKS_MAX);
	if (len + 1 > room)
		return err_set(e, ENAMETOOLONG, "its path is too long");
	*--w->rest = '/';
	w->rest -= len;
	memcpy(w->rest, link->target, len);
	if (*link->target == '/')
		w->at = tree_root(w->t);
	return 0;
}

/* One directory component. */
static int tree_step(struct tree_walk *w, const char *name, size_t len, struct sm_err *e)
{
	struct tree_place place = { w->at, name, len };
	struct tree_entry *d = tree_lookup(w->t, w->at, name, len);

	if (len > TREE_NAME_MAX)
		return err_set(e, ENAMETOOLONG, "a name of %zu bytes; the limit is %d", len, TREE_NAME_MAX);
	if (d && S_ISLNK(d->inode->mode))
		return tree_follow(w, d->inode, e);
	if (d && !S_ISDIR(d->inode->mode) && !tree_is_whiteout(d->inode))
		return err_set(e, ENOTDIR, "'%.*s' in its path is not a directory", (int)len, name);
	return tree_put_dir(w->t, &place, &w->at, e);
}

/* `path` without "/" at the ends, "//" and ".", ".." resolved as text; EPERM when it would leave the root. */
static int tree_clean(const char *path, char ret[TREE_PATH_MAX], struct sm_err *e)
{
	size_t len, out = 0;

	for (; *path; path += len + !!path[len]) {
		len = strcspn(path, "/");
		if (len == 2 && path[0] == '.' && path[1] == '.') {
			if (!out)
				return err_set(e, EPERM, "the path leads out of the image");
			do
				out--;
			while (out && ret[out - 1] != '/');
		} else if (len && !(len == 1 && path[0] == '.')) {
			if (out + len + 1 >= TREE_PATH_MAX)
				return err_set(e, ENAMETOOLONG, "its path is too long");
			memcpy(ret + out, path, len);
			out += len;
			ret[out++] = '/';
		}
	}
	ret[out ? out - 1 : 0] = 0;
	return 0;
}

int tree_resolve(struct tree *t, const char *path, char scratch[TREE_PATH_MAX], struct tree_place *ret,
		 struct sm_err *e)
{
	struct tree_walk w = { .t = t, .at = t->root, .scratch = scratch };
	char clean[TREE_PATH_MAX];
	size_t len;
	int rc = tree_clean(path, clean, e);

	if (rc)
		return rc;
	len = strlen(clean);
	w.rest = scratch + TREE_PATH_MAX - 1 - len;
	memcpy(w.rest, clean, len + 1);
	for (;;) {
		const char *name = w.rest;
		size_t n = strcspn(name, "/");

		if (!name[n]) {
			if (n > TREE_NAME_MAX)
				return err_set(e, ENAMETOOLONG, "a name of %zu bytes; the limit is %d", n,
					       TREE_NAME_MAX);
			*ret = (struct tree_place){ w.at, name, n };
			return 0;
		}
		w.rest += n + 1;
		/* From here on dots come out of links: as in a chroot, ".." stops at the root. */
		if (n == 2 && name[0] == '.' && name[1] == '.')
			w.at = w.at->parent;
		else if (n && !(n == 1 && name[0] == '.'))
			rc = tree_step(&w, name, n, e);
		if (rc)
			return rc;
	}
}
