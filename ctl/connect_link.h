/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to the gateway, and what its pool (ctl/connect_gate.c) and it
 * tell each other. Nobody else includes this.
 */
#ifndef SP_CTL_CONNECT_LINK_H
#define SP_CTL_CONNECT_LINK_H

#include <openssl/ssl.h>

#include "ctl/connect_answer.h"
#include "ctl/connect_gate.h"

enum link_state { LINK_CONNECTING, LINK_IDLE, LINK_BUSY, LINK_CLOSED };

struct gate_connection {
    LIST_ENTRY(gate_connection) all, idle;
    struct gate *gate;
    enum link_state state;
    struct bufferevent *bev;
    SSL *ssl;
    struct event *timer; /* of the state that it is in */
    struct event *later; /* when the loop has turned: dial on, or be freed */
    struct addrinfo *at; /* the address being tried */
    struct gate_call *call;
    struct answer answer;
    int alert;     /* the gateway's fatal one; -1: none */
    bool reused;   /* has served a call before */
    bool answered; /* a byte of the answer came */
    bool paused, over;
};

struct gate {
    struct gate_options o;
    SSL_CTX *tls;
    struct addrinfo *addresses;
    bool stale; /* they are to be looked up again */
    LIST_HEAD(, gate_connection) links, idle; /* all; newest idle one first */
    TAILQ_HEAD(, gate_call) waiting;
    int nwaiting, nlinks, connecting; /* links: that are not closed */
    uint64_t opened;
    const struct reason_info *trouble; /* NULL: all is well */
    char trouble_text[CONNECT_TEXT];
    int64_t again_at; /* boot time */
    int failures;     /* in a row, until an answer comes */
    struct event *timer;
    bool pumping, over;
};

/* SP_EIO, SP_ENOMEM. */
int link_open(struct gate *g) SP_MUST_USE;
/* An idle connection that nothing came on: it was not closed meanwhile. */
bool link_stands(struct gate_connection *c);
void link_ask(struct gate_connection *c, struct gate_call *call);
void link_pause(struct gate_connection *c, bool paused);
/* It is freed when the loop has turned. Its call is not told. */
void link_close(struct gate_connection *c);
void link_free(struct gate_connection *c);

/* To the pool: it is idle; the gateway answers; it could not be opened, and
 * whether that took long; it is closed, with a call on it or without; its
 * call's answer is complete. */
void gate_link_ready(struct gate *g);
void gate_link_answered(struct gate *g);
void gate_link_failed(struct gate *g, const struct reason_info *reason,
                      const char *text, bool slowly);
void gate_link_broke(struct gate *g, struct gate_call *call, bool answered,
                     bool reused, const struct reason_info *reason,
                     const char *text);
void gate_link_complete(struct gate *g, struct gate_call *call);

#endif
