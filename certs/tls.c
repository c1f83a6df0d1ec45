/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts of the workers, towards strangers. Used by one thread. What the
 * peer sends goes to OpenSSL; whom it proves to be is certs/identity.h.
 *
 * No resumption: a resumed session skips the certificate checks, and with
 * client certificates tickets also make each full handshake dearer
 * (docs/certificates.md).
 */
#include "certs/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/pem.h"
#include "certs/tls_context.h"
#include "certs/verified.h"
#include "lib/clock.h"
#include "lib/log.h"

/* A client's certificates, all of them. A chain of RSA-4096 certificates with
 * many extensions stays under half of it. */
#define TLS_CERTIFICATES_MAX 32768

static const uint8_t alpn_http_1_1[] = TLS_ALPN;
#define ALPN_LENGTH (sizeof alpn_http_1_1 - 1)

/* What a handshake found out; hangs on its SSL. */
struct tls_peer {
    struct identity id;
    int x509_error;
};

/* What a context's callbacks need; hangs on it, and so lives as long as the
 * last connection that was made with it. */
struct gate {
    const struct tls_profile *profile;
    const struct identities *ids;
    struct verified *verified;
    bool allow_test_pki;
    struct server_certificate **certificates; /* the first: the default */
    size_t ncertificates;
};

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int peer_index = -1, gate_index = -1;

static void peer_free(void *parent, void *peer, CRYPTO_EX_DATA *data, int index,
                      long argl, void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    if (peer != NULL)
        identity_release(&((struct tls_peer *)peer)->id);
    free(peer);
}

static void gate_release(struct gate *g)
{
    for (size_t i = 0; g != NULL && i < g->ncertificates; i++)
        server_certificate_free(g->certificates[i]);
    if (g != NULL) {
        free(g->certificates);
        verified_free(g->verified);
    }
    free(g);
}

static void gate_free(void *parent, void *gate, CRYPTO_EX_DATA *data, int index,
                      long argl, void *argp)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)argl;
    (void)argp;
    gate_release(gate);
}

static void indices_make(void)
{
    peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, peer_free);
    gate_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, gate_free);
}

static const struct tls_peer *peer_of(const SSL *ssl)
{
    return peer_index < 0 ? NULL : SSL_get_ex_data(ssl, peer_index);
}

static struct tls_peer *peer_attach(SSL *ssl)
{
    struct tls_peer *peer = SSL_get_ex_data(ssl, peer_index);

    if (peer != NULL)
        return peer;
    peer = calloc(1, sizeof *peer);
    if (peer != NULL && SSL_set_ex_data(ssl, peer_index, peer) != 1) {
        free(peer);
        peer = NULL;
    }
    return peer;
}

/* Of those who may be known; X509_V_OK or why not. What the profile asks of
 * keys counts for whoever the certificate is. */
static int profile_check(const struct gate *g, const struct identity *id)
{
    unsigned rule = g->profile->chain;

    return rule == 0 || (id->key_rules & rule) != 0
               ? X509_V_OK
               : X509_V_ERR_EE_KEY_TOO_SMALL;
}

/* Stands in for OpenSSL's own verification. A chain that verifies but belongs
 * to nobody is let through: the answer to its requests says so. */
static int certificate_verify(X509_STORE_CTX *ctx, void *arg)
{
    const struct gate *g = arg;
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer *peer = peer_attach(ssl);
    const struct identity_options options = {.allow_test_pki =
                                                 g->allow_test_pki};
    int r;

    if (peer == NULL) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    identity_release(&peer->id);
    r = verified_identity(g->verified, g->ids, X509_STORE_CTX_get0_cert(ctx),
                          X509_STORE_CTX_get0_untrusted(ctx), clock_wall_ms(),
                          &options, &peer->id, &peer->x509_error);
    if (r == 0 || r == SP_EAMBIGUOUS)
        peer->x509_error = profile_check(g, &peer->id);
    X509_STORE_CTX_set_error(ctx, peer->x509_error);
    return peer->x509_error == X509_V_OK;
}

/* --- which certificate --------------------------------------------------- */

/* The one for a name that a client asks for; NULL: the default one. An exact
 * name comes before a wildcard. */
static struct server_certificate *certificate_for(const struct gate *g,
                                                  const char *name)
{
    for (int exact = 1; exact >= 0; exact--)
        for (size_t i = 1; i < g->ncertificates; i++)
            if (server_certificate_is_for(g->certificates[i], name, exact == 1))
                return g->certificates[i];
    return NULL;
}

