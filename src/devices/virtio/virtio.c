/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/virtio.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "devices/virtio/chain.h"
#include "devices/virtio/mmio.h"
#include "util/fd.h"
#include "util/num.h"

uint64_t virtio_offered(const struct virtio_dev *vd)
{
	uint64_t own = vd->ops->features ? vd->ops->features(vd->impl) : 0;

	return own | VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX;
}

void virtio_guest_fault(struct virtio_dev *vd, const char *why)
{
	static struct log_rate rate;

	vd->nr_guest_faults++;
	log_guest(vd->log, &rate, "virtio", "device %u.%u: %s", vd->ops->device_id, vd->dev.index, why);
}

static void raise_irq(struct virtio_dev *vd, uint32_t bit)
{
	__atomic_fetch_or(&vd->regs->interrupt_status, bit, __ATOMIC_ACQ_REL);
	/* An edge is needed even when the bit was set: the driver may be past its last look at it. */
	irq_line_pulse(&vd->irq);
}

void virtio_interrupt(struct virtio_dev *vd, struct virtq *q)
{
	if (virtq_should_signal(q))
		raise_irq(vd, VIRTIO_INT_USED);
}

void virtio_config_changed(struct virtio_dev *vd)
{
	vd->regs->config_generation++;
	if (vd->regs->status & VIRTIO_S_DRIVER_OK)
		raise_irq(vd, VIRTIO_INT_CONFIG);
}

void virtio_broken(struct virtio_dev *vd, const char *why)
{
	virtio_guest_fault(vd, why);
	if (vd->regs->status & VIRTIO_S_NEEDS_RESET)
		return;
	vd->regs->status |= VIRTIO_S_NEEDS_RESET;
	if (vd->regs->status & VIRTIO_S_DRIVER_OK)
		raise_irq(vd, VIRTIO_INT_CONFIG);
}

struct virtq *virtio_queue(struct virtio_dev *vd, uint32_t q)
{
	uint32_t status = vd->regs->status;

	if (q >= vd->ops->nr_queues || !(status & VIRTIO_S_DRIVER_OK) || status & VIRTIO_S_NEEDS_RESET)
		return NULL;
	return vd->queues[q].ready ? &vd->queues[q] : NULL;
}

void virtio_again(struct virtio_dev *vd, uint32_t q)
{
	fd_event_ring(vd->doorbells[q]);
}

void virtio_serve(struct virtio_dev *vd, uint32_t q, struct chain *scratch, uint32_t budget,
		  virtio_chain_fn *fn)
{
	struct virtq *vq = virtio_queue(vd, q);

	if (!vq)
		return;
	virtq_quiet(vq);
	for (;;) {
		enum virtq_result res;

		if (!budget--) {
			virtio_again(vd, q);
			break;
		}
		res = chain_pop(vq, scratch);
		if (res == VIRTQ_BROKEN) {
			virtio_broken(vd, "broken descriptor chain");
			return;
		}
		if (res == VIRTQ_EMPTY) {
			if (virtq_listen(vq))
				continue;
			break;
		}
		fn(vd->impl, scratch);
		chain_push(scratch);
		if (!virtio_queue(vd, q))
			return;
	}
	virtio_interrupt(vd, vq);
}

static void queues_apply_features(struct virtio_dev *vd)
{
	for (uint32_t i = 0; i < vd->ops->nr_queues; i++) {
		vd->queues[i].event_idx = vd->regs->features & VIRTIO_F_EVENT_IDX;
		vd->queues[i].indirect = vd->regs->features & VIRTIO_F_INDIRECT_DESC;
	}
}

static void device_reset(struct virtio_dev *vd)
{
	struct virtio_mmio *m = vd->regs;

	vd->ops->reset(vd->impl);
	for (uint32_t i = 0; i < vd->ops->nr_queues; i++)
		virtq_reset(&vd->queues[i]);
	m->status = 0;
	m->device_features_sel = m->driver_features_sel = m->queue_sel = 0;
	m->features = 0;
	m->features_unknown = false;
	__atomic_store_n(&m->interrupt_status, 0, __ATOMIC_RELEASE);
}

static bool features_ok(const struct virtio_dev *vd)
{
	const struct virtio_mmio *m = vd->regs;

	return !m->features_unknown && m->features & VIRTIO_F_VERSION_1 &&
	       !(m->features & ~virtio_offered(vd));
}

