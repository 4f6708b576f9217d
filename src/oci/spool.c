/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/spool.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/fd.h"

#define SPOOL_BLOCK ((size_t)1 << 17)
#define SPOOL_LINKS_MAX 8
/* As for a layer: what a compressed archive may grow to. */
#define SPOOL_FREE ((uint64_t)4 << 30)
#define SPOOL_RATIO 1100

struct spool_file {
	char *path, *target; /* of a link; else NULL */
	unsigned number;
};

struct spool {
	int dir;
	size_t nr;
	struct spool_file files[SPOOL_FILES_MAX];
	char what[200];
};

/* "a/./b/../c" -> "a/c"; what leads out of the archive ends at its root. */
static void spool_clean(const char *path, char ret[PATH_MAX])
{
	size_t out = 0;

	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !strncmp(path, "..", 2)) {
			while (out && ret[--out] != '/')
				continue;
		} else if (len && !(len == 1 && *path == '.') && out + len + 2 < PATH_MAX) {
			if (out)
				ret[out++] = '/';
			memcpy(ret + out, path, len);
			out += len;
		}
		path += len + (path[len] == '/');
	}
	ret[out] = 0;
}

static int spool_name(unsigned number, char ret[24])
{
	return snprintf(ret, 24, "spool-%u", number);
}

static int spool_contents(struct spool *s, struct archive *a, unsigned number, uint64_t *sum,
			  struct sm_err *e)
{
	char name[24];
	FD_CLEANUP int fd = -1;
	const void *data;
	la_int64_t off;
	size_t len;
	int rc;

	spool_name(number, name);
	fd = openat(s->dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, errno, "%s: unpacking it", s->what);
	while ((rc = archive_read_data_block(a, &data, &len, &off)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		*sum += len;
		if (*sum > SPOOL_FREE + (uint64_t)archive_filter_bytes(a, -1) * SPOOL_RATIO)
			return err_set(e, EFBIG, "%s: it decompresses to more than %llu bytes; refused",
				       s->what, (unsigned long long)(*sum - len));
		rc = off < 0 ? -EBADMSG : fd_pwrite_full(fd, data, len, (uint64_t)off);
		if (rc)
			return err_errno(e, -rc, "%s: unpacking it", s->what);
	}
	if (rc == ARCHIVE_EOF)
		return 0;
	return err_set(e, EBADMSG, "%s: not a sound archive: %.150s", s->what, archive_error_string(a));
}

static int spool_entry(struct spool *s, struct archive *a, struct archive_entry *entry, uint64_t *sum,
		       struct sm_err *e)
{
	const char *path = archive_entry_pathname(entry), *hard = archive_entry_hardlink(entry),
		   *target = hard;
	struct spool_file f = { .number = (unsigned)s->nr };
	char clean[PATH_MAX], full[2 * PATH_MAX];

	if (!hard && archive_entry_filetype(entry) == S_IFLNK)
		target = archive_entry_symlink(entry);
	if (!path || strlen(path) >= PATH_MAX || (target && strlen(target) >= PATH_MAX) ||
	    (!target && archive_entry_filetype(entry) != S_IFREG))
		return 0; /* directories, and what no image has */
	if (s->nr == SPOOL_FILES_MAX)
		return err_set(e, EFBIG, "%s: more than %d files", s->what, SPOOL_FILES_MAX);
	spool_clean(path, clean);
	f.path = strdup(clean);
	if (target) {
		const char *slash = hard ? NULL : strrchr(clean, '/');

		snprintf(full, sizeof(full), "%.*s/%s", slash ? (int)(slash - clean) : 0, clean, target);
		spool_clean(full, clean);
		f.target = strdup(clean);
	}
	if (!f.path || (target && !f.target)) {
		free(f.path);
		return err_errno(e, ENOMEM, "%s", s->what);
	}
	s->files[s->nr++] = f;
	return target ? 0 : spool_contents(s, a, f.number, sum, e);
}

static int spool_entries(struct spool *s, struct archive *a, const atomic_bool *cancel, struct sm_err *e)
{
	struct archive_entry *entry;
	uint64_t sum = 0;

	for (;;) {
		int rc = archive_read_next_header(a, &entry);

		if (rc == ARCHIVE_EOF)
			return 0;
		if (cancel && *cancel)
			return err_set(e, ECANCELED, "cancelled");
		if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
			return err_set(e, EBADMSG, "%s: not a sound archive: %.150s", s->what,
				       archive_error_string(a));
		rc = spool_entry(s, a, entry, &sum, e);
		if (rc)
			return rc;
	}
}

int spool_read(int fd, int dir, const char *what, const atomic_bool *cancel, struct spool **ret,
	       struct sm_err *e)
{
	struct spool *s = calloc(1, sizeof(*s));
	struct archive *a = archive_read_new();
	int rc;

	if (s && a) {
		s->dir = dir;
		snprintf(s->what, sizeof(s->what), "%s", what);
		archive_read_support_format_tar(a);
		archive_read_support_filter_gzip(a);
		archive_read_support_filter_zstd(a);
		rc = archive_read_open_fd(a, fd, SPOOL_BLOCK) == ARCHIVE_OK
			     ? spool_entries(s, a, cancel, e)
			     : err_set(e, EBADMSG, "%s: not an archive: %.150s", what,
				       archive_error_string(a));
	} else {
		rc = err_errno(e, ENOMEM, "%s", what);
	}
	archive_read_free(a);
	if (rc)
		spool_destroy(s);
	else
		*ret = s;
	return rc;
}

void spool_destroy(struct spool *s)
{
	for (size_t i = 0; s && i < s->nr; i++) {
		free(s->files[i].path);
		free(s->files[i].target);
	}
	free(s);
}

int spool_open(const struct spool *s, const char *path, int *ret_fd, struct sm_err *e)
{
	char clean[PATH_MAX], name[24];
	int links = 0;
	size_t i;

	if (strlen(path) >= sizeof(clean))
		return err_errno(e, ENAMETOOLONG, "%s: %.80s", s->what, path);
	spool_clean(path, clean);
	/* The last entry of a path wins. */
	for (i = s->nr; i-- > 0;) {
		if (strcmp(s->files[i].path, clean))
			continue;
		if (!s->files[i].target)
			break;
		if (links++ == SPOOL_LINKS_MAX)
			return err_set(e, ELOOP, "%s: %s leads through too many links", s->what, path);
		strcpy(clean, s->files[i].target);
		i = s->nr;
	}
	if (i == (size_t)-1)
		return err_set(e, ENOENT, "%s: it has no file %s", s->what, path);
	spool_name(s->files[i].number, name);
	*ret_fd = openat(s->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	return *ret_fd < 0 ? err_errno(e, errno, "%s: %s", s->what, path) : 0;
}
