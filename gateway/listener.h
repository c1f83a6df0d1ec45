/* SPDX-License-Identifier: Apache-2.0 */
/* Accepts connections, also when there are no descriptors left to do so. */
#ifndef SP_GATEWAY_LISTENER_H
#define SP_GATEWAY_LISTENER_H

#include "gateway/worker.h"

struct listener;

/* The listener that the settings have under that number, still without a
 * socket. NULL: out of memory. */
struct listener *listener_new(struct worker *w, size_t number);
/* Takes a listening socket, beside those it has; one that is stopped already
 * only closes it. SP_ENOMEM, SP_ETOOBIG: it has LIMIT_WORKERS. */
int listener_add(struct listener *l, int fd) SP_MUST_USE;
/* Accepts what waits, unless the sockets stay open elsewhere and it is `left`
 * to whoever listens there; then closes them. */
void listener_stop(struct listener *l, bool left);
void listener_free(struct listener *l);

#endif
