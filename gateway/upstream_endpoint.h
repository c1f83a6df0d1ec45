/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints of all models: how to reach them, how they have been lately,
 * and their kept connections. Used by gateway/upstream.c alone.
 */
#ifndef SP_GATEWAY_UPSTREAM_ENDPOINT_H
#define SP_GATEWAY_UPSTREAM_ENDPOINT_H

#include "gateway/rules.h"

struct upstream_connection;
struct endpoints;

struct endpoint {
    struct rules *rules;
    uint32_t model, index;
    const struct policy_endpoint *policy;
    SSL_CTX *tls;   /* NULL: plain; shared by a model's endpoints */
    char host[300]; /* as the Host field says it */
    struct upstream_connection *idle; /* newest first */
    size_t nidle, active;
    unsigned failures;
    int64_t back_at; /* boot ms: not before, unless all are so */
};

/* `problem` gets one line. SP_EINVAL, SP_ENOMEM. */
int endpoints_new(struct rules *rules, char problem[256],
                  struct endpoints **es) SP_MUST_USE;
void endpoints_free(struct endpoints *es);
/* Anchors and client certificates as the rules' files have them now; all or
 * none. As above. */
int endpoints_files(struct endpoints *es, char problem[256]) SP_MUST_USE;

size_t endpoints_count(const struct endpoints *es, uint32_t model);
/* Healthy before not, then the least loaded. NULL: the model has none. */
struct endpoint *endpoint_choose(struct endpoints *es, uint32_t model);
/* It rests for 1, 2, 4, 8, 10 s; endpoint->failures = 0 when it works. */
void endpoint_failed(struct endpoint *e);
/* The field line with the secret of a model's endpoints, or "". */
const char *endpoint_credential(const struct endpoints *es, uint32_t model);
/* A kept connection of the endpoint *at or a later one; NULL: no more. */
struct upstream_connection *endpoints_idle(const struct endpoints *es,
                                           size_t *at);

#endif
