/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about whether a certificate was revoked. Certificates are read
 * in certs/, decisions are made in policy/, and neither includes the other:
 * this is the one word that both use.
 */
#ifndef SP_LIB_REVOCATION_H
#define SP_LIB_REVOCATION_H

/* The numbers are part of messages and entries: they do not change. */
enum revocation {
    REVOCATION_UNCHECKED = 0, /* the party has no revocation rule */
    REVOCATION_GOOD = 1, /* a fresh statement covers it, and it is not in it */
    REVOCATION_REVOKED = 2, /* its issuer has said so, once is enough */
    REVOCATION_UNKNOWN = 3 /* stale, unavailable, never fetched: refused (P9) */
};
#define REVOCATION_COUNT (REVOCATION_UNKNOWN + 1)

#endif
