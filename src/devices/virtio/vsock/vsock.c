/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/virtio/vsock/vsock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "devices/virtio/vsock/impl.h"
#include "util/fd.h"
#include "util/num.h"

#define VIRTIO_VSOCK_EVENT_TRANSPORT_RESET 0u
#define EVENT_LEN 4u
#define LISTENER UINT64_MAX
#define EPOLL_BUDGET 64

/* 5.10.4: the guest's CID, 64 bits. */
static void vsock_config_read(void *impl, uint32_t off, void *dst, uint32_t len)
{
	uint8_t config[8];

	(void)impl;
	le64_put(config, VSOCK_GUEST_CID);
	memset(dst, 0, len);
	if (off < sizeof(config))
		memcpy(dst, config + off, num_min(len, sizeof(config) - off));
}

/* Sends an owed event; after it, sees whether the guest has put the buffer back. */
static void vsock_event(struct vsock *vs)
{
	struct virtq *vq = virtio_queue(vs->vd, VSOCK_Q_EVENT);
	uint8_t event[EVENT_LEN];
	enum virtq_result r;

	if (!vq)
		return;
	if (vs->hold && virtq_pending(vq) > vs->event_left)
		vs->hold = false;
	if (vs->event_owed) {
		r = chain_pop(vq, &vs->chain);
		le32_put(event, VIRTIO_VSOCK_EVENT_TRANSPORT_RESET);
		if (r == VIRTQ_BROKEN || (r == VIRTQ_OK && !chain_write(&vs->chain, event, sizeof(event)))) {
			virtio_broken(vs->vd, "vsock: bad event buffer");
			return;
		}
		if (r == VIRTQ_OK) {
			vs->event_owed = false;
			vs->hold = true;
			vs->event_left = virtq_pending(vq);
			chain_push(&vs->chain);
			virtio_interrupt(vs->vd, vq);
		}
	}
	/* What comes between the look above and this is seen by the doorbell it rings. */
	if (virtq_listen_more(vq) > vs->event_left && vs->hold)
		virtio_again(vs->vd, VSOCK_Q_EVENT);
}

static void vsock_notify(void *impl, uint32_t q)
{
	struct vsock *vs = impl;

	if (q == VSOCK_Q_EVENT)
		vsock_event(vs);
	else if (q == VSOCK_Q_TX)
		vsock_tx(vs);
	vsock_rx(vs);
}

static void on_socket(struct vsock *vs, uint64_t key, uint32_t events)
{
	uint32_t i = (uint32_t)key;
	struct conn *c = &vs->conns[i];

	/* The slot may have changed hands earlier in this round. */
	if (i >= VSOCK_CONNS || c->state == CONN_FREE || c->gen != key >> 32)
		return;
	c->readable |= events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? true : false;
	c->writable |= events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? true : false;
	if (events & (EPOLLHUP | EPOLLERR)) {
		c->hup = true;
		/* End of stream was told before; now the other direction is over too. */
		if (c->host_eof)
			c->host_deaf = true;
	}
	if (c->state == CONN_HANDSHAKE) {
		host_handshake(vs, c);
	} else if (c->state == CONN_REQUESTED && c->hup) {
		conn_kill(vs, c);
	} else {
		conn_drain(vs, c);
	}
}

/* syscalls loop: epoll_wait epoll_pwait */
void vsock_poll(struct vsock *vs)
{
	struct epoll_event evs[EPOLL_BUDGET];
	int n;

	pthread_mutex_lock(&vs->vd->lock);
	n = vs->quiesced ? 0 : epoll_wait(vs->epfd, evs, EPOLL_BUDGET, 0);
	for (int i = 0; i < n; i++) {
		if (evs[i].data.u64 == LISTENER)
			host_accept(vs);
		else
			on_socket(vs, evs[i].data.u64, evs[i].events);
	}
	vsock_rx(vs);
	pthread_mutex_unlock(&vs->vd->lock);
}

static void on_epoll(void *opaque, uint32_t events)
{
	(void)events;
	vsock_poll(opaque);
}

static void drop_all(struct vsock *vs)
{
	conn_free_all(vs);
	vs->nr_rsts = 0;
	vs->hold = vs->event_owed = vs->tx_stalled = false;
}

