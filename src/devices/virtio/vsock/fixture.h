/* SPDX-License-Identifier: Apache-2.0 */
/* A guest driver and host clients for the tests of vsock; everything on one thread. */
#ifndef DEVICES_VIRTIO_VSOCK_FIXTURE_H
#define DEVICES_VIRTIO_VSOCK_FIXTURE_H

#include "devices/virtio/vsock/impl.h"
#include "tests/lib/ring.h"

#define RX_BUFS 32u
#define RX_LEN 4096u
#define GUEST_ALLOC (64u << 10)

extern struct ring_driver vfix_d;
extern struct vsock *vfix_vs;
extern int vfix_dialled[2];  /* what the last dial made: ours, the device's */
extern int vfix_dial_error;  /* dials fail */
extern uint64_t vfix_tx_mem; /* 256 KiB for packets of the guest */

/* Sets the driver up with all receive buffers offered. */
void vfix_start_driver(void);
/* cmocka fixtures: a device with a listener and a dial function for port 1027, driver running. */
int vfix_set_up(void **state);
int vfix_tear_down(void **state);
/* What the loop would do until nothing is left to do. */
void vfix_turn(void);
/* A packet from the guest, served. */
void vfix_put(const struct vsock_hdr *h, const void *payload);
struct vsock_hdr vfix_header(uint16_t op, uint32_t guest_port, uint32_t host_port);
void vfix_put_op(uint16_t op, uint32_t guest_port, uint32_t host_port, uint32_t flags);
void vfix_put_data(uint32_t guest_port, uint32_t host_port, const void *data, uint32_t len);
/* The next packet for the guest; its buffer goes back. False: none. */
bool vfix_get(struct vsock_hdr *h, uint8_t *payload);
/* After a turn the next packet is an `op`. */
void vfix_expect(uint16_t op, struct vsock_hdr *h);
void vfix_expect_nothing(void);
/* Guest port 500 to host port 1027. */
void vfix_connect_from_guest(void);
/* A client that has said `line`. */
int vfix_host_client(const char *line);
/* A client to guest port 1028, accepted; *ret_port is the host's. */
int vfix_connect_from_host(uint32_t *ret_port);
bool vfix_at_eof(int fd);
/* As at_eof; or the device closed without having read everything. */
bool vfix_hung_up(int fd);

#endif
