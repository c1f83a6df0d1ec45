/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private keys and certificates on PKCS#11 tokens - cards, sticks, HSMs,
 * SoftHSM - named by URI (RFC 7512). For the command: the daemon's roles never
 * open one. The module is the URI's `module-path`, else the environment's
 * PKCS11_MODULE_PATH, else all that p11-kit knows. The keys of one process
 * come through one module.
 */
#ifndef SP_CERTS_TOKEN_H
#define SP_CERTS_TOKEN_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

/* One line about what is wrong; empty while nothing is. */
#define TOKEN_PROBLEM 256
/* A PIN with its NUL. */
#define TOKEN_PIN_SIZE 128

/* Whether a file's name is none: it begins with "pkcs11:". */
bool token_is_uri(const char *text);

/* Asked for a PIN that neither the caller nor the URI has. `label` is the
 * token's, of printable ASCII. 0 with `pin`, or an error: then it has said
 * what is wrong itself. */
typedef int token_prompt_fn(const char *label, char pin[TOKEN_PIN_SIZE]);

/* For the whole process; NULL, as at first: nobody is asked. */
void token_set_prompt(token_prompt_fn *prompt);

/* A key that may sign. Exactly one token and one private key must fit the URI.
 * The PIN is `pin`, else the URI's pin-value, else the first line of the file
 * that its pin-source names, else what the prompt says. It is tried once: a
 * wrong one costs one of the tries that the token gives. Free with
 * EVP_PKEY_free(); each signature needs the token.
 * SP_EINVAL (the URI, or its PIN's file), SP_ENOENT (module, token or object),
 * SP_EAMBIGUOUS, SP_EPERM (PIN wrong, missing or locked; key not for signing),
 * SP_EUNSUPPORTED (kind of key; OpenSSL's module for tokens is missing),
 * SP_ENOMEM, SP_EIO. */
int token_key_open(const char *uri, const char *pin, EVP_PKEY **key,
                   char problem[TOKEN_PROBLEM]) SP_MUST_USE;

/* The certificate that the URI names; a PIN is used only if the URI has one.
 * Errors as above. Free with X509_free(). */
int token_certificate_open(const char *uri, X509 **cert,
                           char problem[TOKEN_PROBLEM]) SP_MUST_USE;

#endif
