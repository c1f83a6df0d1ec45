/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a certificate's revocation. Whoever asks lists and
 * responders says it, the decision goes by it, the ledger records it.
 */
#ifndef SP_LIB_REVOCATION_H
#define SP_LIB_REVOCATION_H

enum revocation {
    REVOCATION_UNCHECKED, /* the party has no revocation rule */
    REVOCATION_GOOD,
    REVOCATION_REVOKED,
    REVOCATION_UNKNOWN /* stale, unavailable, never fetched: refused (P9) */
};
#define REVOCATION_COUNT (REVOCATION_UNKNOWN + 1)

#endif