static void vsock_reset(void *impl)
{
	drop_all(impl);
}

void vsock_transport_reset(struct vsock *vs)
{
	pthread_mutex_lock(&vs->vd->lock);
	drop_all(vs);
	vs->event_owed = true;
	virtio_again(vs->vd, VSOCK_Q_EVENT);
	pthread_mutex_unlock(&vs->vd->lock);
}

uint32_t vsock_connections(struct vsock *vs)
{
	uint32_t n;

	pthread_mutex_lock(&vs->vd->lock);
	n = vs->nr_conns;
	pthread_mutex_unlock(&vs->vd->lock);
	return n;
}

static void vsock_quiesce(void *impl)
{
	struct vsock *vs = impl;

	vs->quiesced = true;
}

static void vsock_resume(void *impl)
{
	struct vsock *vs = impl;

	vs->quiesced = false;
}

/* Connections cannot be kept, only that there were some. A reset the guest has not seen is owed again. */
static int vsock_save(void *impl, struct buf *out, struct sm_err *e)
{
	struct vsock *vs = impl;

	(void)e;
	buf_put_u8(out, vs->nr_conns || vs->nr_rsts || vs->event_owed || vs->hold);
	buf_put_u32(out, vs->next_port);
	return 0;
}

static int vsock_load(void *impl, bool active, uint64_t features, struct cursor *in, struct sm_err *e)
{
	struct vsock *vs = impl;
	uint8_t had = cursor_u8(in);

	(void)features;
	vs->next_port = cursor_u32(in);
	if (in->broken || had > 1)
		return err_set(e, EBADMSG, "vsock: impossible state");
	vs->quiesced = true;
	vs->event_owed = active && had;
	return 0;
}

static void vsock_free(struct vsock *vs)
{
	conn_free_all(vs);
	loop_remove(vs->source);
	fd_close(&vs->epfd);
	fd_close(&vs->listener);
	free(vs);
}

static void vsock_destroy(void *impl)
{
	vsock_free(impl);
}

static const struct virtio_ops vsock_ops = {
	.device_id = 19,
	.type = DEVICE_VSOCK,
	.nr_queues = VSOCK_NR_QUEUES,
	.queue_max = 256,
	.config_read = vsock_config_read,
	.notify = vsock_notify,
	.reset = vsock_reset,
	.save = vsock_save,
	.load = vsock_load,
	.quiesce = vsock_quiesce,
	.resume = vsock_resume,
	.destroy = vsock_destroy,
};

static int sockets_init(struct vsock *vs, struct loop *loop, struct sm_err *e)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET, .data.u64 = LISTENER };
	int err;

	vs->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (vs->epfd < 0)
		return err_errno(e, errno, "vsock");
	if (vs->listener >= 0) {
		err = fd_nonblock(vs->listener);
		if (err)
			return err_errno(e, -err, "vsock listener");
		if (epoll_ctl(vs->epfd, EPOLL_CTL_ADD, vs->listener, &ev) < 0)
			return err_errno(e, errno, "vsock listener");
	}
	vs->source = loop_add_fd(loop, vs->epfd, EPOLLIN, on_epoll, vs);
	return vs->source ? 0 : err_errno(e, ENOMEM, "vsock");
}

int vsock_create(const struct virtio_config *cfg, const struct vsock_options *opt, struct vsock **ret,
		 struct sm_err *e)
{
	struct vsock *vs = calloc(1, sizeof(*vs));
	int listener = opt->listener, err;

	if (!vs) {
		fd_close(&listener);
		return err_errno(e, ENOMEM, "vsock");
	}
	conn_table_init(vs);
	vs->epfd = -1;
	vs->listener = listener;
	vs->dial = opt->dial;
	vs->dial_opaque = opt->dial_opaque;
	err = sockets_init(vs, cfg->loop, e);
	if (!err)
		err = virtio_create(&vsock_ops, vs, cfg, &vs->vd, e);
	if (err) {
		vsock_free(vs);
		return err;
	}
	*ret = vs;
	return 0;
}

struct virtio_dev *vsock_virtio(struct vsock *vs)
{
	return vs->vd;
}
