/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What verification by OpenSSL lets pass and we do not: of one certificate,
 * whoever issued it. Nothing here allocates memory; the extensions are looked
 * at where they lie.
 */
#ifndef SP_CERTS_STRICT_H
#define SP_CERTS_STRICT_H

#include <openssl/x509v3.h>
#include <stdint.h>

/* The largest leaf: one with an ML-DSA-87 key and signature takes half. */
#define STRICT_LEAF_BYTES 16384
#define STRICT_EXTENSIONS 32
#define STRICT_NAMES      64

/* What extendedKeyUsage says. */
enum {
    STRICT_EKU_THERE = 1,
    STRICT_EKU_CLIENT = 2,
    STRICT_EKU_ANY = 4,
    STRICT_EKU_CARD = 8,     /* id-PIV-cardAuth: a card without its PIN */
    STRICT_EKU_CONTENT = 16, /* id-PIV-content-signing */
    STRICT_EKU_BAD = 32,     /* it is malformed */
};
unsigned strict_key_usage(const X509 *cert);

/* What certificatePolicies say. */
enum {
    STRICT_POLICY_THERE = 1,
    STRICT_POLICY_ANY = 2,    /* anyPolicy */
    STRICT_POLICY_TEST = 4,   /* of the test arc 2.16.840.1.101.3.2.1.48 */
    STRICT_POLICY_NO_PIN = 8, /* card authentication or content signing */
    STRICT_POLICY_BAD = 16,
};
unsigned strict_policies(const X509 *cert);

/* X509_V_OK, or why any certificate below an anchor is refused: serial number
 * that is negative, zero or of more than 20 bytes (X509_V_ERR_CERT_REJECTED);
 * too many extensions, the same one twice, one of RFC 5280 with something
 * behind its value (…_INVALID_EXTENSION). */
int strict_check(const X509 *cert);

/* X509_V_OK if its key is one that may be in a chain: P-256, P-384, P-521 by
 * name, Ed25519, Ed448, RSA of 2048 to 8192 bits in whole bytes with an odd
 * exponent of 17 to 64 bits. What OpenSSL has no name for is left to it (an
 * ML-DSA key has no parameters that could be wrong). X509_V_ERR_CERT_REJECTED,
 * …_EE_KEY_TOO_SMALL, …_EC_KEY_EXPLICIT_PARAMS. */
int strict_check_key(const X509 *cert);

/* Of a client's own certificate, in addition: not an authority's, for
 * signatures, not for cards without PIN, names without NUL. */
int strict_check_leaf(X509 *cert, const STACK_OF(GENERAL_NAME) * names);

#endif
