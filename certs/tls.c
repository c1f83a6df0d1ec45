/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts of the workers (server side, towards strangers) and of the
 * connections to models (client side). Made before the sandbox, used by one
 * thread. What the peer sends goes to OpenSSL; whom it proves to be is
 * certs/identity.h.
 *
 * No resumption: a resumed session skips the certificate checks, and with
 * client certificates tickets also make each full handshake dearer
 * (docs/certificates.md).
 */
#include "certs/tls.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certs/pem.h"
#include "lib/clock.h"

/* A client's certificates, all of them. A chain of RSA-4096 certificates with
 * many extensions stays under half of it. */
#define TLS_CERTIFICATES_MAX 32768

#define TLS_GROUPS "X25519:P-256:P-384"
/* The client chooses among them: one without AES in hardware asks for
 * ChaCha20, and each is strong enough for everybody. */
#define TLS_SUITES                                                             \
    "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"                           \
    "TLS_CHACHA20_POLY1305_SHA256"
#define TLS_SUITES_1_2 "ECDHE+AESGCM:ECDHE+CHACHA20"
/* 112 bits: RSA-2048, P-256, SHA-2. */
#define TLS_SECURITY_LEVEL 2

static const uint8_t alpn_http_1_1[] = "\x08http/1.1";
#define ALPN_LENGTH (sizeof alpn_http_1_1 - 1)

/* What a handshake found out; hangs on its SSL. */
struct tls_peer {
    struct identity id;
    int x509_error;
};

static pthread_once_t peer_once = PTHREAD_ONCE_INIT;
static int peer_index = -1;

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

/* Of the SSL_CTX: whether its clients may be of the test PKI. */
static int test_pki_index = -1;

static void peer_index_make(void)
{
    peer_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, peer_free);
    test_pki_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
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

/* Stands in for OpenSSL's own verification. A chain that verifies but belongs
 * to nobody is let through: the answer to its requests says so. */
static int certificate_verify(X509_STORE_CTX *ctx, void *arg)
{
    const struct identities *ids = arg;
    SSL *ssl =
        X509_STORE_CTX_get_ex_data(ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_peer *peer = peer_attach(ssl);
    const struct identity_options options = {
        .allow_test_pki =
            SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), test_pki_index) != NULL};
    int r;

    if (peer == NULL) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_OUT_OF_MEM);
        return 0;
    }
    identity_release(&peer->id);
    r = identity_from_chain(ids, X509_STORE_CTX_get0_cert(ctx),
                            X509_STORE_CTX_get0_untrusted(ctx), clock_wall_ms(),
                            &options, &peer->id, &peer->x509_error);
    X509_STORE_CTX_set_error(ctx, peer->x509_error);
    return r == 0 || r == SP_EAMBIGUOUS;
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
static int context_harden(SSL_CTX *ctx, int oldest)
{
    char groups[] = TLS_GROUPS; /* OpenSSL's macro has no const */
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
    SSL_CTX_set_security_level(ctx, TLS_SECURITY_LEVEL);
    if (SSL_CTX_set_min_proto_version(ctx, oldest) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) != 1 ||
        SSL_CTX_set1_groups_list(ctx, groups) != 1 ||
        SSL_CTX_set_ciphersuites(ctx, TLS_SUITES) != 1)
        return SP_ECRYPTO;
    return 0;
}

static int server_harden(SSL_CTX *ctx, const struct identities *ids)
{
    static const unsigned char id[] = "sallyport";
    union {
        const struct identities *ids;
        void *arg;
    } pass = {.ids = ids}; /* the callback's argument has no const */
    int r = context_harden(ctx, TLS1_3_VERSION);

    if (r != 0)
        return r;
    SSL_CTX_set_max_cert_list(ctx, TLS_CERTIFICATES_MAX);
    SSL_CTX_set_verify(ctx,
                       SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT |
                           SSL_VERIFY_CLIENT_ONCE,
                       NULL);
    SSL_CTX_set_cert_verify_callback(ctx, certificate_verify, pass.arg);
    SSL_CTX_set_alpn_select_cb(ctx, alpn_select, NULL);
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

void tls_server_allow_test_pki(SSL_CTX *ctx, bool allow)
{
    static char yes[] = "yes";

    SSL_CTX_set_ex_data(ctx, test_pki_index, allow ? yes : NULL);
}

/* Leaf first, then its chain. */
static int server_use_certificates(SSL_CTX *ctx, const uint8_t *pem,
                                   size_t length, char problem[256])
{
    STACK_OF(X509) *certs = NULL;
    char why[PEM_PROBLEM];
    X509 *leaf;
    int r = pem_read_certificates(pem, length, &certs, why);

    if (r != 0) {
        snprintf(problem, 256, "server certificate: %.200s", why);
        return r;
    }
    leaf = sk_X509_shift(certs);
    if (SSL_CTX_use_certificate(ctx, leaf) != 1 ||
        SSL_CTX_set1_chain(ctx, certs) != 1) {
        pem_problem(problem, "server certificate cannot be used");
        r = SP_EINVAL;
    }
    X509_free(leaf);
    sk_X509_pop_free(certs, X509_free);
    return r;
}

static int server_use_key(SSL_CTX *ctx, const uint8_t *pem, size_t length,
                          char problem[256])
{
    EVP_PKEY *key = NULL;
    char why[PEM_PROBLEM];
    int r = pem_read_key(pem, length, &key, why);

    if (r != 0) {
        snprintf(problem, 256, "server key: %.200s", why);
        return r;
    }
    if (X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) != 1) {
        snprintf(problem, 256,
                 "server key: expected the key of the server certificate");
        r = SP_EPERM;
    } else if (SSL_CTX_use_PrivateKey(ctx, key) != 1) {
        pem_problem(problem, "server key cannot be used");
        r = SP_EINVAL;
    }
    EVP_PKEY_free(key);
    ERR_clear_error();
    return r;
}

