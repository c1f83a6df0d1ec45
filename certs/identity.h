/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a verified certificate chain to (party, person). A party's anchors
 * vouch for that party alone: the chain is verified against each party's own
 * store, then the person is looked for among that party's people. Exactly one
 * person must match over all parties; two make the certificate nobody's.
 */
#ifndef SP_CERTS_IDENTITY_H
#define SP_CERTS_IDENTITY_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define IDENTITY_NOBODY UINT32_MAX

struct identities; /* everybody who may come */

struct identities *identities_new(void); /* NULL: out of memory */
void identities_free(struct identities *ids);

/* Anchors (required) and untrusted intermediates (may be NULL), both PEM.
 * SP_EINVAL with `problem`: no certificate in it, not a CA, malformed;
 * SP_EEXIST: the party was added before. */
int identities_add_party(struct identities *ids, uint32_t party,
                         const uint8_t *anchors, size_t anchors_length,
                         const uint8_t *intermediates, size_t intermediates_length,
                         char problem[256]) SP_MUST_USE;

/* How a person's certificate is recognised: exactly one is set. */
struct identity_match {
    const char *issuer_subject;  /* "SUBJECT | ISSUER": RFC 2253, compared as
                                    parsed names, not as text */
    const uint8_t *spki_sha256;  /* 32 bytes */
    const char *san_uri;         /* compared byte by byte */
};
/* The party was added before (else SP_ENOENT). SP_EINVAL: not exactly one
 * match, or a malformed one; SP_EAMBIGUOUS: another person of this party, or of
 * one with the same anchors, has the same match. */
int identities_add_person(struct identities *ids, uint32_t party, uint32_t person,
                          const struct identity_match *match, char problem[256])
    SP_MUST_USE;

struct identity {
    uint32_t party;  /* IDENTITY_NOBODY: verified, but nobody we know */
    uint32_t person; /* then the same */
    uint8_t cert_sha256[32];
    int64_t not_before; /* ms UTC; the latest of the chain's */
    int64_t not_after;  /* the earliest of the chain's; valid while before it */
    unsigned key_rules; /* TLS_RULE_… that the whole chain meets */
};

/* Verifies `leaf` with the peer's `chain` (untrusted, may be NULL) for TLS
 * client authentication at `now` (ms UTC). 0 with *id (perhaps a nobody of a
 * party whose anchors verify); SP_EPERM: no party's anchors vouch for it, with
 * *x509_error one of X509_V_ERR_*. SP_EAMBIGUOUS: two people match, *id is a
 * nobody. The leaf must be an end entity's certificate with EKU clientAuth,
 * and signatures and keys worth at least 112 bits. */
int identity_from_chain(const struct identities *ids, X509 *leaf,
                        STACK_OF(X509) *chain, int64_t now, struct identity *id,
                        int *x509_error) SP_MUST_USE;

#endif
