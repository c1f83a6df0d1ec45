/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is on a PKCS#11 token: finds the one object that a URI names and says
 * plainly why there is none. certs/token.h uses it before OpenSSL gets to see
 * the token, whose own messages tell little.
 */
#ifndef SP_CERTS_CARD_H
#define SP_CERTS_CARD_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/token.h"
#include "lib/error.h"

#define CARD_URI_SIZE 2048

/* A private key that was found. Wipe it: it has the PIN. */
struct card_key {
    char module[PATH_MAX];    /* "": those that p11-kit knows */
    char uri[CARD_URI_SIZE];  /* names just this key, without a PIN */
    char pin[TOKEN_PIN_SIZE]; /* "": none is needed, or the reader asks */
};

/* As token_key_open(), up to the key's name. */
int card_find_key(const char *uri, const char *pin, token_prompt_fn *prompt,
                  struct card_key *out,
                  char problem[TOKEN_PROBLEM]) SP_MUST_USE;

/* As token_certificate_open(); *der is malloc'd. */
int card_read_certificate(const char *uri, uint8_t **der, size_t *length,
                          char problem[TOKEN_PROBLEM]) SP_MUST_USE;

#endif
