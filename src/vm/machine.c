/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/machine.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>

#include "arch/arm64/boot.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/disk.h"
#include "devices/virtio/rng.h"
#include "devices/virtio/virtio.h"
#include "devices/virtio/vsock/vsock.h"
#include "util/fd.h"
#include "util/num.h"
#include "vm/jail.h"
#include "vm/plan.h"
#include "vm/vcpus.h"

#define MACHINE_DEVICES_MAX (PLAN_SLOTS + 2)

struct machine {
	struct gmem gm;
	struct hv_vm *hv;
	struct bus bus;
	struct vcpus *vcpus;
	struct loop *main_loop, *disk_loop;
	pthread_t disk_thread;
	bool disk_running;
	struct plan_slot plan[PLAN_SLOTS];
	struct device *devices[MACHINE_DEVICES_MAX];
	struct virtio_dev *virtio[PLAN_SLOTS]; /* by slot; NULL where nothing is present */
	size_t nr_devices;
	struct machine_events ev;
	const struct log *log;
	uint32_t nr_vcpus;
};

static void machine_irq(void *opaque, uint32_t irq, bool level)
{
	struct machine *m = opaque;

	hv_irq_set(m->hv, irq, level);
}

static uint32_t machine_slot_irq(uint32_t slot)
{
	return ARM64_VIRTIO_INTID(slot);
}

/* ---- devices ---- */

static int machine_add_device(struct machine *m, uint64_t base, uint64_t len, const struct bus_ops *ops,
			      void *bus_dev, struct device *dev, struct sm_err *e)
{
	m->devices[m->nr_devices++] = dev;
	return bus_add(&m->bus, base, len, ops, bus_dev, e);
}

static int machine_add_platform(struct machine *m, struct sm_err *e)
{
	const struct irq_line irq = { machine_irq, m, ARM64_PL011_INTID };
	struct pl011 *uart;
	struct pl031 *rtc;
	int r = pl011_create(irq, m->ev.console, m->ev.opaque, &uart, e);

	if (!r)
		r = machine_add_device(m, ARM64_PL011_BASE, PL011_LEN, &pl011_bus_ops, uart,
				       pl011_device(uart), e);
	if (!r)
		r = pl031_create(&rtc, e);
	if (!r)
		r = machine_add_device(m, ARM64_PL031_BASE, PL031_LEN, &pl031_bus_ops, rtc, pl031_device(rtc),
				       e);
	return r;
}

/* The disk behind blk device `index`; *ret NULL where there is no medium (yet). */
static int machine_disk(struct vm_config *cfg, uint32_t index, struct disk **ret, struct sm_err *e)
{
	uint32_t nr = cfg->nr_layers;

	*ret = NULL;
	if (index == PLAN_BLK_LAYERS && nr) {
		cfg->nr_layers = 0; /* taken, also on failure */
		return disk_layers_open(cfg->layer_fds, nr, ret, e);
	}
	if (index == PLAN_BLK_ROOT && cfg->root_fd >= 0)
		return disk_file_open(fd_steal(&cfg->root_fd), false, ret, e);
	return 0;
}

static int machine_make_blk(struct machine *m, struct vm_config *cfg, const struct virtio_config *vc,
			    struct virtio_dev **ret, struct sm_err *e)
{
	static const char *const serials[] = { "layers", "root", "spare0", "spare1", "spare2", "spare3" };
	struct blk_options opt = { .read_only = vc->index == PLAN_BLK_LAYERS, .serial = serials[vc->index] };
	struct virtio_config on_disk_loop = *vc;
	struct blk *blk;
	int r = machine_disk(cfg, vc->index, &opt.disk, e);

	if (r < 0)
		return r;
	on_disk_loop.loop = m->disk_loop;
	r = blk_create(&on_disk_loop, &opt, &blk, e);
	if (!r)
		*ret = blk_virtio(blk);
	return r;
}

