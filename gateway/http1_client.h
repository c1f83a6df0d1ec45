/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 answers of a model's endpoint, read strictly by llhttp. Interim
 * answers (1xx) are skipped. Pure: bytes in, calls out; no sockets.
 */
#ifndef SP_GATEWAY_HTTP1_CLIENT_H
#define SP_GATEWAY_HTTP1_CLIENT_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http_message.h"
#include "lib/error.h"

enum upstream_type { UPSTREAM_JSON, UPSTREAM_EVENTS, UPSTREAM_OTHER };

struct upstream_head {
    uint16_t status;
    enum upstream_type type;
    bool encoded;           /* any coding but identity and chunked */
    int64_t content_length; /* -1: not told */
    int retry_after;        /* seconds 1–60, 0: none that we pass on */
};

struct http1_client_calls {
    /* Once, before any body. Not 0 stops the parser. */
    int (*head)(void *arg, const struct upstream_head *head);
    int (*body)(void *arg, const uint8_t *data, size_t length);
};

struct http1_client {
    llhttp_t parser;
    const struct http1_client_calls *calls;
    void *arg;
    struct upstream_head head;
    size_t head_bytes;
    char name[20]; /* of the field being read, lower case */
    char value[64];
    uint8_t name_length; /* sizeof(name): too long to be one we know */
    uint8_t value_length;
    uint8_t fields;
    bool typed; /* a Content-Type was there */
    bool interim;
    bool headed; /* the final head was read */
    bool complete;
};

void http1_client_init(struct http1_client *h,
                       const struct http1_client_calls *calls, void *arg);

/* 0: fed; h->complete says if the answer is whole (bytes behind it are
 * SP_EPROTO: nobody asked). SP_EPROTO: malformed or refused by a call. */
int http1_client_feed(struct http1_client *h, const uint8_t *data,
                      size_t length) SP_MUST_USE;
/* The endpoint closed: 0 if that is where the answer ends, else SP_ECLOSED. */
int http1_client_eof(struct http1_client *h) SP_MUST_USE;
/* Whether the connection can carry another request after this answer. */
bool http1_client_keeps(const struct http1_client *h);

#endif
