/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Base64 in one spelling. libsodium does the coding, in constant time; it also
 * reads some bytes above 0x7f as if they were '+' or '/', so what it read is
 * spelled again and compared. In every process; the text is a stranger's.
 */
#include "lib/base64.h"

#include <sodium.h>

/* So many bytes become whole groups of characters. */
#define PIECE 48

void base64_encode(const void *data, size_t length, char *text)
{
    sodium_bin2base64(text, BASE64_SIZE(length), data, length,
                      sodium_base64_VARIANT_ORIGINAL);
}

static int spelling_check(const char *text, size_t length, const uint8_t *data,
                          size_t n)
{
    char again[BASE64_SIZE(PIECE)];
    int r = length == BASE64_SIZE(n) - 1 ? 0 : SP_EINVAL;

    for (size_t at = 0; r == 0 && at < n; at += PIECE) {
        size_t part = n - at < PIECE ? n - at : PIECE;

        base64_encode(data + at, part, again);
        if (sodium_memcmp(again, text, BASE64_SIZE(part) - 1) != 0)
            r = SP_EINVAL;
        text += BASE64_SIZE(part) - 1;
    }
    sodium_memzero(again, sizeof again); /* keys come this way too */
    return r;
}

int base64_decode(const char *text, size_t length, void *data, size_t size,
                  size_t *n)
{
    int r = sodium_base642bin(data, size, text, length, NULL, n, NULL,
                              sodium_base64_VARIANT_ORIGINAL) == 0
                ? 0
                : SP_EINVAL;

    if (r == 0)
        r = spelling_check(text, length, data, *n);
    if (r != 0) {
        sodium_memzero(data, size);
        *n = 0;
    }
    return r;
}
