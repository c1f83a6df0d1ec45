/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small HTTP server for a few ready answers: what the publisher and the
 * control role serve. GET and HEAD of exact paths, one request a connection,
 * no bodies; everything that comes is a stranger's, and is bounded in bytes, in
 * time and in number.
 */
#ifndef SP_GATEWAY_PLAIN_HTTP_H
#define SP_GATEWAY_PLAIN_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct event_base;
struct evbuffer;
struct plain_http;

#define PLAIN_HTTP_HEAD_BYTES 4096 /* of a request */
#define PLAIN_HTTP_PATH_BYTES 128

struct plain_answer {
    unsigned status;       /* 200, 404, 503 */
    const char *type;      /* content-type */
    const char *cache;     /* cache-control */
    struct evbuffer *body; /* not changed and not taken: all who are answered
                              with it share its bytes, which live as long as
                              somebody reads them; NULL: none */
};

/* What is at `path` ("/x", as it was sent, shorter than PLAIN_HTTP_PATH_BYTES).
 * False: it is not known yet; plain_http_answer() follows. */
typedef bool plain_ask_fn(void *arg, const char *path, struct plain_answer *a);

struct plain_http_plan {
    size_t connections; /* at the same time. When all places are taken the
                           oldest that has not asked loses its own; if all have
                           asked, the others wait in the kernel's queue */
    int64_t head_ms;    /* from the connection to the end of its request */
    int64_t idle_ms;    /* without a byte of the answer being taken */
    int64_t total_ms;   /* from the connection to its end */
    plain_ask_fn *ask;
    void *arg;
};

/* On a listening socket, which stays the caller's. NULL: out of memory. */
struct plain_http *plain_http_new(struct event_base *base, int listening,
                                  const struct plain_http_plan *plan);
void plain_http_free(struct plain_http *h);

/* Answers all who wait for it. */
void plain_http_answer(struct plain_http *h, const struct plain_answer *a);

#endif
