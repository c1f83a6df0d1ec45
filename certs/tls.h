/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts. Server side: a profile (certs/tls_profile.h), a client
 * certificate required, no resumption of any form, no early data, ALPN
 * http/1.1. Who the client is comes from certs/identity.h during the
 * handshake.
 */
#ifndef SP_CERTS_TLS_H
#define SP_CERTS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "certs/identity.h"
#include "certs/server_certificate.h"
#include "certs/tls_profile.h"
#include "lib/error.h"

/* A listener's side. */
struct tls_server {
    const struct tls_profile *profile;
    const struct identities *ids; /* outlives the context */
    bool allow_test_pki;
    struct server_certificate *const *certificates; /* the first: the default;
                                                       the others by name */
    size_t ncertificates;                           /* at least 1 */
};

/* Holds the certificates for as long as it, or a connection made with it,
 * lives. `problem` gets one line on failure: SP_EINVAL a certificate that the
 * profile does not allow, SP_ECRYPTO, SP_ENOMEM. */
int tls_server_new(const struct tls_server *s, char problem[256],
                   SSL_CTX **ctx) SP_MUST_USE;

/* No more connections will be made with it: lets go of what only new ones need.
 * Those that there are keep the rest until they end. */
void tls_server_retire(SSL_CTX *ctx);

/* "serial=… sha256=… not_after=…" of the first certificate of a PEM text, for
 * logs; "malformed" if there is none. */
#define TLS_CERTIFICATE_TEXT 256
void tls_certificate_text(const uint8_t *pem, size_t length,
                          char text[TLS_CERTIFICATE_TEXT]);

/* For connections to a model's endpoint: verifies against `anchors_pem` only
 * (required), TLS ≥ 1.2, the host name or address is set per connection. */
int tls_client_new(const uint8_t *anchors_pem, size_t length, char problem[256],
                   SSL_CTX **ctx) SP_MUST_USE;
/* What such a context shows to an endpoint that asks for a certificate, in PEM
 * (its chain behind it). SP_EINVAL, SP_EPERM: another one's key; SP_ENOMEM. */
int tls_client_use(SSL_CTX *ctx, const struct tls_bytes *certificate,
                   const struct tls_bytes *key, char problem[256]) SP_MUST_USE;
/* Sets SNI and the name or address to verify. */
int tls_client_set_peer(SSL *ssl, const char *host) SP_MUST_USE;

/* To be asked once the handshake of `ssl` is finished, before anything is read
 * or written: whether it has all that a connection must have. False: close. */
bool tls_handshake_good(const SSL *ssl);
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
/* Whether that is an alert of the other side: in TLS 1.3 one that does not
 * like our certificate says so after the handshake. */
bool tls_was_alerted(void);

#endif