static int machine_make_vsock(struct machine *m, struct vm_config *cfg, const struct virtio_config *vc,
			      struct virtio_dev **ret, struct sm_err *e)
{
	const struct vsock_options opt = { fd_steal(&cfg->vsock_fd), m->ev.dial, m->ev.opaque };
	struct vsock *vs;
	int r = vsock_create(vc, &opt, &vs, e);

	if (!r)
		*ret = vsock_virtio(vs);
	return r;
}

static int machine_make_balloon(const struct virtio_config *vc, struct virtio_dev **ret, struct sm_err *e)
{
	struct balloon *balloon;
	int r = balloon_create(vc, &balloon, e);

	if (!r)
		*ret = balloon_virtio(balloon);
	return r;
}

static int machine_make_device(struct machine *m, struct vm_config *cfg, const struct plan_slot *s,
			       struct virtio_dev **ret, struct sm_err *e)
{
	const struct virtio_config vc = {
		.gm = &m->gm,
		.loop = m->main_loop,
		.irq = { machine_irq, m, s->irq },
		.index = s->index,
		.log = m->log,
	};

	switch (s->type) {
	case DEVICE_VSOCK:
		return machine_make_vsock(m, cfg, &vc, ret, e);
	case DEVICE_BLK:
		return machine_make_blk(m, cfg, &vc, ret, e);
	case DEVICE_RNG:
		return rng_create(&vc, ret, e);
	case DEVICE_BALLOON:
		return machine_make_balloon(&vc, ret, e);
	case DEVICE_PL011:
	case DEVICE_PL031:
	case DEVICE_NET:
	case DEVICE_FS:
		break;
	}
	return err_set(e, EINVAL, "device type %d: not on the plan", s->type);
}

static int machine_add_virtio(struct machine *m, struct vm_config *cfg, struct sm_err *e)
{
	int r = 0;

	for (uint32_t i = 0; i < PLAN_SLOTS && !r; i++) {
		struct virtio_dev *vd;

		if (!m->plan[i].present)
			continue;
		r = machine_make_device(m, cfg, &m->plan[i], &vd, e);
		if (r < 0)
			break;
		m->virtio[i] = vd;
		r = machine_add_device(m, m->plan[i].gpa, VIRTIO_MMIO_LEN, &virtio_bus_ops, vd, &vd->dev, e);
	}
	return r;
}

/* Backends that can ring a device's doorbell without leaving the guest do so. */
static int machine_add_doorbells(struct machine *m, struct sm_err *e)
{
	int r = 0;

	if (!hv_vm_caps(m->hv)->doorbells)
		return 0;
	for (uint32_t i = 0; i < PLAN_SLOTS && !r; i++)
		for (uint32_t q = 0; m->virtio[i] && q < m->virtio[i]->ops->nr_queues && !r; q++)
			r = hv_doorbell_add(m->hv, m->plan[i].gpa + VIRTIO_MMIO_NOTIFY, q,
					    m->virtio[i]->doorbells[q], e);
	return r;
}

/* ---- the machine ---- */

static int machine_make_hv(struct machine *m, const struct vm_config *cfg, struct sm_err *e)
{
	const struct hv_vm_config hc = {
		.nr_vcpus = cfg->cpus,
		.gicd_base = ARM64_GICD_BASE,
		.gicr_base = ARM64_GICR_BASE,
		.log = m->log,
	};
	int r = hv_vm_create(hv_backend_find(cfg->backend), &hc, &m->gm, &m->hv, e);

	for (uint32_t i = 0; i < m->gm.nr_regions && !r; i++)
		r = hv_mem_map(m->hv, &m->gm.regions[i], false, e);
	if (!r)
		r = vcpus_create(m->hv, cfg->cpus, &m->bus, m->ev.ended, m->ev.opaque, &m->vcpus, e);
	return r ? r : hv_vm_ready(m->hv, e);
}

