/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What roles say to each other about the deployment's own authority
 * (docs/messages.md):
 *
 *   supervisor → keeper               its index, an open file
 *   keeper → supervisor → authority   a certificate that the ledger revoked
 *   authority → supervisor            its list is a new one
 *   supervisor → publisher            a list, an open file
 */
#ifndef SP_GATEWAY_AUTHORITY_MESSAGES_H
#define SP_GATEWAY_AUTHORITY_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/messages.h"

/* INDEX and PUBLISHED have no more than their number, which grows. */
struct authority_number {
    uint64_t number;
};

/* REVOKE: it is in the ledger already. */
struct revoke_message {
    uint8_t sha256[32]; /* of the certificate's DER */
    char reason[32];    /* RFC 5280's CRLReason, "": none */
};

/* Lists that everybody may read. */
enum published_list { PUBLISHED_CA, PUBLISHED_ROOT, PUBLISHED_LISTS };

/* PUBLISH, with one descriptor. */
struct publish_message {
    enum published_list list;
};

/* `type` is MESSAGE_INDEX or MESSAGE_PUBLISHED. */
int authority_number_put(uint16_t type, const struct authority_number *v,
                         void *memory, size_t capacity,
                         size_t *length) SP_MUST_USE;
int authority_number_get(struct authority_number *v, const void *data,
                         size_t length) SP_MUST_USE;
MESSAGE_PAIR(revoke_message, revoke_message);
MESSAGE_PAIR(publish_message, publish_message);

#endif
