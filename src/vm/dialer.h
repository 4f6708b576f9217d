/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest connections to host ports. By the hybrid vsock convention a guest that connects
 * to CID 2 port P reaches the unix socket <vsock>_P. The jailed worker opens nothing by
 * name, so a tiny process made before the jail does it: it holds the VM's runtime
 * directory, takes a port number and hands back a connected descriptor.
 */
#ifndef VM_DIALER_H
#define VM_DIALER_H

#include <stdint.h>

#include "util/err.h"

/*
 * Forks the dialer over `dir_fd`; its end of life is the end of the returned socket.
 * Call while the process has one thread.
 */
int dialer_start(int dir_fd, int *ret_fd, struct sm_err *e);
/* A connected stream socket to vsock_<port>, or -errno. One caller at a time. */
int dialer_dial(int fd, uint32_t port);

#endif
