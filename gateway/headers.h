/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heads that we write: of answers to clients and of requests to models.
 * Both are made from nothing but what was parsed and checked; no field of
 * either side is copied through (design: headers travel by allow-list).
 */
#ifndef SP_GATEWAY_HEADERS_H
#define SP_GATEWAY_HEADERS_H

#include "gateway/http_message.h"
#include "lib/text.h"

/* Room for any head of ours. */
#define HEADERS_BYTES 3072

/* How HTTP/1 frames an answer's body. */
enum framing { FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* What time it is, and when the answer's window ends: IMF-fixdates. */
struct headers_time {
    const char *date;
    const char *sunset; /* RFC 8594; NULL: the answer has no window */
    int64_t boot;       /* CLOCK_BOOTTIME, ms */
};

/* The whole head with its empty line. */
void headers_answer(struct text *t, const struct answer_head *a,
                    enum framing framing, bool closes,
                    const struct headers_time *now);

struct upstream_request {
    enum route route;
    const char *host;       /* authority of the endpoint */
    const char *prefix;     /* of the path, or "" */
    const char *credential; /* whole field line with CRLF, or "" */
    const char *request_id;
    const char *anthropic_version; /* "": the oldest there is */
    const char *betas;             /* those that the terms allow, "": none */
    bool stream;
    size_t body_bytes;
};
void headers_request(struct text *t, const struct upstream_request *r);

#define HEADERS_DATE_SIZE 30
/* "Sun, 06 Nov 1994 08:49:37 GMT" for seconds since 1970. */
void headers_date(int64_t seconds, char date[HEADERS_DATE_SIZE]);

#endif
