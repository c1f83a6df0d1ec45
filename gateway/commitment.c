/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Salted running hashes of bodies. Runs in a worker, over bytes of anybody.
 */
#include "gateway/commitment.h"

void commitment_init(struct commitment *c, const uint8_t salt[SALT_BYTES])
{
    crypto_generichash_init(&c->state, NULL, 0, COMMITMENT_BYTES);
    crypto_generichash_update(&c->state, salt, SALT_BYTES);
}

void commitment_add(struct commitment *c, const void *data, size_t length)
{
    if (length > 0)
        crypto_generichash_update(&c->state, data, length);
}

void commitment_end(struct commitment *c, uint8_t out[COMMITMENT_BYTES])
{
    crypto_generichash_final(&c->state, out, COMMITMENT_BYTES);
    sodium_memzero(c, sizeof(*c));
}
