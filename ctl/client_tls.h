/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of an evaluator towards a gateway: one context for all connections, with
 * the certificate, the key and who may vouch for the gateway.
 */
#ifndef SP_CTL_CLIENT_TLS_H
#define SP_CTL_CLIENT_TLS_H

#include <openssl/ssl.h>

#include "ctl/client.h"

/* Of `o` the anchors and the certificate count. 1.3 or 1.2, which the other
 * side chooses. SP_EINVAL with `problem` (a file, or a key that does not fit),
 * SP_ENOMEM, SP_ECRYPTO. Free with SSL_CTX_free(). */
int client_tls_new(const struct client_options *o, SSL_CTX **ctx,
                   char problem[CLIENT_PROBLEM]) SP_MUST_USE;

/* The name or address that the other side must prove; a name is sent, too (RFC
 * 6066). SP_ENOMEM. */
int client_tls_name(SSL *ssl, char *host) SP_MUST_USE;

#endif
