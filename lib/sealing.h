/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that things are sealed to (X25519, libsodium's crypto_box_seal), as
 * people write them: "x25519:" and the 32 bytes in base64.
 */
#ifndef SP_LIB_SEALING_H
#define SP_LIB_SEALING_H

#include <stdint.h>

#include "lib/error.h"

#define SEALING_KEY_BYTES 32
/* "x25519:" and 44 characters, with a NUL. */
#define SEALING_KEY_TEXT 52

/* SP_EINVAL: not of that form, or a point that everybody has the secret of. */
int sealing_key_parse(const char *text,
                      uint8_t key[SEALING_KEY_BYTES]) SP_MUST_USE;
void sealing_key_format(const uint8_t key[SEALING_KEY_BYTES],
                        char text[SEALING_KEY_TEXT]);

#endif
