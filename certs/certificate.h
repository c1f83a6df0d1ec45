/* SPDX-License-Identifier: Apache-2.0 */
/* Makes one certificate of the deployment's own authority. */
#ifndef SP_CERTS_CERTIFICATE_H
#define SP_CERTS_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum certificate_kind {
    CERTIFICATE_ROOT,    /* self-signed; signs issuing authorities */
    CERTIFICATE_ISSUING, /* signs end entities, of its deployment alone */
    CERTIFICATE_CLIENT,
    CERTIFICATE_SERVER
};

/* Serial numbers are random: 16 bytes, in hexadecimal as file names have
 * them. */
#define CERTIFICATE_SERIAL_BYTES 16
#define CERTIFICATE_SERIAL_TEXT  (2 * CERTIFICATE_SERIAL_BYTES + 1)

struct certificate_plan {
    enum certificate_kind kind;
    const char *organization;          /* subject O */
    const char *name;                  /* subject CN, at most 64 bytes */
    const GENERAL_NAMES *alternatives; /* NULL: none */
    const char *deployment; /* ISSUING: the only one that it vouches for */
    int64_t from, to;       /* ms UTC; seconds are what counts */
    EVP_PKEY *key;          /* whose certificate it will be */
    X509 *issuer;           /* NULL: self-signed */
    EVP_PKEY *issuer_key;
};

/* 0 with *cert and its serial; SP_ECRYPTO. */
int certificate_make(const struct certificate_plan *plan, X509 **cert,
                     char serial[CERTIFICATE_SERIAL_TEXT]) SP_MUST_USE;

/* Whether the name constraints of an issuing authority are the ones that we
 * make for this deployment. */
bool certificate_is_constrained(X509 *cert, const char *deployment);

/* "sallyport://DEPLOYMENT/PARTY/PERSON" as the one alternative name.
 * SP_ENOMEM. */
int alternatives_of_person(const char *deployment, const char *party,
                           const char *person, GENERAL_NAMES **out) SP_MUST_USE;
/* Addresses and DNS names. SP_EINVAL with the index of the bad one. */
int alternatives_of_server(const char *const *names, size_t count,
                           GENERAL_NAMES **out, size_t *bad) SP_MUST_USE;

#endif
