/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request's JSON body read once, strictly, into facts; and rebuilt for the
 * upstream from what was parsed (P10): same values, canonical punctuation,
 * the model's name replaced by the upstream's, and what the terms strip and
 * force.
 */
#ifndef SP_POLICY_BODY_H
#define SP_POLICY_BODY_H

#include "lib/buf.h"
#include "lib/json.h"
#include "policy/facts.h"
#include "policy/policy.h"

/* Fills what facts know of a body, and `fault` if it was NONE. `j` keeps the
 * parse for the others below; the body must outlive it. */
void body_read(struct json *j, enum route route, const char *body,
               size_t length, struct facts *f);

/* A JSON pointer (RFC 6901) to the first member that made the body_read() of
 * the same body see `field` (row 0: the first unknown one; FIELD_NONE: the
 * first that is not what it can be), or "" if there is
 * none or `size` is not enough. Member names that are not of the table are
 * said up to 64 bytes, and '?' stands for what is not plain ASCII. */
void body_locate(const struct json *j, enum route route, uint16_t field,
                 char *pointer, size_t size);

struct body_change {
    const char *model;                /* what the endpoint calls it */
    const struct policy_terms *terms; /* NULL: nothing is stripped or forced */
    bool count;                       /* ask for token counts in streams */
};

/* Appends the rebuilt body to `out`: values byte for byte as they were asked,
 * no white space between tokens. Members at the top whose value is null are
 * left out: they ask for nothing. SP_ENOMEM, SP_ETOOBIG; SP_EINVAL if the body
 * has no model. */
int body_rebuild(const struct json *j, const struct facts *f,
                 const struct body_change *change, struct buf *out) SP_MUST_USE;

#endif
