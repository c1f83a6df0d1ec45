/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a revocation list (RFC 5280 section 5): signing alone, no files, no
 * questions, so that a role of the daemon can do it as well as the command.
 */
#ifndef SP_CERTS_AUTHORITY_CRL_H
#define SP_CERTS_AUTHORITY_CRL_H

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/authority_index.h"
#include "lib/error.h"

struct authority_crl_plan {
    X509 *issuer;
    EVP_PKEY *key;
    const struct authority_index *index; /* its revoked records are listed */
    uint64_t number;   /* never used before, whatever became of that list */
    int64_t now, next; /* ms UTC: thisUpdate, nextUpdate */
};

/* A certificate that has ended stays listed for so long: clocks differ, and
 * who reads lists by night may have missed the one that it was new in. */
#define AUTHORITY_CRL_KEEP_MS (7LL * 24 * 3600 * 1000)

/* DER, malloc'd. SP_ERANGE: `next` is not after `now`; SP_ECRYPTO; SP_ENOMEM.
 */
int authority_crl_make(const struct authority_crl_plan *plan, uint8_t **der,
                       size_t *length) SP_MUST_USE;
/* The same as PEM, malloc'd; NULL: not a list, or memory. */
char *authority_crl_pem(const uint8_t *der, size_t length);
/* The number in a list, 0 if it has none that we could have given. */
uint64_t authority_crl_number(const uint8_t *der, size_t length);

#endif
