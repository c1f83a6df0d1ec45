/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies made hostile at random, from a seed that says it all: blindly by
 * bytes, and knowingly by members, numbers and texts where the body still
 * reads, so that what comes out is close to being right.
 */
#ifndef SP_TESTS_POLICY_HOSTILE_H
#define SP_TESTS_POLICY_HOSTILE_H

#include "lib/json.h"

#define HOSTILE_BYTES 16384

struct text {
    char data[HOSTILE_BYTES + 1]; /* ends with a NUL, may hold others */
    size_t length;
};

struct hostile {
    uint32_t seed;
    const char *const *models; /* names to ask for, NULL behind the last */
    struct json json, other;   /* for hostile_release() */
};

/* 0 to below - 1. */
unsigned hostile_any(struct hostile *h, unsigned below);
/* One more thing done to `t`; `donor`, another body, may give a member. */
void hostile_change(struct hostile *h, struct text *t,
                    const struct text *donor);
void hostile_release(struct hostile *h);

#endif
