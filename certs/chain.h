/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a verified chain is needed to ask for its revocation later, without
 * the certificates: one link for each certificate below the anchor. Plain data
 * of a fixed size, compared with memcmp, kept for as long as a connection is.
 */
#ifndef SP_CERTS_CHAIN_H
#define SP_CERTS_CHAIN_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Places that one certificate may name; the federal PKI's name two. */
#define CHAIN_POINTS_MAX 4
#define CHAIN_SERIAL_MAX 20 /* RFC 5280 section 4.1.2.2 */

/* One certificate of a verified chain, below its anchor. The issuer is known by
 * its key and its name: one key under two names is two issuers, whose lists say
 * nothing good about each other's certificates (RFC 5280 section 6.3.3). */
struct chain_link {
    uint8_t issuer_key[32];  /* SHA-256 of its SubjectPublicKeyInfo in DER */
    uint8_t issuer_name[32]; /* SHA-256 of its subject in DER */
    uint8_t serial[CHAIN_SERIAL_MAX]; /* minimal big-endian magnitude, then 0 */
    uint8_t serial_length;            /* 1 … 20 */
    bool ca;                          /* basicConstraints say so */
    uint8_t npoints;                  /* partitions it names: 0 … 4 */
    uint8_t points[CHAIN_POINTS_MAX][32]; /* SHA-256 of each fullName URI */
};

/* Of `cert`, that `issuer` has issued (not checked here). Every byte of *out is
 * set. Of the CRLDistributionPoints (RFC 5280 section 4.2.1.13) only those
 * count that name a whole, direct CRL: without reasons, without cRLIssuer, by
 * fullName. URIs behind the fourth, and names relative to the issuer, are left
 * out: such a certificate is covered by a list without partitions, or unknown.
 * SP_EINVAL: a serial that is not positive or has more than 20 bytes, an
 * extension that is malformed or there twice; SP_ECRYPTO. */
int chain_link_make(X509 *cert, X509 *issuer,
                    struct chain_link *out) SP_MUST_USE;

/* SHA-256 of the certificate's SubjectPublicKeyInfo in DER. SP_ECRYPTO. */
int chain_key_hash(X509 *cert, uint8_t hash[32]) SP_MUST_USE;

/* SHA-256 of the certificate's subject in DER. SP_ECRYPTO. */
int chain_name_hash(X509 *cert, uint8_t hash[32]) SP_MUST_USE;

/* The name of a partition: SHA-256 of its URI, byte by byte. SP_ECRYPTO. */
int chain_point_hash(const uint8_t *uri, size_t length,
                     uint8_t hash[32]) SP_MUST_USE;

#endif
