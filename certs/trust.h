/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anchors, what is asked of chains that lead to them, and the people whom they
 * vouch for: one trust is shared by all parties that bring the same. Made once,
 * then only read. Private to certs/identity.c and certs/trust*.c.
 */
#ifndef SP_CERTS_TRUST_H
#define SP_CERTS_TRUST_H

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "certs/identity.h"
#include "lib/table.h"

struct person {
    uint32_t party;
    uint32_t person;
    uint32_t next; /* another one whose names have the same hash, or NOBODY */
    uint32_t names_length;
    uint8_t *names; /* subject and issuer in DER, or NULL: not by names */
    uint8_t rule;   /* enum identity_rule */
    bool service;
    uint64_t policies; /* of the trust's, those that would do; 0: none asked */
    uint8_t value_sha256[32];
};
_Static_assert(IDENTITY_NOBODY == TABLE_NONE, "whom a table does not have");

struct trust_policy {
    ASN1_OBJECT *oid;
    char text[OID_TEXT_SIZE];
    bool service;
};

/* Issuers that people's matches name. More would make a handshake dear. */
#define TRUST_ISSUERS_MAX 256

struct trust {
    uint8_t source[32]; /* SHA-256 of what it was made from */
    X509_STORE *store;
    STACK_OF(X509) * anchors;
    STACK_OF(X509) * intermediates; /* may be empty, never NULL */
    struct trust_policy policies[IDENTITY_POLICIES_MAX];
    size_t npolicies;
    bool any_eku, own_anchors, wants_links;
    struct person *people;
    size_t npeople;
    unsigned rules; /* bits 1u << enum identity_rule that people have */
    X509_NAME *issuers[TRUST_ISSUERS_MAX];
    size_t nissuers;
    /* What people are recognised by to their indices in `people`: URIs and keys
     * as they are, names by their hash; the others by rule, issuer, value. */
    struct table uris, keys, names, others;
};

/* Of subject and issuer as they are compared (RFC 5280 section 7.1). */
struct names_hash {
    uint64_t subject, issuer;
};

/* What of a leaf people are recognised by. */
struct leaf {
    X509 *cert;
    STACK_OF(GENERAL_NAME) * names;
    unsigned eku; /* STRICT_EKU_… */
    uint8_t spki[32];
    struct names_hash hash;
};

/* Room for one more element behind `count`; grows at powers of two. */
int array_grow(void **array, size_t count, size_t size) SP_MUST_USE;
bool names_equal(const X509_NAME *a, const X509_NAME *b);
/* A name's hash is that of its canonical form, so that names that compare equal
 * have the same. False: the name cannot be encoded. */
bool names_hash(const X509_NAME *subject, const X509_NAME *issuer,
                struct names_hash *hash);

int trust_new(const uint8_t *anchors, size_t anchors_length,
              const uint8_t *intermediates, size_t intermediates_length,
              const struct identity_rules *rules, struct trust **trust,
              char problem[256]) SP_MUST_USE;
void trust_free(struct trust *t);
bool trust_has_anchor(const struct trust *t, const X509_NAME *subject);

/* trust_people.c. SP_EAMBIGUOUS: somebody is recognised so already. */
int trust_add_person(struct trust *t, uint32_t party, uint32_t person,
                     const struct identity_match *match,
                     char problem[256]) SP_MUST_USE;

/* One person or more of a trust whose certificate a leaf is. */
struct matches {
    uint32_t first; /* of them, or NOBODY */
    size_t count;   /* 2: two or more */
};
struct matches trust_match(const struct trust *t, const struct leaf *l);

/* trust_verify.c: whether names alone can lead from the leaf to an anchor of
 * `t`: cheap, and no for every trust that has nothing to do with this leaf. */
bool trust_may_vouch(const struct trust *t, X509 *leaf,
                     const STACK_OF(X509) * chain);

/* What verification found out. */
struct verified {
    int64_t not_before, not_after;
    uint64_t policies; /* of the trust's, those that hold for the chain */
    uint8_t issuer_key[32];
    bool test_pki;
    unsigned key_rules; /* TLS_RULE_… that all of it meets */
    struct chain_link *links; /* malloc'd, if the trust wants them */
    size_t nlinks;
    X509 *issuer; /* the leaf's, with them */
};
void verified_release(struct verified *v);
/* X509_V_OK with *v, to be released, or why not. */
int trust_verify(const struct trust *t, const struct leaf *leaf,
                 STACK_OF(X509) * chain, int64_t now,
                 const struct identity_options *options, struct verified *v);

#endif
