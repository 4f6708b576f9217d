/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's service: requests on connections, and the connection it makes itself. */
#ifndef AGENT_SERVE_H
#define AGENT_SERVE_H

/* Serves a connected socket, which it takes. */
void serve_add(int sock);
/* Listens on vsock port SMP_PORT_SERVE; without such a device only the console says so. */
void serve_listen(void);
/* Dials the host's SMP_PORT_READY and says hello; no answer is no error. */
void hello_dial(void);
/* The same over a socket that is connected already. */
void hello_add(int sock);

/* After every event. */
void serve_settle(void);
/* Reaps what died. */
void serve_reap(void);

#endif
