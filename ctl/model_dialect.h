/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the demo model says things: bodies and server-sent events of the OpenAI
 * and the Anthropic APIs, as the official clients parse them. Only writes.
 */
#ifndef SP_CTL_MODEL_DIALECT_H
#define SP_CTL_MODEL_DIALECT_H

#include <event2/buffer.h>
#include <stdint.h>

#include "ctl/model_ask.h"

struct model_reply {
    struct model_ask ask;
    uint64_t number;  /* of the request in this run: makes the ids */
    int64_t created;  /* seconds since 1970 */
    int64_t sent;     /* tokens that were given out */
    int64_t sequence; /* events of the responses API */
};

/* A stream is one begin, a token for each i, one end. */
void model_stream_begin(struct evbuffer *out, struct model_reply *r);
void model_stream_token(struct evbuffer *out, struct model_reply *r);
void model_stream_end(struct evbuffer *out, struct model_reply *r);

/* The whole answer in one body; of MODEL_COUNT_TOKENS the count. */
void model_whole(struct evbuffer *out, struct model_reply *r);

/* An error body in the API's dialect. `message` is plain ASCII. */
void model_error(struct evbuffer *out, enum model_api api, int status,
                 const char *message);

/* GET /v1/models; both dialects' lists have this shape in common. */
void model_list(struct evbuffer *out);

#endif