/* Instead of every other: OpenSSL has a place for each kind of key and would
 * choose among them. */
static bool certificate_use(SSL *ssl, const struct server_certificate *c)
{
    SSL_certs_clear(ssl);
    return SSL_use_cert_and_key(ssl, c->leaf, c->key, c->chain, 1) == 1;
}

/* A name that nobody knows gets the default certificate: an alert would tell
 * strangers which names there are, and whoever checks the certificate, as all
 * have to, finds out by themselves. */
static int name_asked(SSL *ssl, int *alert, void *arg)
{
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    const struct server_certificate *c;

    if (name == NULL || (c = certificate_for(arg, name)) == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (certificate_use(ssl, c))
        return SSL_TLSEXT_ERR_OK;
    *alert = SSL_AD_INTERNAL_ERROR;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void staple_ended(struct server_certificate *c)
{
    if (!c->staple_told)
        log_warn("ocsp_staple_ended", "advice=%s",
                 log_quote("it is not shown any more: put a new response in "
                           "its file and reload"));
    c->staple_told = true;
}

/* OpenSSL asks only for clients that asked, once the certificate is chosen. */
static int status_asked(SSL *ssl, void *arg)
{
    const struct gate *g = arg;
    const X509 *chosen = SSL_get_certificate(ssl);
    struct server_certificate *c = NULL;
    uint8_t *copy;

    for (size_t i = 0; c == NULL && i < g->ncertificates; i++)
        if (g->certificates[i]->leaf == chosen)
            c = g->certificates[i];
    if (c == NULL || c->staple == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    if (clock_wall_ms() >= c->staple_until) {
        staple_ended(c);
        return SSL_TLSEXT_ERR_NOACK;
    }
    /* OpenSSL frees it with the connection. */
    if ((copy = OPENSSL_memdup(c->staple, c->staple_length)) == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)c->staple_length);
    return SSL_TLSEXT_ERR_OK;
}

/* --- hardening ----------------------------------------------------------- */

/* Whether a ClientHello is for TLS 1.3, whatever else it would take. */
static bool hello_is_1_3(SSL *ssl)
{
    const unsigned char *versions;
    size_t length;

    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions,
                                  &versions, &length) != 1)
        return false;
    for (size_t i = 1; i + 1 < length; i += 2)
        if (versions[i] == TLS1_3_VERSION >> 8 &&
            versions[i + 1] == (TLS1_3_VERSION & 0xff))
            return true;
    return false;
}

/* TLS 1.2 without an extended master secret (RFC 7627) lets one who is in the
 * middle make two connections with the same keys: refused before any work. */
static int hello_check(SSL *ssl, int *alert, void *arg)
{
    const unsigned char *data;
    size_t length;

    (void)arg;
    if (SSL_client_hello_get0_legacy_version(ssl) < TLS1_2_VERSION ||
        hello_is_1_3(ssl) ||
        SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_extended_master_secret,
                                  &data, &length) == 1)
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return SSL_CLIENT_HELLO_ERROR;
}

