/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the two halves of a connection share: connection.c reads requests,
 * connection_write.c writes answers and ends. Nobody else includes this.
 */
#ifndef SP_GATEWAY_CONNECTION_PARTS_H
#define SP_GATEWAY_CONNECTION_PARTS_H

#include <event2/event_struct.h>

#include "gateway/codec.h"
#include "gateway/connection.h"
#include "gateway/exchange.h"
#include "gateway/http1_server.h"
#include "gateway/peer.h"
#include "gateway/refused.h"

/* A refused request's body is read to its end if no more than this is left. */
#define DISCARD_BYTES 65536

enum connection_state {
    CONNECTION_HANDSHAKE,
    CONNECTION_IDLE, /* nothing of the next request is here */
    CONNECTION_HEAD, /* a part of its head is */
    CONNECTION_BODY,
    CONNECTION_BUSY,    /* an exchange has all of the request */
    CONNECTION_DISCARD, /* it was answered; the rest of its body is dropped */
    CONNECTION_CLOSING, /* the last bytes go out, then close_notify */
    CONNECTION_LINGER,  /* shut for writing; waits for the client's end */
    CONNECTION_CLOSED
};

struct connection {
    struct connections *all;
    struct connection *next, *previous;
    struct connection *next_ending;
    uint64_t id;
    enum connection_state state;
    int fd;
    SSL *ssl;
    struct rules *rules;             /* that its indices are of */
    const struct identity *identity; /* ssl's, or `renewed` */
    struct identity *renewed;        /* by newer rules; or NULL */
    struct peer peer;
    struct event event, timer;
    bool readable, writable;
    bool drained;  /* the newest read(2) emptied the socket */
    bool fin;      /* the client's TCP has ended */
    bool running;  /* connection_input() is on the stack */
    bool unframed; /* where the request ends is not known: close */
    bool keep_alive;
    bool http10;
    bool cut;          /* what it is told now is the last, and urgent */
    bool progress;     /* bytes went out since the timer was set */
    bool timer_writes; /* the timer watches that */
    uint8_t framing;   /* enum framing of the answer */
    bool looked;       /* after a cut: nothing was left unsent */
    uint32_t window;   /* of the newest answer of a model, VERDICT_NONE: none */
    uint64_t answer_end; /* where in our TCP stream it ended */
    uint64_t received;   /* of a body, since the timer was set */
    struct exchange *exchange;
    struct http1_server http;
    int64_t body_left; /* that was announced and not read; -1: unknown */
    struct buf in;     /* read, not yet understood */
    struct buf out;    /* the rest of a record that did not fit the socket */
    struct buf head;   /* of the answer, until it goes out with its body */
    char address[46];
};

struct connections {
    struct worker *worker;
    struct connection *first;
    struct connection *graveyard;
    struct connection *endings; /* that were cut in this turn of the loop */
    size_t count;
    uint64_t ids;
    struct refusals *refusals;
};

extern const struct codec http1_codec;

void connection_timer(struct connection *c, enum worker_timer timer);
/* Frees what it has at once, the connection itself behind the turn. */
void connection_close(struct connection *c);
/* What of the newest answer is unsent or not acknowledged never arrives. */
void connection_cut(struct connection *c);
/* …and what the kernel still holds for the client never reaches it. */
void connection_reset(struct connection *c);
/* After all that waits to be written: close_notify, FIN, and a little time
 * for the client to do the same. */
void connection_end(struct connection *c);
/* The same without close_notify, after a failed handshake. */
void connection_linger(struct connection *c);
void connection_drain(struct connection *c);
/* Its time to linger is over. */
void connection_look(struct connection *c);

/* One record; all of it is ours to deliver from here on. */
void connection_write(struct connection *c, const uint8_t *data, size_t length);
/* True if nothing waits to be written. */
bool connection_flush(struct connection *c);

/* connection_rules.c: who its client is by the newest rules; before that it is
 * a stranger's still. */
extern const struct identity identity_of_nobody;
void connection_rules(struct connection *c);
void connection_rules_end(struct connection *c);

/* Goes on with what was read and with reading, as far as the state wants it. */
void connection_resume(struct connection *c);

#endif
