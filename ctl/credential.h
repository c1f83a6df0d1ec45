/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate and the key that somebody comes with: files or pkcs11: URIs,
 * the key's file perhaps with a passphrase.
 */
#ifndef SP_CTL_CREDENTIAL_H
#define SP_CTL_CREDENTIAL_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "certs/token.h"
#include "lib/error.h"

#define CREDENTIAL_PROBLEM 512

struct credential {
    /* PEM file or pkcs11: URI. */
    const char *certificate, *key;
    /* A file whose first line is the passphrase or the PIN; NULL: asked for,
     * if one is needed. */
    const char *passphrase_file;
    STACK_OF(X509) * chain; /* ours first */
    EVP_PKEY *pkey;         /* of that certificate */
};

/* Loads what is not loaded yet. SP_EPERM: the key is another than the
 * certificate's; SP_EINVAL and others with `problem`, "where: what". */
int credential_load(struct credential *c,
                    char problem[CREDENTIAL_PROBLEM]) SP_MUST_USE;
void credential_release(struct credential *c);

/* Only the key; free with EVP_PKEY_free(). */
int credential_key(const char *key, const char *passphrase_file, EVP_PKEY **out,
                   char problem[CREDENTIAL_PROBLEM]) SP_MUST_USE;
/* Only the certificates; free with sk_X509_pop_free(). */
int credential_chain(const char *certificate, STACK_OF(X509) * *out,
                     char problem[CREDENTIAL_PROBLEM]) SP_MUST_USE;

/* Asks the terminal for a token's PIN: for token_set_prompt(). */
token_prompt_fn credential_prompt;

#endif
