/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sealing keys as text. Runs in the supervisor and every role (a policy names
 * such keys) and in the command; the text is the operator's and may be wrong.
 */
#include "lib/sealing.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "lib/base64.h"

static const char prefix[] = "x25519:";

/* A point of small order gives the same shared secret to whatever key: what
 * is sealed to it is sealed from nobody. */
static int key_check(const uint8_t key[SEALING_KEY_BYTES])
{
    static const uint8_t any[crypto_scalarmult_SCALARBYTES] = {8};
    uint8_t shared[crypto_scalarmult_BYTES];

    return crypto_scalarmult(shared, any, key) == 0 ? 0 : SP_EINVAL;
}

int sealing_key_parse(const char *text, uint8_t key[SEALING_KEY_BYTES])
{
    size_t length = 0;

    if (strlen(text) != SEALING_KEY_TEXT - 1 ||
        strncmp(text, prefix, sizeof(prefix) - 1) != 0 ||
        base64_decode(text + sizeof(prefix) - 1,
                      SEALING_KEY_TEXT - sizeof(prefix), key, SEALING_KEY_BYTES,
                      &length) != 0 ||
        length != SEALING_KEY_BYTES)
        return SP_EINVAL;
    return key_check(key);
}

void sealing_key_format(const uint8_t key[SEALING_KEY_BYTES],
                        char text[SEALING_KEY_TEXT])
{
    memcpy(text, prefix, sizeof(prefix) - 1);
    sodium_bin2base64(text + sizeof(prefix) - 1,
                      SEALING_KEY_TEXT - sizeof(prefix) + 1, key,
                      SEALING_KEY_BYTES, sodium_base64_VARIANT_ORIGINAL);
}
