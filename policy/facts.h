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
#include "lib/revocation.h"
#include "policy/field.h"
#include "policy/reason.h"
#include "policy/route.h"

#define FACTS_NOBODY UINT32_MAX

/* What a request carries besides text. */
enum facts_media {
    MEDIA_DATA = 1,  /* a file inline: data: URL, base64 */
    MEDIA_REMOTE = 2 /* a URL that somebody would have to fetch */
};

/* Distinct types of tools, with commas between; one that is too long, has odd
 * characters or does not fit is "?", which nothing allows. */
#define FACTS_TOOL_TYPES 192
#define FACTS_BETAS      192 /* of `anthropic-beta`, the same way */
#define FACTS_LABEL      64  /* of purpose and case */
#define FACTS_VERSION    10  /* a date */

struct facts {
    uint32_t party;  /* index in the policy, or FACTS_NOBODY */
    uint32_t person; /* index in policy->people, or FACTS_NOBODY */
    uint8_t cert_sha256[32];
    int64_t cert_not_before; /* ms UTC */
    int64_t cert_not_after;
    enum revocation revocation; /* of the certificate or one above it */
    bool test_pki;              /* the certificate is of a PKI for tests */
    char address[46];           /* the client's, as text, without the port */

    enum method method;
    enum route route;
    enum dialect dialect;
    enum reason
        fault; /* what the worker found wrong with head or body; else NONE */

    char model[LIMIT_MODEL_BYTES +
               1]; /* as asked; "" if the body was not read */
    bool stream;
    int64_t max_tokens; /* the ceiling asked for; -1 if none */
    uint64_t body_bytes;
    uint32_t outputs; /* answers that are asked for at once; 0 counts as 1 */

    struct field_set fields;
    uint32_t tools; /* how many are offered to the model */
    char tool_types[FACTS_TOOL_TYPES + 1];
    uint8_t media; /* bits of enum facts_media */

    char purpose[FACTS_LABEL + 1];   /* x-sallyport-purpose, "" if not said */
    char case_id[FACTS_LABEL + 1];   /* x-sallyport-case */
    char version[FACTS_VERSION + 1]; /* anthropic-version, "" if not said */
    char betas[FACTS_BETAS + 1];
};

#endif