static int machine_load_guest(struct machine *m, const struct vm_config *cfg, struct sm_err *e)
{
	struct arm64_virtio_slot slots[PLAN_SLOTS];
	uint8_t seed[ARM64_SEED_LEN];
	struct arm64_machine am = {
		.nr_vcpus = cfg->cpus,
		.ram_size = cfg->memory,
		.cmdline = cfg->cmdline,
		.slots = slots,
		.seed = seed,
	};
	struct hv_boot boot;
	int r;

	if (getrandom(seed, sizeof(seed), 0) != sizeof(seed))
		return err_errno(e, errno, "random seed");
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		if (m->plan[i].present)
			slots[am.nr_slots++] = (struct arm64_virtio_slot){ m->plan[i].gpa, m->plan[i].irq };
	r = arm64_boot_load(&m->gm, cfg->kernel_fd, cfg->initrd_fd, &am, &boot, e);
	return r ? r : hv_vcpu_boot(vcpus_get(m->vcpus, 0), &boot, e);
}

int machine_create(struct vm_config *cfg, struct loop *main_loop, const struct machine_events *ev,
		   const struct log *log, struct machine **ret, struct sm_err *e)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_errno(e, ENOMEM, "machine");
	m->main_loop = main_loop;
	m->ev = *ev;
	m->log = log;
	m->nr_vcpus = cfg->cpus;
	gmem_init(&m->gm);
	plan_make(ARM64_VIRTIO_BASE, ARM64_VIRTIO_STRIDE, machine_slot_irq, m->plan);
	r = gmem_add_anon(&m->gm, ARM64_RAM_BASE, cfg->memory, e);
	if (!r)
		r = machine_make_hv(m, cfg, e);
	if (!r)
		r = loop_create(&m->disk_loop, e);
	if (!r)
		r = machine_add_platform(m, e);
	if (!r)
		r = machine_add_virtio(m, cfg, e);
	if (!r)
		r = machine_add_doorbells(m, e);
	if (!r)
		r = machine_load_guest(m, cfg, e);
	if (r < 0) {
		machine_destroy(m);
		return r;
	}
	*ret = m;
	return 0;
}

static int machine_enter_vcpu(struct sm_err *e)
{
	return jail_thread(JAIL_VCPU, e);
}

static void *machine_disk_thread(void *opaque)
{
	struct machine *m = opaque;
	struct sm_err e;

	prctl(PR_SET_NAME, "disks");
	if (jail_thread(JAIL_DISK, &e) < 0) {
		m->ev.ended(m->ev.opaque, HV_EXIT_FAULT, e.text);
		return NULL;
	}
	loop_run(m->disk_loop);
	return NULL;
}

int machine_start(struct machine *m, struct sm_err *e)
{
	int err = pthread_create(&m->disk_thread, NULL, machine_disk_thread, m);

	if (err)
		return err_errno(e, err, "disk thread");
	m->disk_running = true;
	return vcpus_start(m->vcpus, machine_enter_vcpu, e);
}

void machine_destroy(struct machine *m)
{
	if (!m)
		return;
	if (m->vcpus)
		vcpus_stop(m->vcpus);
	if (m->disk_running) {
		loop_stop(m->disk_loop);
		pthread_join(m->disk_thread, NULL);
	}
	while (m->nr_devices) {
		struct device *d = m->devices[--m->nr_devices];

		d->ops->destroy(d->impl);
	}
	loop_destroy(m->disk_loop);
	vcpus_destroy(m->vcpus);
	hv_vm_destroy(m->hv);
	gmem_fini(&m->gm);
	free(m);
}

void machine_get_stats(const struct machine *m, struct machine_stats *ret)
{
	*ret = (struct machine_stats){ .exits = vcpus_exits(m->vcpus) };
	for (uint32_t i = 0; i < m->nr_vcpus; i++)
		ret->instructions += hv_vcpu_instructions(vcpus_get(m->vcpus, i));
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		if (m->virtio[i])
			ret->guest_faults += m->virtio[i]->nr_guest_faults;
}
