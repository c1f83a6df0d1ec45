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

/* Appends the list for `party` at `now` (ms UTC). SP_ENOMEM, SP_ETOOBIG. */
int models_list(const struct policy *p, uint32_t party, enum dialect dialect,
                int64_t now, struct buf *out) SP_MUST_USE;
/* One model. SP_ENOENT: not visible. */
int models_one(const struct policy *p, uint32_t party, const char *name,
               enum dialect dialect, int64_t now, struct buf *out) SP_MUST_USE;

#endif
