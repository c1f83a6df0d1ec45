/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A private key of the authority on disk: PKCS#8 in PEM, as it is or encrypted
 * (PBES2: scrypt and AES-256-CBC), or the PKCS#11 URI of one that a token
 * keeps. Nobody is asked for a passphrase here.
 */
#ifndef SP_CERTS_AUTHORITY_KEY_H
#define SP_CERTS_AUTHORITY_KEY_H

#include <openssl/evp.h>

#include "lib/error.h"

enum authority_key_state {
    AUTHORITY_KEY_NONE, /* no such file */
    AUTHORITY_KEY_PLAIN,
    AUTHORITY_KEY_ENCRYPTED, /* needs its passphrase */
    AUTHORITY_KEY_TOKEN      /* needs the token's PIN */
};

/* How the key in the file `name` is kept. SP_EIO, SP_EPERM, SP_ETOOBIG. */
int authority_key_look(int folder, const char *name,
                       enum authority_key_state *state) SP_MUST_USE;

/* SP_ENOENT; SP_EPERM: its passphrase is missing or wrong; SP_EINVAL: no key in
 * it; of a token what token_key_open() says. `passphrase` may be NULL. */
int authority_key_read(int folder, const char *name, const char *passphrase,
                       EVP_PKEY **key, char problem[256]) SP_MUST_USE;

/* The key as the file has it, malloc'd, to be wiped. NULL: OpenSSL cannot. With
 * `passphrase` it is encrypted: the time to try one is about a tenth of a
 * second. In FIPS mode, which has no scrypt, PBKDF2-HMAC-SHA256 with 600,000
 * rounds. */
char *authority_key_text(EVP_PKEY *key, const char *passphrase);
void authority_key_text_free(char *text);

#endif
