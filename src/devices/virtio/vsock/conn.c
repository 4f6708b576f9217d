/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "devices/virtio/vsock/impl.h"
#include "mem/gmem_io.h"
#include "util/fd.h"
#include "util/num.h"

void conn_table_init(struct vsock *vs)
{
	vs->free_conn = vs->ready_first = vs->ready_last = VSOCK_NONE;
	vs->nr_touched = vs->nr_conns = vs->nr_rsts = 0;
	memset(vs->buckets, 0xff, sizeof(vs->buckets));
}

uint32_t conn_index(const struct vsock *vs, const struct conn *c)
{
	return (uint32_t)(c - vs->conns);
}

/* syscalls loop: epoll_ctl fcntl */
struct conn *conn_open(struct vsock *vs, int fd, enum conn_state state)
{
	uint32_t i = vs->free_conn != VSOCK_NONE ? vs->free_conn : vs->nr_touched;
	struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	struct conn *c = &vs->conns[i];
	uint32_t next;

	if (i >= VSOCK_CONNS) {
		fd_close(&fd);
		return NULL;
	}
	ev.data.u64 = (uint64_t)(c->gen + 1) << 32 | i;
	if (fd_nonblock(fd) || epoll_ctl(vs->epfd, EPOLL_CTL_ADD, fd, &ev) < 0) {
		fd_close(&fd);
		return NULL;
	}
	next = c->next_hash;
	*c = (struct conn){ .state = state, .gen = c->gen + 1, .fd = fd, .writable = true };
	if (i == vs->nr_touched)
		vs->nr_touched++;
	else
		vs->free_conn = next;
	return c;
}

static uint32_t *bucket_of(struct vsock *vs, uint32_t host_port, uint32_t guest_port)
{
	uint32_t h = (host_port * 0x9e3779b1u) ^ (guest_port * 0x85ebca6bu);

	return &vs->buckets[(h ^ h >> 15) % VSOCK_CONNS];
}

void conn_publish(struct vsock *vs, struct conn *c)
{
	uint32_t *bucket = bucket_of(vs, c->host_port, c->guest_port);

	c->next_hash = *bucket;
	*bucket = conn_index(vs, c);
	vs->nr_conns++;
}

void conn_unpublish(struct vsock *vs, struct conn *c)
{
	uint32_t *link = bucket_of(vs, c->host_port, c->guest_port);

	while (*link != conn_index(vs, c)) {
		assert(*link != VSOCK_NONE);
		link = &vs->conns[*link].next_hash;
	}
	*link = c->next_hash;
	vs->nr_conns--;
}

struct conn *conn_find(struct vsock *vs, uint32_t host_port, uint32_t guest_port)
{
	uint32_t i = *bucket_of(vs, host_port, guest_port);

	while (i != VSOCK_NONE) {
		struct conn *c = &vs->conns[i];

		if (c->host_port == host_port && c->guest_port == guest_port)
			return c;
		i = c->next_hash;
	}
	return NULL;
}

static bool is_published(const struct conn *c)
{
	return c->state == CONN_REQUESTED || c->state == CONN_ESTABLISHED || c->state == CONN_DEAD;
}

static void ready_remove(struct vsock *vs, struct conn *c)
{
	uint32_t *link = &vs->ready_first, prev = VSOCK_NONE, self = conn_index(vs, c);

	while (*link != self) {
		prev = *link;
		link = &vs->conns[*link].next_ready;
	}
	*link = c->next_ready;
	if (vs->ready_last == self)
		vs->ready_last = prev;
	c->on_ready = false;
}

void conn_free(struct vsock *vs, struct conn *c)
{
	assert(c->state != CONN_FREE);
	if (c->on_ready)
		ready_remove(vs, c);
	if (is_published(c))
		conn_unpublish(vs, c);
	fd_close(&c->fd);
	if (c->ring)
		munmap(c->ring, VSOCK_BUF);
	c->ring = NULL;
	c->state = CONN_FREE;
	c->next_hash = vs->free_conn;
	vs->free_conn = conn_index(vs, c);
}

void conn_free_all(struct vsock *vs)
{
	for (uint32_t i = 0; i < vs->nr_touched; i++)
		if (vs->conns[i].state != CONN_FREE)
			conn_free(vs, &vs->conns[i]);
}

uint32_t conn_credit(const struct conn *c)
{
	uint32_t in_flight = c->sent - c->peer_fwd;

	return in_flight < c->peer_alloc ? c->peer_alloc - in_flight : 0;
}

