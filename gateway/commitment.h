/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A commitment to a body: BLAKE2b-256 over (salt ‖ body). The salt goes to
 * the client with the receipt, the hash into the ledger; so the client can
 * prove later what was said, and nobody can guess it from the ledger.
 */
#ifndef SP_GATEWAY_COMMITMENT_H
#define SP_GATEWAY_COMMITMENT_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/http_message.h"

#define COMMITMENT_BYTES 32

struct commitment {
    crypto_generichash_state state;
};

void commitment_init(struct commitment *c, const uint8_t salt[SALT_BYTES]);
void commitment_add(struct commitment *c, const void *data, size_t length);
/* The state is wiped. */
void commitment_end(struct commitment *c, uint8_t out[COMMITMENT_BYTES]);

#endif
