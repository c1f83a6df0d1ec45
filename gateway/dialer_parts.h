/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The dialer's own state, shared by its files: dialer.c (start, workers,
 * connecting), dialer_http.c (one HTTP request), dialer_witness.c (what
 * witnesses are asked) and dialer_fetch.c (what revocation needs).
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
#include "lib/buf.h"
#include "lib/channel.h"

struct dialer;
struct http_call;

/* Who asks for connections: a worker, the keeper for its witnesses, or the
 * revoker. */
struct client {
    struct dialer *dialer;
    struct channel *channel; /* NULL: none */
    uint32_t worker;
    LIST_HEAD(, dial) dials;
    size_t ndials;
    LIST_HEAD(, http_call) calls;
    size_t ncalls;
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
    const struct policy *policy; /* that it stands in; NULL: in none */
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
};

/* Policies beside the start's: more than requests that are still to be dialed
 * can be under. */
#define DIALER_RULES 8

struct dialer_rules {
    uint64_t number;
    struct snapshot snapshot;
};

struct dialer {
    struct snapshot snapshot; /* of the start; what witnesses are asked by */
    struct dialer_rules others[DIALER_RULES]; /* newest last */
    size_t nothers;
    struct event_base *base;
    struct evdns_base *dns; /* NULL: no endpoint has a name */
    struct channel *channel;
    struct client clients[LIMIT_WORKERS];
    struct witnesses witnesses;
    struct client revoker;
};

/* dialer.c: false (out of memory): `done` is never called. Otherwise it is
 * called once, perhaps before this returns. */
bool dial_begin(struct client *c, uint64_t ticket,
                const struct policy_endpoint *endpoint,
                const struct policy *policy, int64_t limit_ms,
                dial_done_fn *done, void *arg);
/* Ends all of a client's dials and calls without a word, and its channel. */
void client_close(struct client *c);
/* The one end of a dial; nothing of it is left when its done() is called. */
void dial_end(struct dial *d, int error);
/* Whether it is a name, for the resolver, and not an address. */
bool endpoint_needs_name(const struct policy_endpoint *e);

/* Whether anything is reached by a name, which takes a resolver. */
bool dialer_needs_names(const struct snapshot *s);

/* dialer_rules.c: RULES and RULES_DROP; SP_EPROTO: it is none of them. Takes
 * the descriptor then. */
int dialer_rules_message(struct dialer *d, const uint8_t *data, size_t length,
                         const int *fds, size_t nfds) SP_MUST_USE;
const struct snapshot *dialer_newest(const struct dialer *d);
/* The endpoint that a worker may mean, and the policy it stands in; or NULL. */
const struct policy_endpoint *dialer_endpoint(const struct dialer *d,
                                              const struct ask_dial *ask,
                                              const struct policy **policy);

/* dialer_http.c: one request over a connection of its own. */
struct http_call_plan {
    const struct policy_endpoint *endpoint; /* lives until done() */
    SSL_CTX *tls;                           /* NULL: plain */
    const char *name;                       /* for the log; lives as long */
    int64_t limit_ms;                       /* of all of it */
    /* Of the answer; not 0: more of it is not wanted. */
    int (*body)(void *arg, const uint8_t *data, size_t length);
    /* Once, perhaps before http_call_start() returns; the call is gone.
     * `status` is 0 if no answer began. SP_ETOOBIG: body() wanted no more, or
     * the answer is encoded; the status counts. SP_ETIMEDOUT, SP_ENOENT (no
     * such name), SP_EIO, SP_EPROTO, SP_ECLOSED, SP_ENOMEM. */
    void (*done)(void *arg, int error, uint16_t status);
    /* Behind done(), or instead of it when the client is closed. */
    void (*release)(void *arg);
    void *arg;
};
/* Takes the request's bytes. SP_ENOMEM: neither done() nor release() is ever
 * called. */
int http_call_start(struct client *c, const struct http_call_plan *plan,
                    struct buf *request) SP_MUST_USE;
void http_call_free(struct http_call *h);
/* The fields that every request has: host, user-agent, connection. */
int http_call_host(const struct policy_endpoint *e,
                   struct buf *out) SP_MUST_USE;

/* dialer_witness.c */
/* Before the sandbox; SP_EINVAL with `problem`. */
int witnesses_init(struct dialer *d, char problem[256]) SP_MUST_USE;
/* A new channel to the keeper; takes it. */
void witnesses_channel(struct dialer *d, int fd);

/* dialer_fetch.c: a new channel to the revoker; takes it. */
void fetches_channel(struct dialer *d, int fd);
/* Whether any host of the policy's revocation rules is a name. */
bool fetches_need_names(const struct policy *p);

#endif
