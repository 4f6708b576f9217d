/* SPDX-License-Identifier: Apache-2.0 */
#include "snap/state.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "util/crc32c.h"

/*
 * Header: magic, u32 version, u32 number of sections, u32 CRC of these.
 * Section: u32 tag, u32 index, u32 length, u32 CRC of these and the bytes, the bytes.
 */
#define MAGIC "SMSTATE\n"
#define MAGIC_LEN 8u
#define HEADER_SUMMED 16u
#define HEADER_LEN 20u
#define SECTION_SUMMED 12u
#define SECTION_LEN 16u

void snap_writer_init(struct snap_writer *w)
{
	*w = (struct snap_writer){ 0 };
	buf_init(&w->out, SNAP_STATE_MAX);
	buf_grow(&w->out, HEADER_LEN);
}

void snap_writer_fini(struct snap_writer *w)
{
	buf_fini(&w->out);
}

struct buf *snap_writer_begin(struct snap_writer *w, uint32_t tag, uint32_t index)
{
	assert(!w->body);
	buf_put_u32(&w->out, tag);
	buf_put_u32(&w->out, index);
	buf_put_u64(&w->out, 0);
	w->body = w->out.len;
	w->nr++;
	return &w->out;
}

static uint32_t section_sum(const uint8_t *head, size_t len)
{
	return crc32c_add(crc32c_add(CRC32C_INIT, head, SECTION_SUMMED), head + SECTION_LEN, len);
}

void snap_writer_end(struct snap_writer *w)
{
	uint8_t *head;

	assert(w->body);
	if (!w->out.broken) {
		head = w->out.data + w->body - SECTION_LEN;
		le32_put(head + 8, (uint32_t)(w->out.len - w->body));
		le32_put(head + SECTION_SUMMED, section_sum(head, w->out.len - w->body));
	}
	w->body = 0;
}

int snap_writer_finish(struct snap_writer *w, struct sm_err *e)
{
	uint8_t *p = w->out.data;

	assert(!w->body);
	if (w->out.broken || w->nr > SNAP_SECTIONS_MAX)
		return err_set(e, EFBIG, "snapshot state: more than %u bytes or %u sections", SNAP_STATE_MAX,
			       SNAP_SECTIONS_MAX);
	memcpy(p, MAGIC, MAGIC_LEN);
	le32_put(p + 8, SNAP_VERSION);
	le32_put(p + 12, w->nr);
	le32_put(p + HEADER_SUMMED, crc32c_add(CRC32C_INIT, p, HEADER_SUMMED));
	return 0;
}

static int damaged(struct sm_err *e, const char *what)
{
	return err_set(e, EBADMSG, "snapshot state: %s", what);
}

static int take_header(struct cursor *in, uint32_t *ret_nr, struct sm_err *e)
{
	const uint8_t *p = cursor_take(in, HEADER_LEN);
	uint32_t version;

	if (!p || memcmp(p, MAGIC, MAGIC_LEN) != 0)
		return damaged(e, "this is no such file");
	version = le32_get(p + 8);
	if (version != SNAP_VERSION)
		return err_set(e, ENOTSUP, "snapshot state: version %u, and this program knows %u", version,
			       SNAP_VERSION);
	if (le32_get(p + HEADER_SUMMED) != crc32c_add(CRC32C_INIT, p, HEADER_SUMMED))
		return damaged(e, "the header's checksum is wrong");
	*ret_nr = le32_get(p + 12);
	return *ret_nr > SNAP_SECTIONS_MAX ? damaged(e, "too many sections") : 0;
}

static const struct snap_section *find(const struct snap_state *s, uint32_t tag, uint32_t index)
{
	for (uint32_t i = 0; i < s->nr; i++)
		if (s->sections[i].tag == tag && s->sections[i].index == index)
			return &s->sections[i];
	return NULL;
}

static int take_section(struct cursor *in, struct snap_state *s, struct sm_err *e)
{
	const uint8_t *head = cursor_take(in, SECTION_LEN);
	struct snap_section *new = &s->sections[s->nr];

	if (!head)
		return damaged(e, "it ends too early");
	*new = (struct snap_section){ le32_get(head), le32_get(head + 4), NULL, le32_get(head + 8) };
	new->data = cursor_take(in, new->len);
	if (!new->data)
		return damaged(e, "it ends too early");
	if (le32_get(head + SECTION_SUMMED) != section_sum(head, new->len))
		return damaged(e, "a section's checksum is wrong");
	if (find(s, new->tag, new->index))
		return damaged(e, "a section occurs twice");
	s->nr++;
	return 0;
}

int snap_state_parse(const void *data, size_t len, struct snap_state *ret, struct sm_err *e)
{
	struct cursor in = cursor_of(data, len);
	struct snap_state s = { 0 };
	uint32_t nr = 0;
	int r;

	if (len > SNAP_STATE_MAX)
		return damaged(e, "the file is too large");
	r = take_header(&in, &nr, e);
	while (!r && s.nr < nr)
		r = take_section(&in, &s, e);
	if (!r && !cursor_done(&in))
		r = damaged(e, "there are bytes after its end");
	if (!r)
		*ret = s;
	return r;
}

int snap_state_find(const struct snap_state *s, uint32_t tag, uint32_t index, struct cursor *ret,
		    struct sm_err *e)
{
	const struct snap_section *found = find(s, tag, index);

	if (!found)
		return err_set(e, EBADMSG, "snapshot state: section %c%c%c%c %u is missing", (int)(tag & 127),
			       (int)(tag >> 8 & 127), (int)(tag >> 16 & 127), (int)(tag >> 24 & 127), index);
	*ret = cursor_of(found->data, found->len);
	return 0;
}