int tls_server_new(const uint8_t *cert_pem, size_t cert_length,
                   const uint8_t *key_pem, size_t key_length,
                   const struct identities *ids, char problem[256],
                   SSL_CTX **ctx)
{
    SSL_CTX *made;
    int r;

    problem[0] = '\0';
    if (pthread_once(&peer_once, peer_index_make) != 0 || peer_index < 0 ||
        test_pki_index < 0)
        return SP_ENOMEM;
    made = SSL_CTX_new(TLS_server_method());
    if (made == NULL) {
        pem_problem(problem, "TLS cannot be set up");
        return SP_ECRYPTO;
    }
    if ((r = server_harden(made, ids)) != 0) {
        pem_problem(problem, "TLS 1.3 with the groups and suites that are "
                             "required is not to be had from this OpenSSL");
        goto out;
    }
    if ((r = server_hint(made, ids)) != 0 ||
        (r = server_use_certificates(made, cert_pem, cert_length, problem)) !=
            0 ||
        (r = server_use_key(made, key_pem, key_length, problem)) != 0)
        goto out;
    *ctx = made;
    made = NULL;
out:
    SSL_CTX_free(made);
    return r;
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

/* --- towards a model's endpoint ------------------------------------------ */

static int client_harden(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    int r = context_harden(ctx, TLS1_2_VERSION);

    if (r != 0)
        return r;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* Partial chain: the endpoint's own certificate or an issuing CA may be
     * pinned as the anchor. */
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    X509_VERIFY_PARAM_set_auth_level(param, TLS_SECURITY_LEVEL);
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
        SSL_CTX_set_cipher_list(ctx, TLS_SUITES_1_2) != 1 ||
        /* 0 is success here, unlike everywhere else in OpenSSL. */
        SSL_CTX_set_alpn_protos(ctx, alpn_http_1_1, ALPN_LENGTH) != 0)
        return SP_ECRYPTO;
    return 0;
}

static int client_use_anchors(SSL_CTX *ctx, const uint8_t *pem, size_t length,
                              char problem[256])
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    STACK_OF(X509) *anchors = NULL;
    int r = pem_read_certificates(pem, length, &anchors, problem);

    for (int i = 0; r == 0 && i < sk_X509_num(anchors); i++) {
        if (X509_STORE_add_cert(store, sk_X509_value(anchors, i)) != 1) {
            pem_problem(problem, "anchor cannot be used");
            r = SP_EINVAL;
        }
    }
    sk_X509_pop_free(anchors, X509_free);
    return r;
}

int tls_client_new(const uint8_t *anchors_pem, size_t length, char problem[256],
                   SSL_CTX **ctx)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    int r = made == NULL ? SP_ECRYPTO : client_harden(made);

    problem[0] = '\0';
    if (r != 0)
        pem_problem(problem, "TLS towards endpoints cannot be set up");
    else
        r = client_use_anchors(made, anchors_pem, length, problem);
    if (r != 0) {
        SSL_CTX_free(made);
        return r;
    }
    *ctx = made;
    return 0;
}

static bool host_is_address(const char *host)
{
    uint8_t bytes[sizeof(struct in6_addr)];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

int tls_client_set_peer(SSL *ssl, const char *host)
{
    char name[TLSEXT_MAXLEN_host_name + 1]; /* no const there either */

    if (host_is_address(host)) {
        X509_VERIFY_PARAM *param = SSL_get0_param(ssl);

        /* RFC 6066: server_name has no literal addresses. */
        return X509_VERIFY_PARAM_set1_ip_asc(param, host) == 1 ? 0 : SP_ENOMEM;
    }
    if (host[0] == '\0')
        return SP_EINVAL; /* OpenSSL would take it as "check no name" */
    if (strlen(host) >= sizeof name)
        return SP_EINVAL;
    memcpy(name, host, strlen(host) + 1);
    if (SSL_set_tlsext_host_name(ssl, name) != 1 ||
        SSL_set1_host(ssl, name) != 1)
        return SP_EINVAL;
    return 0;
}

/* --- after a handshake --------------------------------------------------- */

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
