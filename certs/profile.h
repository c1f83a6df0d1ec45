/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kinds of keys that the authority certifies, a table: what is made by
 * itself and what is taken from a request (docs/authority.md).
 */
#ifndef SP_CERTS_PROFILE_H
#define SP_CERTS_PROFILE_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/error.h"

struct profile {
    const char *name; /* "p256"; in the index, too */
    const char *key;  /* for people: "EC P-256" */
    const char *what_for;
    const char *type;    /* as OpenSSL names it */
    const char *curve;   /* EC's */
    int bits, bits_most; /* RSA's */
    bool made;           /* we make such keys; others come in requests alone */
};

/* By number, from 0; NULL behind the last. */
const struct profile *profile_at(size_t i);
const struct profile *profile_find(const char *name); /* NULL: none */

/* The profile of a public key. SP_EINVAL with `problem`: too weak, an
 * exponent that nobody should use, a curve that is not named or not ours, a
 * point that is not on it. */
int profile_of_key(EVP_PKEY *key, const struct profile **p,
                   char problem[256]) SP_MUST_USE;
/* A new key. SP_EUNSUPPORTED: such keys come in requests; SP_ECRYPTO. */
int profile_make_key(const struct profile *p, EVP_PKEY **key) SP_MUST_USE;

#endif