uint32_t conn_shut(const struct conn *c)
{
	return (c->host_eof ? VIRTIO_VSOCK_SHUTDOWN_SEND : 0) |
	       (c->host_deaf ? VIRTIO_VSOCK_SHUTDOWN_RCV : 0);
}

bool conn_has_work(const struct conn *c)
{
	if (c->owe)
		return true;
	if (c->state != CONN_ESTABLISHED)
		return false;
	if (conn_shut(c) & ~c->shut_told)
		return true;
	return c->readable && !c->host_eof && conn_credit(c);
}

void conn_schedule(struct vsock *vs, struct conn *c)
{
	uint32_t self = conn_index(vs, c);

	if (c->on_ready || !conn_has_work(c))
		return;
	c->on_ready = true;
	c->next_ready = VSOCK_NONE;
	if (vs->ready_last == VSOCK_NONE)
		vs->ready_first = self;
	else
		vs->conns[vs->ready_last].next_ready = self;
	vs->ready_last = self;
}

void conn_kill(struct vsock *vs, struct conn *c)
{
	c->state = CONN_DEAD;
	c->owe = OWE_RST;
	c->guest_shut = VIRTIO_VSOCK_SHUTDOWN_BOTH;
	c->host_eof = true;
	conn_drain(vs, c);
	conn_schedule(vs, c);
}

/* The other end of the socket takes nothing any more; what waits for it is lost, as on any socket. */
static void host_lost(struct conn *c)
{
	c->host_deaf = true;
	c->fwd += c->ring_count;
	c->ring_count = 0;
}

static bool ring_map(struct conn *c)
{
	void *p;

	if (c->ring)
		return true;
	p = mmap(NULL, VSOCK_BUF, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	c->ring = p;
	return true;
}

static bool ring_fill(struct conn *c, struct chain *chain, uint32_t len)
{
	if (!ring_map(c))
		return false;
	while (len) {
		uint32_t tail = (c->ring_head + c->ring_count) % VSOCK_BUF;
		uint32_t n = (uint32_t)num_min(len, VSOCK_BUF - tail);

		if (!chain_read(chain, c->ring + tail, n))
			return false;
		c->ring_count += n;
		len -= n;
	}
	return true;
}

/* Tells the guest about room before it runs out of it (its view is fwd_told). */
static void credit_consider(struct vsock *vs, struct conn *c)
{
	if (c->state == CONN_ESTABLISHED && c->fwd - c->fwd_told >= VSOCK_BUF / 4) {
		c->owe |= OWE_CREDIT;
		conn_schedule(vs, c);
	}
}

bool conn_take(struct vsock *vs, struct conn *c, struct chain *chain, uint32_t len)
{
	if (len > VSOCK_BUF - c->ring_count)
		return false;
	while (len && !c->ring_count && c->writable && !c->host_deaf) {
		ssize_t n = chain_send(chain, c->fd, len);

		if (n == -EAGAIN) {
			c->writable = false;
		} else if (n < 0) {
			host_lost(c);
		} else {
			c->fwd += (uint32_t)n;
			len -= (uint32_t)n;
		}
	}
	if (c->host_deaf)
		c->fwd += len;
	else if (len && !ring_fill(c, chain, len))
		return false;
	credit_consider(vs, c);
	conn_schedule(vs, c);
	return true;
}

static void ring_send(struct conn *c)
{
	while (c->ring_count && c->writable) {
		uint32_t first = (uint32_t)num_min(c->ring_count, VSOCK_BUF - c->ring_head);
		struct iovec iov[2] = { { c->ring + c->ring_head, first },
					{ c->ring, c->ring_count - first } };
		ssize_t n = gmem_sendv(c->fd, iov, first < c->ring_count ? 2 : 1);

		if (n == -EAGAIN) {
			c->writable = false;
		} else if (n < 0) {
			host_lost(c);
		} else {
			c->ring_head = (c->ring_head + (uint32_t)n) % VSOCK_BUF;
			c->ring_count -= (uint32_t)n;
			c->fwd += (uint32_t)n;
		}
	}
}

void conn_drain(struct vsock *vs, struct conn *c)
{
	if (c->fd >= 0) {
		ring_send(c);
		if (!c->ring_count && c->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
			shutdown(c->fd, SHUT_WR);
		if (!c->ring_count && (c->state == CONN_DEAD || c->state == CONN_DRAIN))
			fd_close(&c->fd);
	}
	if (c->state == CONN_DRAIN && c->fd < 0) {
		conn_free(vs, c);
		return;
	}
	credit_consider(vs, c);
	conn_schedule(vs, c);
}
