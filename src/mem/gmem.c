/* SPDX-License-Identifier: Apache-2.0 */
#include "mem/gmem.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "mem/gmem_io.h"
#include "util/num.h"

#define GMEM_HUGE ((size_t)2 << 20)

void gmem_init(struct gmem *gm)
{
	memset(gm, 0, sizeof(*gm));
}

void gmem_fini(struct gmem *gm)
{
	gmem_dirty_stop(gm);
	for (uint32_t i = 0; i < gm->nr_regions; i++)
		munmap(gm->regions[i].hva, gm->regions[i].len);
	gm->nr_regions = 0;
}

/* Where a region at `gpa` belongs in the ascending list, or -errno. */
static int region_place(const struct gmem *gm, uint64_t gpa, uint64_t len, struct sm_err *e)
{
	uint32_t i = 0;
	uint64_t end;

	if (!len || (gpa | len) % GMEM_PAGE || !num_add(gpa, len, &end))
		return err_set(e, EINVAL, "memory at 0x%llx: misaligned or empty", (unsigned long long)gpa);
	if (gm->nr_regions == GMEM_REGIONS_MAX)
		return err_set(e, ENOSPC, "memory at 0x%llx: too many regions", (unsigned long long)gpa);
	while (i < gm->nr_regions && gm->regions[i].gpa < gpa)
		i++;
	if ((i && gm->regions[i - 1].gpa + gm->regions[i - 1].len > gpa) ||
	    (i < gm->nr_regions && gm->regions[i].gpa < end))
		return err_set(e, EINVAL, "memory at 0x%llx: overlaps another region",
			       (unsigned long long)gpa);
	return (int)i;
}

int gmem_add_mapped(struct gmem *gm, uint64_t gpa, uint64_t len, void *hva, struct sm_err *e)
{
	int at = region_place(gm, gpa, len, e);

	if (at < 0)
		return at;
	memmove(&gm->regions[at + 1], &gm->regions[at],
		(gm->nr_regions - (uint32_t)at) * sizeof(gm->regions[0]));
	gm->regions[at] = (struct gmem_region){ .gpa = gpa, .len = len, .hva = hva, .fd = -1 };
	gm->nr_regions++;
	return 0;
}

/*
 * Zeroed memory that starts at a multiple of a huge page, as its guest address does: only
 * then can one host page back as much, and a nested walk or a TLB entry cover it.
 */
static void *map_aligned(uint64_t len)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
	size_t head;
	uint8_t *p;

	if (len > SIZE_MAX - GMEM_HUGE)
		return MAP_FAILED;
	p = mmap(NULL, len + GMEM_HUGE, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (p == MAP_FAILED)
		return p;
	head = -(uintptr_t)p & (GMEM_HUGE - 1);
	if (head)
		munmap(p, head);
	munmap(p + head + len, GMEM_HUGE - head);
	return p + head;
}

int gmem_add_anon(struct gmem *gm, uint64_t gpa, uint64_t len, struct sm_err *e)
{
	int err = region_place(gm, gpa, len, e);
	void *hva;

	if (err < 0)
		return err;
	hva = map_aligned(len);
	if (hva == MAP_FAILED)
		return err_errno(e, errno, "memory of %llu bytes", (unsigned long long)len);
	err = gmem_add_mapped(gm, gpa, len, hva, e);
	if (err)
		munmap(hva, len);
	return err;
}

int gmem_map_file(struct gmem *gm, uint64_t gpa, uint64_t len, int fd, uint64_t off, struct sm_err *e)
{
	uint8_t *p = (gpa | len | off) % GMEM_PAGE ? NULL : gmem_slice_write(gm, gpa, len);

	if (!p)
		return err_set(e, EINVAL, "memory at 0x%llx: no place for a file", (unsigned long long)gpa);
	if (mmap(p, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)off) ==
	    MAP_FAILED)
		return err_errno(e, errno, "memory at 0x%llx", (unsigned long long)gpa);
	return 0;
}

const struct gmem_region *gmem_find(const struct gmem *gm, uint64_t gpa, uint64_t len)
{
	for (uint32_t i = 0; i < gm->nr_regions; i++) {
		const struct gmem_region *r = &gm->regions[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->len)
			return len <= r->len - (gpa - r->gpa) ? r : NULL;
	}
	return NULL;
}

const uint8_t *gmem_slice(const struct gmem *gm, uint64_t gpa, uint64_t len)
{
	const struct gmem_region *r = len ? gmem_find(gm, gpa, len) : NULL;

	return r ? r->hva + (gpa - r->gpa) : NULL;
}

static void region_mark(const struct gmem_region *r, uint64_t gpa, uint64_t len)
{
	uint64_t first = (gpa - r->gpa) / GMEM_PAGE, last = (gpa - r->gpa + len - 1) / GMEM_PAGE;

	for (uint64_t page = first; page <= last; page++)
		__atomic_fetch_or(&r->dirty[page / 64], 1ull << page % 64, __ATOMIC_RELAXED);
}

