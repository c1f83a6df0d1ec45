/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/models and /v1/models/{id}: what a party may see, in the shape of
 * the caller's API. Models without an open window do not exist for it.
 */
#ifndef SP_GATEWAY_MODELS_H
#define SP_GATEWAY_MODELS_H

#include "lib/buf.h"
#include "policy/policy.h"
#include "policy/route.h"

/* Who asks, and what the keeper said may be seen. */
struct models_view {
    const struct policy *policy;
    uint32_t party;
    uint64_t visible; /* bit per model of the policy */
    enum dialect dialect;
};

/* Appends the list. SP_ENOMEM, SP_ETOOBIG. */
int models_list(const struct models_view *v, struct buf *out) SP_MUST_USE;
/* One model. SP_ENOENT: not visible. */
int models_one(const struct models_view *v, const char *name,
               struct buf *out) SP_MUST_USE;

#endif
