/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a verified certificate chain to (party, person). A party's anchors
 * vouch for that party alone: the chain is verified against each party's own
 * store, with the certificate policies that the party requires, then the person
 * is looked for among that party's people. Exactly one person must match over
 * all parties; two make the certificate nobody's.
 */
#ifndef SP_CERTS_IDENTITY_H
#define SP_CERTS_IDENTITY_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/chain.h"
#include "certs/san.h"
#include "lib/error.h"
#include "lib/identifier.h"

#define IDENTITY_NOBODY UINT32_MAX

/* What identity_from_chain() says of a chain of the test PKI (policies below
 * 2.16.840.1.101.3.2.1.48) where that is not allowed; nothing else says it. */
#define IDENTITY_ERROR_TEST_PKI X509_V_ERR_APPLICATION_VERIFICATION

struct identities; /* everybody who may come */

struct identities *identities_new(void); /* NULL: out of memory */
void identities_free(struct identities *ids);

/* A certificate policy that a party accepts. */
struct identity_policy {
    const char *oid; /* as oid_text_is_good() */
    bool service;    /* its certificates are devices', not people's */
};

/* What a party asks of its people's certificates; all zero: nothing more. */
#define IDENTITY_POLICIES_MAX 64
struct identity_rules {
    const struct identity_policy *policies; /* one of them must hold for the
                                               chain (RFC 5280 section 6.1.5);
                                               none: none is asked for */
    size_t npolicies;                       /* ≤ IDENTITY_POLICIES_MAX */
    bool any_eku;     /* clientAuth may be missing where extended key usage is
                         absent or says "any" */
    bool own_anchors; /* they are the deployment's own: san_email may be used */
    bool wants_links; /* identities have their chains' links */
};

/* Anchors (required) and untrusted intermediates (may be NULL), both PEM;
 * `rules` may be NULL. SP_EINVAL with `problem`: no certificate in it, not a
 * CA, malformed, a bad or too many policies; SP_EEXIST: the party was added
 * before.
 */
int identities_add_party(struct identities *ids, uint32_t party,
                         const uint8_t *anchors, size_t anchors_length,
                         const uint8_t *intermediates,
                         size_t intermediates_length,
                         const struct identity_rules *rules,
                         char problem[256]) SP_MUST_USE;

/* How a person's certificate is recognised: exactly one of the texts is set,
 * beside `policy`. */
struct identity_match {
    const char *issuer_subject; /* "SUBJECT | ISSUER": RFC 2253, compared as
                                   parsed names, not as text */
    const char *issuer_serial;  /* "HEX | ISSUER" */
    const uint8_t *spki_sha256; /* 32 bytes */
    const char *san_uri;        /* compared byte by byte */
    const char *san_uuid;       /* "urn:uuid:" or bare, compared as 16 bytes */
    const char *san_email;      /* of parties with own_anchors only */
    const char *upn;            /* "UPN | ISSUER" */
    const char *edipi;          /* "1234567890 | ISSUER" */
    const char *fasc_n;         /* "4700-0256-001337" or all nine fields */
    const char *policy; /* one of the party's, that must hold; or NULL */
    bool service; /* a party's policies are told apart by it: a service needs
                     one of a device, a human one of a person */
};
/* The party was added before (else SP_ENOENT). SP_EINVAL: not exactly one
 * match, or a malformed one; SP_EAMBIGUOUS: another person of this party, or of
 * one with the same anchors, has the same match. */
int identities_add_person(struct identities *ids, uint32_t party,
                          uint32_t person, const struct identity_match *match,
                          char problem[256]) SP_MUST_USE;

/* The names of all anchors and intermediates, for a server to tell clients whom
 * it trusts: each once, at most 16 of them in at most 2 KiB. Empty where there
 * are more: then clients are told nothing and show what they have. NULL: out of
 * memory. Free with sk_X509_NAME_pop_free(…, X509_NAME_free). */
#define IDENTITY_HINTS_MAX   16
#define IDENTITY_HINTS_BYTES 2048
STACK_OF(X509_NAME) * identities_hints(const struct identities *ids);

struct identity {
    uint32_t party;  /* IDENTITY_NOBODY: verified, but nobody we know */
    uint32_t person; /* then the same */
    uint8_t cert_sha256[32];
    int64_t not_before; /* ms UTC; the latest of the chain's */
    int64_t not_after;  /* the earliest of the chain's; valid while before it */
    unsigned key_rules; /* TLS_RULE_… that the whole chain meets */
    bool test_pki;      /* a certificate below the anchor is of the test PKI */

    /* Of somebody; all zero for nobody: */
    bool service;               /* matched as one, by an accepted policy */
    enum identity_rule rule;    /* how they were recognised */
    uint8_t matched_sha256[32]; /* of what was matched (docs/certificates.md) */
    uint8_t issuer_key[32];     /* SHA-256 of the issuer's public key */
    uint8_t serial[SERIAL_BYTES]; /* minimal, then 0 */
    uint8_t serial_length;
    char policy_oid[OID_TEXT_SIZE]; /* the accepted one, ""; none asked for */
    struct chain_link *links; /* leaf first; NULL if the party wants none */
    size_t nlinks;
    X509 *issuer; /* the leaf's, with the links; or NULL */
};
/* Frees what hangs on it; it may be all zero. Copies share `links`. */
void identity_release(struct identity *id);
/* A copy that has its own. SP_ENOMEM: *to is all zero. */
int identity_copy(struct identity *to, const struct identity *from) SP_MUST_USE;

struct identity_options {
    bool allow_test_pki;
};

/* Verifies `leaf` with the peer's `chain` (untrusted, may be NULL) for TLS
 * client authentication at `now` (ms UTC). 0 with *id (perhaps a nobody of a
 * party whose anchors verify); SP_EPERM: no party's anchors vouch for it, with
 * *x509_error one of X509_V_ERR_*. SP_EAMBIGUOUS: two people match, *id is a
 * nobody. The leaf must be an end entity's certificate with EKU clientAuth,
 * signatures and keys worth at least 112 bits, and every certificate below the
 * anchor as certs/strict.h wants it. `options` may be NULL. *id is to be
 * released, whatever was returned. */
int identity_from_chain(const struct identities *ids, X509 *leaf,
                        STACK_OF(X509) * chain, int64_t now,
                        const struct identity_options *options,
                        struct identity *id, int *x509_error) SP_MUST_USE;

/* Who `was`, that `old` made of a handshake with `leaf`, is for `new`, without
 * the certificates that came with the leaf: what `old` verified counts where
 * `new` has the same anchors and asks the same of chains; else the leaf is
 * verified as in identity_from_chain(), with the party's own intermediates
 * alone. *id is a nobody where `new` knows no such person. SP_EPERM: no party's
 * anchors vouch for it, and *id is a nobody, too. Released as ever. SP_ENOMEM. */
int identity_renew(const struct identities *old, const struct identity *was,
                   const struct identities *new, X509 *leaf, int64_t now,
                   struct identity *id) SP_MUST_USE;

/* `matched_sha256` from its parts: `value` is the match as the policy has it
 * (spki_sha256 as hex). SP_ECRYPTO. */
int identity_matched(enum identity_rule rule, const uint8_t issuer_key[32],
                     const char *policy_oid, const char *value,
                     uint8_t hash[32]) SP_MUST_USE;

#endif
