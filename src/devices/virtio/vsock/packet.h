/* SPDX-License-Identifier: Apache-2.0 */
/* The packet header of virtio 1.2, 5.10.6, encoded and decoded. */
#ifndef DEVICES_VIRTIO_VSOCK_PACKET_H
#define DEVICES_VIRTIO_VSOCK_PACKET_H

#include "util/bytes.h"

enum {
	VIRTIO_VSOCK_OP_REQUEST = 1,
	VIRTIO_VSOCK_OP_RESPONSE = 2,
	VIRTIO_VSOCK_OP_RST = 3,
	VIRTIO_VSOCK_OP_SHUTDOWN = 4,
	VIRTIO_VSOCK_OP_RW = 5,
	VIRTIO_VSOCK_OP_CREDIT_UPDATE = 6,
	VIRTIO_VSOCK_OP_CREDIT_REQUEST = 7,
};

#define VIRTIO_VSOCK_TYPE_STREAM 1u
#define VIRTIO_VSOCK_SHUTDOWN_RCV 1u /* the sender of the packet receives no more */
#define VIRTIO_VSOCK_SHUTDOWN_SEND 2u
#define VIRTIO_VSOCK_SHUTDOWN_BOTH 3u
#define VSOCK_HDR_LEN 44u

struct vsock_hdr {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};

static inline void vsock_hdr_parse(const uint8_t *p, struct vsock_hdr *ret)
{
	*ret = (struct vsock_hdr){
		.src_cid = le64_get(p),
		.dst_cid = le64_get(p + 8),
		.src_port = le32_get(p + 16),
		.dst_port = le32_get(p + 20),
		.len = le32_get(p + 24),
		.type = le16_get(p + 28),
		.op = le16_get(p + 30),
		.flags = le32_get(p + 32),
		.buf_alloc = le32_get(p + 36),
		.fwd_cnt = le32_get(p + 40),
	};
}

static inline void vsock_hdr_format(uint8_t *p, const struct vsock_hdr *h)
{
	le64_put(p, h->src_cid);
	le64_put(p + 8, h->dst_cid);
	le32_put(p + 16, h->src_port);
	le32_put(p + 20, h->dst_port);
	le32_put(p + 24, h->len);
	le16_put(p + 28, h->type);
	le16_put(p + 30, h->op);
	le32_put(p + 32, h->flags);
	le32_put(p + 36, h->buf_alloc);
	le32_put(p + 40, h->fwd_cnt);
}

#endif
