/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "snap/memory.h"
#include "util/fd.h"

/* A device's key in the file: never its slot, which may move. */
static uint32_t device_key(const struct device *d)
{
	return (uint32_t)d->type << 16 | d->index;
}

/* What must be the same for a machine to go on: backend, vCPUs, memory map, devices. */
static void put_machine(const struct snapshot_parts *m, struct buf *out)
{
	buf_put_str(out, m->backend);
	buf_put_u32(out, m->nr_vcpus);
	buf_put_u32(out, GMEM_PAGE);
	buf_put_u32(out, m->gm->nr_regions);
	for (uint32_t i = 0; i < m->gm->nr_regions; i++) {
		buf_put_u64(out, m->gm->regions[i].gpa);
		buf_put_u64(out, m->gm->regions[i].len);
	}
}

static int save_vcpus(const struct snapshot_parts *m, struct snap_writer *w, struct sm_err *e)
{
	int r = 0;

	for (uint32_t i = 0; i < m->nr_vcpus && !r; i++) {
		r = hv_vcpu_save(vcpus_get(m->vcpus, i), snap_writer_begin(w, SNAP_VCPU, i), e);
		snap_writer_end(w);
	}
	return r;
}

static int save_devices(const struct snapshot_parts *m, struct snap_writer *w, struct sm_err *e)
{
	int r = 0;

	for (size_t i = 0; i < m->nr_devices && !r; i++) {
		const struct device *d = m->devices[i];

		r = d->ops->save(d->impl, snap_writer_begin(w, SNAP_DEVICE, device_key(d)), e);
		snap_writer_end(w);
	}
	return r;
}

static int save_state(const struct snapshot_parts *m, int pagemap, int memory_fd, struct snap_writer *w,
		      struct sm_err *e)
{
	int r;

	put_machine(m, snap_writer_begin(w, SNAP_MACHINE, 0));
	snap_writer_end(w);
	r = save_vcpus(m, w, e);
	if (r < 0)
		return r;
	r = hv_vm_save(m->hv, snap_writer_begin(w, SNAP_BACKEND, 0), e);
	snap_writer_end(w);
	if (!r)
		r = save_devices(m, w, e);
	if (r < 0)
		return r;
	r = snap_memory_save(m->gm, pagemap, memory_fd, snap_writer_begin(w, SNAP_MEMORY, 0), e);
	snap_writer_end(w);
	return r ? r : snap_writer_finish(w, e);
}

int snapshot_save(const struct snapshot_parts *m, int pagemap, int state_fd, int memory_fd, struct sm_err *e)
{
	struct snap_writer w;
	int r;

	for (size_t i = 0; i < m->nr_devices; i++)
		m->devices[i]->ops->quiesce(m->devices[i]->impl);
	snap_writer_init(&w);
	r = save_state(m, pagemap, memory_fd, &w, e);
	if (!r) {
		r = fd_write_full(state_fd, w.out.data, w.out.len);
		if (r < 0)
			r = err_errno(e, -r, "snapshot state");
	}
	snap_writer_fini(&w);
	return r;
}

int snapshot_read(int state_fd, struct snapshot_source *ret, struct sm_err *e)
{
	struct snapshot_source s = { 0 };
	struct stat st;
	ssize_t n;
	int r = fd_stat(state_fd, &st);

	if (r < 0)
		return err_errno(e, -r, "snapshot state");
	if (st.st_size <= 0 || st.st_size > SNAP_STATE_MAX)
		return err_set(e, EBADMSG, "snapshot state: a size of %lld bytes is impossible",
			       (long long)st.st_size);
	s.bytes = malloc((size_t)st.st_size);
	if (!s.bytes)
		return err_errno(e, ENOMEM, "snapshot state");
	n = fd_pread_full(state_fd, s.bytes, (size_t)st.st_size, 0);
	r = n < 0 ? err_errno(e, (int)-n, "snapshot state")
		  : snap_state_parse(s.bytes, (size_t)n, &s.state, e);
	if (r < 0)
		free(s.bytes);
	else
		*ret = s;
	return r;
}

void snapshot_source_fini(struct snapshot_source *s)
{
	free(s->bytes);
	s->bytes = NULL;
}

static int check_machine(const struct snapshot_parts *m, const struct snapshot_source *s, struct sm_err *e)
{
	struct cursor in;
	struct buf want;
	int r = snap_state_find(&s->state, SNAP_MACHINE, 0, &in, e);

	if (r < 0)
		return r;
	buf_init(&want, 4096);
	put_machine(m, &want);
	if (want.broken || want.len != in.left || memcmp(want.data, in.p, want.len) != 0)
		r = err_set(e, EBADMSG, "snapshot: of a machine with another backend, memory or CPUs");
	buf_fini(&want);
	return r;
}

int snapshot_map_memory(const struct snapshot_parts *m, const struct snapshot_source *s, int memory_fd,
			struct sm_err *e)
{
	struct cursor in;
	int r = check_machine(m, s, e);

	if (!r)
		r = snap_state_find(&s->state, SNAP_MEMORY, 0, &in, e);
	return r ? r : snap_memory_map(m->gm, memory_fd, &in, e);
}

/* Whoever loads a section must have read all of it. */
static int all_read(const struct cursor *in, const char *what, uint32_t index, struct sm_err *e)
{
	return cursor_done(in) ? 0
			       : err_set(e, EBADMSG, "snapshot state: %s %u has a wrong length", what, index);
}

static int load_vcpus(const struct snapshot_parts *m, const struct snap_state *s, struct sm_err *e)
{
	struct cursor in;
	int r = 0;

	for (uint32_t i = 0; i < m->nr_vcpus && !r; i++) {
		r = snap_state_find(s, SNAP_VCPU, i, &in, e);
		if (!r)
			r = hv_vcpu_load(vcpus_get(m->vcpus, i), &in, e);
		if (!r)
			r = all_read(&in, "vCPU", i, e);
	}
	return r;
}

static int load_backend(const struct snapshot_parts *m, const struct snap_state *s, struct sm_err *e)
{
	struct cursor in;
	int r = snap_state_find(s, SNAP_BACKEND, 0, &in, e);

	if (!r)
		r = hv_vm_load(m->hv, &in, e);
	return r ? r : all_read(&in, "backend", 0, e);
}

static int load_devices(const struct snapshot_parts *m, const struct snap_state *s, struct sm_err *e)
{
	struct cursor in;
	int r = 0;

	for (size_t i = 0; i < m->nr_devices && !r; i++) {
		const struct device *d = m->devices[i];

		r = snap_state_find(s, SNAP_DEVICE, device_key(d), &in, e);
		if (!r)
			r = d->ops->load(d->impl, &in, e);
		if (!r)
			r = all_read(&in, "device", device_key(d), e);
	}
	return r;
}

int snapshot_load(const struct snapshot_parts *m, const struct snapshot_source *s, struct sm_err *e)
{
	int r = load_vcpus(m, &s->state, e);

	if (!r)
		r = load_backend(m, &s->state, e);
	if (!r)
		r = load_devices(m, &s->state, e);
	for (size_t i = 0; i < m->nr_devices && !r; i++)
		m->devices[i]->ops->resume(m->devices[i]->impl);
	return r;
}
