/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fingerprint of a public key as two people compare it on the telephone:
 * SHA-256 of the SubjectPublicKeyInfo, in groups of four hexadecimal digits.
 * Who shows a request and who signs it print the same text.
 */
#ifndef SP_CERTS_FINGERPRINT_H
#define SP_CERTS_FINGERPRINT_H

#include <openssl/evp.h>
#include <stdint.h>

#include "lib/error.h"

#define FINGERPRINT_TEXT  80 /* "3f1c-0f6a-…", 16 groups, and a NUL */
#define FINGERPRINT_SHORT 20 /* the first 4 groups, 64 bits, and a NUL */

/* SHA-256 of the key's SubjectPublicKeyInfo in DER. SP_ECRYPTO. */
int fingerprint_of_key(const EVP_PKEY *key, uint8_t sha256[32]) SP_MUST_USE;
void fingerprint_text(const uint8_t sha256[32], char text[FINGERPRINT_TEXT]);
/* What is enough to compare by voice: nobody can make a second key that has
 * the same 64 bits as one that was shown before. */
void fingerprint_short(const uint8_t sha256[32], char text[FINGERPRINT_SHORT]);

#endif
