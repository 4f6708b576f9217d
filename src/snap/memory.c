/* SPDX-License-Identifier: Apache-2.0 */
#include "snap/memory.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/fd.h"
#include "util/num.h"

#define PAGES (SNAP_EXTENT / GMEM_PAGE) /* of an extent's unit */
/* linux/Documentation/admin-guide/mm/pagemap.rst: in RAM, or swapped out. */
#define PAGEMAP_USED (3ULL << 62)
#define PAGEMAP_STEP 4096u /* entries read at once; a multiple of PAGES */

struct saver {
	int pagemap, fd;
	uint64_t base; /* of the region in the file */
	struct buf *out;
	size_t count_at;
	uint32_t nr;
	uint64_t start, end; /* the extent in the making; start == end: none */
};

/* The list's length is known last. */
static void saver_close_extent(struct saver *s)
{
	if (s->start == s->end)
		return;
	buf_put_u64(s->out, s->start);
	buf_put_u64(s->out, s->end - s->start);
	s->nr++;
	s->start = s->end;
}

/* Guest RAM from `p` on belongs at `off` of the file. */
static int saver_add(struct saver *s, const uint8_t *p, uint64_t off)
{
	uint64_t from = off;
	int r;

	if (s->start == s->end || off - s->end >= SNAP_HOLE_MIN) {
		saver_close_extent(s);
		s->start = off;
	} else {
		from = s->end;
	}
	/* A short gap is written too: it reads as zeroes, and the file has fewer pieces. */
	r = fd_pwrite_full(s->fd, p - (off - from), off - from + SNAP_EXTENT, from);
	s->end = off + SNAP_EXTENT;
	return r;
}

static bool is_zero(const uint8_t *p, size_t len)
{
	/* The first 16 bytes are, and each further one equals the one 16 before it. */
	return !le64_get(p) && !le64_get(p + 8) && !memcmp(p, p + 16, len - 16);
}

/* Does the unit of PAGES pages at `p` hold anything? */
static bool unit_is_used(const uint64_t *map, const uint8_t *p)
{
	for (uint32_t i = 0; i < PAGES; i++)
		if (map[i] & PAGEMAP_USED && !is_zero(p + (size_t)i * GMEM_PAGE, GMEM_PAGE))
			return true;
	return false;
}

static int save_region(struct saver *s, const struct gmem_region *r)
{
	static const size_t entry = sizeof(uint64_t);
	uint64_t map[PAGEMAP_STEP], nr = r->len / GMEM_PAGE;

	for (uint64_t page = 0; page < nr; page += PAGEMAP_STEP) {
		uint64_t step = num_min(PAGEMAP_STEP, nr - page);
		ssize_t n = fd_pread_full(s->pagemap, map, step * entry,
					  ((uintptr_t)r->hva / GMEM_PAGE + page) * entry);

		if (n != (ssize_t)(step * entry))
			return n < 0 ? (int)n : -EIO;
		for (uint64_t i = 0; i < step; i += PAGES) {
			uint64_t at = (page + i) * GMEM_PAGE;
			int err;

			if (!unit_is_used(map + i, r->hva + at))
				continue;
			err = saver_add(s, r->hva + at, s->base + at);
			if (err)
				return err;
		}
	}
	saver_close_extent(s);
	s->base += r->len;
	s->start = s->end = s->base;
	return 0;
}

int snap_memory_save(const struct gmem *gm, int pagemap, int fd, struct buf *out, struct sm_err *e)
{
	struct saver s = { .pagemap = pagemap, .fd = fd, .out = out };
	int r = 0;

	s.count_at = out->len;
	buf_put_u32(out, 0);
	for (uint32_t i = 0; i < gm->nr_regions && !r; i++) {
		if (gm->regions[i].len % SNAP_EXTENT)
			return err_set(e, EINVAL, "snapshot: memory is no multiple of %u bytes", SNAP_EXTENT);
		r = save_region(&s, &gm->regions[i]);
	}
	if (r < 0)
		return err_errno(e, -r, "snapshot memory");
	if (s.nr > SNAP_EXTENTS_MAX || out->broken)
		return err_set(e, EFBIG, "snapshot memory: more than %u extents", SNAP_EXTENTS_MAX);
	le32_put(out->data + s.count_at, s.nr);
	return 0;
}

static int impossible(struct sm_err *e, uint32_t i)
{
	return err_set(e, EBADMSG, "snapshot memory: extent %u is impossible", i);
}

/* One extent of the file; *region and *base are where the last one lay. */
static int map_extent(struct gmem *gm, int fd, uint64_t off, uint64_t len, uint32_t *region, uint64_t *base,
		      struct sm_err *e)
{
	const struct gmem_region *r;

	while (*region < gm->nr_regions && off - *base >= gm->regions[*region].len)
		*base += gm->regions[(*region)++].len;
	if (*region == gm->nr_regions)
		return -EBADMSG;
	r = &gm->regions[*region];
	if (!num_range_ok(off - *base, len, r->len))
		return -EBADMSG;
	return gmem_map_file(gm, r->gpa + (off - *base), len, fd, off, e);
}

int snap_memory_map(struct gmem *gm, int fd, struct cursor *in, struct sm_err *e)
{
	uint32_t nr = cursor_u32(in), region = 0;
	uint64_t end = 0, base = 0;
	struct stat st;
	int r = fd_stat(fd, &st);

	if (r < 0)
		return err_errno(e, -r, "snapshot memory");
	if (nr > SNAP_EXTENTS_MAX || in->left != nr * 16ULL)
		return err_set(e, EBADMSG, "snapshot memory: a list of %u extents is impossible", nr);
	for (uint32_t i = 0; i < nr; i++) {
		uint64_t off = cursor_u64(in), len = cursor_u64(in);

		if ((off | len) % SNAP_EXTENT || !len || off < end ||
		    !num_range_ok(off, len, (uint64_t)st.st_size))
			return impossible(e, i);
		r = map_extent(gm, fd, off, len, &region, &base, e);
		if (r == -EBADMSG)
			return impossible(e, i);
		if (r < 0)
			return r;
		end = off + len;
	}
	return 0;
}