uint8_t *gmem_slice_write(struct gmem *gm, uint64_t gpa, uint64_t len)
{
	const struct gmem_region *r = len ? gmem_find(gm, gpa, len) : NULL;

	if (!r)
		return NULL;
	if (r->dirty)
		region_mark(r, gpa, len);
	return r->hva + (gpa - r->gpa);
}

#if GMEM_TSAN
/* Calls to memcpy would be checked whoever makes them, so the bytes are moved by hand. */
__attribute__((no_sanitize("thread"))) void gmem_copy(void *dst, const void *src, size_t len)
{
	volatile uint8_t *d = dst;
	const volatile uint8_t *s = src;

	while (len--)
		*d++ = *s++;
}
#else
void gmem_copy(void *dst, const void *src, size_t len)
{
	memcpy(dst, src, len);
}
#endif

bool gmem_read(const struct gmem *gm, uint64_t gpa, void *dst, size_t len)
{
	const uint8_t *p = gmem_slice(gm, gpa, len);

	if (p)
		gmem_copy(dst, p, len);
	return p || !len;
}

bool gmem_write(struct gmem *gm, uint64_t gpa, const void *src, size_t len)
{
	uint8_t *p = gmem_slice_write(gm, gpa, len);

	if (p)
		gmem_copy(p, src, len);
	return p || !len;
}

bool gmem_load16(const struct gmem *gm, uint64_t gpa, uint16_t *ret)
{
	const uint8_t *p = gpa % 2 ? NULL : gmem_slice(gm, gpa, 2);

	if (!p)
		return false;
	*ret = le16toh(__atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_ACQUIRE));
	return true;
}

bool gmem_store16(struct gmem *gm, uint64_t gpa, uint16_t v)
{
	uint8_t *p = gpa % 2 ? NULL : gmem_slice_write(gm, gpa, 2);

	if (!p)
		return false;
	__atomic_store_n((uint16_t *)(void *)p, htole16(v), __ATOMIC_RELEASE);
	return true;
}

bool gmem_store32(struct gmem *gm, uint64_t gpa, uint32_t v)
{
	uint8_t *p = gpa % 4 ? NULL : gmem_slice_write(gm, gpa, 4);

	if (!p)
		return false;
	__atomic_store_n((uint32_t *)(void *)p, htole32(v), __ATOMIC_RELAXED);
	return true;
}

/*
 * All regions are private mappings: an anonymous page comes back as zeroes, a page of a
 * snapshot as the snapshot's bytes. Guests are told neither (no PAGE_POISON).
 */
/* syscalls loop: madvise */
void gmem_discard(struct gmem *gm, uint64_t gpa, uint64_t len)
{
	uint8_t *p = (gpa | len) % GMEM_PAGE ? NULL : gmem_slice_write(gm, gpa, len);

	if (p)
		madvise(p, len, MADV_DONTNEED);
}

uint64_t gmem_size(const struct gmem *gm)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < gm->nr_regions; i++)
		sum += gm->regions[i].len;
	return sum;
}

int gmem_dirty_start(struct gmem *gm, struct sm_err *e)
{
	gmem_dirty_stop(gm);
	for (uint32_t i = 0; i < gm->nr_regions; i++) {
		struct gmem_region *r = &gm->regions[i];

		r->dirty = calloc(gmem_dirty_words(r), sizeof(*r->dirty));
		if (!r->dirty) {
			gmem_dirty_stop(gm);
			return err_errno(e, ENOMEM, "dirty log");
		}
	}
	return 0;
}

void gmem_dirty_stop(struct gmem *gm)
{
	for (uint32_t i = 0; i < gm->nr_regions; i++) {
		free(gm->regions[i].dirty);
		gm->regions[i].dirty = NULL;
	}
}

void gmem_mark_dirty(struct gmem *gm, uint64_t gpa, uint64_t len)
{
	gmem_slice_write(gm, gpa, len);
}

bool gmem_is_dirty(const struct gmem *gm, uint64_t gpa)
{
	const struct gmem_region *r = gmem_find(gm, gpa, 1);
	uint64_t page = r ? (gpa - r->gpa) / GMEM_PAGE : 0;

	return !r || !r->dirty || __atomic_load_n(&r->dirty[page / 64], __ATOMIC_RELAXED) >> page % 64 & 1;
}

void gmem_dirty_fetch(const struct gmem_region *r, uint64_t *bitmap)
{
	for (size_t i = 0; i < gmem_dirty_words(r); i++)
		bitmap[i] |= __atomic_exchange_n(&r->dirty[i], 0, __ATOMIC_RELAXED);
}