/* 3.1.1: each step needs the one before; a refused step leaves its bit clear. */
static const struct {
	uint32_t bit, needs;
} status_steps[] = {
	{ VIRTIO_S_ACKNOWLEDGE, 0 },
	{ VIRTIO_S_DRIVER, VIRTIO_S_ACKNOWLEDGE },
	{ VIRTIO_S_FEATURES_OK, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER },
	{ VIRTIO_S_DRIVER_OK, VIRTIO_S_ACKNOWLEDGE | VIRTIO_S_DRIVER | VIRTIO_S_FEATURES_OK },
};

static void status_step(struct virtio_dev *vd, uint32_t bit)
{
	struct virtio_mmio *m = vd->regs;

	if (bit == VIRTIO_S_FEATURES_OK && !features_ok(vd)) {
		virtio_guest_fault(vd, "features refused");
		return;
	}
	m->status |= bit;
	if (bit != VIRTIO_S_DRIVER_OK)
		return;
	queues_apply_features(vd);
	if (vd->ops->activate && vd->ops->activate(vd->impl, m->features))
		virtio_broken(vd, "activation failed");
}

void virtio_status_write(struct virtio_dev *vd, uint32_t value)
{
	struct virtio_mmio *m = vd->regs;

	if (!value) {
		device_reset(vd);
		return;
	}
	if (value & VIRTIO_S_FAILED) {
		m->status |= VIRTIO_S_FAILED;
		return;
	}
	if (m->status & (VIRTIO_S_NEEDS_RESET | VIRTIO_S_FAILED) || m->status & ~value) {
		virtio_guest_fault(vd, "status bits cleared or set after a failure");
		return;
	}
	for (size_t i = 0; i < NUM_COUNTOF(status_steps); i++) {
		uint32_t bit = status_steps[i].bit;

		if (!(value & ~m->status & bit))
			continue;
		if ((m->status & status_steps[i].needs) != status_steps[i].needs) {
			virtio_guest_fault(vd, "status out of order");
			return;
		}
		status_step(vd, bit);
	}
}

static void door_ring(void *opaque, uint32_t events)
{
	struct virtio_doorbell *door = opaque;
	struct virtio_dev *vd = door->vd;

	(void)events;
	if (!fd_event_clear(vd->doorbells[door->q]))
		return;
	pthread_mutex_lock(&vd->lock);
	/* A ring that comes while quiesced is repeated by resume. */
	if (!vd->regs->quiesced && virtio_queue(vd, door->q))
		vd->ops->notify(vd->impl, door->q);
	pthread_mutex_unlock(&vd->lock);
}

static void virtio_quiesce(void *impl)
{
	struct virtio_dev *vd = impl;

	pthread_mutex_lock(&vd->lock);
	vd->regs->quiesced = true;
	if (vd->ops->quiesce)
		vd->ops->quiesce(vd->impl);
	pthread_mutex_unlock(&vd->lock);
}

static void virtio_resume(void *impl)
{
	struct virtio_dev *vd = impl;

	pthread_mutex_lock(&vd->lock);
	vd->regs->quiesced = false;
	if (vd->ops->resume)
		vd->ops->resume(vd->impl);
	for (uint32_t i = 0; i < vd->ops->nr_queues; i++)
		virtio_again(vd, i);
	if (__atomic_load_n(&vd->regs->interrupt_status, __ATOMIC_ACQUIRE))
		irq_line_pulse(&vd->irq);
	pthread_mutex_unlock(&vd->lock);
}

static int virtio_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct virtio_dev *vd = impl;
	const struct virtio_mmio *m = vd->regs;

	buf_put_u32(out, m->status);
	buf_put_u32(out, m->device_features_sel);
	buf_put_u32(out, m->driver_features_sel);
	buf_put_u32(out, m->queue_sel);
	buf_put_u64(out, m->features);
	buf_put_u8(out, m->features_unknown);
	buf_put_u32(out, m->config_generation);
	buf_put_u32(out, __atomic_load_n(&m->interrupt_status, __ATOMIC_ACQUIRE));
	buf_put_u32(out, vd->ops->nr_queues);
	for (uint32_t i = 0; i < vd->ops->nr_queues; i++)
		virtq_save(&vd->queues[i], out);
	return vd->ops->save(vd->impl, out, e);
}

