/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Token counts that answers tell, under the names that the APIs have for them.
 */
#ifndef SP_POLICY_ANSWER_USAGE_H
#define SP_POLICY_ANSWER_USAGE_H

#include <stdint.h>

#include "lib/json.h"
#include "policy/route.h"

/* Tokens; -1: not told. */
struct answer_usage {
    int64_t input, output;
    int64_t cached;    /* of the input: read from a cache */
    int64_t reasoning; /* of the output */
};

/* As they were told; a message's input comes in three parts. */
struct usage_parts {
    int64_t input, output, cached, reasoning;
    int64_t cache_read, cache_creation;
};

void usage_init(struct usage_parts *u);
/* Takes what the object `node` tells, and keeps the rest as it was told before.
 * Numbers that no count can be are as good as none. */
void usage_read(struct usage_parts *u, const struct json *j, uint32_t node);
struct answer_usage usage_sum(const struct usage_parts *u);

#endif
