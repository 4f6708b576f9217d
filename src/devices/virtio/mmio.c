/* SPDX-License-Identifier: Apache-2.0 */
/* The register file of virtio-mmio version 2 (virtio 1.2, 4.2.2). */
#include "devices/virtio/mmio.h"

#include "util/fd.h"

enum {
	REG_MAGIC = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_VENDOR_ID = 0x00c,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SEL = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SEL = 0x024,
	REG_QUEUE_SEL = 0x030,
	REG_QUEUE_NUM_MAX = 0x034,
	REG_QUEUE_NUM = 0x038,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = VIRTIO_MMIO_NOTIFY,
	REG_INTERRUPT_STATUS = 0x060,
	REG_INTERRUPT_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC_LOW = 0x080,
	REG_QUEUE_DESC_HIGH = 0x084,
	REG_QUEUE_DRIVER_LOW = 0x090,
	REG_QUEUE_DRIVER_HIGH = 0x094,
	REG_QUEUE_DEVICE_LOW = 0x0a0,
	REG_QUEUE_DEVICE_HIGH = 0x0a4,
	REG_SHM_LEN_LOW = 0x0b0,
	REG_SHM_LEN_HIGH = 0x0b4,
	REG_SHM_BASE_LOW = 0x0b8,
	REG_SHM_BASE_HIGH = 0x0bc,
	REG_CONFIG_GENERATION = 0x0fc,
	REG_CONFIG = 0x100,
};

#define MMIO_MAGIC 0x74726976u /* "virt" */
#define MMIO_VENDOR 0x4d53u    /* "SM" */

static struct virtq *selected(struct virtio_dev *vd)
{
	return vd->regs->queue_sel < vd->ops->nr_queues ? &vd->queues[vd->regs->queue_sel] : NULL;
}

static uint32_t half(uint64_t v, uint32_t sel)
{
	return sel > 1 ? 0 : (uint32_t)(v >> 32 * sel);
}

static uint32_t reg_read(struct virtio_dev *vd, uint32_t reg)
{
	struct virtio_mmio *m = vd->regs;
	struct virtq *q = selected(vd);

	switch (reg) {
	case REG_MAGIC:
		return MMIO_MAGIC;
	case REG_VERSION:
		return 2;
	case REG_DEVICE_ID:
		return vd->ops->device_id;
	case REG_VENDOR_ID:
		return MMIO_VENDOR;
	case REG_DEVICE_FEATURES:
		return half(virtio_offered(vd), m->device_features_sel);
	case REG_QUEUE_NUM_MAX:
		return q ? q->max : 0;
	case REG_QUEUE_READY:
		return q && q->ready;
	case REG_STATUS:
		return m->status;
	case REG_CONFIG_GENERATION:
		return m->config_generation;
	/* 4.2.2.1: a region that does not exist has length -1. */
	case REG_SHM_LEN_LOW:
	case REG_SHM_LEN_HIGH:
	case REG_SHM_BASE_LOW:
	case REG_SHM_BASE_HIGH:
		return UINT32_MAX;
	default:
		return 0;
	}
}

static void queue_set_ready(struct virtio_dev *vd, struct virtq *q, uint32_t value)
{
	const char *why;

	if (!(value & 1)) {
		q->ready = false;
		return;
	}
	why = virtq_vet(q);
	if (why)
		virtio_guest_fault(vd, why);
	else
		q->ready = true;
}

static void put_half(uint64_t *v, uint32_t high, uint32_t value)
{
	*v = high ? (*v & UINT32_MAX) | (uint64_t)value << 32 : (*v & ~(uint64_t)UINT32_MAX) | value;
}

