/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signatures over lists and answers: which algorithms count, and whether one
 * verifies. At least 112 bits: SHA-2, RSA-2048, P-224 and better.
 */
#ifndef SP_CERTS_SIGNED_H
#define SP_CERTS_SIGNED_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

#define SIGNED_PROBLEM 256
#define SIGNED_BITS    112

/* SP_EUNSUPPORTED with `problem`: MD5, SHA-1, unknown, odd parameters. */
int signed_check_algorithm(const X509_ALGOR *alg,
                           char problem[SIGNED_PROBLEM]) SP_MUST_USE;

/* SP_EUNSUPPORTED: the algorithm, the key is of another kind or too short;
 * SP_ESIGNATURE: it is not this key's signature; SP_ECRYPTO. */
int signed_verify(const X509_ALGOR *alg, EVP_PKEY *key, const uint8_t *data,
                  size_t length, const uint8_t *signature,
                  size_t signature_length,
                  char problem[SIGNED_PROBLEM]) SP_MUST_USE;

#endif
