/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialer's own state, shared by its files: dialer.c (start, workers,
 * connecting) and dialer_witness.c (what witnesses are asked).
 */
#ifndef SP_GATEWAY_DIALER_PARTS_H
#define SP_GATEWAY_DIALER_PARTS_H

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <openssl/ssl.h>
#include <sys/queue.h>

#include "gateway/roles.h"
#include "gateway/snapshot.h"
#include "gateway/witness_messages.h"
#include "lib/channel.h"

struct dialer;
struct post;

/* Who asks for connections: a worker, or the keeper for its witnesses. */
struct client {
    struct dialer *dialer;
    struct channel *channel; /* NULL: none */
    uint32_t worker;
    LIST_HEAD(, dial) dials;
    size_t ndials;
};

/* The end of a dial, which is gone already; takes the descriptor (-1 with an
 * error). */
typedef void dial_done_fn(struct client *c, uint64_t ticket, void *arg,
                          int error, int fd);

/* One socket on its way. */
struct dial {
    LIST_ENTRY(dial) link;
    struct client *client;
    uint64_t ticket;
    dial_done_fn *done;
    void *arg;
    const struct policy_endpoint *endpoint;
    struct evdns_getaddrinfo_request *asking; /* NULL: not asking */
    struct evutil_addrinfo *addresses, *next; /* to try */
    struct event *limit;                      /* of all tries together */
    struct event *writable;
    int fd;           /* -1: none */
    int error;        /* of the last try */
    int system_error; /* its errno, for the log; 0: none */
};

/* The keeper's end of it: what its witnesses are asked. */
struct witnesses {
    struct client client;
    SSL_CTX *tls[SETTINGS_WITNESSES_MAX]; /* NULL: not https:// */
    LIST_HEAD(, post) posts;
    size_t nposts;
};

struct dialer {
    struct snapshot snapshot;
    struct event_base *base;
    struct evdns_base *dns; /* NULL: no endpoint has a name */
    struct channel *channel;
    struct client clients[LIMIT_WORKERS];
    struct witnesses witnesses;
};

/* dialer.c: false (out of memory): `done` is never called. Otherwise it is
 * called once, perhaps before this returns. */
bool dial_begin(struct client *c, uint64_t ticket,
                const struct policy_endpoint *endpoint, int64_t limit_ms,
                dial_done_fn *done, void *arg);
/* Ends all of a client's dials without a word, and its channel. */
void client_close(struct client *c);

/* dialer_witness.c */
/* Before the sandbox; SP_EINVAL with `problem`. */
int witnesses_init(struct dialer *d, char problem[256]) SP_MUST_USE;
/* A new channel to the keeper; takes it. */
void witnesses_channel(struct dialer *d, int fd);

#endif