/* Could the driver have got here by status_steps? */
static bool status_possible(const struct virtio_dev *vd)
{
	uint32_t status = vd->regs->status, known = VIRTIO_S_NEEDS_RESET | VIRTIO_S_FAILED;

	for (size_t i = 0; i < NUM_COUNTOF(status_steps); i++) {
		known |= status_steps[i].bit;
		if (status & status_steps[i].bit && (status & status_steps[i].needs) != status_steps[i].needs)
			return false;
	}
	return !(status & ~known) && (!(status & VIRTIO_S_FEATURES_OK) || features_ok(vd));
}

static int virtio_load(void *impl, struct cursor *in, struct sm_err *e)
{
	struct virtio_dev *vd = impl;
	struct virtio_mmio *m = vd->regs;
	uint32_t nr;

	m->quiesced = true;
	m->status = cursor_u32(in);
	m->device_features_sel = cursor_u32(in);
	m->driver_features_sel = cursor_u32(in);
	m->queue_sel = cursor_u32(in);
	m->features = cursor_u64(in);
	m->features_unknown = cursor_u8(in);
	m->config_generation = cursor_u32(in);
	m->interrupt_status = cursor_u32(in) & (VIRTIO_INT_USED | VIRTIO_INT_CONFIG);
	nr = cursor_u32(in);
	if (in->broken || nr != vd->ops->nr_queues || !status_possible(vd))
		return err_set(e, EBADMSG, "virtio device %u.%u: impossible transport state",
			       vd->ops->device_id, vd->dev.index);
	for (uint32_t i = 0; i < nr; i++) {
		const char *why = virtq_load(&vd->queues[i], in);

		if (!why && vd->queues[i].ready && !(m->status & VIRTIO_S_FEATURES_OK))
			why = "ready too early";
		if (why)
			return err_set(e, EBADMSG, "virtio device %u.%u: queue %u: %s", vd->ops->device_id,
				       vd->dev.index, i, why);
	}
	queues_apply_features(vd);
	return vd->ops->load(vd->impl, m->status & VIRTIO_S_DRIVER_OK, m->features, in, e);
}

static void virtio_dev_destroy(void *impl)
{
	virtio_destroy(impl);
}

static const struct device_ops virtio_device_ops = {
	.quiesce = virtio_quiesce,
	.resume = virtio_resume,
	.save = virtio_save,
	.load = virtio_load,
	.destroy = virtio_dev_destroy,
};

static void virtio_free(struct virtio_dev *vd)
{
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MAX; i++) {
		loop_remove(vd->doors[i].source);
		fd_close(&vd->doorbells[i]);
	}
	pthread_mutex_destroy(&vd->lock);
	free(vd->regs);
	free(vd);
}

static bool doors_open(struct virtio_dev *vd)
{
	for (uint32_t i = 0; i < vd->ops->nr_queues; i++) {
		vd->doors[i] = (struct virtio_doorbell){ .vd = vd, .q = i };
		vd->doorbells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vd->doorbells[i] < 0)
			return false;
		vd->doors[i].source =
			loop_add_fd(vd->loop, vd->doorbells[i], EPOLLIN, door_ring, &vd->doors[i]);
		if (!vd->doors[i].source)
			return false;
	}
	return true;
}

int virtio_create(const struct virtio_ops *ops, void *impl, const struct virtio_config *cfg,
		  struct virtio_dev **ret, struct sm_err *e)
{
	struct virtio_dev *vd = calloc(1, sizeof(*vd));

	assert(ops->nr_queues <= VIRTIO_QUEUES_MAX);
	assert(ops->notify && ops->reset && ops->save && ops->load && ops->destroy);
	if (!vd)
		return err_errno(e, ENOMEM, "virtio device");
	vd->dev = (struct device){ ops->type, cfg->index, &virtio_device_ops, vd };
	vd->ops = ops;
	vd->impl = impl;
	vd->gm = cfg->gm;
	vd->loop = cfg->loop;
	vd->irq = cfg->irq;
	vd->log = cfg->log;
	pthread_mutex_init(&vd->lock, NULL);
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MAX; i++)
		vd->doorbells[i] = -1;
	for (uint32_t i = 0; i < ops->nr_queues; i++)
		virtq_init(&vd->queues[i], vd->gm, ops->queue_max);
	vd->regs = calloc(1, sizeof(*vd->regs));
	if (!vd->regs || !doors_open(vd)) {
		virtio_free(vd);
		return err_errno(e, ENOMEM, "virtio device");
	}
	*ret = vd;
	return 0;
}

void virtio_destroy(struct virtio_dev *vd)
{
	if (!vd)
		return;
	vd->ops->destroy(vd->impl);
	virtio_free(vd);
}
