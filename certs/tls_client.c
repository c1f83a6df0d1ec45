/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS contexts towards models' endpoints and witnesses. Made at start and when
 * files are taken over, used by one thread. The peer is whom the policy
 * names, verified against what the policy names and nothing else.
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "certs/pem.h"
#include "certs/tls.h"
#include "certs/tls_context.h"

static const uint8_t alpn_http_1_1[] = TLS_ALPN;
#define ALPN_LENGTH (sizeof alpn_http_1_1 - 1)

static int client_harden(SSL_CTX *ctx)
{
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(ctx);
    int r = tls_context_harden(ctx, &tls_profile_client);

    if (r != 0)
        return r;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    /* Partial chain: the endpoint's own certificate or an issuing CA may be
     * pinned as the anchor. */
    X509_VERIFY_PARAM_set_hostflags(param,
                                    X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    X509_VERIFY_PARAM_set_auth_level(param, tls_profile_client.level);
    if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1 ||
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

int tls_client_use(SSL_CTX *ctx, const struct tls_bytes *certificate,
                   const struct tls_bytes *key, char problem[256])
{
    const struct server_certificate_files files = {.certificate = *certificate,
                                                   .key = *key};
    struct server_certificate *c = NULL;
    char why[256];
    enum server_part part;
    int r = server_certificate_new(&files, 0, &part, why, &c);

    problem[0] = '\0';
    if (r != 0) {
        /* What is wrong is the same as with a server's. */
        const char *text = strncmp(why, "server ", 7) == 0 ? why + 7 : why;

        snprintf(problem, 256, "client %.240s", text);
        return r;
    }
    if (SSL_CTX_use_cert_and_key(ctx, c->leaf, c->key, c->chain, 1) != 1) {
        pem_problem(problem, "client certificate cannot be used");
        r = SP_EINVAL;
    }
    server_certificate_free(c);
    return r;
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