/* Configuration is open from FEATURES_OK until DRIVER_OK; a ready queue is closed as well. */
static void queue_write(struct virtio_dev *vd, uint32_t reg, uint32_t value)
{
	struct virtq *q = selected(vd);
	uint32_t status = vd->regs->status;

	if (!q || !(status & VIRTIO_S_FEATURES_OK) || status & VIRTIO_S_DRIVER_OK ||
	    (q->ready && reg != REG_QUEUE_READY)) {
		virtio_guest_fault(vd, "queue register written out of turn");
		return;
	}
	switch (reg) {
	case REG_QUEUE_NUM:
		/* A number of more than 16 bits must not be cut to a good one. */
		q->size = value > UINT16_MAX ? 0 : (uint16_t)value;
		break;
	case REG_QUEUE_READY:
		queue_set_ready(vd, q, value);
		break;
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
		put_half(&q->desc, reg == REG_QUEUE_DESC_HIGH, value);
		break;
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
		put_half(&q->avail, reg == REG_QUEUE_DRIVER_HIGH, value);
		break;
	default:
		put_half(&q->used, reg == REG_QUEUE_DEVICE_HIGH, value);
		break;
	}
}

static void reg_write(struct virtio_dev *vd, uint32_t reg, uint32_t value)
{
	struct virtio_mmio *m = vd->regs;

	switch (reg) {
	case REG_DEVICE_FEATURES_SEL:
		m->device_features_sel = value;
		break;
	case REG_DRIVER_FEATURES_SEL:
		m->driver_features_sel = value;
		break;
	case REG_DRIVER_FEATURES:
		if (!(m->status & VIRTIO_S_DRIVER) || m->status & VIRTIO_S_FEATURES_OK)
			virtio_guest_fault(vd, "features written out of turn");
		else if (m->driver_features_sel <= 1)
			put_half(&m->features, m->driver_features_sel, value);
		else if (value)
			m->features_unknown = true;
		break;
	case REG_QUEUE_SEL:
		m->queue_sel = value;
		break;
	case REG_STATUS:
		virtio_status_write(vd, value);
		break;
	case REG_QUEUE_NUM:
	case REG_QUEUE_READY:
	case REG_QUEUE_DESC_LOW:
	case REG_QUEUE_DESC_HIGH:
	case REG_QUEUE_DRIVER_LOW:
	case REG_QUEUE_DRIVER_HIGH:
	case REG_QUEUE_DEVICE_LOW:
	case REG_QUEUE_DEVICE_HIGH:
		queue_write(vd, reg, value);
		break;
	default:
		break;
	}
}

/* 4.2.2.2: the driver uses only aligned 32-bit accesses outside the configuration space. */
static bool width_ok(uint64_t off, uint8_t len)
{
	return len == 4 && !(off & 3);
}

static uint64_t mmio_read(void *dev, uint64_t off, uint8_t len)
{
	struct virtio_dev *vd = dev;
	uint8_t raw[8] = { 0 };
	uint64_t value = 0;

	if (off < REG_CONFIG && !width_ok(off, len))
		return 0;
	if (off == REG_INTERRUPT_STATUS)
		return __atomic_load_n(&vd->regs->interrupt_status, __ATOMIC_ACQUIRE);
	pthread_mutex_lock(&vd->lock);
	if (off < REG_CONFIG) {
		value = reg_read(vd, (uint32_t)off);
	} else if (vd->ops->config_read) {
		vd->ops->config_read(vd->impl, (uint32_t)off - REG_CONFIG, raw, len);
		value = le64_get(raw);
	}
	pthread_mutex_unlock(&vd->lock);
	return value;
}

static void mmio_write(void *dev, uint64_t off, uint8_t len, uint64_t value)
{
	struct virtio_dev *vd = dev;
	uint8_t raw[8];

	if (off < REG_CONFIG && !width_ok(off, len))
		return;
	if (off == REG_QUEUE_NOTIFY) {
		if (value < vd->ops->nr_queues)
			fd_event_ring(vd->doorbells[value]);
		return;
	}
	if (off == REG_INTERRUPT_ACK) {
		__atomic_fetch_and(&vd->regs->interrupt_status, ~(uint32_t)value, __ATOMIC_ACQ_REL);
		return;
	}
	pthread_mutex_lock(&vd->lock);
	if (off < REG_CONFIG) {
		reg_write(vd, (uint32_t)off, (uint32_t)value);
	} else if (vd->ops->config_write) {
		le64_put(raw, value);
		vd->ops->config_write(vd->impl, (uint32_t)off - REG_CONFIG, raw, len);
	}
	pthread_mutex_unlock(&vd->lock);
}

const struct bus_ops virtio_bus_ops = { mmio_read, mmio_write };
