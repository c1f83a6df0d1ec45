/* SPDX-License-Identifier: Apache-2.0 */
/* Accepts connections, also when there are no descriptors left to do so. */
#ifndef SP_GATEWAY_LISTENER_H
#define SP_GATEWAY_LISTENER_H

#include "gateway/worker.h"

struct listener;

/* Takes the listening socket of the listener that the settings have under
 * that number. NULL: out of memory. */
struct listener *listener_new(struct worker *w, int fd, size_t number);
/* Accepts what waits, then closes the socket. */
void listener_stop(struct listener *l);
void listener_free(struct listener *l);

#endif
