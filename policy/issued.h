/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of the deployment's authority as the keeper reads it: what was
 * issued, to whom, and what was revoked. A line each, with one space between:
 *
 *   SERIAL SHA256 PARTY PERSON NOT_AFTER ISSUED REVOKED REASON PROFILE
 *
 * Serial and SHA-256 (of the DER) in lower-case hex, times in ms UTC, "-" for
 * REVOKED and REASON of what is not revoked, and for PARTY of what no person
 * has: a server's certificate, an authority's. Pure.
 */
#ifndef SP_POLICY_ISSUED_H
#define SP_POLICY_ISSUED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct issued {
    unsigned line; /* from 1 */
    char serial[41];
    uint8_t sha256[32];
    char party[65]; /* "": no person's */
    char person[254];
    int64_t not_after, issued;
    int64_t revoked; /* 0: it is not */
    char reason[32]; /* "": none is said */
    char profile[65];
};

/* One line; anything but 0 ends the reading. */
typedef int issued_take_fn(void *arg, const struct issued *line);

/* Gives all lines in their order. SP_EINVAL with `problem` ("line 3: …"): one
 * that is no such line, a last one without its end; or what `take` said. */
int issued_parse(const char *text, size_t length, issued_take_fn *take,
                 void *arg, char problem[256]) SP_MUST_USE;

#endif
