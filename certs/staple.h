/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An OCSP response that a server shows about its own certificate (RFC 6066
 * section 8, RFC 6960): is it what it has to be?
 */
#ifndef SP_CERTS_STAPLE_H
#define SP_CERTS_STAPLE_H

#include <openssl/x509.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/error.h"

/* Looks at a DER response: well formed, about `cert`, signed by its issuer (one
 * of `issuers`) or by whom that issuer named for it, status good, with an end.
 * 0 with *until (ms UTC; good before it, and perhaps past by `now`), or
 * SP_EINVAL with `problem`, SP_ENOMEM. */
int staple_check(const uint8_t *der, size_t length, X509 *cert,
                 STACK_OF(X509) * issuers, int64_t now, int64_t *until,
                 char problem[256]) SP_MUST_USE;

#endif
