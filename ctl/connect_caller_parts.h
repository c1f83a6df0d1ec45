/* SPDX-License-Identifier: Apache-2.0 */
/* One local client, for the files that make it up; nobody else includes this.
 */
#ifndef SP_CTL_CONNECT_CALLER_PARTS_H
#define SP_CTL_CONNECT_CALLER_PARTS_H

#include <event2/bufferevent.h>

#include "ctl/connect_ask.h"
#include "ctl/connect_caller.h"
#include "ctl/connect_keep.h"

/* Room for the gateway's last event, or the body of its refusal. */
#define TAIL_BYTES (DIALECT_BYTES + 128)

enum caller_state {
    CALLER_HEAD,      /* a request's head comes, or nothing does */
    CALLER_BODY,      /* its body comes */
    CALLER_WAITING,   /* the gateway is asked */
    CALLER_ANSWERING, /* its answer goes out */
    CALLER_CLOSING,   /* what was written goes out, then it is closed */
    CALLER_CLOSED     /* freed when the loop has turned */
};

struct caller {
    LIST_ENTRY(caller) all;
    struct callers *of;
    enum caller_state state;
    struct bufferevent *bev;
    struct event *timer, *later;
    struct ask ask;
    struct evbuffer *body;
    size_t body_bytes; /* that count towards the limit of all */
    size_t progress;   /* at the timer's last look */
    uint64_t added;    /* bytes that were given to be written */
    struct gate_call call;
    struct receipt receipt;
    struct keep keep;
    /* The answer: */
    bool stranger; /* another user's */
    bool chunked, closes, events, paused;
    int status;
    char tail[TAIL_BYTES];
    size_t tail_length;
};

LIST_HEAD(caller_list, caller);

struct callers {
    struct callers_options o;
    struct evconnlistener *listener;
    struct caller_list all;
    size_t count, bodies; /* bytes of all bodies */
    uint64_t asked;
    uint8_t token[32]; /* its hash, with a key of this process */
    uint8_t token_key[32];
    bool stopping;
};

void caller_state(struct caller *c, enum caller_state state);
/* Freed when the loop has turned; a call is cancelled. */
void caller_close(struct caller *c);
/* An answer of our own; the connection ends behind it if `closes`. */
void caller_refuse(struct caller *c, const struct reason_info *info,
                   const char *text, bool closes);
/* The answer is out: the next request, or the end. */
void caller_done(struct caller *c);
/* What was written goes out, then the connection ends. */
void caller_end(struct caller *c);
void caller_body_drop(struct caller *c);

/* The gateway's answer (ctl/connect_reply.c). */
extern const struct gate_sink caller_sink;
/* Room again: what is held up may come. */
void reply_writable(struct caller *c);
/* We are ended, or the gateway is gone: says so in the stream. */
void reply_cut(struct caller *c, const struct reason_info *info,
               const char *text);
/* The client has gone. */
void reply_left(struct caller *c);

#endif
