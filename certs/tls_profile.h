/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What TLS a listener speaks, as one table of lists (docs/tls.md has it in
 * words). A profile is what it says or it is nothing: whoever uses one probes
 * it first, and what the linked OpenSSL cannot do is refused, never weakened.
 */
#ifndef SP_CERTS_TLS_PROFILE_H
#define SP_CERTS_TLS_PROFILE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* One word of a list, as OpenSSL and the RFCs spell it. */
struct tls_word {
    const char *name;
    bool fips; /* also when only approved algorithms may be used; the others
                  are left out then (crypto.fips) */
};

/* What keys and signatures of a chain may have to be; bits. */
enum {
    TLS_RULE_CNSA1 = 1, /* P-384 or RSA of 3072 bits or more, SHA-384 */
    TLS_RULE_CNSA2 = 2  /* ML-DSA-87 */
};

struct tls_profile {
    const char *name;
    int oldest;                        /* TLS1_2_VERSION or TLS1_3_VERSION */
    int level;                         /* OpenSSL's security level */
    const struct tls_word *suites;     /* of TLS 1.3; ends with no name */
    const struct tls_word *suites_1_2; /* NULL if oldest is 1.3 */
    const struct tls_word *groups;
    const struct tls_word *signatures; /* in handshakes and certificates */
    unsigned chain;         /* TLS_RULE_… of both sides' certificates, or 0 */
    const char *chain_text; /* in words, for messages; NULL: no rule */
    const char *key;        /* what the probe makes a key of: a curve or an
                               algorithm's name */
};

/* "strict", "piv", "cnsa", "cnsa1"; NULL: none of that name. */
const struct tls_profile *tls_profile_find(const char *name);
/* By number, for those who print all; NULL: no more. */
const struct tls_profile *tls_profile_at(size_t i);
/* Towards models' endpoints and witnesses, where we are the client. */
extern const struct tls_profile tls_profile_client;

/* Everything of the profile into a context of either side. SP_ECRYPTO: one of
 * its lists is not to be had. */
int tls_profile_apply(const struct tls_profile *p, SSL_CTX *ctx) SP_MUST_USE;

/* Whether this OpenSSL can do all of it: every suite and group is looked for,
 * and handshakes are made in memory with each version. `problem` says what is
 * missing. SP_EUNSUPPORTED, SP_ENOMEM. */
int tls_profile_probe(const struct tls_profile *p,
                      char problem[256]) SP_MUST_USE;

/* Which rules every key and signature of a chain meets, leaf first. The last
 * one's signature does not count if `anchored`: nobody verifies an anchor's. */
unsigned tls_chain_rules(const STACK_OF(X509) * chain, bool anchored);
unsigned tls_certificate_rules(const X509 *cert);

#endif
