/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients' connections: socket, TLS, timeouts, HTTP/1. Each carries one
 * exchange at a time.
 */
#ifndef SP_GATEWAY_CONNECTION_H
#define SP_GATEWAY_CONNECTION_H

#include "gateway/worker.h"

struct connections;
struct cut;

struct connections *connections_new(struct worker *w); /* NULL: memory */
void connections_free(struct connections *cs);
size_t connections_count(const struct connections *cs);
/* Takes the descriptor. `address` is the client's, without its port. */
void connection_new(struct connections *cs, int fd, const char *address,
                    SSL_CTX *tls);
/* These requests have ended: what their last answers still have unsent never
 * leaves, though they were whole for us (P2). */
void connections_cut(struct connections *cs, const struct rules *of,
                     const struct cut *c);
/* Closes those that have nothing under way; the others close when they have
 * answered. */
void connections_drain(struct connections *cs);
/* There are newer rules: whoever is not known by them any more is told so with
 * the next request, and what is being answered to them ends. */
void connections_rules(struct connections *cs);
/* After each turn of the loop. */
void connections_bury(struct connections *cs);
/* A connection that did not become one: recorded, at most once a second for
 * one source, with the number of those in between. */
void connections_refused(struct connections *cs, const char *address,
                         const char *reason);

#endif
