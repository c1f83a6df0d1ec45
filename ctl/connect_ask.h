/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a local client asks of `sallyport connect`: one request's head and body
 * out of the bytes of its connection, as strictly as the gateway reads them
 * (docs/request.md). What is forwarded is written anew from what was read here
 * (P10); fields that are not in the table are not forwarded.
 */
#ifndef SP_CTL_CONNECT_ASK_H
#define SP_CTL_CONNECT_ASK_H

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/buf.h"
#include "lib/limits.h"
#include "policy/reason.h"
#include "policy/route.h"

enum ask_field {
    ASK_HOST,
    ASK_CONTENT_LENGTH,
    ASK_TRANSFER_ENCODING,
    ASK_EXPECT,
    ASK_UPGRADE,
    ASK_ORIGIN,
    ASK_FETCH_SITE,
    ASK_AUTHORIZATION,
    ASK_API_KEY,
    ASK_FORWARDED, /* those from here on are */
    ASK_CONTENT_TYPE = ASK_FORWARDED,
    ASK_CONTENT_ENCODING,
    ASK_ANTHROPIC_VERSION,
    ASK_ANTHROPIC_BETA,
    ASK_PURPOSE,
    ASK_CASE,
    ASK_FIELDS
};

struct ask_span {
    uint16_t at, length; /* in the head */
};

typedef int ask_body_fn(void *arg, const void *data, size_t length);

struct ask {
    llhttp_t parser;
    size_t scanned;
    bool in_body, complete;
    struct buf head; /* its bytes, wiped in ask_release() */
    struct ask_span field[ASK_FIELDS];
    unsigned times[ASK_FIELDS], count;
    struct ask_span name, value; /* while the head is read */
    ask_body_fn *body;
    void *body_arg;
    /* What was asked: */
    enum method method;
    char target[LIMIT_TARGET_BYTES + 1];
    enum route route;
    enum dialect dialect;
    bool http10, keep_alive, expects_continue, has_body;
    const struct reason_info *fault; /* NULL: none */
    const char *why;                 /* a constant word beside it */
};

enum ask_step { ASK_MORE, ASK_DONE, ASK_FAULT };

void ask_init(struct ask *a);
/* Back to ask_init(), with all memory given back. */
void ask_release(struct ask *a);

/* Reads a head from the connection's next bytes, which are given again with
 * more behind them after MORE. DONE: `used` bytes are read, the body (if it
 * has one) begins behind them. FAULT: `fault` and `dialect` are set, and the
 * connection has to end behind the answer. */
enum ask_step ask_head(struct ask *a, const uint8_t *data, size_t length,
                       size_t *used);

/* The body, piece by piece. FAULT also if `body` did not return 0. */
enum ask_step ask_body(struct ask *a, const uint8_t *data, size_t length,
                       ask_body_fn *body, void *arg, size_t *used);

/* A field's value, of a head that was read; "" with length 0 if it was not
 * there. Not terminated. */
const char *ask_value(const struct ask *a, enum ask_field field,
                      size_t *length);
/* Writes "name: value" lines of the forwarded fields. SP_ENOMEM, SP_ETOOBIG. */
int ask_forward(const struct ask *a, struct buf *out) SP_MUST_USE;

#endif
