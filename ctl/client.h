/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP/1.1 client over mutual TLS, one request at a time, that notes
 * when each piece of an answer came and how a connection was refused. It
 * blocks, with a time limit on every wait.
 */
#ifndef SP_CTL_CLIENT_H
#define SP_CTL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ctl/address.h"
#include "ctl/credential.h"
#include "lib/buf.h"
#include "lib/error.h"

#define CLIENT_BODY_MAX (16u << 20)
#define CLIENT_PROBLEM  256

struct client;

struct client_options {
    const struct address *to;
    const char *host;        /* a name or address that the server must prove */
    const char *anchors;     /* PEM file, or NULL: the system's store */
    const char *certificate; /* PEM file, or NULL: none is offered */
    const char *key;
    /* Or loaded already, in the files' place. */
    const struct credential *credential;
    int timeout_ms; /* of every single wait */
};

struct client_answer {
    int status;        /* 0: there was none */
    char type[64];     /* content-type, "" if none */
    bool retry_denied; /* x-should-retry: false */
    char receipt[64];  /* x-sallyport-receipt, "" if none */
    bool complete;     /* the body ended as HTTP says it does */
    bool closed;       /* the other side closed the connection */
    struct buf body;
    /* Wall clock, microseconds. */
    int64_t sent_us, first_us, last_us, end_us;
};

/* Called for each piece of the body as it comes. */
typedef void client_piece_fn(void *arg, int64_t at_us, const char *data,
                             size_t length);

int64_t client_now_us(void);

/* TCP and TLS, 1.3 or 1.2, which the other side chooses. In TLS 1.3 a client
 * whose certificate is refused learns so only from its first read: then
 * client_exchange() fails. 0, or SP_EIO, SP_ETIMEDOUT, SP_EPERM (refused in
 * TLS), SP_EINVAL (a file of `o`); client_problem() says more. *c is NULL only
 * on SP_ENOMEM. */
int client_connect(const struct client_options *o,
                   struct client **c) SP_MUST_USE;
void client_close(struct client *c);

/* One line about the last failure, like "alert: certificate required". */
const char *client_problem(const struct client *c);

/* What the server's certificate came to: X509_V_OK, or why it is not trusted.
 * Of no meaning before a certificate came. */
long client_trust(const struct client *c);
/* The number of the fatal alert that the server sent (RFC 8446 section 6.2);
 * -1: none. */
int client_alert(const struct client *c);
/* "TLSv1.3"; of a connection. */
const char *client_protocol(const struct client *c);

/* Sends a request (`body` NULL: none) and reads the answer to its end or to
 * the end of the connection, which are both 0. `a` is filled as far as it
 * came; release it in every case. SP_EPERM: refused by a TLS alert;
 * SP_ECLOSED: closed before any answer; SP_ETIMEDOUT, SP_EPROTO, SP_EIO. */
int client_exchange(struct client *c, const char *method, const char *target,
                    const char *body, struct client_answer *a,
                    client_piece_fn *piece, void *arg) SP_MUST_USE;
void client_answer_release(struct client_answer *a);

/* Whether the other side closes within the time. */
bool client_closed_within(struct client *c, int timeout_ms);

#endif
