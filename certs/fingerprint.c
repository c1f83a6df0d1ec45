/* SPDX-License-Identifier: Apache-2.0 */
/* A key's fingerprint in figures that can be read out. Pure. */
#include "certs/fingerprint.h"

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>

int fingerprint_of_key(const EVP_PKEY *key, uint8_t sha256[32])
{
    uint8_t *der = NULL;
    int length = i2d_PUBKEY(key, &der);

    if (length <= 0)
        return SP_ECRYPTO;
    SHA256(der, (size_t)length, sha256);
    OPENSSL_free(der);
    return 0;
}

static void groups_print(const uint8_t *bytes, size_t groups, char *text)
{
    for (size_t i = 0; i < groups; i++)
        snprintf(text + 5 * i, 6, "%02x%02x%s", bytes[2 * i], bytes[2 * i + 1],
                 i + 1 < groups ? "-" : "");
}

void fingerprint_text(const uint8_t sha256[32], char text[FINGERPRINT_TEXT])
{
    groups_print(sha256, 16, text);
}

void fingerprint_short(const uint8_t sha256[32], char text[FINGERPRINT_SHORT])
{
    groups_print(sha256, 4, text);
}
