/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local clients of `sallyport connect`: each connection asks one thing
 * after the other. A request is read whole before a connection to the gateway
 * is taken for it, so that a slow client holds none up; the answer is passed on
 * as it comes, as fast as the client reads.
 */
#ifndef SP_CTL_CONNECT_CALLER_H
#define SP_CTL_CONNECT_CALLER_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/connect_gate.h"
#include "ctl/connect_listen.h"
#include "ctl/connect_receipts.h"

/* The gateway refused, or ended a stream early: its code. */
typedef void caller_refused_fn(void *arg, const char *code, bool in_stream);

struct callers_options {
    struct event_base *base;
    struct gate *gate;
    const struct listening *where;
    struct receipts *receipts; /* or NULL */
    int keep;                  /* a folder, or -1 */
    const char *token;         /* that clients must send, or NULL */
    bool any_user;             /* also those of other users, at a TCP port */
    const char *host;          /* the gateway's, for the Host field */
    caller_refused_fn *refused;
    void *arg;
};

struct callers;

/* SP_ENOMEM. `o` is copied. */
int callers_new(const struct callers_options *o,
                struct callers **c) SP_MUST_USE;
/* Nobody new (the socket may be closed then); who waits is refused, who is
 * answered may finish. */
void callers_stop(struct callers *c);
/* Whether anything is still going on. */
bool callers_busy(const struct callers *c);
/* Ends what is left: streams with an error event. */
void callers_cut(struct callers *c);
void callers_free(struct callers *c);
uint64_t callers_asked(const struct callers *c); /* requests so far */

#endif
