/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The acceptance of a document: a detached signature by a person's certificate
 * key over a text that says who accepts which bytes at whose gate
 * (docs/nda.md). Any tool that signs files can make one.
 */
#ifndef SP_CERTS_ACCEPTANCE_H
#define SP_CERTS_ACCEPTANCE_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

enum acceptance_algorithm {
    ACCEPTANCE_BY_KEY, /* what the key's own kind makes: never recorded */
    ACCEPTANCE_ECDSA_SHA256,
    ACCEPTANCE_ECDSA_SHA384,
    ACCEPTANCE_ED25519,
    ACCEPTANCE_RSA_SHA256, /* PKCS #1 v1.5 */
    ACCEPTANCE_RSA_PSS_SHA256,
    ACCEPTANCE_ALGORITHMS
};

/* "ecdsa-sha256", "ecdsa-sha384", "ed25519", "rsa-pkcs1-sha256",
 * "rsa-pss-sha256"; "by-key" is no algorithm's text. */
const char *acceptance_algorithm_text(enum acceptance_algorithm a);
/* ACCEPTANCE_ALGORITHMS if there is none of that text. */
enum acceptance_algorithm acceptance_algorithm_from(const char *text);

struct acceptance_claim {
    const char *origin; /* the ledger's: which gate */
    const char *party, *person, *document;
    const uint8_t *sha256;      /* 32 bytes: of the document */
    const uint8_t *cert_sha256; /* 32 bytes: of the certificate's DER */
};

/* Larger than any name may make it. */
#define ACCEPTANCE_STATEMENT_SIZE 2048

/* The exact text that is signed, with a NUL behind it: seven lines, each
 * ended. SP_ETOOBIG; SP_EINVAL: a name with a line's end in it. */
int acceptance_statement(const struct acceptance_claim *claim,
                         char text[ACCEPTANCE_STATEMENT_SIZE]) SP_MUST_USE;

/* A certificate out of exactly these bytes of DER. SP_EINVAL, SP_ENOMEM. */
int acceptance_certificate(const uint8_t *der, size_t length,
                           X509 **cert) SP_MUST_USE;

/* 0, with *algorithm what it is if it was BY_KEY; SP_ESIGNATURE;
 * SP_EUNSUPPORTED: a key that fits no algorithm, or not this one (fewer than
 * 112 bits, a curve other than P-256 and P-384). */
int acceptance_verify(EVP_PKEY *key, enum acceptance_algorithm *algorithm,
                      const char *statement, const uint8_t *signature,
                      size_t length) SP_MUST_USE;

/* Signs; *signature is malloc'd. SP_EUNSUPPORTED, SP_ENOMEM, SP_ECRYPTO. */
int acceptance_sign(EVP_PKEY *key, enum acceptance_algorithm *algorithm,
                    const char *statement, uint8_t **signature,
                    size_t *length) SP_MUST_USE;

#endif
