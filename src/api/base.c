/* SPDX-License-Identifier: Apache-2.0 */
#include "api/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/vm.h"
#include "util/bytes.h"
#include "util/fd.h"

#define BASE_DIR "snapshots"
#define BASE_FORMAT 1 /* of the directory; docs/snapshot-format.md */
#define BASE_INFO "snapshot.json"
#define BASE_INFO_MAX (64u << 10)
#define BASE_NAME_LEN 32

/* Which base: its full key, and the name made of it. */
struct base_key {
	char name[BASE_NAME_LEN + 1];
	char dir[sizeof(BASE_DIR "/") + BASE_NAME_LEN];
	uint64_t hash;
	char *text;
};

/* ---- the key ---- */

/* FNV-1a: no secret depends on it, as the whole key is compared besides. */
static uint64_t base_hash(const uint8_t *p, size_t len, uint64_t seed)
{
	uint64_t h = 0xcbf29ce484222325 ^ seed;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3;
	return h;
}

/* A program or kernel is known by its inode: whoever replaces the file changes that or its time. */
static int base_key_file(struct buf *b, const char *what, const char *path, struct sm_err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(e, errno, "%s %s", what, path);
	buf_printf(b, "%s %llu %lld %lld.%09ld\n", what, (unsigned long long)st.st_ino, (long long)st.st_size,
		   (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
	return 0;
}

static int base_key_guest(struct buf *text, const struct places *p, const struct backend *b, struct sm_err *e)
{
	char path[PATH_MAX];
	int r = places_guest_file(p, b->arch, b->kernel, path, e);

	if (!r)
		r = base_key_file(text, "kernel", path, e);
	if (!r)
		r = places_guest_file(p, b->arch, "initrd", path, e);
	if (!r)
		r = base_key_file(text, "initrd", path, e);
	if (!r && (size_t)snprintf(path, sizeof(path), "%s/supermachine-worker", p->libexec) >= sizeof(path))
		r = err_set(e, ENAMETOOLONG, "supermachine-worker: path too long");
	return r ? r : base_key_file(text, "worker", path, e);
}

static int base_key_make(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o,
			 struct base_key *ret, struct sm_err *e)
{
	const struct image_record *rec = image->record;
	struct buf text;
	int r;

	buf_init(&text, BASE_INFO_MAX / 2);
	buf_printf(&text, "format %d\nbackend %s\nmemory %llu\ncpus %u\nroot %s\n", BASE_FORMAT, b->name,
		   (unsigned long long)o->memory, o->cpus, o->tmpfs_root ? "tmpfs" : "disk");
	r = base_key_guest(&text, &image->ctx->places, b, e);
	for (size_t i = 0; i < rec->nr_layers; i++)
		buf_printf(&text, "layer %s\n", rec->layers[i].path);
	buf_put_u8(&text, 0);
	if (!r && text.broken)
		r = err_errno(e, ENOMEM, "snapshot key");
	if (r < 0) {
		buf_fini(&text);
		return r;
	}
	ret->text = (char *)text.data;
	ret->hash = base_hash(text.data, text.len, 0);
	snprintf(ret->name, sizeof(ret->name), "%016llx%016llx", (unsigned long long)ret->hash,
		 (unsigned long long)base_hash(text.data, text.len, 0x9e3779b97f4a7c15));
	snprintf(ret->dir, sizeof(ret->dir), BASE_DIR "/%s", ret->name);
	return 0;
}

/* ---- reading ---- */

void base_close(struct base *base)
{
	fd_close(&base->state);
	fd_close(&base->memory);
	fd_close(&base->disk);
}

static int base_open_file(int dir, const char *name, int *ret, struct sm_err *e)
{
	struct stat st;

	*ret = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (*ret < 0)
		return err_errno(e, errno, "snapshot: %s", name);
	if (fstat(*ret, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, EBADMSG, "snapshot: %s is no file", name);
	return 0;
}

static json_t *base_read_info(int dir)
{
	char *text;
	size_t len;
	json_t *o;

	if (fd_read_file(dir, BASE_INFO, BASE_INFO_MAX, &text, &len, NULL) < 0)
		return NULL;
	o = json_loadb(text, len, 0, NULL);
	free(text);
	return o;
}

static int base_check_info(int dir, const struct base_key *key, struct sm_err *e)
{
	json_t *o = base_read_info(dir);
	const char *text = "";
	int r = 0;

	if (json_unpack(o, "{s:s}", "key", &text) < 0 || strcmp(text, key->text) != 0)
		r = err_set(e, EBADMSG, "snapshot %s: is not of this VM", key->name);
	json_decref(o);
	return r;
}

static int base_open(struct sm_image *image, const struct base_key *key, bool disk, struct base *ret,
		     struct sm_err *e)
{
	FD_CLEANUP int dir =
		openat(store_fd(image->store), key->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	struct base base = BASE_NONE;
	int r;

	if (dir < 0)
		return err_errno(e, errno, "snapshot %s", key->name);
	r = base_check_info(dir, key, e);
	if (!r)
		r = base_open_file(dir, "state", &base.state, e);
	if (!r)
		r = base_open_file(dir, "memory", &base.memory, e);
	if (!r && disk)
		r = base_open_file(dir, "disk", &base.disk, e);
	if (r < 0)
		base_close(&base);
	else
		*ret = base;
	return r;
}

/* ---- removing ---- */

/* Files that are open or mapped stay until their users end. */
static void base_remove(struct store *store, const char *name)
{
	static const char *const files[] = { BASE_INFO, "state", "memory", "disk" };
	FD_CLEANUP int all = openat(store_fd(store), BASE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	FD_CLEANUP int dir =
		all < 0 ? -1 : openat(all, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (dir < 0)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (unlinkat(dir, files[i], 0) < 0 && errno == EISDIR)
			unlinkat(dir, files[i], AT_REMOVEDIR);
	unlinkat(all, name, AT_REMOVEDIR);
}

void base_drop(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o)
{
	struct base_key key;

	if (base_key_make(image, b, o, &key, NULL) < 0)
		return;
	base_remove(image->store, key.name);
	free(key.text);
}

/* Are all layers there that the base at `dir` stands on? */
static bool base_has_layers(struct store *store, int dir)
{
	json_t *o = base_read_info(dir), *layers = json_object_get(o, "layers"), *path;
	bool ok = json_is_array(layers);
	size_t i;

	json_array_foreach(layers, i, path) ok &=
		json_is_string(path) && !faccessat(store_fd(store), json_string_value(path), F_OK, 0);
	json_decref(o);
	return ok;
}

/* The next line of *p that is not about the programs; its end is *p then. NULL: no more. */
static const char *base_next_line(const char **p)
{
	while (**p) {
		const char *line = *p;

		*p += strcspn(*p, "\n");
		*p += **p == '\n';
		if (strncmp(line, "kernel ", 7) && strncmp(line, "initrd ", 7) && strncmp(line, "worker ", 7))
			return line;
	}
	return NULL;
}

bool base_key_supersedes(const char *key, const char *old)
{
	const char *a = key, *b = old;

	if (!strcmp(key, old))
		return false;
	for (;;) {
		const char *one = base_next_line(&a), *two = base_next_line(&b);

		if (!one || !two)
			return !one && !two;
		if (a - one != b - two || memcmp(one, two, (size_t)(a - one)) != 0)
			return false;
	}
}

/* Is it of programs that were replaced since? */
static bool base_is_old(int dir, const char *key)
{
	json_t *o = base_read_info(dir);
	const char *text = json_string_value(json_object_get(o, "key"));
	bool old = key && text && base_key_supersedes(key, text);

	json_decref(o);
	return old;
}

void base_sweep(struct store *store, const char *key)
{
	int all = openat(store_fd(store), BASE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = all < 0 ? NULL : fdopendir(all);
	struct dirent *de;

	if (!d) {
		fd_close(&all);
		return;
	}
	while ((de = readdir(d))) {
		FD_CLEANUP int dir = -1;

		if (strlen(de->d_name) != BASE_NAME_LEN)
			continue;
		dir = openat(all, de->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (dir >= 0 && (!base_has_layers(store, dir) || base_is_old(dir, key)))
			base_remove(store, de->d_name);
	}
	closedir(d);
}

/* ---- making ---- */

static int base_new_file(int dir, const char *name, int *ret, struct sm_err *e)
{
	*ret = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return *ret < 0 ? err_errno(e, errno, "snapshot: %s", name) : 0;
}

static int base_write_info(struct sm_image *image, const struct base_key *key, int dir, struct sm_err *e)
{
	const struct image_record *rec = image->record;
	json_t *layers = json_array(), *o;
	FD_CLEANUP int fd = -1;
	char *text;
	int r;

	for (size_t i = 0; i < rec->nr_layers; i++)
		json_array_append_new(layers, json_string(rec->layers[i].path));
	o = json_pack("{s:i, s:s, s:s, s:s, s:o}", "format", BASE_FORMAT, "image", image->reference, "digest",
		      rec->digest, "key", key->text, "layers", layers);
	text = o ? json_dumps(o, JSON_INDENT(1)) : NULL;
	json_decref(o);
	if (!text)
		return err_errno(e, ENOMEM, "snapshot %s", key->name);
	r = base_new_file(dir, BASE_INFO, &fd, e);
	if (!r && (r = fd_write_full(fd, text, strlen(text))) < 0)
		r = err_errno(e, -r, "snapshot %s", key->name);
	if (!r && fsync(fd) < 0)
		r = err_errno(e, errno, "snapshot %s", key->name);
	free(text);
	return r;
}

/* Nobody writes to it any more. */
static int base_seal(int fd, const char *name, struct sm_err *e)
{
	if (fd >= 0 && (fchmod(fd, 0444) < 0 || fsync(fd) < 0))
		return err_errno(e, errno, "snapshot: %s", name);
	return 0;
}

/* Boots a VM on the files of `f` and saves it into them. */
static int base_record(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o,
		       struct base *f, struct sm_err *e)
{
	const struct vm_plan plan = { .o = o, .b = b, .disk = f->disk, .save = true, .t0_us = vm_now_us() };
	struct sm_vm *vm;
	int r = vm_create(image, &plan, &vm, e);

	if (r < 0)
		return r;
	r = vm_save(vm, f->state, f->memory, e);
	sm_vm_destroy(vm);
	if (!r)
		r = base_seal(f->state, "state", e);
	if (!r)
		r = base_seal(f->memory, "memory", e);
	return r ? r : base_seal(f->disk, "disk", e);
}

static int base_fill(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o,
		     const struct base_key *key, int dir, struct sm_err *e)
{
	struct base f = BASE_NONE;
	int r = base_new_file(dir, "state", &f.state, e);

	if (!r)
		r = base_new_file(dir, "memory", &f.memory, e);
	if (!r && !o->tmpfs_root)
		r = base_new_file(dir, "disk", &f.disk, e);
	if (!r)
		r = base_record(image, b, o, &f, e);
	if (!r)
		r = base_write_info(image, key, dir, e);
	base_close(&f);
	return r;
}

/* The writer's private directory becomes the base: whole, or not at all. */
static int base_publish(struct sm_image *image, const struct base_key *key, struct store_tmp *t,
			struct sm_err *e)
{
	FD_CLEANUP int all = openat(store_fd(image->store), BASE_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = store_lock(image->store, e);

	if (r < 0)
		return r;
	base_remove(image->store, key->name);
	if (fsync(t->fd) < 0 ||
	    renameat(store_fd(image->store), t->name, store_fd(image->store), key->dir) < 0 || fsync(all) < 0)
		r = err_errno(e, errno, "snapshot %s", key->name);
	store_unlock(image->store);
	return r;
}

static int base_make(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o,
		     const struct base_key *key, struct sm_err *e)
{
	struct store_tmp t = STORE_TMP_INIT;
	int r = store_tmp_open(image->store, &t, e);

	if (r < 0)
		return r;
	r = base_fill(image, b, o, key, t.fd, e);
	if (!r)
		r = base_publish(image, key, &t, e);
	/* What was renamed is not there to be removed. */
	store_tmp_close(image->store, &t);
	return r;
}

/* One maker per name: a byte of the lock file, which nobody else's name is likely to have. */
static int base_lock(struct sm_image *image, const struct base_key *key, int *ret, struct sm_err *e)
{
	struct flock one = {
		.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = (off_t)(key->hash >> 2), .l_len = 1
	};
	FD_CLEANUP int fd = -1;

	if (mkdirat(store_fd(image->store), BASE_DIR, 0700) < 0 && errno != EEXIST)
		return err_errno(e, errno, "store: " BASE_DIR);
	fd = openat(store_fd(image->store), BASE_DIR "/lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0600);
	if (fd < 0)
		return err_errno(e, errno, "store: " BASE_DIR "/lock");
	while (fcntl(fd, F_OFD_SETLKW, &one) < 0)
		if (errno != EINTR)
			return err_errno(e, errno, "store: " BASE_DIR "/lock");
	*ret = fd_steal(&fd);
	return 0;
}

int base_get(struct sm_image *image, const struct backend *b, const struct sm_vm_options *o, struct base *ret,
	     struct sm_err *e)
{
	FD_CLEANUP int lock = -1;
	struct base_key key;
	int r = base_key_make(image, b, o, &key, e);

	if (r < 0)
		return r;
	r = base_open(image, &key, !o->tmpfs_root, ret, NULL);
	if (r < 0)
		r = base_lock(image, &key, &lock, e);
	if (!r && lock >= 0 && base_open(image, &key, !o->tmpfs_root, ret, NULL) < 0) {
		base_sweep(image->store, key.text);
		r = base_make(image, b, o, &key, e);
		if (!r)
			r = base_open(image, &key, !o->tmpfs_root, ret, e);
	}
	free(key.text);
	return r;
}
