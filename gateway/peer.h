/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is at the other end of a connection, and whether their certificate still
 * counts. A party's revocation rule says who is asked: lists, which the
 * supervisor hands over as one set, or a responder, through the revoker. A
 * certificate is looked at after the handshake, before each request, whenever
 * there is a new set, and when what is known of it gets old; requests under
 * way are cut with it.
 */
#ifndef SP_GATEWAY_PEER_H
#define SP_GATEWAY_PEER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "certs/identity.h"
#include "lib/revocation.h"

struct exchange;
struct peers;
struct policy;
struct worker;

struct peer {
    struct peers *all;
    const struct identity *identity; /* lives as long as the connection's SSL */
    struct peer *next, *previous;    /* of those whose party has a rule */
    LIST_ENTRY(peer) alike; /* … of one certificate, among few others */
    bool watched;           /* it is among them */
    uint64_t told; /* the newest link that was told whose it is, 0: none */
    uint64_t revoked_told; /* … and that it is revoked */
    enum revocation status;
    int64_t until;        /* ms UTC: when it is looked at again at the latest */
    X509 *leaf, *issuer;  /* what a responder is asked about; or NULL */
    enum revocation said; /* by a responder; UNCHECKED: nothing yet */
    int64_t said_until;   /* ms UTC, if GOOD */
    uint64_t ticket;      /* of the question under way; 0: none */
    bool repeat;          /* it is to be asked of another revoker */
    int64_t asked;        /* boot ms, the newest question; 0: none */
    struct exchange *waiting; /* for the answer: by exchange.wait_next */
};

/* After the handshake; `ssl` outlives it. */
void peer_begin(struct peer *p, struct worker *w, SSL *ssl,
                const struct identity *id);
/* There are newer rules, by which they are `id`; `before`: the policy of the
 * older ones. What is known of the certificate stays, unless somebody else is
 * to be asked now. */
void peer_renew(struct peer *p, const struct policy *before, SSL *ssl,
                const struct identity *id);
/* The connection goes; nobody waits any more. */
void peer_end(struct peer *p);

/* Before a request is decided. False: a responder is being asked, and
 * exchange_checked() will be called. */
bool peer_settled(struct peer *p, struct exchange *x);
void peer_unwait(struct peer *p, struct exchange *x);
/* What the decision is told; tells the keeper whose certificate it is first. */
enum revocation peer_status(struct peer *p);

/* What a worker has of it once. NULL: out of memory. */
struct peers *peers_new(struct worker *w);
void peers_free(struct peers *ps);
/* There are newer rules, before connections hear of them. */
void peers_rules(struct peers *ps);
/* From the supervisor; each takes the descriptor. A set that does not add up
 * changes nothing: what is there counts until it is stale. One that cannot be
 * mapped ends the process. */
void peers_set(struct peers *ps, uint64_t number, int fd);
void peers_channel(struct peers *ps, int fd);

#endif
