/* SPDX-License-Identifier: Apache-2.0 */
#include "vm/machine.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

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
#include "vm/platform.h"
#include "vm/snapshot.h"
#include "vm/vcpus.h"

#define MACHINE_DEVICES_MAX (PLAN_SLOTS + 4) /* and the platform's own */

struct machine {
	struct gmem gm;
	struct hv_vm *hv;
	const struct platform *platform;
	struct bus mmio, ports;
	struct vcpus *vcpus;
	struct loop *main_loop, *disk_loop;
	pthread_t disk_thread;
	bool disk_running;
	struct plan_slot plan[PLAN_SLOTS];
	struct device *devices[MACHINE_DEVICES_MAX];
	struct virtio_dev *virtio[PLAN_SLOTS]; /* by slot; NULL where nothing is present */
	int irq_events[PLAN_SLOTS];	       /* by slot: rung, the backend pulses the line; -1: by call */
	size_t nr_devices;
	struct machine_events ev;
	const struct log *log;
	uint32_t nr_vcpus;
	char backend[16];
	struct vsock *vsock;
};

static void machine_irq(void *opaque, uint32_t irq, bool level)
{
	struct machine *m = opaque;

	hv_irq_set(m->hv, irq, level);
}

/* An edge line whose pulses go through an eventfd; `opaque` is the slot's descriptor. */
static void machine_irq_event(void *opaque, uint32_t irq, bool level)
{
	const int *fd = opaque;

	(void)irq;
	if (level)
		fd_event_ring(*fd);
}

/* The line of slot `i`: an interrupt event where the backend has them, else a call. */
static int machine_virtio_irq(struct machine *m, uint32_t i, struct irq_line *ret, struct sm_err *e)
{
	int r;

	*ret = (struct irq_line){ machine_irq, m, m->plan[i].irq };
	if (!hv_vm_caps(m->hv)->irq_events)
		return 0;
	m->irq_events[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->irq_events[i] < 0)
		return err_errno(e, errno, "interrupt event");
	r = hv_irq_event_add(m->hv, m->plan[i].irq, m->irq_events[i], e);
	if (!r)
		*ret = (struct irq_line){ machine_irq_event, &m->irq_events[i], m->plan[i].irq };
	return r;
}

static void machine_keep(void *opaque, struct device *dev)
{
	struct machine *m = opaque;

	assert(m->nr_devices < MACHINE_DEVICES_MAX);
	m->devices[m->nr_devices++] = dev;
}

static struct platform_env machine_env(struct machine *m)
{
	return (struct platform_env){
		.gm = &m->gm,
		.mmio = &m->mmio,
		.ports = &m->ports,
		.plan = m->plan,
		.irq = { machine_irq, m, 0 },
		.ev = &m->ev,
		.keep = machine_keep,
		.opaque = m,
	};
}

/* ---- devices ---- */

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

	if (r < 0)
		return r;
	m->vsock = vs;
	*ret = vsock_virtio(vs);
	return 0;
}

static int machine_make_balloon(const struct virtio_config *vc, struct virtio_dev **ret, struct sm_err *e)
{
	struct balloon *balloon;
	int r = balloon_create(vc, &balloon, e);

	if (!r)
		*ret = balloon_virtio(balloon);
	return r;
}

static int machine_make_device(struct machine *m, struct vm_config *cfg, uint32_t slot,
			       struct virtio_dev **ret, struct sm_err *e)
{
	const struct plan_slot *s = &m->plan[slot];
	struct virtio_config vc = {
		.gm = &m->gm,
		.loop = m->main_loop,
		.index = s->index,
		.log = m->log,
	};
	int r = machine_virtio_irq(m, slot, &vc.irq, e);

	if (r < 0)
		return r;
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
	case DEVICE_UART16550:
	case DEVICE_POWER:
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
		struct virtio_dev *vd = NULL;

		if (!m->plan[i].present)
			continue;
		r = machine_make_device(m, cfg, i, &vd, e);
		if (r < 0)
			break;
		m->virtio[i] = vd;
		machine_keep(m, &vd->dev);
		r = bus_add(&m->mmio, m->plan[i].gpa, VIRTIO_MMIO_LEN, &virtio_bus_ops, vd, e);
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
		.gicd_base = m->platform->gicd_base,
		.gicr_base = m->platform->gicr_base,
		.device_fd = cfg->kvm_fd,
		.log = m->log,
	};
	int r = hv_vm_create(hv_backend_find(cfg->backend), &hc, &m->gm, &m->hv, e);

	for (uint32_t i = 0; i < m->gm.nr_regions && !r; i++)
		r = hv_mem_map(m->hv, &m->gm.regions[i], false, e);
	if (!r)
		r = vcpus_create(m->hv, cfg->cpus, &m->mmio, &m->ports, m->ev.ended, m->ev.opaque, &m->vcpus,
				 e);
	return r ? r : hv_vm_ready(m->hv, e);
}

