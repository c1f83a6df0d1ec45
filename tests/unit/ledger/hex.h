/* SPDX-License-Identifier: Apache-2.0 */
/* Hashes as the vectors print them, for this folder's tests. */
#ifndef SP_TESTS_LEDGER_HEX_H
#define SP_TESTS_LEDGER_HEX_H

#include <sodium.h>
#include <string.h>

#include "ledger/merkle.h"

static inline struct hash hash_from_hex(const char *hex)
{
    struct hash h;
    size_t n = 0;

    assert_int_equal(
        sodium_hex2bin(h.b, sizeof h.b, hex, strlen(hex), NULL, &n, NULL), 0);
    assert_int_equal(n, sizeof h.b);
    return h;
}

static inline struct hash hash_from_base64(const char *text)
{
    struct hash h;
    size_t n = 0;

    assert_int_equal(sodium_base642bin(h.b, sizeof h.b, text, strlen(text),
                                       NULL, &n, NULL,
                                       sodium_base64_VARIANT_ORIGINAL),
                     0);
    assert_int_equal(n, sizeof h.b);
    return h;
}

static inline void assert_hash(const struct hash *have, struct hash want)
{
    assert_memory_equal(have->b, want.b, sizeof want.b);
}

static inline void assert_sha256(const void *data, size_t length,
                                 const char *hex)
{
    struct hash want = hash_from_hex(hex), have;

    crypto_hash_sha256(have.b, data, length);
    assert_hash(&have, want);
}

#endif
