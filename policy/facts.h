/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything about one request that a decision may depend on. A worker
 * gathers it from strangers' bytes; the keeper decides on it; the entry
 * records it, so that an auditor can decide again (P6).
 */
#ifndef SP_POLICY_FACTS_H
#define SP_POLICY_FACTS_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/limits.h"
#include "policy/reason.h"
#include "policy/route.h"

#define FACTS_NOBODY UINT32_MAX

struct facts {
    uint32_t party;  /* index in the policy, or FACTS_NOBODY */
    uint32_t person; /* index in policy->people, or FACTS_NOBODY */
    uint8_t cert_sha256[32];
    int64_t cert_not_before; /* ms UTC */
    int64_t cert_not_after;
    char address[46];        /* the client's, as text, without the port */

    enum method method;
    enum route route;
    enum dialect dialect;
    enum reason fault; /* what the worker found wrong with head or body; else NONE */

    char model[LIMIT_MODEL_BYTES + 1]; /* as asked; "" if the body was not read */
    bool stream;
    int64_t max_tokens; /* the ceiling asked for; -1 if none */
    uint64_t body_bytes;
};

#endif