static int alpn_select(SSL *ssl, const unsigned char **out,
                       unsigned char *length, const unsigned char *offered,
                       unsigned int size, void *arg)
{
    (void)ssl;
    (void)arg;
    for (unsigned int at = 0; at + ALPN_LENGTH <= size;
         at += 1u + offered[at]) {
        if (memcmp(offered + at, alpn_http_1_1, ALPN_LENGTH) == 0) {
            *out = offered + at + 1;
            *length = (unsigned char)(ALPN_LENGTH - 1);
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* What both sides have in common. openssl.cnf must not be able to weaken any
 * of it, so that nothing is left to a default. */
int tls_context_harden(SSL_CTX *ctx, const struct tls_profile *profile)
{
    const uint64_t options = SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                             SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT |
                             SSL_OP_ENABLE_MIDDLEBOX_COMPAT;

    SSL_CTX_clear_options(ctx, SSL_CTX_get_options(ctx));
    SSL_CTX_set_options(ctx, options);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                              SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_AUTO_RETRY | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    return tls_profile_apply(profile, ctx);
}

static void server_callbacks(SSL_CTX *ctx, struct gate *g)
{
    SSL_CTX_set_cert_verify_callback(ctx, certificate_verify, g);
    SSL_CTX_set_alpn_select_cb(ctx, alpn_select, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, name_asked);
    SSL_CTX_set_tlsext_servername_arg(ctx, g);
    SSL_CTX_set_tlsext_status_cb(ctx, status_asked);
    SSL_CTX_set_tlsext_status_arg(ctx, g);
    if (g->profile->oldest < TLS1_3_VERSION)
        SSL_CTX_set_client_hello_cb(ctx, hello_check, NULL);
}

static int server_harden(SSL_CTX *ctx, struct gate *g)
{
    static const unsigned char id[] = "sallyport";
    int r = tls_context_harden(ctx, g->profile);

    if (r != 0)
        return r;
    SSL_CTX_set_max_cert_list(ctx, TLS_CERTIFICATES_MAX);
    SSL_CTX_set_verify(ctx,
                       SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT |
                           SSL_VERIFY_CLIENT_ONCE,
                       NULL);
    server_callbacks(ctx, g);
    if (SSL_CTX_set_num_tickets(ctx, 0) != 1 ||
        SSL_CTX_set_max_early_data(ctx, 0) != 1 ||
        SSL_CTX_set_session_id_context(ctx, id, sizeof id - 1) != 1)
        return SP_ECRYPTO;
    return 0;
}

/* Tells clients whom the parties trust, for those who have more than one
 * certificate (certs/identity.h: few names, or none). */
static int server_hint(SSL_CTX *ctx, const struct identities *ids)
{
    STACK_OF(X509_NAME) *names = identities_hints(ids);

    if (names == NULL)
        return SP_ENOMEM;
    SSL_CTX_set_client_CA_list(ctx, names);
    return 0;
}

/* --- making one ---------------------------------------------------------- */

/* Whether clients could be shown this one. */
static int certificate_try(SSL_CTX *ctx, const struct gate *g, size_t i,
                           char problem[256])
{
    const struct server_certificate *c = g->certificates[i];
    unsigned rule = g->profile->chain;
    SSL *ssl;
    bool good;

    if (rule != 0 && (c->rules & rule) == 0) {
        snprintf(problem, 256,
                 "server certificate%s%.80s: not one for the TLS profile %s: "
                 "expected %s",
                 i == 0 ? "" : " for ", i == 0 ? "" : c->names[0],
                 g->profile->name, g->profile->chain_text);
        return SP_EINVAL;
    }
    if ((ssl = SSL_new(ctx)) == NULL)
        return SP_ENOMEM;
    good = certificate_use(ssl, c);
    SSL_free(ssl);
    if (good)
        return 0;
    pem_problem(problem, "server certificate cannot be used");
    return SP_EINVAL;
}

/* Which of them a client gets is for the client to say: all must do. */
static int server_use_certificates(SSL_CTX *ctx, const struct gate *g,
                                   char problem[256])
{
    const struct server_certificate *first = g->certificates[0];
    int r;

    for (size_t i = 0; i < g->ncertificates; i++)
        if ((r = certificate_try(ctx, g, i, problem)) != 0)
            return r;
    if (SSL_CTX_use_cert_and_key(ctx, first->leaf, first->key, first->chain,
                                 1) == 1)
        return 0;
    pem_problem(problem, "server certificate cannot be used");
    return SP_EINVAL;
}

static struct gate *gate_new(const struct tls_server *s)
{
    struct gate *g = calloc(1, sizeof *g);

    if (g == NULL)
        return NULL;
    g->profile = s->profile;
    g->ids = s->ids;
    g->allow_test_pki = s->allow_test_pki;
    g->certificates = calloc(s->ncertificates + 1, sizeof *g->certificates);
    g->verified = verified_new();
    if (g->certificates == NULL || g->verified == NULL) {
        gate_release(g);
        return NULL;
    }
    for (size_t i = 0; i < s->ncertificates; i++)
        g->certificates[i] = server_certificate_ref(s->certificates[i]);
    g->ncertificates = s->ncertificates;
    return g;
}

/* The context takes the gate, also if it fails. */
static int server_set_up(SSL_CTX *ctx, struct gate *g, char problem[256])
{
    int r;

    if (SSL_CTX_set_ex_data(ctx, gate_index, g) != 1) {
        gate_release(g);
        return SP_ENOMEM;
    }
    if ((r = server_harden(ctx, g)) != 0) {
        pem_problem(problem, "TLS with the groups and suites that are required "
                             "is not to be had from this OpenSSL");
        return r;
    }
    if ((r = server_hint(ctx, g->ids)) != 0)
        return r;
    return server_use_certificates(ctx, g, problem);
}

int tls_server_new(const struct tls_server *s, char problem[256], SSL_CTX **ctx)
{
    SSL_CTX *made;
    struct gate *g;
    int r;

    problem[0] = '\0';
    if (pthread_once(&index_once, indices_make) != 0 || peer_index < 0 ||
        gate_index < 0 || (g = gate_new(s)) == NULL)
        return SP_ENOMEM;
    made = SSL_CTX_new(TLS_server_method());
    if (made == NULL) {
        gate_release(g);
        pem_problem(problem, "TLS cannot be set up");
        return SP_ECRYPTO;
    }
    if ((r = server_set_up(made, g, problem)) != 0) {
        SSL_CTX_free(made);
        return r;
    }
    *ctx = made;
    return 0;
}

void tls_server_retire(SSL_CTX *ctx)
{
    struct gate *g =
        gate_index < 0 ? NULL : SSL_CTX_get_ex_data(ctx, gate_index);

    if (g == NULL)
        return;
    verified_free(g->verified);
    g->verified = NULL;
}

/* --- for logs ------------------------------------------------------------ */

static void certificate_text(const X509 *cert, char text[TLS_CERTIFICATE_TEXT])
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    char hex[2 * 32 + 1] = "", number[2 * 20 + 1] = "";
    struct tm end = {0};

    if (X509_digest(cert, EVP_sha256(), digest, &size) != 1)
        size = 0;
    for (unsigned int i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    for (int i = 0; i < serial->length && i < 20; i++)
        snprintf(number + 2 * i, 3, "%02x", serial->data[i]);
    (void)ASN1_TIME_to_tm(X509_get0_notAfter(cert), &end);
    snprintf(text, TLS_CERTIFICATE_TEXT,
             "serial=%s sha256=%s not_after=%04d-%02d-%02dT%02d:%02d:%02dZ",
             number, hex, end.tm_year + 1900, end.tm_mon + 1, end.tm_mday,
             end.tm_hour, end.tm_min, end.tm_sec);
}

void tls_certificate_text(const uint8_t *pem, size_t length,
                          char text[TLS_CERTIFICATE_TEXT])
{
    STACK_OF(X509) *certs = NULL;
    char problem[PEM_PROBLEM];

    if (pem_read_certificates(pem, length, &certs, problem) == 0)
        certificate_text(sk_X509_value(certs, 0), text);
    else
        snprintf(text, TLS_CERTIFICATE_TEXT, "malformed");
    sk_X509_pop_free(certs, X509_free);
}

/* --- after a handshake --------------------------------------------------- */

bool tls_handshake_good(const SSL *ssl)
{
    return SSL_version(ssl) >= TLS1_3_VERSION ||
           SSL_get_extms_support((SSL *)(uintptr_t)ssl) == 1;
}

const struct identity *tls_identity(const SSL *ssl)
{
    const struct tls_peer *peer = peer_of(ssl);

    if (peer == NULL || peer->x509_error != X509_V_OK ||
        !SSL_is_init_finished(ssl))
        return NULL;
    return &peer->id;
}

/* OpenSSL keeps them with the session, some 4 KiB each, for whoever asks
 * later. They were looked at when the chain was verified. */
void tls_forget_chain(SSL *ssl)
{
    STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);

    while (sk_X509_num(chain) > 0)
        X509_free(sk_X509_pop(chain));
}

const char *tls_failure_code(const SSL *ssl)
{
    const struct tls_peer *peer = peer_of(ssl);
    unsigned long e = ERR_peek_last_error();

    if (peer != NULL && peer->x509_error == X509_V_ERR_CERT_HAS_EXPIRED)
        return "expired";
    if (peer != NULL && peer->x509_error == X509_V_ERR_CERT_NOT_YET_VALID)
        return "not_yet_valid";
    if (peer != NULL && peer->x509_error == IDENTITY_ERROR_TEST_PKI)
        return "test_pki";
    if (peer != NULL &&
        (peer->x509_error == X509_V_ERR_NO_EXPLICIT_POLICY ||
         peer->x509_error == X509_V_ERR_INVALID_POLICY_EXTENSION))
        return "wrong_policy";
    if (peer != NULL && peer->x509_error != X509_V_OK)
        return "untrusted";
    if (ERR_GET_LIB(e) == ERR_LIB_SSL &&
        ERR_GET_REASON(e) == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)
        return "no_certificate";
    return "protocol";
}

const char *tls_error_text(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());

    return text == NULL ? "none" : text;
}

bool tls_was_alerted(void)
{
    unsigned long e = ERR_peek_last_error();

    return ERR_GET_LIB(e) == ERR_LIB_SSL &&
           ERR_GET_REASON(e) >= SSL_AD_REASON_OFFSET;
}
