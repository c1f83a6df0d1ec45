/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The few connections to the gateway that all calls of `sallyport connect`
 * share: one call at a time on each, the others wait in order. They are opened
 * when there is something to ask, kept while the gateway keeps them, and given
 * out newest first, so that under little load few stay open.
 *
 * A call is sent once. It is sent again, on another connection, only if a kept
 * one turned out to be closed before anything was written to it, or if it only
 * reads (GET, HEAD) and not a byte of an answer had come: of any other the
 * gateway may have admitted what it was sent, and the model may be at work.
 */
#ifndef SP_CTL_CONNECT_GATE_H
#define SP_CTL_CONNECT_GATE_H

#include <event2/buffer.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "ctl/connect_error.h"
#include "ctl/remote.h"

/* The head of an answer. Good until `begin` returns. */
struct gate_answer {
    int status;
    int64_t length;               /* of the body; -1: not said */
    bool events;                  /* a stream of server-sent events */
    bool no_body;                 /* to a HEAD */
    char receipt[96], closes[32]; /* x-sallyport-…; "" if it has none */
    struct evbuffer *fields;      /* "name: value\r\n" that may be passed on */
};

/* How a call ended: complete, or why not. */
struct gate_end {
    bool complete;
    const struct reason_info *reason; /* NULL if complete */
    char text[CONNECT_TEXT];          /* clean; "": the reason's own */
};

/* Called in this order; `end` exactly once unless the call is cancelled, also
 * without a `begin` before. gate_cancel() may be called from within. */
struct gate_sink {
    void (*begin)(void *arg, const struct gate_answer *a);
    void (*piece)(void *arg, const void *data, size_t length);
    void (*end)(void *arg, const struct gate_end *e);
};

/* A request; its owner's memory, zeroed, until it ended or was cancelled. */
struct gate_call {
    const struct gate_sink *sink;
    void *arg;
    struct evbuffer *head; /* request line and fields, both kept by the owner */
    struct evbuffer *body; /* or NULL; not changed until the answer begins */
    bool safe;             /* GET or HEAD */
    bool no_body;          /* HEAD */
    bool first;            /* before those that wait already */
    /* gate.c's own: */
    TAILQ_ENTRY(gate_call) next;
    struct gate_connection *on;
    bool waits, again;
};

struct gate;

/* Told when the gateway cannot be reached any more, and when it can again. */
typedef void gate_trouble_fn(void *arg, const struct reason_info *reason,
                             const char *text); /* NULL: it is over */

struct gate_options {
    struct event_base *base;
    const struct remote *remote; /* loaded; outlives the gate */
    int connections;             /* at most */
    gate_trouble_fn *trouble;
    void *arg;
};

/* Resolves the name. EXIT_HOLDS, or the exit status, told. */
int gate_new(const struct gate_options *o, struct gate **g);
/* Ends everything; no sink is called. */
void gate_free(struct gate *g);

void gate_ask(struct gate *g, struct gate_call *call);
/* The answer is not wanted any more: its connection is closed, so that the
 * gateway frees the model. Nothing happens if the call has ended. */
void gate_cancel(struct gate *g, struct gate_call *call);
/* Whether the answer may come: what is not read here is held up there. */
void gate_pause(struct gate_call *call, bool paused);

int gate_open(const struct gate *g);        /* connections now */
uint64_t gate_opened(const struct gate *g); /* and ever */

#endif
