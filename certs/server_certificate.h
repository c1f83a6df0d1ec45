/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate that the server shows: with its chain, its key, the names that
 * it is for and what its issuer says of it (OCSP). Several listeners share
 * one.
 */
#ifndef SP_CERTS_SERVER_CERTIFICATE_H
#define SP_CERTS_SERVER_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

struct tls_bytes {
    const uint8_t *data; /* NULL: none */
    size_t length;
};

/* What it is made of; nothing of it is kept. */
struct server_certificate_files {
    struct tls_bytes certificate; /* PEM: leaf first, then its chain */
    struct tls_bytes key;         /* PEM */
    struct tls_bytes ocsp;        /* DER, or none */
    struct tls_bytes issuers;     /* PEM, or none: who may have issued it, beside
                                 its chain */
    const char *const *names; /* that it must hold, lower case; "*." in front:
                                 any one label. None: the default one */
    size_t nnames;
};

struct server_certificate {
    unsigned references;
    X509 *leaf;
    STACK_OF(X509) * chain; /* above the leaf */
    EVP_PKEY *key;
    char **names;
    size_t nnames;
    uint8_t *staple; /* NULL: none */
    size_t staple_length;
    int64_t staple_until; /* ms UTC */
    bool staple_told;     /* that it has ended */
    unsigned rules;       /* TLS_RULE_… that leaf and chain meet */
};

enum server_part { SERVER_CERTIFICATE, SERVER_KEY, SERVER_OCSP };

/* At `now` (ms UTC). On failure `problem` gets a line and *part what it is
 * about: SP_EINVAL malformed, SP_EPERM key and certificate do not match,
 * SP_ENOENT a name that the certificate does not hold, SP_ENOMEM. */
int server_certificate_new(const struct server_certificate_files *files,
                           int64_t now, enum server_part *part,
                           char problem[256],
                           struct server_certificate **out) SP_MUST_USE;
struct server_certificate *server_certificate_ref(struct server_certificate *c);
void server_certificate_free(struct server_certificate *c); /* a reference */

/* Whether it is for a name that a client asks for (SNI): by the names as they
 * were given, `exact` ones or those with a wildcard. */
bool server_certificate_is_for(const struct server_certificate *c,
                               const char *name, bool exact);

#endif
