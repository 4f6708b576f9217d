/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "snap/memory.h"
#include "snap/state.h"
#include "util/crc32c.h"

#define REGION (1u << 20)

/* Sums that are right, or else nothing gets past them. */
static void repair(uint8_t *p, size_t len)
{
	size_t at = 20;

	if (len < at)
		return;
	le32_put(p + 16, crc32c_add(CRC32C_INIT, p, 16));
	while (len - at >= 16) {
		size_t body = le32_get(p + at + 8);

		if (body > len - at - 16)
			return;
		le32_put(p + at + 12, crc32c_add(crc32c_add(CRC32C_INIT, p + at, 12), p + at + 16, body));
		at += 16 + body;
	}
}

/* Two regions and a file that is as long as both. */
static void map(const struct snap_state *s)
{
	struct cursor in;
	struct gmem gm;
	int fd;

	if (snap_state_find(s, SNAP_MEMORY, 0, &in, NULL) < 0)
		return;
	fd = memfd_create("memory", MFD_CLOEXEC);
	gmem_init(&gm);
	if (fd >= 0 && !ftruncate(fd, 2 * REGION) && !gmem_add_anon(&gm, 0x80000000, REGION, NULL) &&
	    !gmem_add_anon(&gm, 0x100000000, REGION, NULL))
		snap_memory_map(&gm, fd, &in, NULL);
	/* Whatever was mapped, all of RAM can be touched. */
	for (uint32_t i = 0; i < gm.nr_regions; i++)
		for (uint64_t off = 0; off < REGION; off += GMEM_PAGE)
			assert(!gm.regions[i].hva[off]);
	gmem_fini(&gm);
	close(fd);
}

/* There is one way to write a state: what was read is written as it was. */
static void write_again(const struct snap_state *s, const uint8_t *data, size_t len)
{
	struct snap_writer w;

	snap_writer_init(&w);
	for (uint32_t i = 0; i < s->nr; i++) {
		const struct snap_section *x = &s->sections[i];

		buf_put(snap_writer_begin(&w, x->tag, x->index), x->data, x->len);
		snap_writer_end(&w);
	}
	assert(!snap_writer_finish(&w, NULL));
	assert(w.out.len == len && !memcmp(w.out.data, data, len));
	snap_writer_fini(&w);
}

/* The bytes as they are, then with a good header and good sums. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct snap_state s;
	struct buf b;

	if (!snap_state_parse(data, len, &s, NULL))
		map(&s);
	buf_init(&b, 1 << 20);
	buf_put(&b, data, len);
	if (!b.broken && len >= 12) {
		memcpy(b.data, "SMSTATE\n", 8);
		le32_put(b.data + 8, SNAP_VERSION);
		repair(b.data, b.len);
		if (!snap_state_parse(b.data, b.len, &s, NULL)) {
			assert(s.nr <= SNAP_SECTIONS_MAX);
			write_again(&s, b.data, b.len);
			map(&s);
		}
	}
	buf_fini(&b);
	return 0;
}