static int machine_load_guest(struct machine *m, const struct vm_config *cfg, struct sm_err *e)
{
	const struct platform_env env = machine_env(m);
	struct hv_boot boot;
	int r = m->platform->load_guest(&env, cfg, &boot, e);

	return r ? r : hv_vcpu_boot(vcpus_get(m->vcpus, 0), &boot, e);
}

static struct snapshot_parts machine_parts(struct machine *m)
{
	return (struct snapshot_parts){
		.backend = m->backend,
		.gm = &m->gm,
		.hv = m->hv,
		.vcpus = m->vcpus,
		.nr_vcpus = m->nr_vcpus,
		.devices = m->devices,
		.nr_devices = m->nr_devices,
	};
}

/* Memory comes first: a backend may look at it when it is told of it. */
static int machine_map_memory(struct machine *m, const struct vm_config *cfg, struct snapshot_source *src,
			      struct sm_err *e)
{
	const struct snapshot_parts parts = machine_parts(m);
	int r = m->platform->add_memory(&m->gm, cfg->memory, e);

	if (r < 0 || cfg->state_fd < 0)
		return r;
	r = snapshot_read(cfg->state_fd, src, e);
	return r ? r : snapshot_map_memory(&parts, src, cfg->memory_fd, e);
}

/* A fresh kernel, or a machine that goes on where it was saved. */
static int machine_load(struct machine *m, const struct vm_config *cfg, const struct snapshot_source *src,
			struct sm_err *e)
{
	const struct snapshot_parts parts = machine_parts(m);

	return cfg->state_fd < 0 ? machine_load_guest(m, cfg, e) : snapshot_load(&parts, src, e);
}

/* The steps of machine_create, each on what the ones before made. */
static int machine_build(struct machine *m, struct vm_config *cfg, struct sm_err *e)
{
	const struct platform_env env = machine_env(m);
	struct snapshot_source src = { 0 };
	int r = machine_map_memory(m, cfg, &src, e);

	if (!r)
		r = machine_make_hv(m, cfg, e);
	if (!r)
		r = loop_create(&m->disk_loop, e);
	if (!r)
		r = m->platform->add_devices(&env, e);
	if (!r)
		r = machine_add_virtio(m, cfg, e);
	if (!r)
		r = machine_add_doorbells(m, e);
	if (!r)
		r = machine_load(m, cfg, &src, e);
	snapshot_source_fini(&src);
	return r;
}

int machine_create(struct vm_config *cfg, struct loop *main_loop, const struct machine_events *ev,
		   const struct log *log, struct machine **ret, struct sm_err *e)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return err_errno(e, ENOMEM, "machine");
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		m->irq_events[i] = -1;
	m->main_loop = main_loop;
	m->ev = *ev;
	m->log = log;
	m->nr_vcpus = cfg->cpus;
	snprintf(m->backend, sizeof(m->backend), "%s", cfg->backend);
	m->platform = platform_find(hv_backend_find(cfg->backend)->arch);
	assert(m->platform);
	gmem_init(&m->gm);
	plan_make(m->platform->virtio_base, m->platform->virtio_stride, m->platform->slot_irq, m->plan);
	r = machine_build(m, cfg, e);
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
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		fd_close(&m->irq_events[i]);
	gmem_fini(&m->gm);
	free(m);
}

bool machine_is_quiet(struct machine *m)
{
	return !vsock_connections(m->vsock);
}

int machine_save(struct machine *m, int pagemap, int state_fd, int memory_fd, struct sm_err *e)
{
	const struct snapshot_parts parts = machine_parts(m);

	vcpus_stop(m->vcpus);
	return snapshot_save(&parts, pagemap, state_fd, memory_fd, e);
}

void machine_get_stats(const struct machine *m, struct machine_stats *ret)
{
	*ret = (struct machine_stats){ 0 };
	vcpus_exits(m->vcpus, ret->exits);
	for (uint32_t i = 0; i < m->nr_vcpus; i++)
		ret->instructions += hv_vcpu_instructions(vcpus_get(m->vcpus, i));
	for (uint32_t i = 0; i < PLAN_SLOTS; i++)
		if (m->virtio[i])
			ret->guest_faults += m->virtio[i]->nr_guest_faults;
}
