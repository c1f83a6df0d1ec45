/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides' contexts have in common; for certs/ alone. */
#ifndef SP_CERTS_TLS_CONTEXT_H
#define SP_CERTS_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "certs/tls_profile.h"

#define TLS_ALPN "\x08http/1.1"

/* Everything that is not the profile's: no tickets, no sessions, no
 * renegotiation, no compression. SP_ECRYPTO. */
int tls_context_harden(SSL_CTX *ctx,
                       const struct tls_profile *profile) SP_MUST_USE;

#endif
