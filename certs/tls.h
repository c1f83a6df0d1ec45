/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts. Server side: TLS 1.3, a client certificate required, no
 * resumption of any form, no early data, ALPN http/1.1. Who the client is
 * comes from certs/identity.h during the handshake.
 */
#ifndef SP_CERTS_TLS_H
#define SP_CERTS_TLS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/identity.h"
#include "lib/error.h"

/* From PEM in memory (certificate: leaf first, then its chain). `problem`
 * gets one line on failure: SP_EINVAL bad PEM, SP_EPERM key and certificate
 * do not match, SP_ECRYPTO. The identities must outlive the context. */
int tls_server_new(const uint8_t *cert_pem, size_t cert_length,
                   const uint8_t *key_pem, size_t key_length,
                   const struct identities *ids, char problem[256],
                   SSL_CTX **ctx) SP_MUST_USE;

/* "serial=… sha256=… not_after=…" of the first certificate of a PEM text, for
 * logs; "malformed" if there is none. */
#define TLS_CERTIFICATE_TEXT 256
void tls_certificate_text(const uint8_t *pem, size_t length,
                          char text[TLS_CERTIFICATE_TEXT]);

/* Whether clients of the test PKI are let in (certs/identity.h); a new context
 * refuses them. Before the first handshake. */
void tls_server_allow_test_pki(SSL_CTX *ctx, bool allow);

/* For connections to a model's endpoint: verifies against `anchors_pem` only
 * (required), TLS ≥ 1.2, the host name or address is set per connection. */
int tls_client_new(const uint8_t *anchors_pem, size_t length, char problem[256],
                   SSL_CTX **ctx) SP_MUST_USE;
/* Sets SNI and the name or address to verify. */
int tls_client_set_peer(SSL *ssl, const char *host) SP_MUST_USE;

/* The identity that the handshake of `ssl` established; NULL before its end. */
const struct identity *tls_identity(const SSL *ssl);

/* Server side, after the handshake: lets go of the certificates that the
 * client sent beside its own. SSL_get_peer_cert_chain() is empty then. */
void tls_forget_chain(SSL *ssl);

/* Why a handshake failed, for the ledger: "no_certificate", "untrusted",
 * "expired", "not_yet_valid", "wrong_policy", "test_pki", "protocol"; and
 * OpenSSL's own text for the log (a constant). Both read the thread's error
 * queue: ask before it is cleared. */
const char *tls_failure_code(const SSL *ssl);
const char *tls_error_text(void);

#endif
