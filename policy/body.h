/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's JSON body read once, strictly, into facts; and rebuilt for the
 * upstream from what was parsed (P10): same values, canonical punctuation,
 * the model's name replaced by the upstream's.
 */
#ifndef SP_POLICY_BODY_H
#define SP_POLICY_BODY_H

#include "lib/buf.h"
#include "lib/json.h"
#include "policy/facts.h"

/* Fills model, stream, max_tokens, body_bytes, and `fault` if it was NONE.
 * `j` keeps the parse for body_rebuild(); the body must outlive it. */
void body_read(struct json *j, enum route route, const char *body, size_t length,
               struct facts *f);

/* Whether the body itself asks for usage in its stream
 * (stream_options.include_usage). */
bool body_asks_usage(const struct json *j);

/* Appends the rebuilt body to `out`: values byte for byte as they were asked,
 * no white space between tokens, the top-level model replaced. SP_ENOMEM,
 * SP_ETOOBIG; SP_EINVAL if the body has no model. */
int body_rebuild(const struct json *j, const char *upstream_model, struct buf *out)
    SP_MUST_USE;

#endif
