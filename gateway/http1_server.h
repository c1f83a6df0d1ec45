/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1.1 requests (RFC 9112), read strictly (P10): llhttp parses, and our
 * own rules refuse what two parsers could read apart: bare LF or CR, NUL and
 * control bytes, folded lines, a second Host or Content-Length, any transfer
 * coding but exactly `chunked`, chunk extensions, trailers, upgrades.
 *
 * Pure: bytes in, steps out; no sockets. The same bytes give the same result
 * wherever they are split.
 */
#ifndef SP_GATEWAY_HTTP1_SERVER_H
#define SP_GATEWAY_HTTP1_SERVER_H

#include <llhttp.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http_message.h"
#include "lib/error.h"
#include "lib/limits.h"

enum http1_step {
    HTTP1_MORE, /* all was looked at; more bytes are needed */
    HTTP1_DONE, /* the head, or the body, is whole */
    HTTP1_FAULT /* refused; nothing more can be read from this connection */
};

/* Takes body bytes as they come; not 0: stop, the body is refused. */
typedef int http1_body_fn(void *arg, const uint8_t *data, size_t length);

struct http1_server {
    llhttp_t parser;
    size_t scanned;      /* bytes of an unfinished head that were looked at */
    uint32_t chunk_left; /* bytes of this chunk that are still to come */
    uint8_t chunk;       /* enum of http1_server.c: where in a chunked body */
    bool in_body;
    bool complete;
    http1_body_fn *body;
    void *body_arg;
    const char *why; /* the rule that was broken */
};

/* Before each request. */
void http1_server_init(struct http1_server *h);

/* `data` begins where the request begins, every time, with more bytes at its
 * end each time. MORE: *used is 0. DONE: *head is filled, also when it is
 * refused (head->fault), and *used bytes were its. FAULT: as DONE, but
 * unframed. */
enum http1_step http1_server_head(struct http1_server *h, const uint8_t *data,
                                  size_t length, struct request_head *head,
                                  size_t *used);

/* The body behind a framed head that has one. Bytes behind its end are not
 * used. On FAULT h->why says what was wrong; a `body` that refused ends in
 * FAULT too. */
enum http1_step http1_server_body(struct http1_server *h, const uint8_t *data,
                                  size_t length, http1_body_fn *body, void *arg,
                                  size_t *used);

#endif
